"""A stream of text -> its sentences, each as soon as it is whole, with the markers it has."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sessionqa.sentences import sentence_spans

# Sources that a sentence names: [1], [1, 2], [1][2], (source 1).
_MARKER = re.compile(r"\s*(?:\[\s*\d{1,4}(?:\s*,\s*\d{1,4})*\s*\]|\(sources? \d{1,4}\))")
_WORD = re.compile(r"[^\W\d_]")
_UNCLOSED = re.compile(r"[\[(][^\])]*$")
# What Markdown and lists put before or around words.
_DECORATION = re.compile(r"^\s*(?:[-*•#>]+|\d{1,2}[.)])\s+|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
# Between letters of some scripts joiners tell words apart.
_JOINER = re.compile("(?<=[^\0-\u05ff])[\u200c\u200d]")
# A sentence is none that goes on for longer.
MOST_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Written:
    """A sentence without its markers, and the numbers of those."""

    text: str
    named: frozenset[int]


def sentences(pieces: Iterable[str]) -> Iterator[Written | None]:
    """The sentences of the text whose pieces come one after the other; after each piece None."""
    held = ""
    for piece in pieces:
        held += without_unseen(piece)
        ready, held = _split(held) if piece else ([], held)
        yield from filter(_says, map(_read, ready))
        if len(held) > MOST_CHARS:
            return
        yield None
    yield from filter(_says, (_read(held[start:end]) for start, end in _spans(held)))


def without_unseen(text: str) -> str:
    """`text` without what cannot be seen, such as what turns the direction of writing."""
    joiners = {match.start() for match in _JOINER.finditer(text)}
    return "".join(
        one
        for at, one in enumerate(text)
        if at in joiners or one.isspace() or not unicodedata.category(one).startswith("C")
    )


def _split(text: str) -> tuple[list[str], str]:
    """The sentences that are surely whole, and what is left: the last may yet get a marker."""
    spans = _spans(text)
    # What may become a marker belongs to the sentence before it.
    if len(spans) < 2 or _UNCLOSED.match(text, *spans[-1]):
        return [], text
    return [text[start:end] for start, end in spans[:-1]], text[spans[-1][0] :]


def _spans(text: str) -> list[tuple[int, int]]:
    """The sentences, each with the markers that stand behind it."""
    found: list[tuple[int, int]] = []
    for start, end in sentence_spans(text):
        begins = start
        while found and (marker := _MARKER.match(text, begins, end)):
            begins = marker.end()
        if begins > start:
            found[-1] = (found[-1][0], begins)
        if not found or _WORD.search(text, begins, end) or _UNCLOSED.match(text, begins, end):
            found.append((begins, end))
    return found


def _says(written: Written) -> bool:
    return _WORD.search(written.text) is not None


def _read(text: str) -> Written:
    named = frozenset(int(n) for mark in _MARKER.findall(text) for n in re.findall(r"\d+", mark))
    bare = _DECORATION.sub("", _MARKER.sub("", text))
    return Written(" ".join(bare.split()), named)
