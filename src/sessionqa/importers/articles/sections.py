"""The elements of an article -> its sections, one a session, by the headings that are sessions'."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from sessionqa.importers import people
from sessionqa.importers.articles import boilerplate, metadata
from sessionqa.importers.articles.elements import BOLD, ITEM, LINE, MAX_HEADING_CHARS, Element
from sessionqa.importers.articles.headings import (
    SessionHeading,
    coded,
    is_numbered,
    of_event,
    unnumbered,
)
from sessionqa.importers.articles.recordings import video_of
from sessionqa.importers.text import ends_sentence

_SPOKEN_OF = re.compile(
    r"\b(?:talks?|sessions?|speakers?|presenters?|keynotes?|presentations?|workshops?)\b",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"\b(?:talks|sessions|speakers|keynotes|presentations|workshops|conference)\b", re.IGNORECASE
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_MIN_CARD_WORDS = 4
_MAX_TEASER_CHARS = 200
# "In this session A described", "The speaker measured"
_TOLD_OF = re.compile(
    r"\b(?:the|this|her|his|their|two|both) (?:talks?|session|speakers?|presenters?|keynote"
    r"|presentation|workshop)\b",
    re.IGNORECASE,
)
# Title — Name, Title | Name, Title (Name), Title by Name
_BY = re.compile(
    r"(?P<title>\S.*?)"
    r"(?:(?:\s+[—–|]\s*|\s+-\s+|,?\s+(?:presented )?by\s+)(?P<people>[^—–|()]+)"
    r"|\s*\((?P<within>[^()]+)\))"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A session's heading, the names that end it, what stands below it, and where it leads to."""

    heading: SessionHeading
    people: str
    elements: tuple[Element, ...]
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """The sections of an article, and the headings of what between them is in none."""

    sections: tuple[Section, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Head:
    """Where a session's heading stands."""

    place: int
    rank: int
    heading: SessionHeading
    people: str = ""


def split(elements: Sequence[Element]) -> Split:
    """The sections of these elements; none where no heading is plainly a session's."""
    heads = _coded_heads(elements) or _spoken_heads(elements)
    if not heads:
        return Split(())
    sections: list[Section] = []
    left_out: list[str] = []
    repeated = _repeated(elements)
    lowest = max((head.rank for head in heads if head.rank < BOLD), default=0)
    for number, head in enumerate(heads):
        last = number == len(heads) - 1
        until = len(elements) if last else heads[number + 1].place
        inside = elements[head.place + 1 : until]
        end = _end(inside, head, lowest, repeated, last)
        if end < len(inside) and not last and any(_is_text(one) for one in inside[end + 1 :]):
            left_out.append(inside[end].text)
        links = elements[head.place].links
        sections.append(Section(head.heading, head.people, tuple(inside[:end]), links))
    sections = _ended(sections)
    return Split(tuple(_merged(sections)), tuple(filter(None, left_out)))


def is_caption(text: str, heading: SessionHeading) -> bool:
    """Whether `text` is the title of the session's recording: it has its code, or its title."""
    if len(text) > MAX_HEADING_CHARS or text.endswith((".", ",", ";", ":")):
        return False
    bare = re.sub(r"^(?:watch|video|recording|session|source)[^:]{0,20}:\s*", "", text, flags=re.I)
    other = coded(bare, strict=True)
    if heading.code:
        return other is not None and _same(_base(other.code), _base(heading.code))
    return _same(of_event(bare).title, heading.title)


# --- headings with codes


def _coded_heads(elements: Sequence[Element]) -> list[_Head]:
    """The headings with codes of the kind that most sessions are headed by."""
    found = [
        _Head(place, element.rank, heading)
        for place, element in enumerate(elements)
        if element.kind in ("heading", "paragraph", "item")
        and (heading := coded(element.text, strict=element.kind != "heading" or element.level > 6))
    ]
    found = _without_teasers(_without_others(found, elements), elements)
    found = _without_captions(_without_listed(_without_doubtful(found)), elements)
    found = _of_best_kind(_without_contents(found, elements), elements)
    kept = _without_inner(found)
    # One alone must head something.
    return kept if any(_bodies(kept, elements)) else []


def _without_others(found: list[_Head], elements: Sequence[Element]) -> list[_Head]:
    """Without those that stand lower than a heading such as "More posts", below it.

    And without the cards of other articles at the end, lower than the headings of most sessions.
    """
    heads = {head.place: head for head in found}
    ranks = Counter(head.rank for head in found if head.rank < BOLD)
    usual = max(ranks, key=lambda rank: (ranks[rank], -rank), default=0)
    end = max((head.place for head in found if head.rank == usual), default=0)
    kept: list[_Head] = []
    above = 0
    for place, element in enumerate(elements):
        if element.kind == "heading" and element.rank < BOLD:
            if kept and boilerplate.is_of_others(element.text):
                above = element.rank
            elif element.rank <= above:
                above = 0
        is_card = place > end and element.rank > usual and _is_card(element)
        if place in heads and not above and not is_card:
            kept.append(heads[place])
    return kept


def _without_teasers(found: list[_Head], elements: Sequence[Element]) -> list[_Head]:
    """Without those below a line such as "Related posts", if they head no more than a teaser."""
    start = next(
        (
            place
            for place, one in enumerate(elements)
            if one.kind == "paragraph"
            and boilerplate.is_of_others(one.text)
            and any(head.place < place for head in found)
        ),
        len(elements),
    )
    heads = [head for head in found if head.place > start]
    ends = [*(head.place for head in heads[1:]), len(elements)]
    for head, end in zip(heads, ends, strict=False):
        below = [one for one in elements[head.place + 1 : end] if _is_text(one)]
        if len(below) > 1 or any(len(one.text) > _MAX_TEASER_CHARS for one in below):
            return found
    return [head for head in found if head.place < start]


def _is_card(element: Element) -> bool:
    """Whether a heading is the title of another article, and leads there."""
    return (
        element.kind == "heading"
        and element.rank < BOLD
        and element.linked
        and len(element.text.split()) >= _MIN_CARD_WORDS
        and not any("#" in link or video_of(link) for link in element.links)
    )


def _without_doubtful(found: list[_Head]) -> list[_Head]:
    numbers: Mapping[str, set[str]] = defaultdict(set)
    for head in found:
        numbers[head.heading.letters].add(head.heading.code)
    sure = {head.heading.letters for head in found if not head.heading.doubtful}
    return [
        head
        for head in found
        if not head.heading.doubtful
        or head.heading.letters in sure
        or (len(numbers[head.heading.letters]) > 1 and not _is_standard(head.heading))
    ]


def _without_listed(found: list[_Head]) -> list[_Head]:
    """Without items that follow one another: such a list tells of sessions, and heads none."""
    items = {head.place for head in found if head.rank == ITEM}
    return [
        head
        for head in found
        if head.place not in items or not items & {head.place - 1, head.place + 1}
    ]


def _is_standard(heading: SessionHeading) -> bool:
    return heading.letters in {"RFC", "ISO", "CVE", "PEP", "SHA", "AES", "IEEE", "NIST", "GPT"}


def _without_contents(found: list[_Head], elements: Sequence[Element]) -> list[_Head]:
    """Without the table of contents: headings in a row that all stand again further down."""
    last = {_folded(head.heading.code): place for place, head in enumerate(found)}
    kept: list[_Head] = []
    for run in _rows(found, _bodies(found, elements)):
        codes = {_folded(found[place].heading.code) for place in run}
        alone = len(run) == 1 or len(codes) == 1
        kept += [
            found[place]
            for place in run
            if alone or last[_folded(found[place].heading.code)] == place
        ]
    return kept


def _rows(found: Sequence[_Head], bodies: Sequence[bool]) -> Iterator[range]:
    """The places of headings with no text between them; below the last of each stands one."""
    start = 0
    for place, body in enumerate(bodies):
        if body or place == len(found) - 1:
            yield range(start, place + 1)
            start = place + 1


def _of_best_kind(found: list[_Head], elements: Sequence[Element]) -> list[_Head]:
    """Those of headings, else of lines in bold, else of lines, else of items: where most are."""
    groups: dict[int, list[_Head]] = defaultdict(list)
    for head in found:
        groups[0 if head.rank < BOLD else head.rank].append(head)
    if not groups:
        return []

    def worth(kind: int) -> tuple[int, int]:
        heads = sorted(groups[kind], key=lambda head: head.place)
        bodies = _bodies(heads, elements)
        codes = {
            _folded(head.heading.code) for head, body in zip(heads, bodies, strict=True) if body
        }
        return len(codes), -kind

    best = max(groups, key=worth)
    chosen = list(groups[best])
    if best in (BOLD, LINE):
        # Some headings of an article may be in bold, and some not.
        known = {_folded(head.heading.code) for head in chosen}
        other = LINE if best == BOLD else BOLD
        chosen += [head for head in groups[other] if _folded(head.heading.code) not in known]
    return sorted(chosen, key=lambda head: head.place)


def _without_captions(found: list[_Head], elements: Sequence[Element]) -> list[_Head]:
    """Without the titles of recordings, which repeat the code of the heading above them."""
    kept: list[_Head] = []
    for head, body in zip(found, [False, *_bodies(found, elements)], strict=False):
        before = kept[-1] if kept else None
        if before and _base(before.heading.code) == _base(head.heading.code):
            caption = head.heading.trailing and not before.heading.trailing
            again = _same(before.heading.code, head.heading.code) and body
            # What is listed in the contents may stand again next to it.
            if caption or (again and head.rank >= max(before.rank, BOLD)):
                continue
        kept.append(head)
    return kept


def _without_inner(heads: list[_Head]) -> list[_Head]:
    """Without headings within a session, which stand lower than the session's own."""
    highest: dict[str, int] = {}
    for head in heads:
        code = _folded(head.heading.code)
        highest[code] = min(highest.get(code, head.rank), head.rank)
    kept: list[_Head] = []
    for head in heads:
        if head.rank > highest[_folded(head.heading.code)]:
            continue
        if kept and _same(kept[-1].heading.code, head.heading.code):
            continue
        kept.append(head)
    return kept


def _bodies(heads: Sequence[_Head], elements: Sequence[Element]) -> list[bool]:
    """Whether a text stands below each."""
    places = [head.place for head in heads]
    return [
        any(_is_text(one) for one in elements[place + 1 : end])
        for place, end in zip(places, [*places[1:], len(elements)], strict=False)
    ]


# --- headings without codes


def _spoken_heads(elements: Sequence[Element]) -> list[_Head]:
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
) -> tuple[_Head, bool]:
    """A heading as a session's, and whether there is reason to take it for one.

    What may be a name is one where talks were `announced`, or the text below knows who speaks.
    Where they are of a year, a heading's number and "the talk" in the text tell as much.
    """
    element = elements[place]
    heading = of_event(element.text)
    title, named = by_line(heading.title)
    below_it = " ".join(one.text for one in _below(place, elements))
    evident = bool(named) and (announced or people.are_known(people.in_field(named)[0], below_it))
    below = next(
        (
            one
            for one in elements[place + 1 : place + 3]
            if one.kind != "rule" and not boilerplate.is_site_line(one.text)
        ),
        None,
    )
    if below is not None and not evident:
        # A definition list has "Speakers" and, below it, who they are.
        filled = f"{below.text.rstrip(':')}: A B" if below.kind == "heading" else below.text
        field = metadata.field(filled)
        evident = (field is not None and field[0] in ("speaker", "speakers")) or (
            below.kind == "paragraph" and bool(people.in_text([below.text]))
        )
        evident = evident or (
            dated and (is_numbered(element.text) or bool(_TOLD_OF.search(below_it)))
        )
    if not evident:
        title, named = heading.title, ""
    return _Head(place, element.rank, replace(heading, title=title), named), evident


