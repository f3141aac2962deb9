"""Where each passage and each sentence stands: numbers in files, read a row at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sessionqa.index.rows import RowFile

if TYPE_CHECKING:
    from sessionqa.index.cut import Cut

PLACES, SPANS = "places.npy", "spans.npy"

# The columns of a passage: its session's ordinal, its span in the session's text, the sentences
# and the tokens that it holds, each from its first row of them to before its last.
SESSION, START, END, FIRST_SENTENCE, LAST_SENTENCE, FIRST_TOKEN, LAST_TOKEN = range(7)

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Within:
    """The ordinals of the sessions that pass a filter, and the rows of their texts, ascending."""

    sessions: Numbers
    rows: Numbers


def write(folder: Path, made: "Cut", token_lengths: Sequence[int]) -> None:
    """Writes both files; `token_lengths` tells how many tokens each passage has."""
    counts = [last - first for (first, last), _ in made.of_session]
    tokens = np.cumsum([0, *token_lengths])
    columns = [
        np.repeat(np.arange(len(counts)), counts),
        np.array([passage.start for passage in made.passages]),
        np.array([passage.end for passage in made.passages]),
        *np.array(made.held, dtype=np.int64).reshape(-1, 2).T,
        tokens[:-1],
        tokens[1:],
    ]
    np.save(folder / PLACES, np.stack(columns, axis=1).astype(np.int64))
    np.save(folder / SPANS, np.array(made.sentences, dtype=np.int64).reshape(-1, 2))


class Places:
    """Opened for reading."""

    def __init__(self, folder: Path) -> None:
        """Opens what `write` wrote. Raises OSError or ValueError if it is damaged."""
        self._passages = RowFile(folder / PLACES)
        self._spans = RowFile(folder / SPANS)

    def close(self) -> None:
        """Lets go of the files."""
        self._passages.close()
        self._spans.close()

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def sentences(self) -> int:
        """How many sentences there are."""
        return len(self._spans)

    def of(self, rows: Sequence[int]) -> Numbers:
        """The columns of these passages, shape (len(rows), 7).

        By way of the map, since each question asks for hundreds, several times, of a small file.
        """
        found: Numbers = self._passages.mapped[np.array(rows, dtype=np.int64)]
        return found

    def between(self, first: int, last: int) -> Numbers:
        """The columns of the passages from row `first` to before `last`."""
        found: Numbers = self._passages.runs(np.array([[first, last]]))
        return found

    def spans(self, first: int, last: int) -> Numbers:
        """The spans of the sentences from row `first` to before `last`, shape (n, 2)."""
        found: Numbers = self._spans.runs(np.array([[first, last]]))
        return found
