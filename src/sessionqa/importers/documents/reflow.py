"""The lines of printed pages -> paragraphs, headings and items, as they were before the print.

Lengths are in points, and heights count from the bottom of a page.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from sessionqa.importers.drafts import Block, Kind
from sessionqa.importers.text import ends_line

# A line is set larger than most, by so much, in a heading.
LARGER = 1.15
# Lines further apart than usual, by so much, are of two paragraphs.
APART = 1.3
# So many lines at either end of a page may be repeated ones.
EDGE = 2
MOST_HEADING_CHARS = 200
# No word is longer, and a line of nothing but letters would be read from each of them.
MOST_WORD_CHARS = 100
# So many lines of a paragraph tell how far its lines reach.
AROUND = 50

_BULLET = re.compile(r"[•◦▪‣●○■·∙\uf0b7\uf0a7](?:\s+|$)")
_DASH = re.compile(r"[-–—*]\s+")
_NUMBERED = re.compile(r"\d{1,3}[.)]\s")
_DIVIDED = re.compile(r"(?P<before>-?)(?P<word>[^\W_]+)[-‐]$")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_NUMBER = re.compile(r"\d+")

_Pages = Sequence[Sequence["Line"]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: its text, where it begins and ends, and how large it is set."""

    text: str
    page: int
    left: float
    right: float
    bottom: float
    height: float


@dataclass(frozen=True, slots=True)
class _Print:
    """What is usual in a document: the height of lines, their distance, and its words."""

    height: float
    distance: float
    words: frozenset[str]


def blocks(pages: _Pages) -> list[Block]:
    """The text of these pages, without what most of them repeat at their edges.

    Each block has the page that it begins on. There must be a line.
    """
    every = [line for page in pages for line in page]
    height = _usual(every)
    kept = [line for page in _without_edges(pages, height) for line in page]
    usual = _Print(height, _distance(kept), frozenset(_words(kept)))
    return [_block(group, usual) for group in _groups(kept, usual)]


