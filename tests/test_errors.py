"""A message is one line, whatever names and values stand in it."""

import pytest

from sessionqa import errors
from sessionqa.errors import SessionQAError


@pytest.mark.parametrize(
    "error", [one for one in vars(errors).values() if isinstance(one, type)], ids=str
)
def test_a_message_is_one_line_that_commands_no_terminal(error: type[SessionQAError]) -> None:
    message = str(error("a\nb.csv has\x1b[2J no\u2028row\x00: give \x9bone"))
    assert message == "a b.csv has [2J no row : give  one"


def test_what_is_seen_of_a_message_stays() -> None:
    assert str(SessionQAError("é 🙂 \u202e: “so”")) == "é 🙂 \u202e: “so”"


def test_a_message_of_any_length_keeps_its_remedy() -> None:
    message = str(SessionQAError(f"{'x' * 10_000} is no setting: remove it"))
    assert len(message) < 2100
    assert message.startswith("xxx")
    assert message.endswith("x is no setting: remove it")
