"""What a question costs in an index of 1,000 to 1,000,000 passages, and what building it does.

Real text: the documents of AWS's guides and of Windows' and C++'s documentation, each a session,
cut by the real chunker. Encoding a million passages takes hours: so many as --encoded says are
encoded, and every other passage gets the vector and the tokens of one of these, of the same title
where there is one, perturbed: v + s * (a - b), normalised, where a and b are real vectors drawn at
random and s is drawn between the two values of SPREAD. Questions are titles and words of sentences,
all encoded.

Prints for each size the seconds of the build without the encoder, the memory it takes at its peak,
its bytes on disk, the time to open it, and what a process of its own takes that answers the
questions: its memory, and the time of each stage without the encoder's; the recall of the dense arm
against exact search, also with filters that let 0.2% to 50% of the passages pass, all of them next
to each other in the corpus and so alike.

    python benchmarks/scale.py --data $SESSIONQA_DATA/scale 1e3 1e4 1e5 1e6 [--keep FOLDER]
"""

import argparse
import hashlib
import json
import lzma
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessionqa import terms
from sessionqa.answer import ExtractiveAnswerer
from sessionqa.assistant import Assistant
from sessionqa.datatypes import Session
from sessionqa.encode import Encoded, Encoder, OnnxEncoder, Places, Progress, Spans, Vectors
from sessionqa.gold.beir import document
from sessionqa.index.build import write_build
from sessionqa.index.builds import current_build
from sessionqa.index.cut import cut
from sessionqa.index.local import LocalIndex
from sessionqa.index.publish import only_builder
from sessionqa.models import encoder_for_building
from sessionqa.sentences import sentence_spans
from sessionqa.settings import Settings
from sessionqa.threads import usable_cores

FILES = ("awsdocs.jsonl.xz", "msdocs.jsonl.xz")
DOCUMENTS = 296_569
CHUNKS = Settings(chunk_tokens=128, chunk_overlap=16)
# What these make of a document on average.
PASSAGES = 3.6
# Chosen so that a passage is as near to its nearest other as in real vectors: see `nearness`.
SPREAD = (0.25, 0.65)
BLOCK = 4096
# Word pieces of a text that are not of its own.
SPECIAL = 2
QUESTIONS = 300
SHARES = (0.002, 0.01, 0.05, 0.5)
DEPTH = 200


def documents(data: Path, every: int = 1, first: int = 0) -> Iterator[Session]:
    """Every `every`-th document, as a session."""
    number = 0
    for name in FILES:
        with lzma.open(data / name, "rt", encoding="utf-8") as lines:
            for line in lines:
                if number % every == first:
                    record = json.loads(line)
                    yield document(record["_id"], record["title"], record["text"], name)
                number += 1


def seed_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


# Vectors


