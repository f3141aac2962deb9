"""How a quote stands in the text of an answer, and where."""

from dataclasses import dataclass
from itertools import pairwise

from sessionqa.datatypes import Answer, Citation


@dataclass(frozen=True, slots=True)
class Place:
    """Where a citation stands in the text of its answer: its quote, and the end of its [n].

    `text[start:end] == citation.quote`.
    """

    citation: Citation
    start: int
    end: int
    marked: int

    @property
    def emphasis(self) -> tuple[int, int] | None:
        """Where the citation's emphasis is in that text."""
        if self.citation.emphasis is None:
            return None
        first, last = self.citation.emphasis
        moved = self.start - self.citation.start
        return first + moved, last + moved


def marked(citation: Citation) -> str:
    """The quote as an answer's text has it, with its [n]."""
    return f"“{citation.quote}” [{citation.number}]"


def places(answer: Answer) -> list[Place]:
    """Where each citation stands in the answer's text. A quote may have a [2] of its own."""
    found: list[Place] = []
    at = 0
    for citation in answer.citations:
        shown = marked(citation)
        start = answer.text.find(shown, at)
        if start >= 0:
            at = start + len(shown)
            found.append(Place(citation, start + 1, start + 1 + len(citation.quote), at))
    return found


def pieces(answer: Answer) -> list[str]:
    """The answer's text in pieces, each of which ends with a cited sentence, but for the last."""
    ends = [*(place.marked for place in places(answer)[:-1]), len(answer.text)]
    return [answer.text[start:end] for start, end in pairwise([0, *ends])]
