"""Session -> facets: the values by which sessions are filtered and named, ready to look up."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from sessionqa import terms
from sessionqa.datatypes import Session

# What a filter may ask for.
FIELDS = ("session", "track", "level", "year", "speaker", "service", "event")
NUMBERS = frozenset({"level", "year"})
# What questions are matched against besides: the first two words of a speaker's name, what
# speakers are, and how the codes of the corpus look. See mentions and demands.
OPENING = "opening of a speaker's name"
ROLE = "role of a speaker"
SHAPE = "shape of codes"
LETTERS = "letters of codes"


@dataclass(frozen=True, slots=True)
class Facet:
    """A value that a session has in a field. It is looked up by its folded form.

    A SHAPE or LETTERS is of the corpus, not of one session: its code is empty.
    """

    field: str
    folded: str
    value: str
    code: str


def facets_of(session: Session) -> Iterator[Facet]:
    """Every facet of a session; a value that it repeats comes more than once."""
    values = {
        "session": [session.code],
        "track": [session.track],
        "level": [] if session.level is None else [str(session.level)],
        "year": [] if session.year is None else [str(session.year)],
        "speaker": session.people,
        "service": session.services,
        "event": [session.event],
    }
    for field in FIELDS:
        for value in filter(None, values[field]):
            yield Facet(field, folded(field, value), value, session.code)
    for speaker in session.speakers:
        words = terms.words(fold(speaker.name))
        if " " in speaker.name and len(words) > 1:
            yield Facet(OPENING, " ".join(words[:2]), " ".join(words), session.code)
        if speaker.role:
            yield Facet(ROLE, fold(speaker.role), speaker.role, session.code)
    spelling = squeezed(session.code)
    yield Facet(SHAPE, shape(spelling), "", "")
    yield Facet(LETTERS, letters(spelling), "", "")


def folded(field: str, value: str) -> str:
    """The form of a value that is equal for all its spellings."""
    return squeezed(value) if field == "session" else fold(value)


def fold(text: str) -> str:
    """`text` without what does not tell names apart: case, width, composition, runs of spaces."""
    composed = unicodedata.normalize("NFKC", " ".join(text.split()))
    return unicodedata.normalize("NFKC", composed.casefold())


def squeezed(code: str) -> str:
    """A session's code without what people put between its letters and digits, case folded."""
    return re.sub(r"[\s\-_]", "", fold(code))


def letters(spelling: str) -> str:
    """What stands before the first digit of a squeezed code."""
    return re.split(r"\d", spelling, maxsplit=1)[0]


def shape(spelling: str) -> str:
    """A squeezed code with an "a" for each letter and a "0" for each digit."""
    return re.sub(r"\d", "0", re.sub(r"[^\W\d_]", "a", spelling))
