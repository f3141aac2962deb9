"""Headings with the codes of sessions, as "ARC310 | Gray failures": those that head sections."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sessionqa.importers.articles import boilerplate
from sessionqa.importers.articles.elements import BOLD, ITEM, LINE, Element
from sessionqa.importers.articles.headings import SessionHeading, base_code, coded, folded, same
from sessionqa.importers.articles.outline import Head, bodies, is_card, is_text

_MAX_TEASER_CHARS = 200


def coded_heads(elements: Sequence[Element]) -> list[Head]:
    """The headings with codes of the kind that most sessions are headed by."""
    found = [
        Head(place, element.rank, heading)
        for place, element in enumerate(elements)
        if element.kind in ("heading", "paragraph", "item")
        and (heading := coded(element.text, strict=element.kind != "heading" or element.level > 6))
    ]
    found = _without_teasers(_without_others(found, elements), elements)
    found = _without_captions(_without_listed(_without_doubtful(found)), elements)
    found = _of_best_kind(_without_contents(found, elements), elements)
    kept = _without_inner(found)
    # One alone must head something.
    return kept if any(bodies(kept, elements)) else []


def _without_others(found: list[Head], elements: Sequence[Element]) -> list[Head]:
    """Without those that stand lower than a heading such as "More posts", below it.

    And without the cards of other articles at the end, lower than the headings of most sessions.
    """
    heads = {head.place: head for head in found}
    ranks = Counter(head.rank for head in found if head.rank < BOLD)
    usual = max(ranks, key=lambda rank: (ranks[rank], -rank), default=0)
    end = max((head.place for head in found if head.rank == usual), default=0)
    kept: list[Head] = []
    above = 0
    for place, element in enumerate(elements):
        if element.kind == "heading" and element.rank < BOLD:
            if kept and boilerplate.is_of_others(element.text):
                above = element.rank
            elif element.rank <= above:
                above = 0
        leads_away = place > end and element.rank > usual and is_card(element)
        if place in heads and not above and not leads_away:
            kept.append(heads[place])
    return kept


def _without_teasers(found: list[Head], elements: Sequence[Element]) -> list[Head]:
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
        below = [one for one in elements[head.place + 1 : end] if is_text(one)]
        if len(below) > 1 or any(len(one.text) > _MAX_TEASER_CHARS for one in below):
            return found
    return [head for head in found if head.place < start]


def _without_doubtful(found: list[Head]) -> list[Head]:
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


def _is_standard(heading: SessionHeading) -> bool:
    return heading.letters in {"RFC", "ISO", "CVE", "PEP", "SHA", "AES", "IEEE", "NIST", "GPT"}


def _without_listed(found: list[Head]) -> list[Head]:
    """Without items that follow one another: such a list tells of sessions, and heads none."""
    items = {head.place for head in found if head.rank == ITEM}
    return [
        head
        for head in found
        if head.place not in items or not items & {head.place - 1, head.place + 1}
    ]


def _without_contents(found: list[Head], elements: Sequence[Element]) -> list[Head]:
    """Without the table of contents: headings in a row that all stand again further down."""
    last = {folded(head.heading.code): place for place, head in enumerate(found)}
    kept: list[Head] = []
    for run in _rows(found, bodies(found, elements)):
        codes = {folded(found[place].heading.code) for place in run}
        alone = len(run) == 1 or len(codes) == 1
        kept += [
            found[place]
            for place in run
            if alone or last[folded(found[place].heading.code)] == place
        ]
    return kept


def _rows(found: Sequence[Head], bodies: Sequence[bool]) -> Iterator[range]:
    """The places of headings with no text between them; below the last of each stands one."""
    start = 0
    for place, body in enumerate(bodies):
        if body or place == len(found) - 1:
            yield range(start, place + 1)
            start = place + 1


def _of_best_kind(found: list[Head], elements: Sequence[Element]) -> list[Head]:
    """Those of headings, else of lines in bold, else of lines, else of items: where most are."""
    groups: dict[int, list[Head]] = defaultdict(list)
    for head in found:
        groups[0 if head.rank < BOLD else head.rank].append(head)
    if not groups:
        return []

    def worth(kind: int) -> tuple[int, int]:
        heads = sorted(groups[kind], key=lambda head: head.place)
        below = zip(heads, bodies(heads, elements), strict=True)
        return len({folded(head.heading.code) for head, body in below if body}), -kind

    best = max(groups, key=worth)
    chosen = list(groups[best])
    if best in (BOLD, LINE):
        # Some headings of an article may be in bold, and some not.
        known = {folded(head.heading.code) for head in chosen}
        other = LINE if best == BOLD else BOLD
        chosen += [head for head in groups[other] if folded(head.heading.code) not in known]
    return sorted(chosen, key=lambda head: head.place)


def _without_captions(found: list[Head], elements: Sequence[Element]) -> list[Head]:
    """Without the titles of recordings, which repeat the code of the heading above them."""
    kept: list[Head] = []
    for head, body in zip(found, [False, *bodies(found, elements)], strict=False):
        before = kept[-1] if kept else None
        if before and base_code(before.heading.code) == base_code(head.heading.code):
            caption = head.heading.trailing and not before.heading.trailing
            again = same(before.heading.code, head.heading.code) and body
            # What is listed in the contents may stand again next to it.
            if caption or (again and head.rank >= max(before.rank, BOLD)):
                continue
        kept.append(head)
    return kept


def _without_inner(heads: list[Head]) -> list[Head]:
    """Without headings within a session, which stand lower than the session's own."""
    highest: dict[str, int] = {}
    for head in heads:
        code = folded(head.heading.code)
        highest[code] = min(highest.get(code, head.rank), head.rank)
    kept: list[Head] = []
    for head in heads:
        if head.rank > highest[folded(head.heading.code)]:
            continue
        if kept and same(kept[-1].heading.code, head.heading.code):
            continue
        kept.append(head)
    return kept
