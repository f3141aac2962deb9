"""Evidence, best first -> the few sentences that an answer quotes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from sessionqa.datatypes import Sentence
from sessionqa.encode import Encoder
from sessionqa.evidence import Evidence
from sessionqa.index import Index
from sessionqa.question import Asked
from sessionqa.sentence_vectors import vectors_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many sentences and words an answer has at most, and how many words are enough.

    A further sentence must score within `close` of the best one, within `elsewhere` if it is of
    another session.
    """

    sentences: int
    words: int
    enough: int
    close: float
    elsewhere: float


# Chosen on dev questions: docs/decisions/0006.
ONE_THING = Bounds(sentences=4, words=58, enough=42, close=0.45, elsewhere=0.1)
SEVERAL_THINGS = Bounds(sentences=6, words=130, enough=100, close=0.45, elsewhere=0.1)
# How much being like a chosen sentence counts against one, as in maximal marginal relevance
# (Carbonell and Goldstein 1998); and how like it says the same.
ALIKE, SAME = 0.3, 0.95


class Selector:
    """Picks sentences that answer together, none of which repeats another."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder

    def choose(self, evidence: Sequence[Evidence], asked: Asked) -> list[Sentence]:
        """The best sentence, then those that add most; `evidence` is not empty."""
        bounds = SEVERAL_THINGS if asked.several else ONE_THING
        first = evidence[0]
        if first.is_field:
            return [e.sentence for e in evidence if e.is_field and e.session == first.session]
        close = takewhile(lambda e: e.score >= first.score - bounds.close, evidence)
        near = [e for e in close if e is first or _may_follow(e, first, bounds)]
        vectors = vectors_of(self._index, self._encoder, [e.sentence for e in near])
        scores = np.array([e.score for e in near])
        left = set(range(1, len(near)))
        chosen = [0]
        words = _length(first)
        while left and len(chosen) < bounds.sentences and words < bounds.enough:
            alike = (vectors @ vectors[chosen].T).max(axis=1)
            worth = scores - ALIKE * alike
            best = max(left, key=lambda row: (worth[row], -row))
            left.remove(best)
            if alike[best] <= SAME and words + _length(near[best]) <= bounds.words:
                chosen.append(best)
                words += _length(near[best])
        return [near[row].sentence for row in chosen]


def _may_follow(evidence: Evidence, first: Evidence, bounds: Bounds) -> bool:
    same = evidence.sentence.session_code == first.sentence.session_code
    close = bounds.close if same else bounds.elsewhere
    return not evidence.on_card and evidence.score >= first.score - close


def _length(evidence: Evidence) -> int:
    return len(evidence.sentence.text.split())
