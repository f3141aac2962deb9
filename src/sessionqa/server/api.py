"""The JSON API: questions, searches and sessions, with the same objects as the command line."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from sessionqa.assistant import Assistant
from sessionqa.errors import UsageError
from sessionqa.server.answering import Answering, Told
from sessionqa.server.errors import error
from sessionqa.server.records import (
    AnswerRecord,
    Asked,
    Failed,
    HitRecord,
    Searched,
    SessionHead,
    SessionRecord,
    filter_text,
)

EVENTS = "text/event-stream"
_EVENT = {"event": {"type": "string"}, "data": {"type": "string", "description": "An object."}}
# What each event of a stream is.
STREAM = {EVENTS: {"schema": {"type": "object", "properties": _EVENT}}}
# Of a page of sessions.
MOST_SESSIONS = 1000
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failed, "description": description}
    for status, description in {
        400: "What was sent is no text.",
        401: "No token or password, or a wrong one.",
        413: "The request is too large.",
        422: "The request asks for something that is not there, or is none.",
        429: "Too many requests: come again after `Retry-After` seconds.",
        503: "The index or the model cannot be used.",
    }.items()
}


def router(assistant: Assistant, answering: Answering) -> APIRouter:
    """The routes below /api."""
    routes = APIRouter(prefix="/api", tags=["sessionqa"], responses=FAILURES)

    @routes.post(
        "/ask",
        response_model=None,
        responses={200: {"model": AnswerRecord, "content": STREAM}},
    )
    async def ask(asked: Asked, request: Request) -> Response:
        """Answer a question, with the sessions that say so.

        With `Accept: text/event-stream` the text comes piece by piece in events `text`, and the
        whole answer in an event `answer`. What a language model writes comes as it is written;
        where its words do not last, an event `again` has the text that takes their place.
        """
        given = (asked.question, asked.k, asked.history, filter_text(asked.filters))
        quoted = asked.llm == "extractive"
        if EVENTS not in request.headers.get("accept", ""):
            return as_json((await answering.ask(*given, quoted)).record)
        if answering.writes(quoted):
            steps = await begun(answering.stream(*given))
        else:
            steps = at_once(await answering.ask(*given, quoted))
        return StreamingResponse(_events(steps), media_type=EVENTS)

    @routes.post("/search", response_model=None, responses={200: {"model": list[HitRecord]}})  # type: ignore[valid-type]
    async def search(searched: Searched) -> Response:
        """Find the passages nearest to a query."""
        wanted = filter_text(searched.filters)
        return as_json(await answering.search(searched.query, searched.k, wanted))

    @routes.get("/sessions", response_model=None, responses={200: {"model": list[SessionHead]}})  # type: ignore[valid-type]
    async def sessions(
        filter: Annotated[
            str | None, Query(min_length=1, description="Such as level>=300.")
        ] = None,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_SESSIONS)] = MOST_SESSIONS,
    ) -> Response:
        """List the sessions, without their texts."""
        wanted = filter_text(filter)
        found = await to_thread.run_sync(lambda: assistant.live().sessions(wanted or None))
        return as_json([one.to_head() for one in found[offset : offset + limit]])

    @routes.get(
        "/sessions/{code}",
        response_model=None,
        responses={200: {"model": SessionRecord}, 404: {"model": Failed}},
    )
    async def session(code: Annotated[str, Path(max_length=200)]) -> Response:
        """One session with its whole text, by its code in any spelling."""
        try:
            found = await to_thread.run_sync(lambda: assistant.live().session(code))
        except UsageError as problem:
            return error(404, str(problem))
        return as_json(found.to_dict())

    return routes


def as_json(content: Any) -> Response:
    """A response of that content."""
    return Response(orjson.dumps(content), media_type="application/json")


async def at_once(told: Told) -> AsyncGenerator[Told]:
    """An answer that is whole already, as steps of one."""
    yield told


async def begun(steps: AsyncGenerator[Told]) -> AsyncGenerator[Told]:
    """The same steps; what the first one raises is raised before anything of them is sent."""
    first = await anext(steps)

    async def all_of_them() -> AsyncGenerator[Told]:
        async with aclosing(steps):
            yield first
            async for step in steps:
                yield step

    return all_of_them()


async def _events(steps: AsyncGenerator[Told]) -> AsyncIterator[bytes]:
    """An answer as server-sent events."""
    async with aclosing(steps):
        async for told in steps:
            for piece in told.pieces:
                yield _event("again" if told.again else "text", {"text": piece})
    yield _event("answer", told.record)


def _event(name: str, content: Any) -> bytes:
    # JSON has no line ends of its own, which would end it.
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(content))
