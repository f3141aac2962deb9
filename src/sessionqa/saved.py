"""Answers that were saved: what `sessionqa ask --json` printed, read back."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionqa.errors import UsageError

STDIN = "-"
_HOW = "save one with `sessionqa ask QUESTION --json > answer.json`"


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """An answer's JSON object; it has a text and a list of citations, and may have anything else.

    `place` names it in messages: the file, and which answer where there are several.
    """

    place: str
    record: Mapping[str, Any]


def read_answers(path: Path) -> list[SavedAnswer]:
    """The answers in a file, or in stdin for `-`: one or more JSON objects, or lists of them.

    Raises UsageError if it cannot be read, is not JSON, or holds something that is no answer.
    """
    name = "stdin" if str(path) == STDIN else str(path)
    found = list(_records(name, _text(path, name)))
    if not found:
        raise UsageError(f"{name} holds no answer: {_HOW}")
    if len(found) == 1:
        return [_answer(name, found[0])]
    return [_answer(f"{name}, answer {n}", value) for n, value in enumerate(found, 1)]


def _text(path: Path, name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(path) == STDIN else path.read_bytes()
        # A Windows shell writes UTF-16 where it is told to redirect.
        return raw.decode(json.detect_encoding(raw))
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not an answer: it is not text in UTF-8; {_HOW}") from error


def _records(name: str, text: str) -> Iterator[object]:
    """Each JSON value of `text`, those of a list one by one."""
    decoder = json.JSONDecoder()
    at = _after_space(text, 0)
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", text.count("\n", 0, at) + 1)
            why = getattr(error, "msg", None) or "nested too deeply, or a number too long"
            raise UsageError(f"{name}:{line}: not an answer: not JSON ({why}); {_HOW}") from error
        yield from value if isinstance(value, list) else [value]
        at = _after_space(text, at)


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _answer(place: str, value: object) -> SavedAnswer:
    if not isinstance(value, dict):
        raise UsageError(f"{place} is not an answer: it is no JSON object; {_HOW}")
    for field, kind, what in (("text", str, "text"), ("citations", list, "list")):
        if not isinstance(value.get(field), kind):
            raise UsageError(f"{place} is not an answer: it has no {what} `{field}`; {_HOW}")
    return SavedAnswer(place, value)
