"""Passages a second, and the time of one question: the encoder against SentenceTransformer.encode.

Both run the same weights on the same threads over texts of three lengths: short ones of 45 words,
long ones of 400, and a mix of whatever length. Runs alternate; prints what each does, and how many
times as many passages as SentenceTransformer.encode at its best batch size.

    python benchmarks/encode.py [--texts FILE.jsonl[.xz]] [--take N] [--runs N]

Texts come from the corpus, or from a file with a `text` on each line, of which N are taken, spread
over the file.
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
from typing import TYPE_CHECKING

import torch

from sessionqa.corpus import read_corpus
from sessionqa.encode import OnnxEncoder, exported, load_sentence_transformer
from sessionqa.settings import DEFAULT_MODEL
from sessionqa.threads import usable_cores

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ROOT = Path(__file__).parents[1]
BATCH_SIZES = (8, 16, 32, 64)
SHORT, LONG = 45, 400
# Lengths of the mix, in words, in turn.
MIXED = (12, 180, 45, 120, 300, 25, 160, 90)
QUESTIONS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--take", type=int, default=300)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    words = " ".join(_taken(given.texts, given.take) if given.texts else _corpus()).split()
    reference = load_sentence_transformer(DEFAULT_MODEL).to("cpu")
    torch.set_num_threads(usable_cores())
    with TemporaryDirectory() as folder:
        encoder = OnnxEncoder(exported(DEFAULT_MODEL, Path(folder)))
        print(f"{usable_cores()} threads, the best of {given.runs} runs in turn; texts a second\n")
        batches = "".join(f"{f'batch {size}':>10}" for size in BATCH_SIZES)
        print(f"{'':8}{'texts':>6}{batches}{'sessionqa':>11}{'times':>7}")
        for name, lengths in (("short", (SHORT,)), ("mixed", MIXED), ("long", (LONG,))):
            texts = list(_cut(words, itertools.cycle(lengths)))[: given.take]
            ways: list[Callable[[], object]] = [
                partial(reference.encode, texts, batch_size=size, show_progress_bar=False)
                for size in BATCH_SIZES
            ]
            ways.append(partial(encoder.encode_passages, texts))
            speeds = [len(texts) / seconds for seconds in _alternating(ways, given.runs)]
            shown = "".join(f"{speed:10.1f}" for speed in speeds)
            print(f"{name:8}{len(texts):6}{shown} {speeds[-1] / max(speeds[:-1]):6.2f}")
        _questions(encoder, reference)


def _questions(encoder: OnnxEncoder, reference: "SentenceTransformer") -> None:
    """Prints the time of one question, each of them asked once."""
    lines = (ROOT / "corpus" / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["question"] for line in lines][: QUESTIONS + 1]
    pairs = [
        (
            _seconds(partial(encoder.encode_question, question)),
            _seconds(partial(reference.encode, [question], show_progress_bar=False)),
        )
        for question in asked
    ][1:]
    ours, theirs = (1000 * statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"\none question: {ours:.2f} ms, SentenceTransformer.encode {theirs:.2f} ms: {ratio:.2f}")


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
