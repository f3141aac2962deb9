"""The dense arm on disk: the nearest of the passages' vectors, by FAISS, exactly or by clusters.

Few vectors are all compared (a flat index). Of many, only those in the clusters nearest to the
question are (Jegou, Douze and Schmid 2011), by short codes (RaBitQ: Gao and Long 2024), and the
best by codes are compared anew by the vectors themselves, kept beside them: scores are cosines
either way. docs/decisions/0018 has the table that the numbers come from.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sessionqa.encode import Vectors
from sessionqa.index.rows import RowFile, RowWriter, floats

SEARCHED, VECTORS, CLUSTER_OF = "vectors.faiss", "vectors.npy", "cluster_of.npy"

# So many vectors are compared one by one; a filter that leaves no more is as well.
EXACT_UP_TO = 50_000
SCANNED_UP_TO = 10_000
# With so many wanted, every vector is compared however many there are.
RANKED_UP_TO = 2_000
# How many clusters there are to a million vectors: it grows by the square root.
CLUSTERS_OF_A_MILLION = 4096
TRAINED_ON = 48  # vectors to a cluster, drawn with a fixed seed
# The clusters looked into, and how many of the best by codes are compared anew, of each wanted.
PROBED = 512
RESCORED, LEAST_RESCORED = 2, 200
BLOCK = 16_384
CODES = "RaBitQ"
# So far a code is off the centre of its cluster at least.
APART = 0.03

Rows = NDArray[np.int64]
Ranked = list[tuple[int, float]]
Done = Callable[[int, int], None]


def write(folder: Path, blocks: Iterable[Vectors], count: int, dim: int, done: Done) -> None:
    """Writes `count` unit rows of `dim`, and if they are many, their clusters.

    `done` is told how many vectors of how many have been put into clusters.
    """
    if is_exact(count):
        _write_flat(folder, blocks, dim)
        return
    with RowWriter(folder / VECTORS, dim, np.float16) as file:
        for block in blocks:
            file.append(block)
    _write_clusters(folder, count, dim, done)


def is_exact(count: int) -> bool:
    """Whether so many vectors are kept as they are, and all compared; else they are rounded."""
    return count <= EXACT_UP_TO


def _write_flat(folder: Path, blocks: Iterable[Vectors], dim: int) -> None:
    import faiss

    index = faiss.IndexFlatIP(dim)
    for block in blocks:
        index.add(floats(block))
    _save(index, folder)


def _write_clusters(folder: Path, count: int, dim: int, done: Done) -> None:
    import faiss

    rows = RowFile(folder / VECTORS)
    clusters = cluster_count(count)
    index: Any = faiss.index_factory(dim, f"IVF{clusters},{CODES}", faiss.METRIC_INNER_PRODUCT)
    random = np.random.default_rng(0)
    drawn = random.choice(count, min(count, TRAINED_ON * clusters), replace=False)
    done(0, count)
    index.train(floats(rows.take(np.sort(drawn))))
    with RowWriter(folder / CLUSTER_OF, 1, np.uint16) as cluster_of:
        for first in range(0, count, BLOCK):
            block = floats(rows.runs(np.array([[first, min(first + BLOCK, count)]])))
            nearest = index.quantizer.search(block, 1)[1]
            cluster_of.append(nearest)
            off_centre(block, index.quantizer.reconstruct_batch(nearest[:, 0]), random)
            index.add_core(len(block), faiss.swig_ptr(block), None, faiss.swig_ptr(nearest))
            done(first + len(block), count)
    rows.close()
    _save(index, folder)


def off_centre(vectors: Vectors, centres: Vectors, random: np.random.Generator) -> None:
    """Moves those that lie on the centre of their cluster, as equal ones do, a little off it.

    RaBitQ codes the direction from the centre: of no length, it stands for a cosine near 1 with
    anything. The cosines that are told in the end are of the vectors as they were.
    """
    close = np.linalg.norm(vectors - centres, axis=1) < APART
    moves = random.standard_normal((int(close.sum()), vectors.shape[1]), dtype=np.float32)
    vectors[close] += APART * moves / np.linalg.norm(moves, axis=1, keepdims=True)


def cluster_count(count: int) -> int:
    """How many clusters `count` vectors are put into."""
    return max(1, int(CLUSTERS_OF_A_MILLION * math.sqrt(count / 1_000_000)))


class Dense(Protocol):
    """What both forms of the arm offer."""

    def __len__(self) -> int:
        """How many vectors there are."""

    @property
    def dim(self) -> int:
        """The length of a vector."""

    def close(self) -> None:
        """Lets go of the files."""

    def vectors(self, rows: Rows) -> Vectors:
        """These rows' vectors, shape (len(rows), dim)."""

    def search(self, vector: Vectors, k: int, rows: Rows | None = None) -> Ranked:
        """The `k` rows nearest to a unit vector with their cosines, best first, equal ones by row.

        With `rows`, which ascend, of these only.
        """


def open_dense(folder: Path) -> Dense:
    """Opens what `write` wrote; raises OSError, ValueError or RuntimeError if it is damaged.

    It may be searched by any number of threads.
    """
    index = _opened(folder / SEARCHED)
    return _Clusters(folder, index) if (folder / VECTORS).is_file() else _Flat(index)


