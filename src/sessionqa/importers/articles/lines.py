"""Lines of one block of text -> its paragraphs: joined, but for those that stand for themselves."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sessionqa.importers.articles.elements import MAX_HEADING_CHARS
from sessionqa.importers.articles.headings import coded
from sessionqa.importers.articles.metadata import is_field
from sessionqa.importers.text import ends_line, ends_sentence

# "Room: Hall 2", of whatever else than what is read from such lines.
_LABELLED = re.compile(r"[A-Z][A-Za-z]*(?: [A-Za-z]+){0,3}: \S")
_HYPHEN = re.compile(r"\w-$")
# "front- and back-end" has a space behind its hyphen.
_GOES_ON = re.compile(r"(?!(?:and|or|to|nor|und|oder|bis)\b)\w")
# Wider than anybody wraps lines.
_WIDEST = 130
# More lines than a title is wrapped to.
_MOST_LINES = 6


def paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """The paragraphs that these lines make; a wrapped line goes on in the next one.

    A session's heading, and a line such as "Speakers: ...", stand alone even where no empty line
    follows them.
    """
    return (joined(lines[one.start : one.stop]) for one in groups(lines))


def groups(lines: Sequence[str]) -> Iterator[range]:
    """Which of these lines make each of the paragraphs."""
    width = max(map(len, lines), default=0)
    start = 0
    while start < len(lines):
        end = _end(lines, start, width)
        yield range(start, end)
        start = end


def unwrapped(lines: Sequence[str], widest: int) -> Iterator[str]:
    """The paragraphs of a text in which each is a line; the longest line has `widest` characters.

    A line that may have been ended for want of room is looked at as if it were wrapped.
    """
    start = 0
    for place in range(1, len(lines) + 1):
        if place < len(lines) and not _ends_paragraph(lines[place - 1], lines[place], widest):
            continue
        yield from paragraphs(lines[start:place])
        start = place


def _ends_paragraph(before: str, line: str, widest: int) -> bool:
    if ends_sentence(before) and (is_field(line) or coded(line, strict=True)):
        return True
    return not line[:1].islower() and _deliberate(before, line, widest)


def joined(lines: Sequence[str]) -> str:
    """Wrapped lines as one; a word with a hyphen may have been wrapped behind it."""
    parts: list[str] = []
    for before, line in pairwise(["", *lines]):
        gap = "" if not before or (_HYPHEN.search(before[-2:]) and _GOES_ON.match(line)) else " "
        parts += (gap, line)
    return "".join(parts)


def _end(lines: Sequence[str], start: int, width: int) -> int:
    """Where the paragraph that begins at `start` ends."""
    first = lines[start]
    if is_field(first) or _is_labelled(lines[start : start + 2]):
        return _next_deliberate(lines, start, width)
    if _is_heading(lines, start, width):
        return _end_of_heading(lines, start, width)
    for place in range(start + 1, len(lines)):
        if _stands_alone(lines, place, width):
            return place
    return len(lines)


def _is_labelled(pair: Sequence[str]) -> bool:
    """Whether two lines each tell one thing, "Room: Hall 2" and "Level: 300" say."""
    return len(pair) == 2 and all(_LABELLED.match(line) or is_field(line) for line in pair)


def _next_deliberate(lines: Sequence[str], start: int, width: int) -> int:
    for place in range(start + 1, len(lines)):
        line = lines[place]
        if _deliberate(lines[place - 1], line, width) or is_field(line) or _LABELLED.match(line):
            return place
    return len(lines)


def _is_heading(lines: Sequence[str], place: int, width: int) -> bool:
    heading = coded(lines[place], strict=True)
    if heading is None or not heading.trailing or place + 1 == len(lines):
        return heading is not None
    # A sentence may be wrapped behind a code, but a title ends there.
    return _deliberate(lines[place], lines[place + 1], width)


def _end_of_heading(lines: Sequence[str], start: int, width: int) -> int:
    rest = lines[start : start + _MOST_LINES + 1]
    alone = not any(_is_other(line) for line in rest[1:])
    if alone and len(rest) <= _MOST_LINES and _is_title(" ".join(rest)):
        return len(lines)
    most = min(len(lines), start + _MOST_LINES)
    end = start + 1
    while end < most and not _deliberate(lines[end - 1], lines[end], width):
        if _is_other(lines[end]):
            return end
        end += 1
    if end < most and _is_title(" ".join(lines[start:end])):
        return end
    # A title is wrapped within a phrase; a text begins with a capital.
    end = start + 1
    while end < most and lines[end][:1].islower() and not _is_other(lines[end]):
        end += 1
    return end


def _is_other(line: str) -> bool:
    """Whether a line cannot be more of the title above it."""
    return "://" in line or is_field(line) or coded(line, strict=True) is not None


def _is_title(text: str) -> bool:
    return len(text) <= MAX_HEADING_CHARS and not re.search(r"[.!:;]\W*$", text)


def _stands_alone(lines: Sequence[str], place: int, width: int) -> bool:
    before, line = lines[place - 1], lines[place]
    if not ends_line(before):
        return False
    if not _deliberate(before, line, width):
        return False
    return is_field(line) or coded(line, strict=True) is not None


def _deliberate(before: str, line: str, width: int) -> bool:
    """Whether the line was ended on purpose: the next word would have found room in it."""
    return len(before) > _WIDEST or len(before) + 1 + len(line.split(" ", 1)[0]) <= width
