"""What a passage takes of an index, byte by byte: in a folder, and as rows of Milvus.

Builds both of the shipped corpus, or with --data of so many passages of benchmarks/scale.py, whose
vectors and tokens are made there, and prints the bytes a passage of each kind of file and of row:
what our schema writes, keys and base64 included. Milvus Lite is served by a process of its own for
it, and keeps its rows in Parquet, whose size is printed as well; Milvus itself was not there.

Also prints how long passages and sentences are, in what the encoder reads; what the graph of an
HNSW index adds to a vector, by FAISS, which Milvus builds on as well; how long a search of one by
`ef` takes; and of the shipped corpus what an answer takes of a core in the process that asks.

    python benchmarks/row_bytes.py [--data $SESSIONQA_DATA/scale --cache FOLDER --passages 1e4]
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from milvus import served
from questions import dev_questions
from scale import CHUNKS, DOCUMENTS, PASSAGES, DerivedEncoder, documents, questions_of
from sessionqa.answer import ExtractiveAnswerer
from sessionqa.assistant import Assistant
from sessionqa.corpus import read_corpus
from sessionqa.datatypes import Session
from sessionqa.encode import Encoder, OnnxEncoder, exported, passage_input
from sessionqa.index import Manifest
from sessionqa.index.build import write_build
from sessionqa.index.builds import current_build
from sessionqa.index.cut import cut
from sessionqa.index.local import LocalIndex
from sessionqa.index.milvus import filling, schema
from sessionqa.index.milvus.address import parse
from sessionqa.index.milvus.live import live_build
from sessionqa.index.milvus.server import Row, Server
from sessionqa.index.publish import only_builder
from sessionqa.settings import DEFAULT_MODEL, Settings

ROOT = Path(__file__).parents[1]
ALIAS = "row_bytes"
# Of a whole number, and of an entry of a sparse vector: a number and its weight.
WHOLE, ENTRY = 8, 8
# The files of a build by what they hold; see index/__init__.py.
FOLDER_KINDS = {
    "vectors": ("vectors.faiss", "vectors.npy", "cluster_of.npy"),
    "vectors of sentences": ("sentences.npy",),
    "vectors of tokens": ("tokens.npy",),
    "words": ("lexical/",),
    "texts and tables": ("passages.sqlite",),
}
GRAPHED = 10_000


class Counting(Server):
    """A server that counts the bytes of the rows that are put there, by what they hold."""

    def __init__(self, address: str, dim: int) -> None:
        super().__init__(parse(f"milvus:{address}/{ALIAS}"), Settings())
        self._dim = dim
        self.bytes: Counter[str] = Counter()

    def put(self, name: str, rows: Sequence[Row]) -> None:
        """See Server."""
        count = record_bytes if name.endswith(schema.RECORDS) else passage_bytes
        for row in rows:
            self.bytes.update(count(row, self._dim))
        super().put(name, rows)


def passage_bytes(row: Row, dim: int) -> dict[str, int]:
    """The bytes of a row of passages, by what they are."""
    lists = [text for name in ("speakers", "services") for text in row[name]]
    texts = [row[name] for name in ("key", "session", "event", "track")]
    return {
        "passages: vector": 4 * dim,
        "passages: stems": _length(row["stems"]),
        "passages: words by BM25": ENTRY * len(set(row["stems"].split())),
        "passages: key and fields": sum(map(_length, texts + lists)) + 3 * WHOLE,
    }


def record_bytes(row: Row, dim: int) -> dict[str, int]:
    """The bytes of a record, by what they are."""
    kind = row["key"].partition(":")[0]
    size = _length(row["key"]) + _length(row["data"]) + WHOLE + 4 * len(schema.UNUSED)
    if kind == "vectors":
        alone = size - _length(row["data"]) + len(f'[[1,0,"{"x" * _base64(4 * dim)}"]]')
        return {"records: vector, again": alone, "records: vectors of sentences": size - alone}
    named = {"session": "sessions", "counts": "counts of stems", "tokens": "vectors of tokens"}
    return {f"records: {named.get(kind, 'words, facets, lists')}": size}


def _base64(count: int) -> int:
    return 4 * -(-count // 3)


def _length(text: str) -> int:
    return len(text.encode())


@dataclass(frozen=True, slots=True)
class Source:
    """What is indexed: sessions, their encoder, how they are cut, and the questions."""

    sessions: Sequence[Session]
    encoder: Encoder
    settings: Settings
    questions: Sequence[str]


def shipped(real: OnnxEncoder) -> Source:
    return Source(read_corpus(ROOT / "corpus"), real, Settings(), dev_questions(100))


def drawn(real: OnnxEncoder, data: Path, cache: Path, size: int) -> Source:
    """About so many passages, of documents drawn evenly."""
    every = max(1, round(DOCUMENTS * PASSAGES / size))
    return Source(
        list(documents(data, every)), DerivedEncoder(real, cache), CHUNKS, questions_of(data)
    )


def in_folder(source: Source, folder: Path) -> dict[str, int]:
    """The bytes of the files of a build in `folder`, by what they hold."""
    settings = source.settings.with_(index=folder)
    folder.mkdir()
    with only_builder(folder):
        write_build(settings, source.sessions, {}, source.encoder, None, _silent)
    build = current_build(folder)
    found: Counter[str] = Counter()
    for path in filter(Path.is_file, build.rglob("*")):
        found[_kind(path.relative_to(build).as_posix())] += path.stat().st_size
    return dict(found)


def _kind(name: str) -> str:
    return next(
        (kind for kind, starts in FOLDER_KINDS.items() if name.startswith(starts)), "the rest"
    )


def in_milvus(source: Source, server: Server, folder: Path) -> Manifest:
    """Fills the index of `server`."""
    folder.mkdir()
    with only_builder(folder):
        return filling.write_build(
            server,
            source.settings.with_(index=folder),
            source.sessions,
            source.encoder,
            _silent,
            True,
        )


def parquet_bytes(data: Path) -> dict[str, int]:
    """The bytes of the Parquet files below a folder of Milvus Lite's, by collection."""
    found: Counter[str] = Counter()
    for path in data.rglob("*.parquet"):
        records = any(part.endswith(schema.RECORDS) for part in path.parts)
        found["records" if records else "passages"] += path.stat().st_size
    return dict(found)


