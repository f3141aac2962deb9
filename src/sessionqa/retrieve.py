"""Question -> Hits: the nearest passages, with the sessions that a question names put first."""

import re
from collections.abc import Collection

from sessionqa.datatypes import Hit
from sessionqa.encode import Encoder
from sessionqa.index import Index

# A token of letters and digits, with what people put between them: ARC310, arc 310, ARC-310-R1.
_CODE = re.compile(r"\b([^\W\d_]+)[\s\-_]?(\d+(?:[\-_]?[^\W\d_]+\d*)?)\b")


class Retriever:
    """Finds passages by meaning. Dense only so far; other arms join here."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder

    def retrieve(
        self, question: str, k: int, sessions: Collection[str] | None = None
    ) -> list[Hit]:
        """The `k` best passages, best first; of `sessions` only, if given."""
        vector = self._encoder.encode_question(question)
        ranked = self._index.dense(vector, k, sessions)
        found = self._index.passages([id_ for id_, _ in ranked])
        return [
            Hit(passage=passage, score=score, dense_rank=rank, dense_score=score)
            for rank, (passage, (_, score)) in enumerate(zip(found, ranked, strict=True), 1)
        ]


def named_codes(question: str, codes: Collection[str]) -> tuple[list[str], list[str]]:
    """The session codes that a question names in any spelling: known ones, and unknown ones.

    A name counts as an unknown code only if some known code has its shape: as many letters,
    then as many digits.
    """
    by_spelling = {_squeezed(code): code for code in codes}
    shapes = {_shape(spelling) for spelling in by_spelling}
    known: list[str] = []
    unknown: list[str] = []
    for match in _CODE.finditer(question):
        spelling = _squeezed(match.group())
        if spelling in by_spelling:
            known.append(by_spelling[spelling])
        elif _shape(spelling) in shapes and len(spelling) > 3:
            unknown.append(match.group())
    return list(dict.fromkeys(known)), list(dict.fromkeys(unknown))


def _squeezed(code: str) -> str:
    return re.sub(r"[\s\-_]", "", code).casefold()


def _shape(code: str) -> str:
    return re.sub(r"\d", "0", re.sub(r"[^\W\d_]", "a", code))
