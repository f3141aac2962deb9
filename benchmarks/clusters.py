"""Ways to search many vectors: what each finds of what exact search does, its time, size and build.

The vectors are those of an index that benchmarks/scale.py has kept, all or the first of them, and
the questions those it has asked. Each way finds the best by its codes, and the best of those are
compared anew by the vectors, as in the index. Prints recall@10, the median and 95th percentile of a
search in ms, single-threaded, the file's size, and the seconds of training and adding.

    python benchmarks/clusters.py --index FOLDER --questions CACHE/questions.json [--count 1e5]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from sessionqa.encode import OnnxEncoder, Vectors
from sessionqa.index.builds import current_build
from sessionqa.index.dense import BLOCK, TRAINED_ON, VECTORS, cluster_count, off_centre
from sessionqa.index.local import LocalIndex
from sessionqa.index.rows import RowFile

WANTED = 200
RESCORED = 2 * WANTED
PROBED = (64, 128, 256, 512)
Search = Callable[[Vectors], NDArray[np.int64]]


def ways(count: int) -> list[str]:
    """FAISS's names of what is compared; few vectors are searched flat too, and by a graph."""
    clusters = cluster_count(count)
    some = [f"IVF{n},{code}" for n, code in ((clusters, "RaBitQ"), (clusters, "SQ8"))]
    some += [f"IVF{clusters // 4},RaBitQ", f"IVF{clusters},PQ96x4fs"]
    return [*some, *(["Flat", "HNSW16,SQ8"] if count <= 100_000 else [])]


def blocks(rows: RowFile, count: int) -> Iterator[Vectors]:
    for first in range(0, count, BLOCK):
        some = rows.runs(np.array([[first, min(first + BLOCK, count)]]))
        yield np.asarray(some, dtype=np.float32)


def best(rows: RowFile, count: int, asked: Vectors) -> Vectors:
    """The ten best cosines of each question, best first."""
    found = np.full((len(asked), 10), -1, dtype=np.float32)
    for block in blocks(rows, count):
        both = np.concatenate([found, asked @ block.T], axis=1)
        found = -np.sort(-both, axis=1)[:, :10]
    return found


def made(name: str, rows: RowFile, count: int) -> tuple[Any, float, float]:
    """The index, and the seconds of training it and of adding to it."""
    index: Any = faiss.index_factory(rows.width, name, faiss.METRIC_INNER_PRODUCT)
    wanted = min(count, TRAINED_ON * getattr(index, "nlist", 1000))
    drawn = np.sort(np.random.default_rng(0).choice(count, wanted, replace=False))
    started = time.perf_counter()
    index.train(np.asarray(rows.take(drawn), dtype=np.float32))
    trained = time.perf_counter()
    random = np.random.default_rng(0)
    for block in blocks(rows, count):
        if "RaBitQ" in name:
            nearest = index.quantizer.search(block, 1)[1][:, 0]
            off_centre(block, index.quantizer.reconstruct_batch(nearest), random)
        index.add(block)
    return index, trained - started, time.perf_counter() - trained


def measured(search: Search, rows: RowFile, asked: Vectors, expected: Vectors) -> str:
    times, shares = [], []
    for vector, ten in zip(asked, expected, strict=True):
        started = time.perf_counter()
        found = np.sort(search(vector))
        scores = np.asarray(rows.take(found[found >= 0]), dtype=np.float32) @ vector
        times.append(1000 * (time.perf_counter() - started))
        # Of equal passages any will do.
        shares.append(float(np.mean(-np.sort(-scores)[:10] >= ten[-1] - 1e-5)))
    p50, p95 = np.percentile(times, (50, 95))
    return f"{np.mean(shares):9.4f}{p50:8.2f}{p95:8.2f}"


def by(index: Any) -> Search:
    return lambda vector: np.asarray(index.search(vector[None], RESCORED)[1][0], dtype=np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--count", type=lambda text: int(float(text)), default=10**9)
    given = parser.parse_args()
    rows = RowFile(current_build(given.index) / VECTORS)
    encoder = OnnxEncoder(LocalIndex.open(given.index).encoder_folder)
    questions = json.loads(given.questions.read_text(encoding="utf-8"))
    asked = np.stack([encoder.encode_question(text) for text in questions])
    count = min(len(rows), given.count)
    expected = best(rows, count, asked)
    faiss.omp_set_num_threads(2)
    print(f"{count:,} vectors, {len(asked)} questions, {WANTED} wanted, {RESCORED} compared anew")
    print("way                 probed  recall@10   p50     p95      MB   train    add")
    for name in ways(count):
        faiss.omp_set_num_threads(2)
        index, trained, added = made(name, rows, count)
        with tempfile.NamedTemporaryFile() as file:
            faiss.write_index(index, file.name)
            size = Path(file.name).stat().st_size / 1e6
        faiss.omp_set_num_threads(1)
        for probed in [n for n in PROBED if n <= index.nlist] if "IVF" in name else [0]:
            if probed:
                index.nprobe = probed
            told = measured(by(index), rows, asked, expected)
            print(
                f"{name:20}{probed or '':>6}{told}{size:8.0f}{trained:8.0f}{added:7.0f}", flush=True
            )


if __name__ == "__main__":
    main()
