"""Answers on a terminal: plain where they are read by a program, bold where by people."""

import pytest

from sessionqa import Assistant
from sessionqa.terminal import as_text

QUESTION = "How often do game days take place?"
WORDS = "three times a week"


def shown(assistant: Assistant, monkeypatch: pytest.MonkeyPatch, terminal: bool, **env: str) -> str:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WT_SESSION", "1")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    return as_text(assistant.ask(QUESTION), assistant.session)


def test_what_answers_is_bold_on_a_terminal(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    bold = shown(assistant, monkeypatch, terminal=True)
    assert f"\x1b[1m{WORDS}\x1b[22m" in " ".join(bold.split())
    plain = bold.replace("\x1b[1m", "").replace("\x1b[22m", "")
    assert "\x1b" not in plain
    assert plain.split() == shown(assistant, monkeypatch, terminal=False).split()


@pytest.mark.parametrize(
    ("terminal", "env"), [(False, {}), (True, {"NO_COLOR": "1"}), (True, {"TERM": "dumb"})]
)
def test_there_is_no_bold_where_it_is_not_wanted(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch, terminal: bool, env: dict[str, str]
) -> None:
    assert "\x1b" not in shown(assistant, monkeypatch, terminal, **env)
