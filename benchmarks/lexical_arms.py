"""Three BM25 engines: ranking by SciFact, and time, memory and disk over many passages.

Our lexical arm (tantivy, with our stems and stop words), BM25S as it comes with its English stop
words and PyStemmer, and SQLite FTS5 with its porter tokenizer (and our stop words, as it has none).
Each is built in one process and asked in another, one question at a time in one thread, all the
same questions: the first words of passages that are drawn by a seed. A query's time includes
cutting its text into terms, and is the least of three, since others may use the machine. Then what
it is worth that a term counts as often as it is repeated. Needs `pip install -e '.[bench]'`.

    python benchmarks/lexical_arms.py --data $SESSIONQA_DATA [--passages 100000]
"""

import argparse
import json
import lzma
import math
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from sessionqa import measures, terms
from sessionqa.gold import GoldSet, read_gold_set

SCALE = ("awsdocs.jsonl.xz", "msdocs.jsonl.xz")
MEASURES = ("nDCG@10", "R@100")
DEPTH = 100
QUESTIONS, QUESTION_WORDS, ROUNDS = 300, 12, 3
DATABASE = "texts.sqlite"
# The rows of the best texts, best first.
Search = Callable[[str, int], list[int]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Engine:
    """`build` indexes texts in a folder under their rows from 0; `open` reads what is there."""

    module: str
    build: Callable[[Path, Iterable[str]], None]
    open: Callable[[Path], Search]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step took: seconds, and the process's peak memory in MB."""

    seconds: float
    peak: float


def build_tantivy(folder: Path, texts: Iterable[str]) -> None:
    from sessionqa.index import lexical

    lexical.write(folder / "index", enumerate(texts))


def open_tantivy(folder: Path) -> Search:
    from sessionqa.index.lexical import LexicalArm

    arm = LexicalArm(folder / "index")
    return lambda question, k: [row for row, _ in arm.search(terms.asked_stems(question), k)]


def build_bm25s(folder: Path, texts: Iterable[str]) -> None:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    tokens = bm25s.tokenize(list(texts), stemmer=stemmer, stopwords="en", show_progress=False)
    retriever = bm25s.BM25()
    retriever.index(tokens, show_progress=False)
    retriever.save(folder, show_progress=False)


def open_bm25s(folder: Path) -> Search:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    retriever = bm25s.BM25.load(folder)

    def search(question: str, k: int) -> list[int]:
        tokens = bm25s.tokenize(question, stemmer=stemmer, stopwords="en", show_progress=False)
        rows, scores = retriever.retrieve(tokens, k=k, show_progress=False)
        return [int(row) for row in rows[0][scores[0] > 0]]

    return search


def build_fts5(folder: Path, texts: Iterable[str]) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        # Without content: the text itself is stored by none of the three.
        db.execute(
            "CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize='porter unicode61')"
        )
        db.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", enumerate(texts, 1))
        db.execute("INSERT INTO texts(texts) VALUES ('optimize')")


def open_fts5(folder: Path) -> Search:
    db = sqlite3.connect(folder / DATABASE)

    def search(question: str, k: int) -> list[int]:
        asked = " OR ".join(f'"{word}"' for word in terms.content_words(question))
        query = "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?"
        return [row - 1 for (row,) in db.execute(query, (asked, k))] if asked else []

    return search


ENGINES = {
    "tantivy": Engine("tantivy", build_tantivy, open_tantivy),
    "BM25S": Engine("bm25s", build_bm25s, open_bm25s),
    "SQLite FTS5": Engine("sqlite3", build_fts5, open_fts5),
}


def passages(data: Path, count: int) -> Iterator[str]:
    """The texts of the first `count` passages, all of them if it is 0."""
    return islice(_every_passage(data), count or None)


def _every_passage(data: Path) -> Iterator[str]:
    for name in SCALE:
        with lzma.open(data / "scale" / name, "rb") as lines:
            for line in lines:
                record = json.loads(line)
                yield f"{record['title']} {record['text']}"


def questions(data: Path, count: int) -> tuple[int, list[str]]:
    """How many passages there are, and the first words of the texts of some of them."""
    begun = [" ".join(text.split()[:QUESTION_WORDS]) for text in passages(data, count)]
    drawn = np.random.default_rng(0).permutation(len(begun))[:QUESTIONS]
    return len(begun), [begun[row] for row in drawn]


def apart(work: Callable[[], T]) -> T:
    """What `work` returns, done in a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work).result()


def peak_memory() -> float:
    """Of this process so far, in MB; Linux counts in kB, macOS in bytes."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def built(name: str, data: Path, count: int, folder: Path) -> Cost:
    started = time.process_time()
    ENGINES[name].build(folder, passages(data, count))
    return Cost(time.process_time() - started, peak_memory())


def asked(name: str, folder: Path, asking: Sequence[str]) -> tuple[list[float], float]:
    """The seconds that each question took, the least of ROUNDS, and the peak memory."""
    search = ENGINES[name].open(folder)
    taken = [math.inf] * len(asking)
    for _ in range(ROUNDS):
        for at, question in enumerate(asking):
            started = time.perf_counter()
            search(question, DEPTH)
            taken[at] = min(taken[at], time.perf_counter() - started)
    return taken, peak_memory()


def scored(name: str, gold: GoldSet, folder: Path) -> dict[str, float]:
    """The means of MEASURES over the questions of `gold`."""
    ENGINES[name].build(folder, (session.text for session in gold.sessions or ()))
    return means(gold, ENGINES[name].open(folder))


def means(gold: GoldSet, search: Search) -> dict[str, float]:
    sessions = gold.sessions or ()
    found = {
        question.id: [sessions[row].code for row in search(question.question, DEPTH)]
        for question in gold.questions
    }
    grades = {question.id: question.relevant for question in gold.questions}
    values = measures.values(MEASURES, grades, found)
    return {measure: float(np.mean(list(of.values()))) for measure, of in values.items()}


def show_repeats(gold: GoldSet, folder: Path) -> None:
    """Our arm with the terms of a question as often as they stand in it, and each once."""
    from sessionqa.index.lexical import LexicalArm

    build_tantivy(folder, (session.text for session in gold.sessions or ()))
    arm = LexicalArm(folder / "index")

    def once(question: str, k: int) -> list[int]:
        stems = list(dict.fromkeys(terms.asked_stems(question)))
        return [row for row, _ in arm.search(stems, k)]

    for label, search in (("as often", open_tantivy(folder)), ("each once", once)):
        cells = "".join(f"{value:9.4f}" for value in means(gold, search).values())
        print(f"{gold.name:9}{label:11}{cells}")


def import_ms(module: str) -> float:
    """The least of five imports by a fresh interpreter."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    return 1000 * min(float(subprocess.check_output(command)) for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds scifact/, cisi/, scale/")
    parser.add_argument("--passages", type=int, default=0, help="the first so many; 0: all")
    arguments = parser.parse_args()
    sets = [read_gold_set(arguments.data / name) for name in ("scifact", "cisi")]
    gold = sets[0]
    count, asking = questions(arguments.data, arguments.passages)
    print(f"SciFact, {len(gold.questions)} questions; {count:,} passages, {len(asking)} questions")
    print(
        f"{'':13}{'nDCG@10':>9}{'R@100':>8}{'p50 ms':>9}{'p95 ms':>9}{'disk MB':>9}"
        f"{'build s':>9}{'its MB':>8}{'asking MB':>11}{'import ms':>11}"
    )
    for name, engine in ENGINES.items():
        with tempfile.TemporaryDirectory() as place:
            small, large = Path(place) / "scifact", Path(place) / "scale"
            small.mkdir()
            large.mkdir()
            scores = apart(partial(scored, name, gold, small))
            cost = apart(partial(built, name, arguments.data, arguments.passages, large))
            taken, memory = apart(partial(asked, name, large, asking))
            disk = sum(path.stat().st_size for path in large.rglob("*") if path.is_file()) / 1e6
        p50, p95 = 1000 * np.percentile(taken, [50, 95])
        print(
            f"{name:13}{scores['nDCG@10']:9.4f}{scores['R@100']:8.4f}{p50:9.2f}{p95:9.2f}"
            f"{disk:9.0f}{cost.seconds:9.0f}{cost.peak:8.0f}{memory:11.0f}"
            f"{import_ms(engine.module):11.1f}",
            flush=True,
        )
    print(f"\n{'':20}" + "".join(f"{measure:>9}" for measure in MEASURES))
    for repeated in sets:
        with tempfile.TemporaryDirectory() as place:
            show_repeats(repeated, Path(place))


if __name__ == "__main__":
    main()