def sampled(data: Path, cache: Path, encoder: Encoder, count: int) -> None:
    """Encodes about `count` texts of evenly drawn documents into `cache`, unless they are there."""
    cache.mkdir(parents=True, exist_ok=True)
    texts = cache / "sample.jsonl"
    if not texts.exists():
        chosen: dict[str, str] = {}
        for number, session in enumerate(documents(data, every=3)):
            inputs = cut([session], encoder, CHUNKS, {}, lambda *_: None).passage_inputs
            for text in {inputs[0], inputs[number % len(inputs)]}:
                chosen.setdefault(text, session.title)
        lines = [json.dumps([title, text]) + "\n" for text, title in chosen.items()]
        texts.write_text("".join(lines), encoding="utf-8")
    lines = texts.read_text(encoding="utf-8").splitlines()
    parts = -(-len(lines) // BLOCK)
    for part in range(parts):
        path = cache / f"part{part:03}.npz"
        if len(list(cache.glob("part*.npz"))) * BLOCK < count and not path.exists():
            made = encoder.encode_with_tokens([json.loads(line)[1] for line in lines[part::parts]])
            lengths = made.lengths.astype(np.int16)
            np.savez(path, v=made.vectors.astype(np.float16), t=made.tokens, l=lengths)


class DerivedEncoder:
    """Gives the texts of the sample their own vectors, and every other text one derived of these.

    How many word pieces a text has is guessed: nothing is cut off, since nothing else is encoded.
    """

    def __init__(self, encoder: OnnxEncoder, cache: Path) -> None:
        self.backend = encoder.backend
        self.name, self.dim, self.token_dim = encoder.name, encoder.dim, encoder.token_dim
        self.max_tokens, self.fingerprint = encoder.max_tokens, encoder.fingerprint
        self._count = encoder.count_pieces
        lines = (cache / "sample.jsonl").read_text(encoding="utf-8").splitlines()
        paths = sorted(cache.glob("part*.npz"))
        parts = -(-len(lines) // BLOCK)
        texts: list[tuple[str, str]] = []
        vectors, tokens, lengths = [], [], []
        for path in paths:
            texts += [json.loads(line) for line in lines[int(path.stem[4:]) :: parts]]
            with np.load(path) as part:
                vectors.append(part["v"].astype(np.float32))
                tokens.append(part["t"])
                lengths.append(part["l"].astype(np.int64))
        self.vectors = np.concatenate(vectors)
        self.vectors /= np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self._tokens = np.concatenate(tokens)
        self._lengths = np.concatenate(lengths)
        self._ends = np.cumsum(self._lengths)
        self._row = {text: row for row, (_, text) in enumerate(texts)}
        self._titled: dict[str, list[int]] = defaultdict(list)
        for row, (title, _) in enumerate(texts):
            self._titled[title].append(row)

    def count_pieces(self, text: str) -> int:
        """A guess, which the chunker may go by."""
        return len(text) // 4

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """See Encoder."""
        del progress
        return self._derived(texts)[0]

    def encode_with_tokens(self, texts: Sequence[str], progress: Progress | None = None) -> Encoded:
        """See Encoder."""
        del progress
        vectors, bases = self._derived(texts)
        # As many as the text has: over and again those of the text that they are taken from.
        counts = [min(self._count(text), self.max_tokens) - SPECIAL for text in texts]
        lengths = np.array(counts, dtype=np.int64)
        runs = [
            np.resize(self._tokens[end - length : end], (count, self.token_dim))
            for end, length, count in zip(
                self._ends[bases], self._lengths[bases], counts, strict=True
            )
        ]
        return Encoded(vectors, np.concatenate(runs), lengths)

    def encode_question(self, text: str) -> Vectors:
        """Not for questions."""
        raise NotImplementedError

    def question_tokens(self, text: str) -> tuple[Vectors, Spans]:
        """Not for questions."""
        raise NotImplementedError

    def passage_spans(self, text: str) -> Places:
        """Not for questions."""
        raise NotImplementedError

    def _derived(self, texts: Sequence[str]) -> tuple[Vectors, NDArray[np.int64]]:
        bases = np.zeros(len(texts), dtype=np.int64)
        others = np.zeros((len(texts), 2), dtype=np.int64)
        draws: list[float] = []
        for place, text in enumerate(texts):
            own, seed = self._row.get(text), seed_of(text)
            titled = self._titled.get(text.split("\n", 1)[0]) or range(len(self.vectors))
            bases[place] = titled[seed % len(titled)] if own is None else own
            random = np.random.default_rng(seed)
            others[place] = random.integers(0, len(self.vectors), 2) if own is None else (0, 0)
            draws.append(random.random())
        spread = np.array([SPREAD[0] + (SPREAD[1] - SPREAD[0]) * draw for draw in draws])
        moved = self.vectors[others[:, 0]] - self.vectors[others[:, 1]]
        vectors = self.vectors[bases] + spread.astype(np.float32)[:, None] * moved
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), bases


def nearness(vectors: NDArray[Any]) -> str:
    """How near 300 of these are to their nearest other: median, and the middle 80%."""
    rows = np.random.default_rng(1).choice(len(vectors), 300, replace=False)
    asked = np.asarray(vectors[rows], dtype=np.float32)
    best = np.full(len(rows), -1, dtype=np.float32)
    for at in range(0, len(vectors), BLOCK):
        scores = asked @ np.asarray(vectors[at : at + BLOCK], dtype=np.float32).T
        # Equal texts have equal vectors.
        scores[scores > 0.9999] = -1
        best = np.maximum(best, scores.max(axis=1))
    low, middle, high = np.percentile(best, (10, 50, 90))
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


# Building


def questions_of(data: Path) -> list[str]:
    found = []
    for number, session in enumerate(documents(data, every=DOCUMENTS // QUESTIONS, first=1)):
        body = session.text[len(session.title) :]
        spans = [(s, e) for s, e in sentence_spans(body) if 40 < e - s < 200]
        if number % 2 or not spans:
            found.append(session.title)
        else:
            words = terms.content_words(body[slice(*spans[0])])
            found.append(f"How {' '.join(words[:9]).lower()}?")
    return found[:QUESTIONS]


def build(size: int, data: Path, encoder: DerivedEncoder, settings: Settings) -> dict[str, Any]:
    started = time.perf_counter()
    wanted = min(DOCUMENTS, round(size / PASSAGES))
    sessions = [
        session
        for number, session in enumerate(documents(data))
        if number * wanted // DOCUMENTS != (number - 1) * wanted // DOCUMENTS
    ]
    stage = {"reading": started}

    def report(name: str, *_: int) -> None:
        if name not in stage:
            stage[name] = time.perf_counter()
            print(f"    {name} ...", file=sys.stderr, flush=True)

    read = time.perf_counter()
    with only_builder(settings.index):
        write_build(settings, sessions, {}, encoder, None, report)
    folder = current_build(settings.index)
    files = {p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob("*.*")}
    return {
        "seconds": time.perf_counter() - read,
        "files": files,
        "peak": memory()["peak"],
    }


# Asking


class Timed:
    """An encoder, and how long it has been at work since it was last asked."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._encoder, name)
        if not callable(value):
            return value

        def timed(*given: Any) -> Any:
            started = time.perf_counter()
            try:
                return value(*given)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


def memory() -> dict[str, float]:
    """The memory of this process in MB, pages of mapped files included: now, and at its peak."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {
        name: int(values[key].split()[0]) / 1024
        for name, key in (("now", "VmRSS"), ("peak", "VmHWM"))
    }


def ask(folder: Path, questions: list[str]) -> dict[str, Any]:
    """What a process that answers `questions` takes; run in one of its own."""
    settings = CHUNKS.with_(index=folder)
    before = memory()["now"]
    started = time.perf_counter()
    index = LocalIndex.open(folder)
    opened = time.perf_counter() - started
    encoder = Timed(OnnxEncoder(index.encoder_folder))
    assistant = Assistant(index, encoder, ExtractiveAnswerer(index, encoder), settings)
    result: dict[str, Any] = {"open_ms": 1000 * opened, "before": before, "opened": memory()["now"]}
    stages: dict[str, Callable[[str], object]] = {
        "ask": assistant.ask,
        "retrieval": lambda text: assistant.retriever.retrieve(text, 8),
        "dense": lambda text: index.dense(encoder.encode_question(text), DEPTH),
        "lexical": lambda text: index.lexical(terms.asked_stems(text), DEPTH),
    }
    for name, stage in stages.items():
        times = []
        # The first half warms up.
        for text in questions:
            encoder.seconds = 0.0
            started = time.perf_counter()
            stage(text)
            times.append(1000 * (time.perf_counter() - started - encoder.seconds))
        result[name] = times[len(times) // 2 :]
    result["memory"] = memory()
    vectors = np.stack([encoder.encode_question(text) for text in questions])
    result["recall"] = recalls(index, vectors)
    return result


def recalls(index: LocalIndex, vectors: Vectors) -> dict[str, tuple[float, float]]:
    """Recall@10 against exact search and the median time in ms, by the share that passes."""
    total = len(index._dense)
    codes = [code for (code,) in index._db.execute("SELECT code FROM codes ORDER BY ordinal")]
    found = {"all": _recall(index, vectors, None, np.arange(total))}
    random = np.random.default_rng(2)
    for share in SHARES if total >= 10_000 else ():
        first = int(random.integers(0, int(len(codes) * (1 - share))))
        passing = frozenset(codes[first : first + max(1, round(share * len(codes)))])
        rows = index._passing(passing).rows
        found[f"{share:.1%}"] = _recall(index, vectors, passing, rows)
    return found


def _recall(
    index: LocalIndex, vectors: Vectors, passing: frozenset[str] | None, rows: NDArray[np.int64]
) -> tuple[float, float]:
    best = np.full((len(vectors), 10), -1, dtype=np.float32)
    for at in range(0, len(rows), BLOCK):
        scores = vectors @ index._dense.vectors(rows[at : at + BLOCK]).T
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :10]
    shares, times = [], []
    for vector, expected in zip(vectors, best, strict=True):
        started = time.perf_counter()
        found = index.dense(vector, DEPTH, passing)
        times.append(1000 * (time.perf_counter() - started))
        # Of equal passages any will do.
        shares.append(np.mean([score >= expected[-1] - 1e-5 for _, score in found[:10]]))
    return float(np.mean(shares)), statistics.median(times)


# The command


def measured(size: int, given: argparse.Namespace, encoder: DerivedEncoder, model: Path) -> float:
    keep = given.keep and size == max(given.sizes)
    folder = given.keep if keep else Path(tempfile.mkdtemp(dir=given.cache))
    settings = CHUNKS.with_(corpus=given.data, index=folder)
    questions = json.loads((given.cache / "questions.json").read_text(encoding="utf-8"))
    try:
        built: dict[str, Any] = {}
        if not (folder / "CURRENT").exists():
            target = folder / "encoder" / encoder.fingerprint
            shutil.copytree(model, target, dirs_exist_ok=True)
            built = build(size, given.data, encoder, settings)
        command = [sys.executable, __file__, "--ask", str(folder)]
        # As the command line has it: numpy's threads would wait for the encoder's.
        run = subprocess.run(
            command,
            input=json.dumps(questions),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        result = json.loads(run.stdout)
        show(folder, built, result)
        return float(np.median(result["retrieval"]))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def show(folder: Path, built: dict[str, Any], asked: dict[str, Any]) -> None:
    counts = LocalIndex.open(folder).manifest.counts
    print(f"\n{counts['passages']:,} passages of {counts['sessions']:,} sessions")
    if built:
        total = sum(built["files"].values())
        print(
            f"  build {built['seconds']:.0f} s, peak {built['peak']:,.0f} MB of memory, "
            f"{total / 1e6:,.0f} MB on disk: ",
            end="",
        )
        largest = sorted(built["files"].items(), key=lambda pair: -pair[1])[:6]
        print(", ".join(f"{name} {size / 1e6:,.0f}" for name, size in largest))
    memory = asked["memory"]
    print(
        f"  opened in {asked['open_ms']:.0f} ms; memory {asked['before']:.0f} MB before, "
        f"{asked['opened']:.0f} opened with the encoder, {memory['now']:.0f} after all questions, "
        f"{memory['peak']:.0f} peak"
    )
    for stage in ("dense", "lexical", "retrieval", "ask"):
        p50, p95 = np.percentile(asked[stage], (50, 95))
        print(f"  {stage:10} p50 {p50:7.2f} ms   p95 {p95:7.2f} ms")
    for share, (recall, p50) in asked["recall"].items():
        print(f"  recall@10 {recall:.4f} of {share} ({p50:.2f} ms)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", nargs="*", type=lambda text: int(float(text)), default=[10_000])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("scale-cache"))
    parser.add_argument("--encoded", type=int, default=20_000)
    parser.add_argument("--keep", type=Path, help="where the largest index stays, to be used again")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        print(json.dumps(ask(given.ask, json.load(sys.stdin))))
        return
    settings = Settings(index=given.cache / "model")
    real = encoder_for_building(settings, lambda *_: None)
    assert isinstance(real, OnnxEncoder)
    sampled(given.data, given.cache, real, given.encoded)
    encoder = DerivedEncoder(real, given.cache)
    (given.cache / "questions.json").write_text(json.dumps(questions_of(given.data)))
    print(f"{usable_cores()} cores; {len(encoder.vectors):,} texts encoded, the rest derived:")
    print(f"  the nearest other of a real vector has cosine {nearness(encoder.vectors)}")
    model = given.cache / "model" / "encoder" / real.fingerprint
    times = [measured(size, given, encoder, model) for size in given.sizes]
    for before, after, *each in zip(times, times[1:], given.sizes, given.sizes[1:], strict=False):
        print(f"retrieval from {each[0]:,} to {each[1]:,}: {after / before:.2f} times")


if __name__ == "__main__":
    main()
