"""A model of a server: what it says, and what is said of it where it fails."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from speaking import Speaker, speaking

from sessionqa.errors import LLMError, SettingsError
from sessionqa.llm import LLM, Message, open_llm, served
from sessionqa.settings import Settings

ASKED: list[Message] = [
    {"role": "system", "content": "Answer."},
    {"role": "user", "content": "What is a cell?"},
]


def of(speaker: Speaker, **settings: Any) -> LLM:
    return open_llm(f"openai:{speaker.url}#m", Settings(**settings))


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    with speaking(Speaker(["A cell ", "is a ", "copy."])) as one:
        yield one


def test_its_pieces_come_one_by_one(speaker: Speaker) -> None:
    llm = of(speaker, llm_seed=7)
    assert list(filter(None, llm.stream(ASKED, 50))) == ["A cell ", "is a ", "copy."]
    [asked] = speaker.asked
    assert asked["messages"] == ASKED
    assert (asked["model"], asked["max_tokens"], asked["temperature"]) == ("m", 50, 0)
    assert (asked["seed"], asked["stream"]) == (7, True)
    assert llm.name == "openai:m"


def test_the_key_is_shown_and_never_told(speaker: Speaker) -> None:
    settings = Settings(llm_key="a-secret-key")
    list(open_llm(f"openai:{speaker.url}#m", settings).stream(ASKED, 50))
    assert speaker.headers[0]["authorization"] == "Bearer a-secret-key"
    assert "a-secret-key" not in repr(settings)


def test_ollama_is_found_where_it_says(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", speaker.url.removesuffix("/v1").removeprefix("http://"))
    llm = open_llm("ollama:llama3.2", Settings())
    assert "".join(llm.stream(ASKED, 50)) == "A cell is a copy."
    assert speaker.asked[0]["model"] == "llama3.2"
    assert llm.name == "ollama:llama3.2"


def test_whoever_stops_reading_ends_the_work() -> None:
    with speaking(Speaker(["and "], pause=0.01, endless=True)) as speaker:
        with closing(of(speaker).stream(ASKED, 50)) as pieces:
            assert next(filter(None, pieces)) == "and "
        assert speaker.left.wait(10)


def test_a_reply_without_end_is_ended() -> None:
    with (
        speaking(Speaker(["and "], pause=0.01, endless=True)) as speaker,
        pytest.raises(LLMError, match="was not done after 1 s"),
    ):
        list(of(speaker, llm_seconds=1.0).stream(ASKED, 50))


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, r"set \$SESSIONQA_LLM_KEY"),
        (404, "name a model that it has"),
        (429, "ask again later"),
        (500, "see what it says of itself"),
        (400, "smaller `llm_prompt_tokens`"),
    ],
)
def test_what_it_refuses_is_told_with_the_remedy(status: int, remedy: str) -> None:
    body = b'{"error": {"message": "no, not now"}}'
    with (
        speaking(Speaker(status=status, body=body)) as speaker,
        pytest.raises(LLMError, match=f"answered {status} .*{remedy}") as told,
    ):
        list(of(speaker).stream(ASKED, 50))
    assert "\n" not in str(told.value)
    assert speaker.url in str(told.value)


@pytest.mark.parametrize(
    "body",
    [b"data: {\n\n", b"data: 7\n\n", b'data: {"choices": 1}\n\n', b"\xff\n\n", b"", b"<html>"],
)
def test_garbage_is_told(body: bytes) -> None:
    with speaking(Speaker(body=body)) as speaker, pytest.raises(LLMError) as told:
        list(of(speaker).stream(ASKED, 50))
    assert "\n" not in str(told.value)


def test_a_reply_that_breaks_off_is_told_after_its_pieces() -> None:
    with speaking(Speaker(["A cell "], breaks_off=True)) as speaker:
        pieces = of(speaker).stream(ASKED, 50)
        assert next(filter(None, pieces)) == "A cell "
        with pytest.raises(LLMError, match="broke off"):
            list(pieces)


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(LLMError, match="cannot be reached: start it, or mend the address"):
        list(open_llm(f"openai:http://127.0.0.1:{port}/v1#m", Settings()).stream(ASKED, 50))
    assert time.monotonic() - started < 5


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "PIECE_SECONDS", 0.3)
    with (
        speaking(Speaker(["A cell "], pause=30)) as speaker,
        pytest.raises(LLMError, match=r"said nothing for 0\.3 s"),
    ):
        list(of(speaker).stream(ASKED, 50))


@pytest.mark.parametrize(
    "name",
    ["", "gpt", "openai:", "openai:localhost:80#m", "openai:http://127.0.0.1/v1", "ollama:", "a:b"],
)
def test_a_name_that_is_none_is_told_with_one_that_is(name: str) -> None:
    with pytest.raises(SettingsError, match=r"llm is|such as"):
        open_llm(name, Settings())
