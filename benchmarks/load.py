"""Questions at once: how many a second are answered, and how long each takes.

Gold questions about the shipped corpus are asked by one or more threads on one Assistant, and by
two processes with one each. No question is asked twice, unless --repeats says how often each is;
every line begins with assistants that were opened anew.

    python benchmarks/load.py [--questions 200] [--repeats 1]
"""

import argparse
import multiprocessing
import random
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

import numpy as np

from questions import dev_questions
from sessionqa.assistant import Assistant, build_index
from sessionqa.settings import Settings
from sessionqa.threads import usable_cores

ROOT = Path(__file__).parents[1]
# Processes, and threads in each.
LOADS = ((1, 1), (1, 2), (1, 4), (1, 8), (2, 1), (2, 2))
# Asked before the clock counts.
WARM_UP = "Who presented ARC310?"


class Load(NamedTuple):
    """When one process began and ended, in seconds, and the seconds of each question."""

    began: float
    ended: float
    times: list[float]


_opened: tuple[Assistant, Barrier]


def _open(settings: Settings, barrier: Barrier) -> None:
    """Opens the process's assistant, and keeps it."""
    global _opened  # noqa: PLW0603 - what a pool's processes keep can be nowhere else
    assistant = Assistant.open(settings)
    assistant.ask(WARM_UP)
    _opened = assistant, barrier


def _ask_all(questions: Sequence[str], threads: int) -> Load:
    """Asks them by so many threads once every process is ready."""
    assistant, barrier = _opened

    def seconds(question: str) -> float:
        started = time.monotonic()
        assistant.ask(question)
        return time.monotonic() - started

    barrier.wait()
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        times = list(pool.map(seconds, questions))
    return Load(began, time.monotonic(), times)


def measure(settings: Settings, questions: Sequence[str], processes: int, threads: int) -> str:
    """The line for one load."""
    context = multiprocessing.get_context("spawn")
    shares = [(questions[n::processes], threads) for n in range(processes)]
    with context.Pool(processes, _open, (settings, context.Barrier(processes))) as pool:
        loads = pool.starmap(_ask_all, shares, chunksize=1)
    took = max(load.ended for load in loads) - min(load.began for load in loads)
    times = [1000 * seconds for load in loads for seconds in load.times]
    rate, middle, slow = len(times) / took, np.percentile(times, 50), np.percentile(times, 95)
    return f"| {processes} | {threads} | {rate:.0f} | {middle:.1f} | {slow:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--questions", type=int, default=200, metavar="N")
    parser.add_argument("--repeats", type=int, default=1, metavar="N")
    arguments = parser.parse_args()
    questions = arguments.repeats * dev_questions(arguments.questions)
    random.Random(1).shuffle(questions)
    print(f"{usable_cores()} cores, {len(questions)} questions, each {arguments.repeats} times\n")
    print("| processes | threads in each | questions/s | p50, ms | p95, ms |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus=ROOT / "corpus", index=Path(folder))
        build_index(settings)
        for processes, threads in LOADS:
            print(measure(settings, questions, processes, threads), flush=True)


if __name__ == "__main__":
    main()
