"""The steps of an answer, as the page gets them one by one."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from sessionqa import Assistant, feedback
from sessionqa.answer import ExtractiveAnswerer
from sessionqa.ui import kept, page
from sessionqa.ui.quick import gr
from sessionqa.ui.talk import Judged, Talk

LIST = "Which sessions are about resilience?"
# Of a step: the answers so far, and the conversation as the browser keeps it.
ANSWERS, TURNS = 2, 5


@pytest.fixture
def talk(assistant: Assistant) -> Talk:
    return Talk(assistant, ["level"], nullcontext(), lambda *_: None)


@pytest.fixture
def request_() -> gr.Request:
    return gr.Request(session_hash="page")


def test_an_answer_that_is_stopped_ends_with_what_was_shown(
    talk: Talk, request_: gr.Request, assistant: Assistant
) -> None:
    whole = assistant.ask(LIST)
    steps = talk.ask(request_, LIST, None, "", page.QUOTES, 8, [])
    next(steps)
    first: Any = next(steps)
    assert len(first[ANSWERS][0].citations) == 1
    talk.stop(request_)
    *_, last = steps
    [said] = kept.read(last[TURNS])
    assert said.text == first[ANSWERS][0].text
    assert whole.text.startswith(said.text)
    assert len(whole.citations) > len(said.citations) == 1


def test_to_stop_where_nothing_comes_stops_nothing_later(
    talk: Talk, request_: gr.Request, assistant: Assistant
) -> None:
    talk.stop(request_)
    *_, last = talk.ask(request_, LIST, None, "", page.QUOTES, 8, [])
    [said] = kept.read(last[TURNS])
    assert said.text == assistant.ask(LIST).text


def test_a_conversation_that_the_server_forgot_goes_on(
    talk: Talk, request_: gr.Request, assistant: Assistant
) -> None:
    turns = kept.kept((assistant.ask("What is ARC310 about?"),))
    *_, last = talk.ask(request_, "Who presented it?", None, turns, page.QUOTES, 8, [])
    first, second = kept.read(last[TURNS])
    assert first.question == "What is ARC310 about?"
    assert "Mike Hagen" in second.text
    # One that was left is none of this.
    *_, last = talk.ask(request_, "Who presented it?", (), turns, page.QUOTES, 8, [])
    assert len(kept.read(last[TURNS])) == 1


def test_a_question_that_cannot_be_answered_is_given_back(talk: Talk, request_: gr.Request) -> None:
    too_long = "a" * 80_001
    *_, last = talk.ask(request_, too_long, None, "", page.QUOTES, 8, [])
    assert last[3] == too_long
    [nothing] = talk.ask(request_, " ", None, "", page.QUOTES, 8, [])
    assert nothing[0] == gr.skip()


def test_an_answer_of_a_conversation_that_the_server_forgot_can_be_judged(
    assistant: Assistant, tmp_path: Path
) -> None:
    own = Assistant(
        assistant.index,
        assistant.encoder,
        ExtractiveAnswerer(assistant.index, assistant.encoder),
        assistant.settings.with_(feedback=tmp_path / "feedback.jsonl"),
    )
    talk = Talk(own, ["level"], nullcontext(), lambda *_: None)
    turns = kept.kept((assistant.ask("What is ARC310 about?"),))
    picked = gr.LikeData(None, {"index": 1, "value": "", "liked": False})
    *_, judged = talk.judge(picked, None, turns, Judged())
    assert judged.turn == 0
    talk.name_right("ARC310", None, turns, judged)
    # Where the server has forgotten what was judged, it is not for the first turn.
    talk.name_right("ARC306", None, turns, Judged())
    down, named = feedback.read(own.settings.feedback, [])
    assert (down.feedback.verdict, down.feedback.question) == ("down", "What is ARC310 about?")
    assert named.feedback.sessions == ("ARC310",)
