"""Where a session's section ends: at a heading of others, or where the article takes leave."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sessionqa.importers.articles import boilerplate
from sessionqa.importers.articles.elements import BOLD, Element
from sessionqa.importers.articles.headings import unnumbered
from sessionqa.importers.articles.outline import Head, Section, is_card, is_text
from sessionqa.importers.articles.recordings import is_caption
from sessionqa.importers.text import ends_sentence


def end_of(
    inside: Sequence[Element],
    head: Head,
    lowest: int,
    repeated: set[str],
    last: bool,
) -> int:
    """Where the session ends: at a heading above its own, or one of the article's.

    `lowest` is the lowest rank of all sessions' headings, `repeated` what stands below several.
    """
    for place, element in enumerate(inside):
        text = unnumbered(element.text)
        if element.kind == "heading" and element.level < BOLD:
            if last and element.rank > head.rank and is_card(element):
                return place
            if _ends(text, element.rank, head.rank, lowest, repeated):
                return place
        elif last and boilerplate.is_edge_heading(text) and not ends_sentence(text):
            return place
    return len(inside)


def _ends(text: str, rank: int, own: int, lowest: int, repeated: set[str]) -> bool:
    """Whether a heading of this rank ends a session whose heading has the rank `own`."""
    # Lines and items are under any heading.
    if own < BOLD and rank < own:
        return True
    if text.casefold() in repeated:
        return False
    if boilerplate.is_inner_heading(text):
        return rank == own and boilerplate.is_sources_heading(text)
    return own >= BOLD or rank <= lowest or boilerplate.is_edge_heading(text)


def repeated_headings(elements: Sequence[Element]) -> set[str]:
    """What stands as a heading more than once, so below more than one session."""
    texts = Counter(
        unnumbered(element.text).casefold() for element in elements if element.kind == "heading"
    )
    return {
        text for text, count in texts.items() if count > 1 and not boilerplate.is_edge_heading(text)
    }


def ended(sections: list[Section]) -> list[Section]:
    """The sections, the last of which ends where the article begins to speak of itself."""
    *earlier, last = sections
    end = len(last.elements)
    if _captions_end(earlier, last):
        end = min([end, *(place + 1 for place in _captions(last) if place)])
    if _ruled(earlier):
        end = min(end, _ruled_off(last.elements))
    end = min(end, _closing(last.elements[:end]))
    trimmed = list(last.elements[:end])
    if end < len(last.elements):
        while trimmed and trimmed[-1].kind == "rule":
            trimmed.pop()
    return [*earlier, replace(last, elements=tuple(trimmed))]


def _captions_end(earlier: Sequence[Section], last: Section) -> bool:
    """Whether no text stands below the captions of the other sessions."""
    for section in earlier:
        for place in _captions(section)[-1:]:
            if any(map(is_text, section.elements[place + 1 :])):
                return False
    places = _captions(last)
    return bool(places) and any(map(is_text, last.elements[: places[0]]))


def _captions(section: Section) -> list[int]:
    """The places of the titles of the session's recording."""
    return [
        place
        for place, element in enumerate(section.elements)
        if is_caption(element.text, section.heading)
    ]


def _ruled(earlier: Sequence[Section]) -> bool:
    """Whether lines part the sessions, and nothing else."""
    return bool(earlier) and all(
        _ruled_off(section.elements) < len(section.elements)
        and not any(map(is_text, section.elements[_ruled_off(section.elements) :]))
        for section in earlier
    )


def _ruled_off(elements: Sequence[Element]) -> int:
    """Where the first rule below a text stands, else the end."""
    seen = False
    for place, element in enumerate(elements):
        seen = seen or is_text(element)
        if seen and element.kind == "rule":
            return place
    return len(elements)


def _closing(elements: Sequence[Element]) -> int:
    """Where closing words begin; lines of a site at the end are none of the session's either."""
    for place, element in enumerate(elements):
        if place and element.kind == "paragraph" and boilerplate.is_closing(element.text):
            return place
    end = len(elements)
    while end and _is_label(elements[end - 1]):
        end -= 1
    return end


def _is_label(element: Element) -> bool:
    # A link "Watch" may lead to the session's recording.
    return element.kind == "paragraph" and (
        (boilerplate.is_site_line(element.text) and not element.links)
        or boilerplate.is_edge_heading(element.text)
    )
