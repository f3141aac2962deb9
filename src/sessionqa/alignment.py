"""How near each word of a question comes to the words of a passage, by the vectors of tokens."""

import numpy as np
from numpy.typing import NDArray

from sessionqa import terms
from sessionqa.datatypes import Passage
from sessionqa.encode import Encoder, Vectors, passage_input
from sessionqa.index import Index

Similarities = NDArray[np.float32]
# Stands for the similarity of a word that is not there, where no vector can tell.
ABSENT = 0.4


class Alignment:
    """The words of one question that say what it is about, set against passages.

    `stems` has the stem of each, in order. Over the tokens as in late interaction (Khattab and
    Zaharia 2020, "ColBERT"), but word by word.
    """

    def __init__(self, index: Index, encoder: Encoder, question: str) -> None:
        self._index = index
        self._encoder = encoder
        self._tokens, spans = encoder.question_tokens(question)
        matches = [m for m in terms.word_matches(question) if not terms.is_unasked(m.group())]
        rows = [
            [row for row, (start, end) in enumerate(spans) if m.start() <= start and end <= m.end()]
            for m in matches
        ]
        known = [n for n in range(len(matches)) if rows[n] or not encoder.token_dim]
        self.stems = [terms.stem(matches[n].group()) for n in known]
        self._rows = np.array([row for n in known for row in rows[n]], dtype=np.int64)
        self._lengths = np.array([len(rows[n]) for n in known], dtype=np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths
        # What belongs to another script is only there or not: a vocabulary of one language has one
        # token for all that it does not know.
        self._foreign = np.array([not stem.isascii() for stem in self.stems], dtype=bool)
        self._seen: dict[str, tuple[Vectors, NDArray[np.int64]]] = {}

    def nearest(self, passage: Passage, start: int, end: int) -> Similarities:
        """For each word its similarity to the nearest there in [start, end) of the session's text.

        Shape (len(stems),). A word of several tokens counts by their mean.
        """
        text = passage.text[start - passage.start : end - passage.start]
        if not self._encoder.token_dim:
            return self._said(text)
        products, spans = self._products(passage)
        inside = (spans[:, 0] >= start) & (spans[:, 1] <= end)
        if not inside.any() or not self.stems:
            return np.zeros(len(self.stems), dtype=np.float32)
        best = products[:, inside].max(axis=1)
        near = np.add.reduceat(best, self._starts) / self._lengths.astype(np.float32)
        if not self._foreign.any():
            return np.asarray(near, dtype=np.float32)
        return np.where(self._foreign, np.minimum(near, self._said(text)), near)

    def _said(self, text: str) -> Similarities:
        """1 for each word that a text has, and what a word that is not there is worth."""
        there = terms.stems(text)
        return np.array([1.0 if s in there else ABSENT for s in self.stems], dtype=np.float32)

    def _products(self, passage: Passage) -> tuple[Vectors, NDArray[np.int64]]:
        """The products of the words' tokens and the passage's, and where the latter stand."""
        if passage.id not in self._seen:
            tokens = self._index.passage_tokens(passage.id)
            read = passage_input(self._encoder, passage.title, passage.text)
            shift = passage.start - (len(read) - len(passage.text))
            spans = self._encoder.passage_spans(read)
            asked = self._tokens[self._rows]
            self._seen[passage.id] = (asked @ tokens.T, spans[: len(tokens)] + shift)
        return self._seen[passage.id]
