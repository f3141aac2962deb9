"""Rows of a file: as NumPy has them, read or mapped."""

import os
from pathlib import Path

import numpy as np
import pytest

from sessionqa.index.rows import RowFile, RowWriter, floats

CONTENT = np.arange(60, dtype=np.int64).reshape(20, 3)


@pytest.fixture(params=["read", "mapped"])
def file(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RowFile:
    """Twenty rows of three, also as on a system that cannot read at a place."""
    if request.param == "mapped":
        monkeypatch.delattr(os, "pread")
    with RowWriter(tmp_path / "rows.npy", 3, np.int64) as writer:
        for block in np.array_split(CONTENT, 3):
            writer.append(block)
    assert np.array_equal(np.load(tmp_path / "rows.npy"), CONTENT)
    return RowFile(tmp_path / "rows.npy")


def test_rows_come_in_the_order_asked_for(file: RowFile) -> None:
    assert (len(file), file.width) == (20, 3)
    for rows in ([5, 3, 3, 19], [0], []):
        assert np.array_equal(file.take(np.array(rows, dtype=np.int64)), CONTENT[rows])


def test_runs_come_one_after_the_other(file: RowFile) -> None:
    runs = np.array([[4, 7], [0, 0], [19, 20], [2, 5]])
    expected = np.concatenate([CONTENT[first:last] for first, last in runs])
    assert np.array_equal(file.runs(runs), expected)


@pytest.mark.parametrize("rows", [[20], [-1]])
def test_rows_that_are_not_there_are_an_error(file: RowFile, rows: list[int]) -> None:
    with pytest.raises(IndexError):
        file.take(np.array(rows))


def test_a_closed_file_has_no_rows(file: RowFile) -> None:
    file.close()
    assert len(file) == 0
    file.close()


@pytest.mark.parametrize("width", [0, 4])
def test_a_file_of_no_rows(tmp_path: Path, width: int) -> None:
    with RowWriter(tmp_path / "rows.npy", width, np.int8):
        pass
    file = RowFile(tmp_path / "rows.npy")
    assert (len(file), file.width) == (0, width)
    assert file.runs(np.array([[0, 0]])).shape == (0, width)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros(5))
    with pytest.raises(ValueError, match="1 dimensions"):
        RowFile(tmp_path / "flat.npy")


def test_halves_become_the_floats_that_they_are() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 64)
    made = floats(halves)
    assert made.dtype == np.float32
    assert np.array_equal(made, halves.astype(np.float32))
    assert floats(halves[:0]).shape == (0, 64)
    assert floats(np.array([[-127, 127]], dtype=np.int8)).tolist() == [[-127, 127]]
