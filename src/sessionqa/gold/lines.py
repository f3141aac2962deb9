"""Files with a record a line: what is broken is left out and named, and the rest is used."""

import gzip
import json
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sessionqa.assistant import MAX_QUESTION_CHARS
from sessionqa.errors import UsageError

T = TypeVar("T")


class Unusable(ValueError):
    """Why a record cannot be used, in words that stand after its place."""


def numbered(path: Path, left_out: list[str]) -> Iterator[tuple[str, str]]:
    """Each line that is not blank, with its place, "PATH:LINE". Raises UsageError.

    Only a line break ends a line: JSON texts may hold other separators. A file whose name ends
    in .gz is unpacked on the way.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                place = f"{path}:{number}"
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError:
                    left_out.append(f"{place}: not UTF-8 text")
                    continue
                if line:
                    yield place, line
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {why}") from error


def records(path: Path, what: str, left_out: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's JSON object, with its place; `what` says what it should be, for the message."""
    for place, line in numbered(path, left_out):
        try:
            record = json_object(line)
        except Unusable as error:
            left_out.append(f"{place}: not {what}: {error}")
            continue
        yield place, record


def json_object(line: str) -> dict[str, Any]:
    """The JSON object that a line is. Raises Unusable."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"not JSON ({error})") from error
    if not isinstance(record, dict):
        raise Unusable("not a JSON object")
    return record


def identifier(record: Mapping[str, Any], name: str) -> str:
    """A text or number that names the record. Raises Unusable."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise Unusable(f"it has no {name}" if value is None else f"{name} is {shown(value)}")
    return clean(str(value).strip())


def value_of(kind: type[T], record: Mapping[str, Any], name: str, default: T) -> T:
    """A value of the record, or the default where it has none. Raises Unusable."""
    value = record.get(name, default)
    if not isinstance(value, kind):
        raise Unusable(f"{name} is {shown(value)}: it should be a {_PLAIN[kind]}")
    return value


def texts_of(values: object, name: str) -> tuple[str, ...]:
    """A list of texts. Raises Unusable."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Unusable(f"{name} is {shown(values)}: it should be a list of texts")
    return tuple(values)


def asked(text: object) -> str:
    """A question that can be asked. Raises Unusable."""
    if not isinstance(text, str) or not text.strip():
        raise Unusable("it has no question" if text is None else f"question is {shown(text)}")
    if len(text) > MAX_QUESTION_CHARS:
        raise Unusable(f"the question has over {MAX_QUESTION_CHARS:,} characters")
    return clean(text)


def clean(text: str) -> str:
    """`text` with a mark for each half of a character, which JSON can spell but UTF-8 cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shown(value: object) -> str:
    """A value as a message shows it: in one short line."""
    # reprlib, because repr fails on what is nested as deeply as JSON may be.
    text = reprlib.repr(value) if isinstance(value, (list, dict)) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


_PLAIN = {str: "text", bool: "truth value", list: "list", dict: "object"}