class _Flat:
    """Few vectors, all of which are compared."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self._count = int(index.ntotal)

    def __len__(self) -> int:
        return self._count

    @property
    def dim(self) -> int:
        """See Dense."""
        return int(self._index.d)

    def close(self) -> None:
        """See Dense."""
        self._index = type(self._index)(self.dim)
        self._count = 0

    def vectors(self, rows: Rows) -> Vectors:
        """See Dense."""
        return floats(self._index.reconstruct_batch(rows))

    def search(self, vector: Vectors, k: int, rows: Rows | None = None) -> Ranked:
        """See Dense."""
        import faiss

        k = min(k, len(self) if rows is None else len(rows))
        if not k:
            return []
        wanted: Any = faiss.SearchParameters
        chosen = None if rows is None else wanted(sel=faiss.IDSelectorBatch(rows))
        scores, found = self._index.search(_one(vector), k, params=chosen)
        order = np.lexsort((found[0], -scores[0]))
        return list(zip(found[0][order].tolist(), scores[0][order].tolist(), strict=True))


class _Clusters:
    """Many vectors, with short codes in clusters; the vectors themselves stay on disk."""

    def __init__(self, folder: Path, index: Any) -> None:
        import faiss

        self._faiss = faiss
        self._index = index
        self._ivf: Any = faiss.extract_index_ivf(self._index)
        self._rows = RowFile(folder / VECTORS)
        self._cluster_of = RowFile(folder / CLUSTER_OF)
        if not self._index.ntotal == len(self._rows) == len(self._cluster_of):
            raise ValueError(f"{self._index.ntotal} vectors are in clusters, of {len(self._rows)}")
        self._probed = min(self._ivf.nlist, PROBED)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dim(self) -> int:
        """See Dense."""
        return self._rows.width

    def close(self) -> None:
        """See Dense."""
        self._rows.close()
        self._cluster_of.close()
        self._index = self._ivf = None

    def vectors(self, rows: Rows) -> Vectors:
        """See Dense."""
        return floats(self._rows.take(rows))

    def search(self, vector: Vectors, k: int, rows: Rows | None = None) -> Ranked:
        """See Dense. Few that pass a filter, and very many that are wanted, are all compared."""
        few = rows is not None and len(rows) <= SCANNED_UP_TO
        if few or k > RANKED_UP_TO:
            return self._exactly(vector, k, np.arange(len(self)) if rows is None else rows)
        found = np.sort(self._by_codes(_one(vector), max(RESCORED * k, LEAST_RESCORED), rows))
        return _best(found, self.vectors(found) @ vector, k)

    def _exactly(self, vector: Vectors, k: int, rows: Rows) -> Ranked:
        scores = np.zeros(len(rows), dtype=np.float32)
        for at in range(0, len(rows), BLOCK):
            scores[at : at + BLOCK] = self.vectors(rows[at : at + BLOCK]) @ vector
        return _best(rows, scores, k)

    def _by_codes(self, asked: Vectors, k: int, rows: Rows | None) -> Rows:
        """About the `k` nearest rows, in no order that counts."""
        if rows is None:
            wanted = self._parameters(self._probed)
        else:
            passing = np.zeros(len(self), dtype=bool)
            passing[rows] = True
            bits = np.packbits(passing, bitorder="little")
            selector = self._faiss.IDSelectorBitmap(len(self), self._faiss.swig_ptr(bits))
            wanted = self._parameters(self._enough(asked, k, passing), selector)
        found = self._index.search(asked, k, params=wanted)[1][0]
        return np.asarray(found[found >= 0], dtype=np.int64)

    def _parameters(self, probed: int, selector: Any = None) -> Any:
        made: Any = self._faiss.SearchParametersIVF()
        made.nprobe = probed
        if selector is not None:
            made.sel = selector
        return made

    def _enough(self, asked: Vectors, k: int, passing: NDArray[np.bool_]) -> int:
        """How many clusters have as many vectors that pass as a search without a filter sees."""
        order = self._ivf.quantizer.search(asked, self._ivf.nlist)[1][0]
        held = np.bincount(self._cluster_of.mapped[passing, 0], minlength=self._ivf.nlist)
        seen = np.cumsum(held[order])
        wanted = max(len(self) * self._probed / self._ivf.nlist, k)
        return int(min(np.searchsorted(seen, wanted) + 1, self._ivf.nlist))


def _save(index: Any, folder: Path) -> None:
    import faiss

    # Written by Python: FAISS cannot open every path on Windows.
    (folder / SEARCHED).write_bytes(faiss.serialize_index(index).tobytes())


def _opened(path: Path) -> Any:
    """The index, mapped where FAISS can, else read."""
    import faiss

    try:
        index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError:
        # It cannot open every path on Windows, nor map a file there.
        index = faiss.deserialize_index(np.frombuffer(path.read_bytes(), dtype=np.uint8))
    return index


def _one(vector: Vectors) -> Vectors:
    return floats(vector).reshape(1, -1)


def _best(rows: Rows, scores: Vectors, k: int) -> Ranked:
    """The `k` rows of the highest scores, best first, equal ones by row; `rows` ascend."""
    if k < len(rows):
        least = np.partition(scores, len(rows) - k)[len(rows) - k]
        kept = np.flatnonzero(scores >= least)
        rows, scores = rows[kept], scores[kept]
    order = np.argsort(-scores, kind="stable")[:k]
    return list(zip(rows[order].tolist(), scores[order].tolist(), strict=True))