def _below(place: int, elements: Sequence[Element]) -> Iterator[Element]:
    """The next few elements below a heading, to the next heading as high."""
    for element in elements[place + 1 : place + 8]:
        if element.kind == "heading" and element.rank <= elements[place].rank:
            return
        yield element


def by_line(title: str) -> tuple[str, str]:
    """Of "Title — A and B" the title and the names; these are empty where there are none."""
    found = _BY.fullmatch(title)
    if found is None:
        return title, ""
    named = found["people"] or found["within"]
    speakers, whole = people.in_field(named)
    return (found["title"].strip(), named) if speakers and whole else (title, "")


# --- where sections end


def _end(
    inside: Sequence[Element],
    head: _Head,
    lowest: int,
    repeated: set[str],
    last: bool,
) -> int:
    """Where the session ends: at a heading above its own, or one of the article's."""
    for place, element in enumerate(inside):
        text = unnumbered(element.text)
        if element.kind == "heading" and element.level < BOLD:
            if last and element.rank > head.rank and _is_card(element):
                return place
            if _ends(text, element.rank, head.rank, lowest, repeated):
                return place
        elif last and boilerplate.is_edge_heading(text) and not ends_sentence(text):
            return place
    return len(inside)


def _ends(text: str, rank: int, own: int, lowest: int, repeated: set[str]) -> bool:
    # Lines and items are under any heading.
    if own < BOLD and rank < own:
        return True
    if text.casefold() in repeated:
        return False
    if boilerplate.is_inner_heading(text):
        return rank == own and boilerplate.is_sources_heading(text)
    return own >= BOLD or rank <= lowest or boilerplate.is_edge_heading(text)


