"""Rows of equal width in a file, read where they are wanted: the others cost no memory."""

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from sessionqa.encode import Vectors

# Where the sign of a half stands once more when it has become 32 bits and moved up by 13.
HALF_SIGN_COPIES = np.int32(0x7000_0000)


# A file of so many bytes may be mapped as a whole.
SMALL = 16_000_000


class RowFile:
    """A .npy file of shape (n, width), opened for reading by any number of threads.

    Rows that are asked for are read, not mapped, unless the file is small: pages that are mapped
    count as memory of this process, with many around each, and stay.
    """

    def __init__(self, path: Path) -> None:
        """Opens it without reading a row. Raises OSError or ValueError if it is no such file."""
        self.mapped = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        if self.mapped.ndim != 2:
            raise ValueError(f"{path.name} has {self.mapped.ndim} dimensions instead of 2")
        self._start = path.stat().st_size - self.mapped.nbytes
        self._stride = self.mapped.shape[1] * self.mapped.itemsize
        self._file = -1
        self._close: Callable[[], object] = bool
        # Not on Windows, where they are read by way of the map.
        if hasattr(os, "pread"):
            self._file = os.open(path, os.O_RDONLY)
            self._close = weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return len(self.mapped)

    @property
    def width(self) -> int:
        """The length of a row."""
        return int(self.mapped.shape[1])

    def close(self) -> None:
        """Lets go of the file; there are no rows any more."""
        self.mapped = np.zeros((0, self.width), dtype=self.mapped.dtype)
        self._close()

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """These rows, in their order; shape (len(rows), width)."""
        return self.runs(np.stack([rows, rows + 1], axis=1))

    def runs(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of each run one after the other, `places` its first and the one after its last.

        Not to be written to. Raises IndexError if the file does not have them.
        """
        if places.size and not 0 <= places.min() <= places.max() <= len(self):
            raise IndexError(f"there are {len(self)} rows")
        places = _joined(places)
        if self._file < 0 or self.mapped.nbytes <= SMALL:
            parts = [self.mapped[first:last] for first, last in places.tolist()]
            return parts[0] if len(parts) == 1 else np.concatenate([self.mapped[:0], *parts])
        lengths = (places[:, 1] - places[:, 0]) * self._stride
        starts = self._start + places[:, 0] * self._stride
        file, read = self._file, os.pread
        pairs = zip(lengths.tolist(), starts.tolist(), strict=True)
        content = b"".join([read(file, length, start) for length, start in pairs])
        return np.frombuffer(content, dtype=self.mapped.dtype).reshape(-1, self.width)


def floats(rows: NDArray[Any]) -> Vectors:
    """`rows`, finite numbers of any type, as float32 in C order."""
    if rows.dtype != np.float16:
        return np.ascontiguousarray(rows, dtype=np.float32)
    # Exponent and fraction of a half, put where a float has them, lack 112 in the exponent. numpy
    # takes each number by itself, four times as long.
    bits = rows.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= ~HALF_SIGN_COPIES
    made = bits.view(np.float32)
    made *= np.float32(2.0**112)
    return made


def _joined(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same rows in fewer runs: one that begins where another ends goes on with it."""
    if len(places) < 2:
        return places
    breaks = np.ones(len(places) + 1, dtype=bool)
    np.not_equal(places[1:, 0], places[:-1, 1], out=breaks[1:-1])
    return np.column_stack([places[breaks[:-1], 0], places[breaks[1:], 1]])


class RowWriter:
    """Writes a .npy file block by block, so that no more than a block is ever in memory."""

    def __init__(self, path: Path, width: int, dtype: DTypeLike) -> None:
        self._width = width
        self._dtype = np.dtype(dtype)
        self._rows = 0
        self._file = path.open("wb")
        self._write_header()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The header has room for any count.
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def append(self, block: NDArray[Any]) -> None:
        """Adds rows, shape (n, width), as the file's type."""
        self._file.write(np.ascontiguousarray(block, dtype=self._dtype).tobytes())
        self._rows += len(block)

    def _write_header(self) -> None:
        shape = (self._rows, self._width)
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)
