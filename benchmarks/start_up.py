"""Whole-process time and memory of one question: sessionqa against sentence-transformers + FAISS.

Both read the same weights; the plain script, peers/plain.py, embeds the shipped corpus's paragraphs
beforehand and keeps them in a FAISS file, as a short tutorial would. Runs alternate; prints medians
and the medians of the ratios pair by pair.

    python benchmarks/start_up.py
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from processes import Finished, finish
from sessionqa.assistant import build_index
from sessionqa.corpus import read_corpus
from sessionqa.settings import Settings

ROOT = Path(__file__).parents[1]
PLAIN = Path(__file__).parent / "peers" / "plain.py"
RUNS = 7
QUESTION = "Which disaster recovery strategy did the bank choose?"


def write_paragraphs(corpus: Path, folder: Path) -> None:
    """Each paragraph of the sessions of `corpus` as a document of a folder in BEIR's form."""
    texts = [text for session in read_corpus(corpus) for text in session.text.split("\n\n")]
    records = ({"_id": str(n), "title": "", "text": text} for n, text in enumerate(texts))
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    (folder / "corpus.jsonl").write_text(lines, encoding="utf-8")


def pairs(folder: Path) -> list[tuple[Finished, Finished]]:
    """What sessionqa and the plain script took in turn, their indexes in `folder`."""
    settings = Settings(corpus=ROOT / "corpus", index=folder / "index")
    build_index(settings)
    place = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
    ours = [sys.executable, "-m", "sessionqa", "ask", QUESTION, *place]
    write_paragraphs(settings.corpus, folder / "paragraphs")
    plain, store = [sys.executable, str(PLAIN)], str(folder / "plain")
    finish([*plain, "index", str(folder / "paragraphs"), store])
    asked = [*plain, "ask", store, QUESTION]
    return [(finish(ours), finish(asked)) for _ in range(RUNS + 1)][1:]


def line(what: str, measured: Iterable[Finished]) -> str:
    seconds, peaks, _ = zip(*measured, strict=True)
    return f"{what:31}{statistics.median(seconds):6.2f} s {statistics.median(peaks):8.0f} MiB"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measured = pairs(Path(folder))
    ours, plain = zip(*measured, strict=True)
    ratio = statistics.median(a.seconds / b.seconds for a, b in measured)
    of_peaks = statistics.median(a.peak_mib / b.peak_mib for a, b in measured)
    print(f"{RUNS} pairs after a warm-up, medians of the whole process and of its peak memory")
    print(line("sessionqa ask", ours))
    print(line("sentence-transformers + FAISS", plain))
    print(f"{'ratio':31}{ratio:7.3f} {of_peaks:9.3f}")


if __name__ == "__main__":
    main()
