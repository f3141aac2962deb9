"""How a quote is cited and stands in the text of an answer, or a sentence that a model wrote."""

from dataclasses import dataclass
from itertools import pairwise

from sessionqa import marks
from sessionqa.datatypes import Answer, Citation, Sentence, Session

# Stands behind a sentence of a model that no summary supports, where such are shown.
UNSUPPORTED = "[unsupported]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a citation stands in the text of its answer: its quote, and the end of its [n].

    `text[start:end] == citation.quote`, or where a model wrote the answer, its sentence. `opening`
    is the start of either with its quotation mark.
    """

    citation: Citation
    opening: int
    start: int
    end: int
    marked: int

    @property
    def quoted(self) -> bool:
        """Whether it is a quote, in quotation marks."""
        return self.opening < self.start

    @property
    def emphasis(self) -> tuple[int, int] | None:
        """Where the citation's emphasis is in that text."""
        if self.citation.emphasis is None:
            return None
        first, last = self.citation.emphasis
        moved = self.start - self.citation.start
        return first + moved, last + moved


def cited(number: int, sentence: Sentence, session: Session, passage_id: str) -> Citation:
    """The citation of a sentence of that session, with the place of the recording it is from."""
    place = marks.at(session, sentence.start)
    return Citation(
        number=number,
        session_code=session.code,
        title=session.title,
        passage_id=passage_id,
        start=sentence.start,
        end=sentence.end,
        quote=sentence.text,
        sha256=session.sha256,
        seconds=place.seconds,
        page=place.page,
        url=marks.address(session.url, place),
    )


def marked(citation: Citation) -> str:
    """The quote as an answer's text has it, with its [n]."""
    return f"“{citation.quote}” [{citation.number}]"


def places(answer: Answer) -> list[Place]:
    """Where each citation stands in the answer's text. A quote may have a [2] of its own."""
    if answer.written:
        return _sentences(answer)
    found: list[Place] = []
    at = 0
    for citation in answer.citations:
        shown = marked(citation)
        start = answer.text.find(shown, at)
        if start >= 0:
            at = start + len(shown)
            inside = start + 1
            found.append(Place(citation, start, inside, inside + len(citation.quote), at))
    return found


def _sentences(answer: Answer) -> list[Place]:
    """Where the sentences that a model wrote stand, each with its own [n]."""
    found: list[Place] = []
    at = 0
    for citation in answer.citations:
        marker = f" [{citation.number}]"
        end = answer.text.find(marker, at)
        if end >= 0:
            unsupported = answer.text.rfind(UNSUPPORTED, at, end)
            at = unsupported + len(UNSUPPORTED) if unsupported >= 0 else at
            start = at + len(answer.text[at:end]) - len(answer.text[at:end].lstrip())
            at = end + len(marker)
            found.append(Place(citation, start, start, end, at))
    return found


def pieces(answer: Answer) -> list[str]:
    """The answer's text in pieces, each of which ends with a cited sentence, but for the last."""
    ends = [*(place.marked for place in places(answer)[:-1]), len(answer.text)]
    return [answer.text[start:end] for start, end in pairwise([0, *ends])]
