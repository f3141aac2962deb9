"""Headings without codes that head sections: their level is one where speakers are named."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sessionqa.importers import people
from sessionqa.importers.articles import boilerplate, metadata
from sessionqa.importers.articles.elements import BOLD, LINE, Element
from sessionqa.importers.articles.headings import by_line, is_numbered, of_event, unnumbered
from sessionqa.importers.articles.outline import Head
from sessionqa.importers.text import ends_sentence

_SPOKEN_OF = re.compile(
    r"\b(?:talks?|sessions?|speakers?|presenters?|keynotes?|presentations?|workshops?)\b",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"\b(?:talks|sessions|speakers|keynotes|presentations|workshops|conference)\b", re.IGNORECASE
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
# "In this session A described", "The speaker measured"
_TOLD_OF = re.compile(
    r"\b(?:the|this|her|his|their|two|both) (?:talks?|session|speakers?|presenters?|keynote"
    r"|presentation|workshop)\b",
    re.IGNORECASE,
)


def uncoded_heads(elements: Sequence[Element]) -> list[Head]:
    """Headings of one level, most of which name a speaker, or head a section that does."""
    if not any(_SPOKEN_OF.search(element.text) for element in elements):
        return []
    for rank in range(1, LINE + 1):
        places = [
            place
            for place, element in enumerate(elements)
            if element.rank == rank
            and element.kind in ("heading", "paragraph")
            and (rank < LINE or _is_short_line(element.text))
            and not boilerplate.is_edge_heading(unnumbered(element.text))
            and not boilerplate.is_sources_heading(element.text)
            and not (rank >= BOLD and boilerplate.is_inner_heading(element.text))
        ]
        top = places[0] if places else 0
        before = [one.text for one in elements[:top]]
        announced = any(map(_ANNOUNCED.search, before))
        dated = announced and any(map(_YEAR.search, before))
        heads = [_spoken(place, elements, announced, dated) for place in places]
        sure = [head for head, evident in heads if evident]
        if rank == LINE:
            heads = [pair for pair in heads if pair[1]]
        if len(sure) > 1 and len(sure) >= 0.6 * len(heads):
            return [head for head, _ in heads]
    return []


def _is_short_line(text: str) -> bool:
    return len(text) <= 150 and not ends_sentence(text) and metadata.field(text) is None


def _spoken(
    place: int, elements: Sequence[Element], announced: bool, dated: bool
) -> tuple[Head, bool]:
    """A heading as a session's, and whether there is reason to take it for one.

    What may be a name is one where talks were `announced`, or the text below knows who speaks.
    Where they are of a year, a heading's number and "the talk" in the text tell as much.
    """
    element = elements[place]
    heading = of_event(element.text)
    title, named = by_line(heading.title)
    text = " ".join(one.text for one in _below(place, elements))
    evident = bool(named) and (announced or people.are_known(people.in_field(named)[0], text))
    if not evident and (first := _first_below(place, elements)):
        told = dated and (is_numbered(element.text) or bool(_TOLD_OF.search(text)))
        evident = told or _names_speakers(first)
    if evident:
        heading = replace(heading, title=title)
    return Head(place, element.rank, heading, named if evident else ""), evident


def _first_below(place: int, elements: Sequence[Element]) -> Element | None:
    """What stands first below a heading, but for a rule and a line of the site."""
    for element in elements[place + 1 : place + 3]:
        if element.kind != "rule" and not boilerplate.is_site_line(element.text):
            return element
    return None


def _names_speakers(element: Element) -> bool:
    """Whether an element says who speaks, in a field or in a sentence."""
    if element.kind == "heading":
        # A definition list has "Speakers" and, below it, who they are.
        return _is_of_speakers(f"{element.text.rstrip(':')}: A B")
    if _is_of_speakers(element.text):
        return True
    return element.kind == "paragraph" and bool(people.in_text([element.text]))


def _is_of_speakers(text: str) -> bool:
    field = metadata.field(text)
    return field is not None and field[0] in ("speaker", "speakers")


def _below(place: int, elements: Sequence[Element]) -> Iterator[Element]:
    """The next few elements below a heading, to the next heading as high."""
    for element in elements[place + 1 : place + 8]:
        if element.kind == "heading" and element.rank <= elements[place].rank:
            return
        yield element
