"""The elements of an article -> its sections, one a session, by the headings that are sessions'."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from sessionqa.importers.articles.coded_heads import coded_heads
from sessionqa.importers.articles.elements import BOLD, Element
from sessionqa.importers.articles.ends import end_of, ended, repeated_headings
from sessionqa.importers.articles.headings import folded
from sessionqa.importers.articles.outline import Section, is_text
from sessionqa.importers.articles.uncoded_heads import uncoded_heads


@dataclass(frozen=True, slots=True)
class Split:
    """The sections of an article, and the headings of what between them is in none."""

    sections: tuple[Section, ...]
    left_out: tuple[str, ...] = ()


def split(elements: Sequence[Element]) -> Split:
    """The sections of these elements; none where no heading is plainly a session's."""
    heads = coded_heads(elements) or uncoded_heads(elements)
    if not heads:
        return Split(())
    sections: list[Section] = []
    left_out: list[str] = []
    repeated = repeated_headings(elements)
    lowest = max((head.rank for head in heads if head.rank < BOLD), default=0)
    for number, head in enumerate(heads):
        last = number == len(heads) - 1
        until = len(elements) if last else heads[number + 1].place
        inside = elements[head.place + 1 : until]
        end = end_of(inside, head, lowest, repeated, last)
        if end < len(inside) and not last and any(is_text(one) for one in inside[end + 1 :]):
            left_out.append(inside[end].text)
        links = elements[head.place].links
        sections.append(Section(head.heading, head.people, tuple(inside[:end]), links))
    sections = ended(sections)
    return Split(tuple(_merged(sections)), tuple(filter(None, left_out)))


def _merged(sections: Sequence[Section]) -> Iterator[Section]:
    """The sections, with what is told of one session in two places put together."""
    places: dict[str, list[Section]] = {}
    for number, section in enumerate(sections):
        key = folded(section.heading.code) or f"#{number}"
        places.setdefault(key, []).append(section)
    for first, *others in places.values():
        elements = chain(first.elements, *(one.elements for one in others))
        yield replace(first, elements=tuple(elements))
