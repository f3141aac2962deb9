"""What an answer about sessions is made of before it is cited."""

from collections.abc import Sequence
from dataclasses import dataclass

from sessionqa import card
from sessionqa.datatypes import Sentence, Session
from sessionqa.index import Index


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What is said of one session: words that lead in, and the sentences that are quoted."""

    lead: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A heading and a paragraph for each session; a refusal, by its heading, has none.

    `closest` are the codes of sessions that a refusal offers.
    """

    heading: str
    paragraphs: tuple[Paragraph, ...]
    confidence: float
    closest: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[Sentence]:
        """Everything that is quoted, in order."""
        return [sentence for paragraph in self.paragraphs for sentence in paragraph.sentences]


def card_lines(index: Index, session: Session) -> list[tuple[str, Sentence]]:
    """The lines of a session's card in order, each with its field."""
    lines = index.sentences(session.code, 0, card.end_of(session.text))
    return [(card.field(line.text, session.code), line) for line in lines]


def presented(session: Session) -> str:
    """A session in a few words: "ARC310 Gray failures (Mike Hagen)"."""
    speakers = ", ".join(session.people)
    return f"{session.code} {session.title}" + (f" ({speakers})" if speakers else "")


def listed(names: Sequence[str], joint: str = "and") -> str:
    """The names as people write them: "a, b and c"."""
    return f" {joint} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
