"""Builds that are killed at random moments: no index is lost, and no answer is wrong.

Each build is of a corpus of which one session was changed, in a process of its own, which gets a
SIGKILL at a random moment. Then every file is read against its checksum, and questions are asked:
each must be answered as by the build before, or by the one that was killed after it was live.

    python benchmarks/crash.py [--kills 200] [--seed 0]
"""

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from sessionqa import Assistant, Settings, build_index
from sessionqa.errors import SessionQAError
from sessionqa.index.builds import kept_builds
from sessionqa.index.upkeep import verify
from sessionqa.terminal import Progress, positive

ROOT = Path(__file__).parents[1]
QUESTIONS = (
    "What is differential observability?",
    "Which disaster recovery strategy did the bank choose?",
    "Who presented the session on gray failures?",
    "How many crates does the depot hold?",
    "How do I bake sourdough bread?",
)
TITLE, CODE = "The depot", "KILL1"
FIRST = 100_000
NUMBER = re.compile(r"1\d{5}")
LOST, WRONG = "index lost", "wrong answer"


def write_session(settings: Settings, crates: int) -> None:
    """The session that differs from build to build."""
    (settings.corpus / f"{CODE}.md").write_text(
        f"---\ncode: {CODE}\ntitle: {TITLE}\n---\n\nThe depot holds {crates} crates.\n",
        encoding="utf-8",
    )


def answers(settings: Settings) -> tuple[str, ...]:
    assistant = Assistant.open(settings)
    return tuple(assistant.ask(question).text for question in QUESTIONS)


def index(settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", "from sessionqa.cli import main; raise SystemExit(main())"),
            *("index", "--corpus", str(settings.corpus), "--index", str(settings.index)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def whole(settings: Settings) -> bool:
    try:
        return not any(one.damaged for one in verify(settings.index))
    except SessionQAError:
        return False


def outcome(settings: Settings, crates: int, after: float, before: tuple[str, ...]) -> str:
    """What came of a build of so many `crates` that was killed `after` so many seconds."""
    write_session(settings, crates)
    process = index(settings)
    time.sleep(after)
    in_time = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    if not whole(settings):
        return LOST
    try:
        said = answers(settings)
    except SessionQAError:
        return LOST
    if said == before:
        return "killed before it was live: the build before answers"
    if said != tuple(NUMBER.sub(str(crates), text) for text in before):
        return WRONG
    return "killed after it was live: it answers" if in_time else "it had ended: it answers"


def measured(kills: int, seed: int) -> Counter[str]:
    """How often what came of it."""
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter({LOST: 0, WRONG: 0})
    report = Progress()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus=Path(folder) / "corpus", index=Path(folder) / "index")
        shutil.copytree(ROOT / "corpus", settings.corpus)
        write_session(settings, FIRST)
        build_index(settings)
        write_session(settings, FIRST + 1)
        started = time.perf_counter()
        index(settings).wait()
        seconds = time.perf_counter() - started
        for number in range(kills):
            before = answers(settings)
            after = chance.uniform(0, 1.1 * seconds)
            outcomes[outcome(settings, FIRST + 2 + number, after, before)] += 1
            report("kills", number + 1, kills)
        build_index(settings)
        left = {path.name for path in (settings.index / "builds").iterdir()}
        assert whole(settings)
        assert left == {build.name for build, _ in kept_builds(settings.index)}, left
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=positive, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    outcomes = measured(arguments.kills, arguments.seed)
    for name, count in outcomes.items():
        print(f"{name:56}{count:>6}")
    sys.exit(bool(outcomes[LOST] + outcomes[WRONG]))


if __name__ == "__main__":
    main()
