"""A question and its evidence -> the features by which a confidence is computed."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice, takewhile

import numpy as np

from sessionqa import kinds, terms
from sessionqa.alignment import Alignment
from sessionqa.confidence import Features
from sessionqa.datatypes import Hit
from sessionqa.encode import Encoder
from sessionqa.evidence import Evidence, covered, name_of, rarity_of
from sessionqa.index import Index
from sessionqa.mentions import named_roles, named_sessions
from sessionqa.patterns import lazily
from sessionqa.question import focus, read

# So many of the best sentences, and of the best passages, are looked at.
TOP = 3
# Sentences so close behind the best are looked at for the kind of answer that was asked for.
NEAR = 0.35
MANY_WORDS = 20
# What the question itself denies, not a clause of it that begins with "that".
_DENIES = lazily(
    r"\b(?:what|which|who|whom|whose|where|when|why|how)\b"
    r"(?:\s+(?!(?:that|who|which|because|if)\b)\w+){0,5}?(?:\s+(?:not|never)\b|n['’]t\b)",
    re.IGNORECASE,
)
_DENIED = lazily(
    r"\b(?:not|never|no|nor|neither|none|nothing|nobody|without|cannot|unable|fail\w*|lack\w*|"
    r"avoid\w*|prevent\w*|refus\w*|reject\w*|exclu\w*|except|instead|rather|hardly|rarely)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)


class Support:
    """Says how far the evidence bears an answer out."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder

    def features(self, question: str, evidence: Sequence[Evidence]) -> Features:
        """See Features; `evidence`, best first, is not empty."""
        rarity = rarity_of(self._index, question)
        naming = self._naming(question)
        best = evidence[0]
        body = list(islice((e for e in evidence if not e.on_card), TOP)) or [best]
        topic = {stem: rarity[stem] for stem in rarity if stem not in naming}
        alignment = Alignment(self._index, self._encoder, question)
        own = covered(topic, terms.stems(best.sentence.text))
        return Features(
            score=best.score,
            own=own,
            aligned=_aligned(alignment, body, naming),
            absent=_absent(alignment, body[0], _hits(evidence), naming),
            names_missing=_names_missing(question, body[0]),
            fits=_fits(question, evidence),
            # To deny what a sentence states is the worse, the more of it is repeated.
            negated=own**2 * _negated(question, body[0]),
            length=min(len(rarity), MANY_WORDS) / MANY_WORDS,
            field=_field(best, topic),
        )

    def _naming(self, question: str) -> set[str]:
        """The stems of words that may only name a session: its code, those on stage.

        Every sentence of the session speaks for these.
        """
        named = self._index.sessions(named_sessions(question, self._index.facets))
        return {
            stem
            for session in named
            for name in (session.code, *session.people)
            for stem in terms.stems(name)
        }


def _hits(evidence: Sequence[Evidence]) -> list[Hit]:
    """The best passages that the evidence comes from."""
    hits = {e.hit.passage.id: e.hit for e in evidence}
    return sorted(hits.values(), key=lambda hit: -hit.score)[:TOP]


def _aligned(alignment: Alignment, body: Sequence[Evidence], naming: set[str]) -> float:
    """How near the sentence that suits best comes to the word that it suits worst."""
    rows = [row for row, stem in enumerate(alignment.stems) if stem not in naming]
    if not rows:
        return float(bool(alignment.stems))
    worst = []
    for e in body:
        nearest = alignment.nearest(e.hit.passage, e.sentence.start, e.sentence.end)
        worst.append(float(nearest[rows].min()))
    return max(worst)


def _absent(alignment: Alignment, best: Evidence, hits: Sequence[Hit], naming: set[str]) -> float:
    """How near the passages come to the farthest word that the best sentence's session lacks."""
    there = terms.stems(best.session.text) | naming
    rows = [row for row, stem in enumerate(alignment.stems) if stem not in there]
    if not rows:
        return float(bool(alignment.stems))
    nearest = [alignment.nearest(h.passage, h.passage.start, h.passage.end)[rows] for h in hits]
    return float(np.max(nearest, axis=0).min())


def _names_missing(question: str, best: Evidence) -> float:
    """How many of the question's names are missing; by half, those that stand elsewhere."""
    names = [terms.stem(name) for name in kinds.names(question) if not terms.is_unasked(name)]
    here = terms.stems(best.sentence.text) | terms.stems(name_of(best.session))
    around = terms.stems(best.session.text)
    missing = sum(1.0 - 0.5 * (name in around) for name in names if name not in here)
    return missing / len(names) if names else 0.0


def _fits(question: str, evidence: Sequence[Evidence]) -> float:
    """How far the best sentences have what is asked for, where its form can be told."""
    best = evidence[0]
    if read(question).role:
        roles = named_roles(question, [e.session for e in evidence])
        if roles and not any(roles):
            return 0.0
    if best.is_field:
        return 1.0
    want = kinds.wanted(focus(question))
    if not kinds.FORMAL.intersection(want.kinds):
        return 1.0
    near = takewhile(lambda e: e.score >= best.score - NEAR, evidence)
    said = islice((e for e in near if not e.on_card), TOP)
    return max(
        (kinds.formal_fit(want, e.sentence.text, e.session.people) for e in said), default=0.0
    )


def _field(best: Evidence, topic: Mapping[str, float]) -> float:
    """Of a line of the card that was asked for: how far its session is what was asked about."""
    if not best.is_field:
        return 0.0
    return covered(topic, terms.stems(best.session.text)) if topic else 1.0


def _negated(question: str, best: Evidence) -> bool:
    """Whether the question denies what the best sentence states."""
    return bool(_DENIES.search(focus(question))) and not _DENIED.search(best.sentence.text)