def _usual(lines: Sequence[Line]) -> float:
    """The height in which most letters are set."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[round(line.height, 1)] += len(line.text)
    return letters.most_common(1)[0][0]


def _distance(lines: Sequence[Line]) -> float:
    """How far a line usually is below the one before it, in heights."""
    below = [
        (one.bottom - other.bottom) / one.height
        for one, other in pairwise(lines)
        if one.page == other.page and _alike(one, other)
    ]
    return median([distance for distance in below if 0 < distance < 3] or [1.0])


def _alike(one: Line, other: Line) -> bool:
    """Whether they are set in one size."""
    return abs(one.height - other.height) <= 0.12 * max(one.height, other.height)


# --- running headers and footers


def _without_edges(pages: _Pages, height: float) -> list[list[Line]]:
    printed = sum(map(bool, pages))
    seen: Counter[tuple[str, int]] = Counter()
    for page in pages:
        seen.update({sign for line in _edges(page) for sign in _signs(line, height)})
    most = printed if printed < 3 else max(3, 0.4 * printed)
    repeated = {sign for sign, count in seen.items() if count >= most and printed > 1}
    kept = []
    for page in pages:
        gone = {line for line in _edges(page) if not repeated.isdisjoint(_signs(line, height))}
        kept.append([line for line in page if line not in gone])
    # Where nothing else is there, it is the text.
    return kept if any(kept) else [list(page) for page in pages]


def _edges(page: Sequence[Line]) -> list[Line]:
    ordered = sorted(page, key=lambda line: -line.bottom)
    return list(dict.fromkeys([*ordered[:EDGE], *ordered[-EDGE:]]))


def _signs(line: Line, height: float) -> Iterator[tuple[str, int]]:
    """What such a line has in common with those of other pages: its text, but for their number.

    A larger one with a number is a heading, as "Step 1" is.
    """
    yield line.text, round(line.height)
    if line.height < LARGER * height:
        for number in _NUMBER.finditer(line.text[:MOST_HEADING_CHARS]):
            rest = f"{line.text[: number.start()]}\0{line.text[number.end() :]}"
            yield rest, int(number[0]) - line.page


# --- paragraphs


def _groups(lines: Iterable[Line], usual: _Print) -> Iterator[list[Line]]:
    """The lines of each block."""
    group: list[Line] = []
    for line in lines:
        if group and not _goes_on(group, line, usual):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _goes_on(group: Sequence[Line], line: Line, usual: _Print) -> bool:
    """Whether a line belongs to the block of those before it."""
    first, last = group[0], group[-1]
    if _BULLET.fullmatch(last.text) and last.page == line.page:
        return True
    if _begins(first, last, line) or not _alike(last, line):
        return False
    below = last.bottom - line.bottom
    ended = ends_line(last.text)
    if last.page != line.page or below <= 0:
        # It may go on on the next page, or in the next column.
        return not ended and (line.text[:1].islower() or _divided(last.text) is not None)
    if below > APART * usual.distance * last.height:
        return False
    return not ended or _stands_with(group, line)


def _begins(first: Line, last: Line, line: Line) -> bool:
    """Whether a line begins an item, or what has a number; a dash may be one of a sentence."""
    if _BULLET.match(line.text):
        return True
    dash = _DASH.match(line.text) and (ends_line(last.text) or _DASH.match(first.text))
    return bool(dash or (ends_line(last.text) and _NUMBERED.match(line.text)))


def _stands_with(group: Sequence[Line], line: Line) -> bool:
    """Whether a new sentence on a new line goes on with a block, by where both stand."""
    first, last = group[0], group[-1]
    if _BULLET.match(first.text) or _DASH.match(first.text):
        # What stands below its sign is no longer the item.
        return line.left > first.left + 0.3 * line.height
    return line.left - last.left < 0.8 * line.height and not _is_short(last, group, line)


def _is_short(last: Line, group: Sequence[Line], line: Line) -> bool:
    """Whether a line ends well before those around it do."""
    right = max(line.right, *(one.right for one in group[-AROUND:]))
    return last.right < right - 0.1 * (right - last.left)


# --- their text


def _block(group: Sequence[Line], usual: _Print) -> Block:
    text = _text((line.text for line in group), usual.words)
    kind: Kind = "paragraph"
    if bullet := _BULLET.match(text) or _DASH.match(text):
        text, kind = text[bullet.end() :], "item"
    elif _is_heading(text, group[0], usual):
        kind = "heading"
    return Block(text, kind, page=group[0].page)


def _text(lines: Iterable[str], words: frozenset[str]) -> str:
    """These lines as one."""
    done: list[str] = []
    end = ""
    for line in lines:
        end = _joined(end, line, words)
        # The next line meets no more than a word: the rest is not copied again.
        done.append(end[:-MOST_WORD_CHARS])
        end = end[-MOST_WORD_CHARS:]
    return "".join([*done, end])


def _is_heading(text: str, line: Line, usual: _Print) -> bool:
    large = line.height >= LARGER * usual.height
    short = len(text) <= MOST_HEADING_CHARS and not text.endswith((".", ",", ";"))
    return large and short and any(map(str.isalpha, text))


def _joined(before: str, line: str, words: frozenset[str]) -> str:
    """`line` behind what comes before it, a word that was divided between them made whole."""
    divided = _divided(before)
    following = _WORD.match(line)
    if not before or not divided or not following:
        return f"{before} {line}" if before else line
    first, second = divided["word"].casefold(), following[0].casefold()
    compound = (
        # A name or a number: "AWS-Region", "20-year".
        not line[0].islower()
        or first[-1].isdigit()
        or bool(divided["before"])
        or f"{first}-{second}" in words
        or ({first, second} <= words and first + second not in words)
    )
    return f"{before if compound else before[:-1]}{line}"


def _divided(text: str) -> re.Match[str] | None:
    """The half of a word that a text ends with, if it ends with a hyphen."""
    return _DIVIDED.search(text[-MOST_WORD_CHARS:])


def _words(lines: Sequence[Line]) -> Iterator[str]:
    """The words of the document, but for those at the ends of lines that may be half ones."""
    half = False
    for line in lines:
        found = [word.casefold() for word in _WORD.findall(line.text)]
        divided = _divided(line.text) is not None
        yield from found[half : len(found) - divided]
        half = divided
