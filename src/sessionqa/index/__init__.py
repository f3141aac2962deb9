"""Passages, sentences and their vectors at rest: the Index protocol and its manifest."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sessionqa.datatypes import Passage, Sentence, Session
from sessionqa.encode import Vectors

# Raise it when an older build must not be read by this version any more.
FORMAT_VERSION = 7


@dataclass(frozen=True, slots=True)
class Manifest:
    """How a build was made. `inputs` is equal for two builds only if they answer alike.

    `number` grows with each build in a folder.
    """

    format: int
    build: str
    number: int
    inputs: str
    created: str
    corpus: dict[str, Any]
    encoder: dict[str, Any]
    chunking: dict[str, Any]
    counts: dict[str, int]
    confidence: dict[str, Any]
    files: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class KnownWord:
    """A word of the corpus: folded, as it is mostly written, and how often it is there."""

    word: str
    written: str
    uses: int


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """A short form and what it stands for in a session; `introduced` if its text says so.

    If not, the short form is made of the initials of a service's name.
    """

    short: str
    long: str
    session_code: str
    introduced: bool


Weights = NDArray[np.floating[Any]]
# Passages' ids with their scores, best first.
Ranked = list[tuple[str, float]]


class Index(Protocol):
    """What retrieval and answers need of an index, wherever it is kept."""

    @property
    def manifest(self) -> Manifest:
        """How the index was made."""

    def close(self) -> None:
        """Lets go of what only this index holds; it is of no use any more."""

    def dense(self, vector: Vectors, k: int, sessions: Collection[str] | None = None) -> Ranked:
        """The ids and cosines of the `k` nearest passages, best first.

        With `sessions`, of those sessions only, exactly: a filter never costs a result.
        """

    def lexical(
        self, stems: Sequence[str], k: int, sessions: Collection[str] | None = None
    ) -> Ranked:
        """The ids and BM25 scores of the `k` best passages that have any of `stems`.

        A stem that is repeated counts as often as it is repeated.
        """

    def having(
        self, stems: Sequence[str], k: int, sessions: Collection[str] | None = None
    ) -> Ranked:
        """The same for passages that have all of `stems`; none without stems."""

    def session_scores(self, stems: Sequence[str], ids: Sequence[str]) -> Vectors:
        """The BM25 score of the whole session of each of these passages, shape (len(ids),)."""

    def cosines(self, ids: Sequence[str], vector: Vectors) -> Vectors:
        """The cosine of each of these passages to `vector`, shape (dim,); shape (len(ids),)."""

    def sentence_similarities(self, ids: Sequence[str], sentences: Vectors) -> Vectors:
        """How near the sentences of each of these passages come to a question's; shape (len(ids),).

        For each of the question's `sentences`, shape (m, dim), the cosine to the passage's nearest
        one, and the mean of these; NaN if the index keeps no vectors of sentences.
        """

    def token_similarities(self, ids: Sequence[str], tokens: Vectors, weights: Weights) -> Vectors:
        """The same over the question's `tokens`, shape (m, token_dim), and the passages' own.

        MaxSim (Khattab and Zaharia 2020, "ColBERT"), as a mean by `weights`, shape (m,).
        """

    def passage_tokens(self, passage_id: str) -> Vectors:
        """The vectors of a passage's tokens, as the encoder read it, shape (n, token_dim)."""

    def codes(self, ids: Sequence[str]) -> list[str]:
        """The session code of each of these passages, in their order."""

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """The passages of these ids, in their order."""

    def sessions(self, codes: Collection[str] | None = None) -> list[Session]:
        """Every session, or those of these codes in any case, in the order of the corpus."""

    def session(self, code: str) -> Session | None:
        """The session of this code in any case, or None."""

    def session_vectors(self, codes: Sequence[str]) -> Vectors:
        """The mean of the vectors of each session's passages, shape (len(codes), dim), unit rows.

        Raises KeyError for a code that the index does not have.
        """

    def facets(self, field: str, folded: Collection[str]) -> list[tuple[str, str, str]]:
        """The folded form, value and session code of each facet whose form is one of `folded`."""

    def values(self, field: str, containing: Collection[str] = ()) -> dict[str, str]:
        """The values of a field by their folded forms, of those that contain all these texts."""

    def digests(self) -> dict[str, str]:
        """The checksum of each session's file by its path."""

    def sentences(self, code: str, start: int, end: int) -> list[Sentence]:
        """The sentences of a session that lie within [start, end), in order."""

    def holding(self, sentence: Sentence) -> str:
        """The id of the first passage that holds all of a sentence; empty if none does."""

    @property
    def keeps_sentences(self) -> bool:
        """Whether it has the vectors of its sentences."""

    def sentence_vectors(self, rows: Sequence[int]) -> Vectors | None:
        """The vectors of these sentences, shape (len(rows), dim), unit rows; None if not kept."""

    def sentence_counts(self, stems: Iterable[str]) -> dict[str, int]:
        """In how many sentences each of these stems occurs; those in none are left out."""

    def known_words(self, stems: Iterable[str]) -> dict[str, KnownWord]:
        """For each of these stems that the corpus has, headings included, its most usual word."""

    def words_like(self, word: str, edits: int) -> list[str]:
        """The folded words that begin or end with two letters as `word` does.

        Their lengths are within `edits` of its own; the most usual of each, and not too many.
        """

    def abbreviations(self, keys: Iterable[str]) -> list[Abbreviation]:
        """The abbreviations whose short or long form has one of these keys; see that module."""
