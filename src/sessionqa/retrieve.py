"""Question -> Hits: what is near in meaning and what shares its words, in one ranking."""

import re
from collections.abc import Collection, Sequence

from sessionqa import abbreviations, terms
from sessionqa.datatypes import Hit, Session
from sessionqa.encode import Encoder
from sessionqa.index import Index

# Each arm is asked for so many passages, however few are wanted.
DEPTH = 100

# A token of letters and digits, with what people put between them: ARC310, arc 310, ARC-310-R1.
_CODE = re.compile(r"\b([^\W\d_]+)[ \-_]?(\d+(?:[\-_]?[^\W\d_]+\d*)?)\b")


class Retriever:
    """Finds passages by both arms, in the sessions that the question names if it names any."""

    def __init__(self, index: Index, encoder: Encoder, lexical_weight: float) -> None:
        self._index = index
        self._lexical_weight = lexical_weight
        self._encoder = encoder
        self._sessions = index.sessions()

    def retrieve(self, question: str, k: int) -> list[Hit]:
        """The `k` best passages, best first.

        A score is a convex combination of the cosine and the BM25 score over its best (Bruch et
        al. 2023, "An Analysis of Fusion Functions for Hybrid Retrieval"); in [0, 1].
        """
        sessions = named_sessions(question, self._sessions) or None
        depth = max(k, DEPTH)
        vector = self._encoder.encode_question(question)
        dense = self._index.dense(vector, depth, sessions)
        asked = " ".join((question, *abbreviations.expand(question, self._index)))
        stems = list(dict.fromkeys(terms.stem(word) for word in terms.content_words(asked)))
        lexical = self._index.lexical(stems, depth, sessions)
        return self._fused(dense, lexical)[:k]

    def _fused(self, dense: list[tuple[str, float]], lexical: list[tuple[str, float]]) -> list[Hit]:
        cosines, scores = dict(dense), dict(lexical)
        dense_ranks = {id_: rank for rank, (id_, _) in enumerate(dense, 1)}
        lexical_ranks = {id_: rank for rank, (id_, _) in enumerate(lexical, 1)}
        # What an arm left out is at most as good as the last it returned.
        least = dense[-1][1] if dense else 0.0
        best = lexical[0][1] if lexical else 1.0
        ids = list({**cosines, **scores})
        hits = [
            Hit(
                passage=passage,
                score=(1 - self._lexical_weight) * min(max(cosines.get(id_, least), 0.0), 1.0)
                + self._lexical_weight * scores.get(id_, 0.0) / best,
                dense_rank=dense_ranks.get(id_),
                dense_score=cosines.get(id_),
                lexical_rank=lexical_ranks.get(id_),
                lexical_score=scores.get(id_),
            )
            for id_, passage in zip(ids, self._index.passages(ids), strict=True)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.passage.id))


def named_sessions(question: str, sessions: Sequence[Session]) -> list[str]:
    """The codes of the sessions that a question names, by code or else by a speaker's full name.

    So that what one speaker said is not answered with what another one said.
    """
    known, _ = named_codes(question, [session.code for session in sessions])
    if known:
        return known
    folded = f" {' '.join(terms.words(question.casefold()))} ".replace("'s ", " ").replace(
        "’s ", " "
    )
    return [
        session.code
        for session in sessions
        if any(
            " " in speaker.name and f" {' '.join(terms.words(speaker.name.casefold()))} " in folded
            for speaker in session.speakers
        )
    ]


def named_codes(question: str, codes: Collection[str]) -> tuple[list[str], list[str]]:
    """The session codes that a question names in any spelling: known ones, and unknown ones.

    A name counts as an unknown code only if some known code has its shape: as many letters, then
    as many digits. Written with a space it must look like one: "ARC 999", not "the 100".
    """
    by_spelling = {_squeezed(code): code for code in codes}
    shapes = {_shape(spelling) for spelling in by_spelling}
    letters = {_letters(spelling) for spelling in by_spelling}
    known: list[str] = []
    unknown: list[str] = []
    for match in _CODE.finditer(question):
        spelling = _squeezed(match.group())
        if spelling in by_spelling:
            known.append(by_spelling[spelling])
            continue
        shouted = match.group().isupper() and not question.isupper()
        alike = " " not in match.group() or shouted or _letters(spelling) in letters
        if alike and _shape(spelling) in shapes and len(spelling) > 3:
            unknown.append(match.group())
    return list(dict.fromkeys(known)), list(dict.fromkeys(unknown))


def with_codes(question: str, codes: Collection[str]) -> str:
    """`question` with the codes that it names spelt as the corpus spells them."""
    by_spelling = {_squeezed(code): code for code in codes}
    return _CODE.sub(lambda m: by_spelling.get(_squeezed(m.group()), m.group()), question)


def _squeezed(code: str) -> str:
    return re.sub(r"[\s\-_]", "", code).casefold()


def _letters(code: str) -> str:
    return re.split(r"\d", code, maxsplit=1)[0]


def _shape(code: str) -> str:
    return re.sub(r"\d", "0", re.sub(r"[^\W\d_]", "a", code))
