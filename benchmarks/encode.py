"""Passages a second, and the time of one question: the encoder against SentenceTransformer.encode.

Both run the same weights on the same threads over texts of three lengths: short ones of 45 words,
long ones of 400, and a mix of whatever length. Runs alternate; prints what each does, and how many
times as many passages as SentenceTransformer.encode at its best batch size.

    python benchmarks/encode.py [--texts FILE.jsonl[.xz]] [--take N] [--runs N] [--scifact FOLDER]

Texts come from the corpus, or from a file with a `text` on each line, of which N are taken, spread
over the file. Every precision of the encoder is measured, and how near its vectors are to those of
fp32; with a BEIR folder also how well each finds its documents, by an exact search.
"""

import argparse
import itertools
import json
import lzma
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch

from sessionqa import measures
from sessionqa.bf16 import Bf16Encoder
from sessionqa.corpus import read_corpus
from sessionqa.encode import OnnxEncoder, exported, load_sentence_transformer
from sessionqa.gold import read_gold_set
from sessionqa.settings import DEFAULT_MODEL, Precision
from sessionqa.threads import usable_cores

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ROOT = Path(__file__).parents[1]
BATCH_SIZES = (8, 16, 32, 64)
SHORT, LONG = 45, 400
# Lengths of the mix, in words, in turn.
MIXED = (12, 180, 45, 120, 300, 25, 160, 90)
PRECISIONS = get_args(Precision)
QUESTIONS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--take", type=int, default=300)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scifact", type=Path)
    given = parser.parse_args()
    words = " ".join(_taken(given.texts, given.take) if given.texts else _corpus()).split()
    reference = load_sentence_transformer(DEFAULT_MODEL).to("cpu")
    torch.set_num_threads(usable_cores())
    with TemporaryDirectory() as folder:
        encoders = [
            (Bf16Encoder if precision == "bf16" else OnnxEncoder)(
                exported(DEFAULT_MODEL, Path(folder), precision=precision)
            )
            for precision in PRECISIONS
        ]
        print(f"{usable_cores()} threads, the best of {given.runs} runs in turn; texts a second\n")
        batches = "".join(f"{f'batch {size}':>10}" for size in BATCH_SIZES)
        ours = "".join(f"{precision:>9}{'times':>7}" for precision in PRECISIONS)
        near = "".join(f"{f'{precision}/fp32':>11}{'cosine':>9}" for precision in PRECISIONS[1:])
        print(f"{'':8}{'texts':>6}{batches}{ours}{near}")
        for name, lengths in (("short", (SHORT,)), ("mixed", MIXED), ("long", (LONG,))):
            texts = list(_cut(words, itertools.cycle(lengths)))[: given.take]
            _passages(name, texts, encoders, reference, given.runs)
        _questions(encoders, reference)
        if given.scifact:
            _found(encoders, given.scifact)


def _passages(
    name: str,
    texts: Sequence[str],
    encoders: Sequence[OnnxEncoder],
    reference: "SentenceTransformer",
    runs: int,
) -> None:
    """Prints a line of texts a second, and of the mean cosines to the vectors of fp32."""
    ways: list[Callable[[], object]] = [
        partial(reference.encode, list(texts), batch_size=size, show_progress_bar=False)
        for size in BATCH_SIZES
    ]
    ways.extend(partial(encoder.encode_passages, texts) for encoder in encoders)
    speeds = [len(texts) / seconds for seconds in _alternating(ways, runs)]
    theirs, ours = speeds[: len(BATCH_SIZES)], speeds[len(BATCH_SIZES) :]
    shown = "".join(f"{speed:10.1f}" for speed in theirs)
    own = "".join(f"{speed:9.1f}{speed / max(theirs):7.2f}" for speed in ours)
    exact, *others = (encoder.encode_passages(texts) for encoder in encoders)
    cosines = [float((exact * near).sum(axis=1).mean()) for near in others]
    beside = zip(ours[1:], cosines, strict=True)
    compared = "".join(f"{speed / ours[0]:11.2f}{cosine:9.5f}" for speed, cosine in beside)
    print(f"{name:8}{len(texts):6}{shown}{own}{compared}")


def _questions(encoders: Sequence[OnnxEncoder], reference: "SentenceTransformer") -> None:
    """Prints the time of one question, each of them asked once of each."""
    lines = (ROOT / "corpus" / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["question"] for line in lines][: QUESTIONS + 1]
    rows = [
        [
            *(_seconds(partial(encoder.encode_question, question)) for encoder in encoders),
            _seconds(partial(reference.encode, [question], show_progress_bar=False)),
        ]
        for question in asked
    ][1:]
    times = [1000 * statistics.median(column) for column in zip(*rows, strict=True)]
    print(f"\none question: SentenceTransformer.encode {times[-1]:.2f} ms")
    for at, precision in enumerate(PRECISIONS):
        ratio = statistics.median(row[at] / row[-1] for row in rows)
        print(f"    {precision} {times[at]:.2f} ms: {ratio:.2f}")
    int8 = PRECISIONS.index("int8")
    print(f"    int8/fp32 {statistics.median(row[int8] / row[0] for row in rows):.2f}")


def _found(encoders: Sequence[OnnxEncoder], folder: Path) -> None:
    """Prints the nDCG@10 of a BEIR folder's questions, by an exact search of whole documents."""
    gold = read_gold_set(folder)
    documents = gold.sessions or ()
    grades = {question.id: question.relevant for question in gold.questions}
    print(f"\n{gold.name}: {len(documents)} documents, {len(grades)} questions, nDCG@10")
    for precision, encoder in zip(PRECISIONS, encoders, strict=True):
        vectors = encoder.encode_passages([document.text for document in documents])
        found = {}
        for question in gold.questions:
            best = np.argsort(-(vectors @ encoder.encode_question(question.question)))[:10]
            found[question.id] = [documents[at].code for at in best]
        scores = measures.values(["nDCG@10"], grades, found)["nDCG@10"]
        print(f"    {precision} {statistics.mean(scores.values()):.4f}")


def _alternating(ways: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """The least seconds that each way took in `runs` turns, after a warm-up."""
    turns = [[_seconds(way) for way in ways] for _ in range(runs + 1)][1:]
    return [min(column) for column in zip(*turns, strict=True)]


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _cut(words: Sequence[str], lengths: Iterable[int]) -> Iterator[str]:
    """Texts of so many words one after another, the last one shorter."""
    at = 0
    for length in lengths:
        if at >= len(words):
            return
        yield " ".join(words[at : at + length])
        at += length


def _corpus() -> list[str]:
    return [session.text for session in read_corpus(ROOT / "corpus")]


def _taken(path: Path, wanted: int) -> list[str]:
    raw = path.read_bytes()
    lines = (lzma.decompress(raw) if path.suffix == ".xz" else raw).splitlines()
    # The mix and the long texts need several lines each.
    step = max(1, len(lines) // (4 * wanted))
    return [json.loads(line)["text"] for line in lines[::step]]


if __name__ == "__main__":
    main()
