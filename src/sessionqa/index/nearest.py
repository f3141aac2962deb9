"""Late interaction: how near what is asked comes to the nearest of each run of vectors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessionqa.encode import Vectors
from sessionqa.index import Weights
from sessionqa.index.rows import floats

# So many multiplications are too few for OpenBLAS to share them out: its bound is 262,144.
ONE_THREAD = 200_000
# So many floats stay in a processor's cache: 512 KB.
CACHED = 131_072


def nearest(
    asked: Vectors, rows: NDArray[Any], lengths: NDArray[np.int64], weights: Weights | None = None
) -> Vectors:
    """For each run of `rows` the mean, over those asked for, of the greatest product with any.

    The runs follow one another and are as long as `lengths` says; an empty run gives 0. The mean
    is by `weights`, shape (len(asked),).
    """
    found = np.zeros(len(lengths), dtype=np.float32)
    full = np.flatnonzero(lengths)
    if not len(full) or not len(asked):
        return found
    starts = (np.cumsum(lengths) - lengths)[full]
    best = np.maximum.reduceat(_products(rows, asked), starts, axis=0)
    found[full] = np.average(best, axis=1, weights=weights)
    return found


def _products(rows: NDArray[Any], asked: Vectors) -> Vectors:
    """`rows`, of any type, times `asked`, shape (len(rows), len(asked)).

    In parts that stay in the processor's cache, and for which OpenBLAS takes one thread: it waits
    for a second one in a loop, for long where something else runs, and a question gains nothing.
    """
    step = max(1, ONE_THREAD // asked.size)
    whole = len(rows) - len(rows) % step
    block = step * max(1, CACHED // (step * asked.shape[1]))
    columns = np.ascontiguousarray(asked.T)
    products = np.empty((len(rows), len(asked)), dtype=np.float32)
    for first in range(0, whole, block):
        last = min(first + block, whole)
        part = floats(rows[first:last]).reshape(-1, step, asked.shape[1])
        np.matmul(part, columns, out=products[first:last].reshape(-1, step, len(asked)))
    np.matmul(floats(rows[whole:]), columns, out=products[whole:])
    return products
