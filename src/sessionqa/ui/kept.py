"""A conversation as the browser keeps it, and back. What comes back may be anything."""

from collections import deque
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from sessionqa.datatypes import Answer

Answers = tuple[Answer, ...]

_ANSWERS, _ANSWER = TypeAdapter(Answers), TypeAdapter(Answer)
# So much of a conversation is kept, the oldest turns left out: a browser sends it back within one
# request, as text within text.
MOST_BYTES = 400_000


def kept(answers: Answers) -> str:
    """The answers as JSON, without the passages that were looked at, which are most of it."""
    each = deque(_ANSWER.dump_json(replace(one, hits=())) for one in answers)
    # With the commas between them and the brackets around them.
    length = sum(map(len, each)) + len(each) + 1
    while length > MOST_BYTES:
        length -= len(each.popleft()) + 1
    return f"[{b','.join(each).decode()}]"


def read(text: str) -> Answers:
    """The answers again; none if `text` is not what `kept` gave."""
    try:
        return _ANSWERS.validate_json(text) if len(text) <= MOST_BYTES else ()
    except ValidationError:
        return ()
