"""What it costs to bring an index up to date, and to import a catalogue: whole processes.

The sessions are the first documents of a BEIR folder, SciFact's say, a file each.

    python benchmarks/incremental.py BEIR_FOLDER [--sessions 5000] [--rows 3000] [--compare 200]

`--compare` builds once more from nothing, and compares the rankings of so many titles as queries.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from sessionqa import Assistant, Settings
from sessionqa.importers.drafts import Block, Draft, Source
from sessionqa.importers.files import plan, write
from sessionqa.terminal import positive

SOURCE = Source("corpus.jsonl", "application/x-ndjson", b"")


def documents(folder: Path, count: int) -> list[tuple[str, str, str]]:
    """The id, title and text of the first documents that have both."""
    found = []
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            if one["title"].strip() and one["text"].strip():
                found.append((f"D{one['_id']}", one["title"], one["text"]))
            if len(found) == count:
                break
    return found


def write_corpus(folder: Path, chosen: Sequence[tuple[str, str, str]]) -> None:
    drafts = [Draft(title, (Block(text),), code, track="D") for code, title, text in chosen]
    write(plan(((SOURCE, one) for one in drafts), folder, date.today()), folder)


def seconds(*arguments: str) -> float:
    """How long a command of sessionqa takes, in a process of its own."""
    code = "from sessionqa.cli import main; raise SystemExit(main())"
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def change(path: Path) -> None:
    path.write_text(path.read_text("utf-8") + "\nA sentence was added.\n", encoding="utf-8")


def differing(one: Settings, other: Settings, queries: Sequence[str]) -> int:
    """How many of the queries have other passages, or another order, in the two indexes."""
    both = [Assistant.open(settings) for settings in (one, other)]
    return sum(
        len({tuple(hit.passage.id for hit in opened.search(query, 20)) for opened in both}) > 1
        for query in queries
    )


def imported(folder: Path, chosen: Sequence[tuple[str, str, str]]) -> float:
    """How long a catalogue of these takes to become corpus files."""
    catalogue = folder / "catalogue.csv"
    with catalogue.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Session Code", "Title", "Abstract", "Level", "Speakers"])
        rows.writerows((*one, 300, "Ada Bell; Tom Roe") for one in chosen)
    return seconds("import", str(catalogue), "--into", str(folder / "imported"))


def measured(arguments: argparse.Namespace, folder: Path) -> list[tuple[str, str]]:
    chosen = documents(arguments.folder, max(arguments.sessions, arguments.rows))
    settings = Settings(corpus=folder / "corpus", index=folder / "index")
    write_corpus(settings.corpus, chosen[: arguments.sessions])
    build = ("index", "--corpus", str(settings.corpus), "--index", str(settings.index))
    rows = imported(folder, chosen[: arguments.rows])
    full = seconds(*build)
    nothing = min(seconds(*build) for _ in range(3))
    changed = []
    files = sorted(settings.corpus.glob("*.md"))
    for number in (0, len(files) // 2, len(files) - 1):
        change(files[number])
        changed.append(seconds(*build))
    one = sorted(changed)[1]
    lines = [
        (f"import of {arguments.rows:,} rows, s", f"{rows:.2f}"),
        (f"full build of {arguments.sessions:,} sessions, s", f"{full:.1f}"),
        ("nothing changed, s", f"{nothing:.2f}"),
        ("one session changed, s", f"{one:.2f}"),
        ("the same as a share of the full build", f"{one / full:.4f}"),
    ]
    if arguments.compare:
        fresh = settings.with_(index=folder / "fresh")
        seconds("index", "--corpus", str(fresh.corpus), "--index", str(fresh.index))
        queries = [title for _, title, _ in chosen[: arguments.compare]]
        other = differing(settings, fresh, queries)
        lines.append((f"queries of {len(queries)} ranked otherwise from nothing", f"{other}"))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="BEIR_FOLDER")
    parser.add_argument("--sessions", type=positive, default=5000, metavar="N")
    parser.add_argument("--rows", type=positive, default=3000, metavar="N")
    parser.add_argument("--compare", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, value in measured(arguments, Path(folder)):
            print(f"{name:52}{value:>10}")


if __name__ == "__main__":
    main()