def _repeated(elements: Sequence[Element]) -> set[str]:
    """What stands as a heading more than once, so below more than one session."""
    texts = Counter(
        unnumbered(element.text).casefold() for element in elements if element.kind == "heading"
    )
    return {
        text for text, count in texts.items() if count > 1 and not boilerplate.is_edge_heading(text)
    }


def _ended(sections: list[Section]) -> list[Section]:
    """The sections, the last of which ends where the article begins to speak of itself."""
    *earlier, last = sections
    end = len(last.elements)
    if _captions_end(earlier, last):
        places = [n for n, one in enumerate(last.elements) if is_caption(one.text, last.heading)]
        end = min(end, *(place + 1 for place in places if place), end)
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
        places = [
            n for n, one in enumerate(section.elements) if is_caption(one.text, section.heading)
        ]
        if any(_is_text(one) for place in places[-1:] for one in section.elements[place + 1 :]):
            return False
    texts = [_is_text(one) and not is_caption(one.text, last.heading) for one in last.elements]
    places = [n for n, one in enumerate(last.elements) if is_caption(one.text, last.heading)]
    return bool(places) and any(texts[: places[0]])


def _ruled(earlier: Sequence[Section]) -> bool:
    """Whether lines part the sessions, and nothing else."""
    return bool(earlier) and all(
        _ruled_off(section.elements) < len(section.elements)
        and not any(_is_text(one) for one in section.elements[_ruled_off(section.elements) :])
        for section in earlier
    )


def _ruled_off(elements: Sequence[Element]) -> int:
    seen = False
    for place, element in enumerate(elements):
        seen = seen or _is_text(element)
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


def _merged(sections: Sequence[Section]) -> Iterator[Section]:
    """The sections, with what is told of one session in two places put together."""
    places: dict[str, list[Section]] = {}
    for number, section in enumerate(sections):
        key = _folded(section.heading.code) or f"#{number}"
        places.setdefault(key, []).append(section)
    for first, *others in places.values():
        elements = chain(first.elements, *(one.elements for one in others))
        yield replace(first, elements=tuple(elements))


def _is_text(element: Element) -> bool:
    """Whether it says something: a sentence, an item, a table."""
    if element.kind in ("item", "markdown"):
        return True
    return (
        element.kind == "paragraph"
        and (ends_sentence(element.text) or len(element.text.split()) > 12)
        and not boilerplate.is_site_line(element.text)
    )


def _base(code: str) -> str:
    """A code without what tells that the session was repeated: ARC310 of ARC310-R1."""
    return re.sub(r"-(?:R\d?|S)$", "", code)


def _same(one: str, other: str) -> bool:
    return bool(one) and _folded(one) == _folded(other)


def _folded(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()