def pieces(source: Source, real: OnnxEncoder) -> dict[str, float]:
    """How much there is of a passage: sentences, and word pieces of what the encoder reads."""
    made = cut(source.sessions, real, source.settings, {}, _silent)
    sentences = list(made.sentence_texts(source.sessions))
    step = max(1, len(sentences) // 2_000)
    own = [real.count_pieces(text) for _, text in sentences[::step]]
    read = [
        real.count_pieces(passage_input(real, session.title, text))
        for session, text in sentences[::step]
    ]
    inputs = made.passage_inputs[:: max(1, len(made.passage_inputs) // 2_000)]
    passage = statistics.mean(min(real.count_pieces(text), real.max_tokens) for text in inputs)
    each = len(sentences) / len(made.passages)
    return {
        "passages a session": len(made.passages) / len(source.sessions),
        "sentences a passage": each,
        "pieces a passage": passage,
        "pieces a sentence": statistics.mean(own),
        "pieces a sentence with its title": statistics.mean(read),
        "encoding with sentences, times that without": 1 + each * statistics.mean(read) / passage,
    }


def graph(dim: int) -> dict[str, float]:
    """What a graph of our parameters adds to a vector, and the ms of a core that a search takes."""
    import faiss

    faiss.omp_set_num_threads(1)
    vectors = np.random.default_rng(0).standard_normal((GRAPHED, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index: Any = faiss.IndexHNSWFlat(dim, schema.HNSW["M"], faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = schema.HNSW["efConstruction"]
    started = time.thread_time()
    index.add(vectors)
    built = time.thread_time() - started
    index.hnsw.efSearch = schema.LEAST_EF
    started = time.thread_time()
    for row in range(200):
        index.search(vectors[row : row + 1], 200)
    searched = time.thread_time() - started
    return {
        "bytes a vector": len(faiss.serialize_index(index)) / GRAPHED - 4 * dim,
        "ms of a core to add one": 1000 * built / GRAPHED,
        f"ms of a core to search {GRAPHED:,}": 1000 * searched / 200,
    }


def answering(indexes: dict[str, Any], encoder: Encoder, source: Source) -> dict[str, float]:
    """The ms of a core that an answer takes in this process: medians, all asked in turn.

    Half of the questions warm up.
    """
    assistants = {
        name: Assistant(index, encoder, ExtractiveAnswerer(index, encoder), source.settings)
        for name, index in indexes.items()
    }
    spent: dict[str, list[float]] = {name: [] for name in indexes}
    for text in source.questions:
        for name, assistant in assistants.items():
            started = time.process_time()
            assistant.ask(text)
            spent[name].append(1000 * (time.process_time() - started))
    return {name: statistics.median(ms[len(ms) // 2 :]) for name, ms in spent.items()}


def _silent(*_: object) -> None:
    pass


def _print(name: str, values: dict[str, Any], count: float = 1) -> None:
    print(f"\n{name}")
    for kind, value in sorted(values.items(), key=lambda pair: -pair[1] if count > 1 else 0):
        print(f"  {kind:45} {value / count:10,.2f}")
    if count > 1:
        print(f"  {'in all':45} {sum(values.values()) / count:10,.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--passages", type=float, default=1e4)
    given = parser.parse_args()
    if given.data and not given.cache:
        parser.error("--data wants --cache: see benchmarks/scale.py")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        real = OnnxEncoder(exported(DEFAULT_MODEL, folder / "encoder"))
        source = (
            drawn(real, given.data, given.cache, round(given.passages))
            if given.data
            else shipped(real)
        )
        _print("what there is", pieces(source, real))
        (folder / "lite").mkdir()
        with served(None, folder / "lite") as address:
            server = Counting(address, real.dim)
            counts = in_milvus(source, server, folder / "making").counts
            print(f"\n{counts['passages']:,} passages of {counts['sessions']:,} sessions")
            _print("in Milvus, bytes a passage", dict(server.bytes), counts["passages"])
            kept = parquet_bytes(folder / "lite")
            _print("as Milvus Lite keeps them, Parquet, bytes a passage", kept, counts["passages"])
            files = in_folder(source, folder / "index")
            _print("in a folder, bytes a passage", files, counts["passages"])
            if not given.data:
                indexes = {
                    "from a folder": LocalIndex.open(folder / "index"),
                    "from Milvus, in the process that asks": live_build(server).opened(server),
                }
                _print("an answer, ms of a core", answering(indexes, real, source))
        _print("an HNSW graph, beside the vector itself", graph(real.dim))


if __name__ == "__main__":
    main()
