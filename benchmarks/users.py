"""Users who ask a server without pause: answers a second, how long each takes, and the memory.

`sessionqa serve` answers about the shipped corpus, in a process of its own and those that it
starts; so many users ask by HTTP, each the next question as soon as the last is answered. No
question is asked twice: gold questions with words of the corpus added. All of it is on one machine,
so that those who ask take of the time of those who answer.

    python benchmarks/users.py [--users 50] [--seconds 60] [--precision int8] [--page]
"""

import argparse
import http.client
import itertools
import json
import multiprocessing
import os
import random
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from questions import dev_questions
from sessionqa.assistant import build_index
from sessionqa.settings import Precision, Settings
from sessionqa.threads import usable_cores

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60
# Each of them opens the index before the clock counts.
WARM_UP = 40


def questions() -> Iterator[str]:
    """Questions that differ, without end."""
    text = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "corpus").glob("*.md"))
    words = sorted(set(re.findall(r"\b[a-z]{5,}\b", text)))
    known = dev_questions(1000)
    chosen = random.Random(0)
    for number in itertools.count():
        asked = known[number % len(known)].rstrip("?. ")
        yield f"{asked} and {chosen.choice(words)} {chosen.choice(words)}?"


def ask(
    port: int, asked: Sequence[str], until: float, told: "multiprocessing.Queue[object]"
) -> None:
    """Asks one after the other; tells the seconds and the status of each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    sent = {"content-type": "application/json"}
    results = []
    for question in asked:
        started = time.monotonic()
        if started > until:
            break
        connection.request("POST", "/api/ask", json.dumps({"question": question}), sent)
        response = connection.getresponse()
        response.read()
        results.append((time.monotonic() - started, response.status))
    told.put(results)


def users(port: int, count: int, seconds: float, source: Iterator[str]) -> list[tuple[float, int]]:
    """Lets so many users ask, as threads of one other process."""
    lists = [list(itertools.islice(source, int(12 * seconds))) for _ in range(count)]
    told: multiprocessing.Queue[object] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_users, args=(port, lists, seconds, told))
    process.start()
    found = [told.get() for _ in lists]
    process.join()
    return [result for results in found for result in results]  # type: ignore[attr-defined]


def _users(
    port: int, lists: Sequence[Sequence[str]], seconds: float, told: "multiprocessing.Queue[object]"
) -> None:
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=ask, args=(port, one, until, told)) for one in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def processes(server: int) -> Iterator[tuple[Path, float]]:
    """The server's folder in /proc and those of what it has started, each with its CPU seconds."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        fields = status.read_text().rpartition(")")[2].split()
        if server in {int(fields[1]), int(status.parent.name)}:
            ticks = int(fields[11]) + int(fields[12])
            yield status.parent, ticks / os.sysconf("SC_CLK_TCK")


def memory_mib(server: int) -> list[float]:
    """Of each process: what is its own, in MiB, the largest first. Linux only."""
    found = []
    for folder, _ in processes(server):
        rollup = (folder / "smaps_rollup").read_text()
        proportional = re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)
        found.append(int(proportional[1]) / 1024 if proportional else 0.0)
    return sorted(found, reverse=True)


def work_seconds(server: int) -> tuple[float, float, float]:
    """What the server, those that answer for it and those that ask have worked so far."""
    own = {folder.name: seconds for folder, seconds in processes(server)}
    asking = resource.getrusage(resource.RUSAGE_CHILDREN)
    itself = own.pop(str(server))
    return itself, sum(own.values()), asking.ru_utime + asking.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--users", type=int, default=50, metavar="N")
    parser.add_argument("--seconds", type=float, default=60, metavar="S")
    parser.add_argument("--workers", type=int, metavar="N")
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32")
    parser.add_argument("--page", action="store_true", help="the chat's page as well")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        precision: Precision = given.precision
        settings = Settings(corpus=ROOT / "corpus", index=home / "index", precision=precision)
        build_index(settings)
        (home / "sessionqa.toml").write_text(f'precision = "{precision}"\n', encoding="utf-8")
        print(f"{usable_cores()} cores, {given.users} users, {given.seconds:g} s, {precision}")
        measure(given, settings, home)


def measure(given: argparse.Namespace, settings: Settings, home: Path) -> None:
    """Starts the server, lets the users ask in two halves, and prints what came of it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sessionqa", "chat" if given.page else "serve"]
    command += [
        "--port",
        str(port),
        "--corpus",
        str(settings.corpus),
        "--index",
        str(settings.index),
    ]
    command += ["--workers", str(given.workers)] if given.workers is not None else []
    environment = {**os.environ, "SESSIONQA_HOME": str(home)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as server:
        try:
            assert server.stderr
            print(server.stderr.readline().strip())
            source = questions()
            users(port, given.users, WARM_UP / 10, source)
            results, memory = [], []
            before = work_seconds(server.pid)
            for _ in range(2):
                results += users(port, given.users, given.seconds / 2, source)
                memory.append(memory_mib(server.pid))
            after = work_seconds(server.pid)
        finally:
            server.terminate()
    times = [1000 * seconds for seconds, _ in results]
    failed = sum(status != 200 for _, status in results)
    print(f"{len(times)} answers, {failed} errors, {len(times) / given.seconds:.0f} answers/s")
    print(f"p50 {np.percentile(times, 50):.0f} ms, p95 {np.percentile(times, 95):.0f} ms")
    work = [1000 * (b - a) / len(times) for a, b in zip(before, after, strict=True)]
    print("processor, ms an answer: {:.1f} server, {:.1f} answering, {:.1f} asking".format(*work))
    for half, parts in zip(("first", "second"), memory, strict=True):
        each = ", ".join(f"{part:.0f}" for part in parts)
        print(f"after the {half} half {sum(parts):.0f} MiB: {each}")


if __name__ == "__main__":
    main()
