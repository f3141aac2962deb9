"""Programs that were made for other servers: OpenAI's client, and MCP's over both transports."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx
import openai
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from serving import Served

from sessionqa import Assistant, Settings

QUESTION = "What is shuffle sharding?"


@pytest.fixture
def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)


def user(text: Any) -> Any:
    return {"role": "user", "content": text}


# --- OpenAI's


def test_openais_client_gets_the_answer_with_its_citations(
    client: openai.OpenAI, assistant: Assistant
) -> None:
    completed = client.chat.completions.create(model="sessionqa", messages=[user(QUESTION)])
    own = assistant.ask(QUESTION)
    (choice,) = completed.choices
    assert choice.message.content == own.text
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    assert completed.usage
    assert completed.usage.total_tokens > completed.usage.prompt_tokens > 0
    more = completed.model_extra or {}
    assert [quoted["quote"] for quoted in more["citations"]] == [c.quote for c in own.citations]
    assert not more["refused"]


def test_a_stream_of_openais_client(client: openai.OpenAI, assistant: Assistant) -> None:
    question = "Which sessions discuss observability?"
    chunks = list(
        client.chat.completions.create(
            model="sessionqa",
            messages=[user(question)],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, texts)) == assistant.ask(question).text
    assert len([text for text in texts if text]) > 1
    *_, last, usage = chunks
    assert last.choices[0].finish_reason == "stop"
    assert len((last.model_extra or {})["citations"]) == len(assistant.ask(question).citations)
    assert usage.usage
    assert not usage.choices


def test_earlier_messages_are_the_history(client: openai.OpenAI) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        user("What is ARC310 about?"),
        {"role": "assistant", "content": "Gray failures."},
        user([{"type": "text", "text": "Who presented it?"}]),
    ]
    completed = client.chat.completions.create(model="sessionqa", messages=messages)  # type: ignore[arg-type]
    assert "Mike Hagen" in (completed.choices[0].message.content or "")


def test_the_one_model_is_listed_and_no_other_answers(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["sessionqa"]
    with pytest.raises(openai.NotFoundError, match="there is no model gpt-5: use sessionqa"):
        client.chat.completions.create(model="gpt-5", messages=[user(QUESTION)])


def test_without_a_question_the_client_is_told(client: openai.OpenAI, api: httpx.Client) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="ask something"):
        client.chat.completions.create(
            model="sessionqa", messages=[{"role": "system", "content": "Hello"}]
        )
    assert api.post("/v1/chat/completions", json={"messages": []}).status_code == 422


# --- MCP's


async def _used(client: Client, assistant: Assistant) -> None:
    """Asks, searches and reads, as a model's program does."""
    tools = {tool.name for tool in (await client.list_tools()).tools}
    assert tools == {"ask", "search", "get_session"}
    own = assistant.ask(QUESTION)
    answer = (await client.call_tool("ask", {"question": QUESTION})).structured_content
    assert answer
    assert answer["text"] == own.text
    assert [quote["quote"] for quote in answer["citations"]] == [c.quote for c in own.citations]
    wanted = {"query": "failures", "filters": {"session": "ARC310"}, "k": 2}
    found = (await client.call_tool("search", wanted)).structured_content
    assert found
    assert [hit["session_code"] for hit in found["passages"]] == ["ARC310"] * 2
    session = (await client.call_tool("get_session", {"code": "arc-310"})).structured_content
    assert session
    assert session["text"] == assistant.session("ARC310").text
    missing = await client.call_tool("get_session", {"code": "ARC300"})
    assert missing.is_error
    assert "did you mean ARC310" in str(missing.content)
    wrong = await client.call_tool("ask", {"question": QUESTION, "filters": {"colour": "red"}})
    assert wrong.is_error
    assert "colour" in str(wrong.content)


def run(use: Callable[[], Any]) -> None:
    """In a thread of its own: a browser's tests leave an event loop running in this one."""
    with ThreadPoolExecutor(1) as beside:
        beside.submit(anyio.run, use).result()


def test_mcp_over_http(served: Served, assistant: Assistant) -> None:
    async def use() -> None:
        async with Client(f"{served.url}/mcp") as client:
            await _used(client, assistant)

    run(use)


def test_mcp_on_stdin_and_stdout(shipped: Settings, assistant: Assistant, tmp_path: Path) -> None:
    places = ["--corpus", str(shipped.corpus), "--index", str(shipped.index)]
    started = StdioServerParameters(
        command=sys.executable, args=["-m", "sessionqa", "mcp", *places], cwd=str(tmp_path)
    )

    async def use() -> None:
        async with Client(stdio_client(started)) as client:
            await _used(client, assistant)

    run(use)
