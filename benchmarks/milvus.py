"""An index in Milvus beside one in a folder: what they find, and what a search costs.

    python benchmarks/milvus.py alike BEIR_FOLDER [--split test] [--precision bf16]
    python benchmarks/milvus.py scale --data $SESSIONQA_DATA/scale --cache FOLDER 1e4 1e5 1e6

`alike` builds both of the same vectors and prints nDCG@10 of each, and for how many questions the
ten nearest passages are the same. `scale` fills collections with so many passages, with vectors as
benchmarks/scale.py makes them (see there; the sample that is in FOLDER is encoded if it is not),
and prints the recall of the ten nearest against an exact search, and the time of a search, of both.
Without --server Milvus Lite is served by a process of its own.
"""

import argparse
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from scale import CHUNKS, DerivedEncoder, documents, questions_of, sampled
from sessionqa import Assistant, Settings, evaluate, measures, models
from sessionqa.encode import Encoded, Encoder, OnnxEncoder, Progress, Vectors, exported
from sessionqa.gold import read_gold_set
from sessionqa.index import dense
from sessionqa.index.cut import cut
from sessionqa.index.milvus import schema
from sessionqa.index.milvus.address import parse
from sessionqa.index.milvus.server import Server
from sessionqa.index.publish import only_builder
from sessionqa.index.stores import store_of
from sessionqa.settings import DEFAULT_MODEL
from sessionqa.terminal import Progress as Shown

DEPTH = 10
ROWS = 2_000
EXACT_ROWS = 50_000
MEASURE = "nDCG@10"
# Scores that differ by less are equal: the same text stands in many documents.
TIED = 1e-6


@contextmanager
def served(given: str | None, below: Path | None = None) -> Iterator[str]:
    """The address of the server that was given, or of a Milvus Lite that is started for it.

    It keeps its data in a folder of its own, below another one if that is given.
    """
    if given:
        yield given
        return
    from socket import create_connection, create_server

    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(dir=below) as folder:
        command = ["server", "--data-dir", folder, "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(
            [sys.executable, "-m", "milvus_lite", *command], stdout=subprocess.DEVNULL
        )
        while True:
            try:
                create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()
            most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            print(f"Milvus Lite took {most / 1e6:.1f} GB of memory at most")


class Remembering:
    """An encoder that reads no text twice."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[tuple[str, str], Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        left = [text for text in dict.fromkeys(texts) if ("s", text) not in self._known]
        if left:
            made = self._encoder.encode_passages(left, progress)
            self._known.update((("s", text), own) for text, own in zip(left, made, strict=True))
        none = np.zeros((0, self._encoder.dim), dtype=np.float32)
        return np.stack([self._known["s", text] for text in texts]) if texts else none

    def encode_with_tokens(self, texts: Sequence[str], progress: Progress | None = None) -> Encoded:
        left = [text for text in dict.fromkeys(texts) if ("p", text) not in self._known]
        if left:
            made = self._encoder.encode_with_tokens(left, progress)
            tokens = np.split(made.tokens, np.cumsum(made.lengths)[:-1])
            for text, *own in zip(left, made.vectors, tokens, strict=True):
                self._known["p", text] = own
        every = [self._known["p", text] for text in texts]
        lengths = np.array([len(tokens) for _, tokens in every], dtype=np.int64)
        vectors = np.stack([vector for vector, _ in every])
        return Encoded(vectors, np.concatenate([tokens for _, tokens in every]), lengths)


def alike(given: argparse.Namespace, address: str, folder: Path) -> None:
    gold = read_gold_set(given.folder, split=given.split)
    base = Settings(corpus=given.folder, index=folder / "index", precision=given.precision)
    kept = {"folder": base, "milvus": base.with_(index=f"milvus:{address}/alike")}
    encoder: Any = Remembering(models.encoder_for_building(base, Shown()))
    opened = {}
    for name, settings in kept.items():
        started = time.perf_counter()
        with only_builder(settings.index):
            store_of(settings).write(
                settings, gold.sessions or (), {}, encoder, None, Shown(), True
            )
        print(f"{name:8} built in {time.perf_counter() - started:8.1f} s", flush=True)
        opened[name] = Assistant.open(settings)
    found: dict[str, list[list[str]]] = {}
    for name, assistant in opened.items():
        started = time.perf_counter()
        outcomes = evaluate.run(assistant, gold, measures.depth_for([MEASURE]), lambda *_: None)
        seconds = time.perf_counter() - started
        score = evaluate.evaluated(name, outcomes, [MEASURE]).scores[MEASURE]
        vectors = [assistant.encoder.encode_question(one.question) for one in gold.questions]
        found[name] = [[id_ for id_, _ in assistant.index.dense(v, DEPTH)] for v in vectors]
        each = 1000 * seconds / len(gold.questions)
        print(f"{name:8} {MEASURE} {score:.4f}, {each:.0f} ms a question")
    same = sum(one == other for one, other in zip(*found.values(), strict=True))
    print(f"the ten nearest passages are the same for {same} of {len(gold.questions)} questions")


def scale(given: argparse.Namespace, address: str, folder: Path) -> None:
    encoder = OnnxEncoder(exported(DEFAULT_MODEL, folder / "encoder"))
    sampled(given.data, given.cache, encoder, given.encoded)
    derived = DerivedEncoder(encoder, given.cache)
    asked = np.stack([encoder.encode_question(text) for text in questions_of(given.data)])
    for size in map(round, given.sizes):
        _scaled(
            size,
            given.data,
            derived,
            asked,
            Server(parse(f"milvus:{address}/scale"), Settings(milvus_seconds=60)),
        )


def passages(data: Path, encoder: DerivedEncoder, size: int) -> Iterator[tuple[str, str]]:
    """What the encoder reads of so many passages, and their sessions' codes."""
    left = size
    for session in documents(data):
        made = cut([session], encoder, CHUNKS, {}, lambda *_: None)
        for text in made.passage_inputs[:left]:
            yield session.code, text
        left -= len(made.passage_inputs[:left])
        if not left:
            return


