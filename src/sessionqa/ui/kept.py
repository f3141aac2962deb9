"""A conversation as the browser keeps it, and back. What comes back may be anything."""

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from sessionqa.datatypes import Answer

Answers = tuple[Answer, ...]

_ANSWERS = TypeAdapter(Answers)
# So much of a conversation is kept, the oldest turns left out: a browser sends it back within one
# request, as text within text.
MOST_BYTES = 400_000


def kept(answers: Answers) -> str:
    """The answers as JSON, without the passages that were looked at, which are most of it."""
    without = tuple(replace(one, hits=()) for one in answers)
    text = _ANSWERS.dump_json(without)
    while len(text) > MOST_BYTES and without:
        without = without[1:]
        text = _ANSWERS.dump_json(without)
    return text.decode()


def read(text: str) -> Answers:
    """The answers again; none if `text` is not what `kept` gave."""
    try:
        return _ANSWERS.validate_json(text) if len(text) <= MOST_BYTES else ()
    except ValidationError:
        return ()
