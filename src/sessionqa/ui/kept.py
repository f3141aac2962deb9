"""A conversation as the browser keeps it, and back. What comes back may be anything."""

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from sessionqa.datatypes import Answer

Answers = tuple[Answer, ...]

_ANSWERS = TypeAdapter(Answers)
# Of what a browser sends, no more is read.
MOST_CHARS = 5_000_000


def kept(answers: Answers) -> str:
    """The answers as JSON, without the passages that were looked at, which are most of it."""
    return _ANSWERS.dump_json(tuple(replace(one, hits=()) for one in answers)).decode()


def read(text: str) -> Answers:
    """The answers again; none if `text` is not what `kept` gave."""
    try:
        return _ANSWERS.validate_json(text) if len(text) <= MOST_CHARS else ()
    except ValidationError:
        return ()