def _scaled(size: int, data: Path, encoder: DerivedEncoder, asked: Vectors, server: Server) -> None:
    from pymilvus import MilvusClient

    name, exact = f"scale_{size}", size <= EXACT_ROWS
    indexes = schema.passages_indexes(MilvusClient, exact)
    server.create(name, schema.passages_schema(MilvusClient, encoder.dim), indexes)
    started = time.perf_counter()
    vectors = np.zeros((size, encoder.dim), dtype=np.float32)
    rows = enumerate(passages(data, encoder, size))
    done = 0
    while part := list(itertools.islice(rows, ROWS)):
        texts = [text for _, (_, text) in part]
        made = encoder.encode_passages(texts)
        vectors[done : done + len(part)] = made
        server.put(name, [_row(*pair, vector) for pair, vector in zip(part, made, strict=True)])
        done += len(part)
        print(
            f"  {done:,} rows, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True
        )
    server.settle(name)
    filled = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        dense.write(Path(folder), iter([vectors[:done]]), done, encoder.dim, lambda *_: None)
        local = dense.open_dense(Path(folder))
        scores = asked @ vectors[:done].T
        print(f"{done:,} passages, filled in {filled:.0f} s; {'FLAT' if exact else 'HNSW'}")
        for kind, search in (
            ("folder", lambda vector: [row for row, _ in local.search(vector, DEPTH, None)]),
            ("milvus", lambda vector: _searched(server, name, vector)),
        ):
            _print(kind, scores, [_timed(search, vector) for vector in asked])
    server.drop(name)


def _row(number: int, named: tuple[str, str], vector: Vectors) -> dict[str, Any]:
    code, text = named
    fields = {"session": code, "event": "", "track": "", "year": 0, "level": 0}
    lists: dict[str, list[str]] = {"speakers": [], "services": []}
    stems = schema.tokens_of(text)
    return {"key": f"{number}", "since": 1, **fields, **lists, "stems": stems, "vector": vector}


def _searched(server: Server, name: str, vector: Vectors) -> list[int]:
    params = {"ef": schema.LEAST_EF}
    hits = server.search(name, "vector", vector.tolist(), DEPTH, "since <= 1", ["key"], params)
    return [int(hit["key"]) for hit in hits]


def _timed(search: Callable[[Vectors], list[int]], vector: Vectors) -> tuple[float, list[int]]:
    started = time.perf_counter()
    found = search(vector)
    return time.perf_counter() - started, found


def _print(name: str, scores: Vectors, found: Sequence[tuple[float, list[int]]]) -> None:
    """`scores`, shape (questions, passages), are exact; what is as good as the tenth is right."""
    tenth = np.partition(scores, -DEPTH, axis=1)[:, -DEPTH]
    right = [
        np.sum(row[own] >= least - TIED) / DEPTH
        for row, least, (_, own) in zip(scores, tenth, found, strict=True)
    ]
    low, high = np.percentile([1000 * seconds for seconds, _ in found], (50, 99))
    shown = f"recall@10 {np.mean(right):.3f}, p50 {low:.1f} ms, p99 {high:.1f} ms"
    print(f"  {name:8} {shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", metavar="HTTP_ADDRESS")
    what = parser.add_subparsers(required=True)
    one = what.add_parser("alike")
    one.set_defaults(run=alike)
    one.add_argument("folder", type=Path)
    one.add_argument("--split", default="test")
    one.add_argument("--precision", default="fp32")
    other = what.add_parser("scale")
    other.set_defaults(run=scale)
    other.add_argument("--data", type=Path, required=True)
    other.add_argument("--cache", type=Path, required=True)
    other.add_argument("--encoded", type=int, default=4_096)
    other.add_argument("sizes", nargs="+", type=float)
    given = parser.parse_args()
    with served(given.server) as address, tempfile.TemporaryDirectory() as folder:
        given.run(given, address, Path(folder))


if __name__ == "__main__":
    main()
