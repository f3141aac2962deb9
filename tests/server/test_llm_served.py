"""Answers that a language model writes, over HTTP: whole, as they come, and where it fails."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from pydantic import TypeAdapter
from serving import PATIENCE_SECONDS, Served, serving, wait_until
from speaking import Speaker, speaking

from sessionqa import Assistant, Settings
from sessionqa.server.records import AnswerRecord

QUESTION = "What is shuffle sharding?"
TRUE = (
    "Shuffle sharding is a method that limits the impact of a failure to smaller subsets of users."
)
FALSE = "It was invented on the moon in 1969."
STREAMED = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def speaker() -> Iterator[Speaker]:
    with speaking(Speaker()) as one:
        yield one


@pytest.fixture(scope="module")
def writing(shipped: Settings, speaker: Speaker) -> Iterator[Served]:
    with serving(shipped, "--workers", "1", "--llm", f"openai:{speaker.url}#m") as server:
        yield server


@pytest.fixture
def api(writing: Served, speaker: Speaker) -> Iterator[httpx.Client]:
    """A client, and a model that says something true and something false."""
    speaker.status, speaker.body, speaker.breaks_off, speaker.endless = 200, None, False, False
    speaker.pause = 0.0
    speaker.pieces = [TRUE, " [1] ", FALSE, " [1]"]
    speaker.asked.clear()
    with writing.client() as client:
        yield client


def events(api: httpx.Client, **asked: Any) -> list[tuple[str, Any]]:
    """The name and the content of each event."""
    said = api.post("/api/ask", json=asked, headers=STREAMED).text.split("\n\n")
    parts = [event.split("\n") for event in said if event]
    return [(name[7:], json.loads(data[6:])) for name, data in parts]


def test_what_is_supported_is_given_with_the_quote_behind_it(
    api: httpx.Client, assistant: Assistant
) -> None:
    record = api.post("/api/ask", json={"question": QUESTION, "k": 3}).json()
    assert record["answerer"] == "llm:openai:m"
    assert record["text"] == f"{TRUE} [1]"
    [citation] = record["citations"]
    session = assistant.session(citation["session_code"])
    assert session.text[citation["start"] : citation["end"]] == citation["quote"]
    assert "Shuffle Sharding" in citation["quote"]
    assert (record["writing"]["sentences"], record["writing"]["supported"]) == (2, 1)
    whole = TypeAdapter(AnswerRecord).validate_python(record)
    assert whole.model_dump(mode="json") == record  # type: ignore[attr-defined]


def test_quotes_can_be_asked_for(api: httpx.Client, speaker: Speaker) -> None:
    record = api.post("/api/ask", json={"question": QUESTION, "llm": "extractive"}).json()
    assert record["answerer"] == "extractive"
    assert record["writing"] is None
    assert not speaker.asked


def test_a_refusal_does_not_ask_the_model(api: httpx.Client, speaker: Speaker) -> None:
    record = api.post("/api/ask", json={"question": "How do I bake sourdough bread?"}).json()
    assert record["refused"]
    assert not speaker.asked


def test_it_is_streamed_as_it_is_written(api: httpx.Client) -> None:
    *texts, (name, record) = events(api, question=QUESTION, k=4)
    assert name == "answer"
    assert {name for name, _ in texts} == {"text"}
    assert "".join(content["text"] for _, content in texts) == record["text"] == f"{TRUE} [1]"


def test_where_it_breaks_off_the_quotes_take_the_place_of_what_was_shown(
    api: httpx.Client, speaker: Speaker
) -> None:
    speaker.breaks_off = True
    speaker.pieces = [TRUE, " [1] ", "And", " then"]
    *texts, (_, record) = events(api, question=QUESTION, k=5)
    assert [name for name, _ in texts] == ["text", "again"]
    assert texts[-1][1]["text"] == record["text"]
    assert record["answerer"] == "extractive"
    assert "broke off" in record["note"]


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_model_that_refuses_gives_quotes_and_says_why(
    api: httpx.Client, speaker: Speaker, status: int
) -> None:
    speaker.status, speaker.body = status, b'{"error": {"message": "no"}}'
    response = api.post("/api/ask", json={"question": QUESTION, "k": 6})
    assert response.status_code == 200
    record = response.json()
    assert record["answerer"] == "extractive"
    assert str(status) in record["note"]
    assert record["citations"]


def test_whoever_leaves_ends_the_work(api: httpx.Client, speaker: Speaker) -> None:
    speaker.endless, speaker.pause = True, 0.02
    speaker.left.clear()
    asked = {"question": QUESTION, "k": 7}
    with api.stream("POST", "/api/ask", json=asked, headers=STREAMED) as response:
        assert next(response.iter_lines())
    wait_until(speaker.left.is_set, PATIENCE_SECONDS)


def test_other_questions_are_answered_while_it_writes(api: httpx.Client, speaker: Speaker) -> None:
    speaker.endless, speaker.pause = True, 0.02
    asked = {"question": QUESTION, "k": 8}
    with api.stream("POST", "/api/ask", json=asked, headers=STREAMED) as response:
        assert next(response.iter_lines())
        quoted = {"question": "What is static stability?", "llm": "extractive"}
        assert api.post("/api/ask", json=quoted).json()["citations"]


def test_a_bad_question_is_refused_before_anything_is_streamed(api: httpx.Client) -> None:
    asked = {"question": QUESTION, "filters": "level>"}
    response = api.post("/api/ask", json=asked, headers=STREAMED)
    assert response.status_code == 422


def test_a_client_of_openai_gets_it_with_its_citations(writing: Served, api: httpx.Client) -> None:
    assert api
    client = openai.OpenAI(base_url=f"{writing.url}/v1", api_key="none")
    said = client.chat.completions.create(
        model="sessionqa", messages=[{"role": "user", "content": QUESTION}]
    )
    assert said.choices[0].message.content == f"{TRUE} [1]"
    assert len(said.citations) == 1  # type: ignore[attr-defined]
