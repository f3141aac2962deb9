"""The outline of an article: which lines head sessions, and what stands below each."""

from collections.abc import Sequence
from dataclasses import dataclass

from sessionqa.importers.articles import boilerplate
from sessionqa.importers.articles.elements import BOLD, Element
from sessionqa.importers.articles.headings import SessionHeading
from sessionqa.importers.articles.recordings import video_of
from sessionqa.importers.text import ends_sentence

_MIN_CARD_WORDS = 4


@dataclass(frozen=True, slots=True)
class Head:
    """Where a session's heading stands."""

    place: int
    rank: int
    heading: SessionHeading
    people: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A session's heading, the names that end it, what stands below it, and where it leads to."""

    heading: SessionHeading
    people: str
    elements: tuple[Element, ...]
    links: tuple[str, ...] = ()


def bodies(heads: Sequence[Head], elements: Sequence[Element]) -> list[bool]:
    """Whether a text stands below each."""
    places = [head.place for head in heads]
    return [
        any(is_text(one) for one in elements[place + 1 : end])
        for place, end in zip(places, [*places[1:], len(elements)], strict=False)
    ]


def is_text(element: Element) -> bool:
    """Whether it says something: a sentence, an item, a table."""
    if element.kind in ("item", "markdown"):
        return True
    return (
        element.kind == "paragraph"
        and (ends_sentence(element.text) or len(element.text.split()) > 12)
        and not boilerplate.is_site_line(element.text)
    )


def is_card(element: Element) -> bool:
    """Whether a heading is the title of another article, and leads there."""
    return (
        element.kind == "heading"
        and element.rank < BOLD
        and element.linked
        and len(element.text.split()) >= _MIN_CARD_WORDS
        and not any("#" in link or video_of(link) for link in element.links)
    )
