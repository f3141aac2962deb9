"""OpenAI's chat protocol, so that a client made for it can ask: POST /v1/chat/completions.

The last message of the user is the question, the earlier ones its history. The answer has what
the protocol has no place for, its citations among it, in fields of its own.
"""

import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from sessionqa.assistant import MAX_QUESTION_CHARS
from sessionqa.errors import UsageError
from sessionqa.server.answering import Answering, Record, Told
from sessionqa.server.api import EVENTS, FAILURES, STREAM, as_json
from sessionqa.server.errors import error
from sessionqa.server.records import MOST_HISTORY, CitationRecord, Count, Wanted, filter_text

MODEL = "sessionqa"
# What an answer has beside its text.
_MORE = ("citations", "refused", "confidence", "standalone_question")

Content = Annotated[str, Field(max_length=MAX_QUESTION_CHARS)]


class Part(BaseModel):
    """A part of a message; what is no text is not read."""

    type: str
    text: Content = ""


class Message(BaseModel):
    """A message of the conversation; those that are not the user's are not read."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content | Annotated[list[Part], Field(max_length=100)] | None = None

    @property
    def text(self) -> str:
        """All of its text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream is to have beside the text."""

    include_usage: bool | None = False


class Completion(BaseModel):
    """A request as OpenAI's clients send it; what only makes sense for a model is not read."""

    model_config = ConfigDict(extra="ignore")

    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST_HISTORY)]
    model: Annotated[str, Field(max_length=200)] = MODEL
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = 1
    k: Annotated[Count | None, Field(description="Not OpenAI's: how many passages.")] = None
    filters: Annotated[Wanted | None, Field(description="Not OpenAI's: see /api/ask.")] = None


class Said(BaseModel):
    """The answer as a message."""

    role: str
    content: str


class Choice(BaseModel):
    """The answer; there is always one."""

    index: int
    message: Said
    finish_reason: str


class Usage(BaseModel):
    """Words, for want of tokens: quotes have none."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completed(BaseModel):
    """The answer as OpenAI's clients read it, and what they do not know of."""

    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    citations: list[CitationRecord]  # type: ignore[valid-type]
    refused: bool
    confidence: float
    standalone_question: str


def router(answering: Answering) -> APIRouter:
    """The routes below /v1."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI's protocol"], responses=FAILURES)

    @routes.post(
        "/chat/completions",
        response_model=None,
        responses={
            200: {"model": Completed, "content": STREAM},
            404: {**FAILURES[422], "description": "There is no such model."},
        },
    )
    async def complete(asked: Completion) -> Response:
        """Answer the last message of the user."""
        if asked.model != MODEL:
            missing = f"there is no model {asked.model}: use {MODEL}"
            return error(404, missing, kind="model_not_found")
        questions = [message.text for message in asked.messages if message.role == "user"]
        if not questions:
            raise UsageError("no message is the user's: ask something")
        *history, question = questions
        given = (question, asked.k, history, filter_text(asked.filters))
        # What has been sent could not be taken back: it is sent when it is whole.
        told = await answering.ask(*given)
        if not asked.stream:
            return as_json(_completed(told, _usage(question, told)))
        with_usage = asked.stream_options and asked.stream_options.include_usage
        usage = _usage(question, told) if with_usage else None
        return StreamingResponse(_chunks(told, usage), media_type=EVENTS)

    @routes.get("/models")
    async def models() -> dict[str, Any]:
        """The one model that there is."""
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": MODEL}
        return {"object": "list", "data": [model]}

    return routes


def _head(object_: str) -> Record:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": object_,
        "created": int(time.time()),
        "model": MODEL,
    }


def _usage(question: str, told: Told) -> Record:
    read, written = len(question.split()), len(told.record["text"].split())
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _completed(told: Told, usage: Record) -> Record:
    said = {"role": "assistant", "content": told.record["text"]}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    more = {name: told.record[name] for name in _MORE}
    return {**_head("chat.completion"), "choices": [choice], "usage": usage, **more}


async def _chunks(told: Told, usage: Record | None) -> AsyncIterator[bytes]:
    """The answer as a stream of chunks: its pieces, the last with everything else."""
    head = _head("chat.completion.chunk")

    def chunk(delta: Record, finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _data({**head, "choices": [choice], **more})

    yield chunk({"role": "assistant", "content": ""})
    for piece in told.pieces:
        yield chunk({"content": piece})
    yield chunk({}, "stop", **{name: told.record[name] for name in _MORE})
    if usage:
        yield _data({**head, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _data(content: Record) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(content)
