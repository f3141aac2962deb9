"""Lines of one block of text -> its paragraphs: joined, but for those that stand for themselves."""

import re
from collections.abc import Iterator, Sequence

from sessionqa.importers.elements import MAX_HEADING_CHARS
from sessionqa.importers.headings import coded
from sessionqa.importers.metadata import is_field

_ENDS_SENTENCE = re.compile(r"[.!?…:][\"'”’)\]]*$")

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
    return (joined(lines[start:end]) for start, end in spans(lines))


def spans(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The first line of each of these paragraphs, and the one after its last."""
    width = max(map(len, lines), default=0)
    start = 0
    while start < len(lines):
        end = _end(lines, start, width)
        yield start, end
        start = end


def joined(lines: Sequence[str]) -> str:
    """Wrapped lines as one; a word with a hyphen may have been wrapped behind it."""
    parts: list[str] = []
    end = ""
    for line in lines:
        gap = "" if not end or (_HYPHEN.search(end) and _GOES_ON.match(line)) else " "
        parts += (gap, line)
        end = f"{end}{gap}{line}"[-2:]
    return "".join(parts)


def _end(lines: Sequence[str], start: int, width: int) -> int:
    """Where the paragraph that begins at `start` ends."""
    first = lines[start]
    if is_field(first):
        return _next_deliberate(lines, start, width)
    if _is_heading(lines, start, width):
        return _end_of_heading(lines, start, width)
    for place in range(start + 1, len(lines)):
        if _stands_alone(lines, place, width):
            return place
    return len(lines)


def _next_deliberate(lines: Sequence[str], start: int, width: int) -> int:
    for place in range(start + 1, len(lines)):
        if _deliberate(lines[place - 1], lines[place], width) or is_field(lines[place]):
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
    alone = not any(is_field(line) or coded(line, strict=True) for line in rest[1:])
    if alone and len(rest) <= _MOST_LINES and _is_title(" ".join(rest)):
        return len(lines)
    most = min(len(lines), start + _MOST_LINES)
    end = start + 1
    while end < most and not _deliberate(lines[end - 1], lines[end], width):
        end += 1
    if end < most and _is_title(" ".join(lines[start:end])):
        return end
    # A title is wrapped within a phrase; a text begins with a capital.
    end = start + 1
    while end < most and lines[end][:1].islower():
        end += 1
    return end


def _is_title(text: str) -> bool:
    return len(text) <= MAX_HEADING_CHARS and not re.search(r"[.!:;]\W*$", text)


def _stands_alone(lines: Sequence[str], place: int, width: int) -> bool:
    before, line = lines[place - 1], lines[place]
    if not _ENDS_SENTENCE.search(before):
        return False
    if not _deliberate(before, line, width):
        return False
    return is_field(line) or coded(line, strict=True) is not None


def _deliberate(before: str, line: str, width: int) -> bool:
    """Whether the line was ended on purpose: the next word would have found room in it."""
    return len(before) > _WIDEST or len(before) + 1 + len(line.split(" ", 1)[0]) <= width
