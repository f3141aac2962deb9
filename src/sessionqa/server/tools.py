"""The assistant as tools for other programs' models: an MCP server (Model Context Protocol)."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from pydantic import BaseModel, Field

from sessionqa import __version__
from sessionqa.assistant import Assistant
from sessionqa.errors import ModuleMissing, SessionQAError
from sessionqa.server.answering import Answering, Record
from sessionqa.server.records import Count, Text, Wanted, filter_text

if TYPE_CHECKING:
    from mcp.server import MCPServer

INSTRUCTIONS = (
    "Answers questions about the sessions of a conference from their written summaries. Every "
    "sentence of an answer is a quote with its session. A refused answer means that the "
    "summaries do not say: do not make one up."
)


class Quote(BaseModel):
    """A sentence of an answer, as its session's summary has it."""

    number: int
    session_code: str
    title: str
    quote: str
    seconds: Annotated[int | None, Field(description="The moment of the recording.")]
    page: Annotated[int | None, Field(description="The page of the document.")]
    url: Annotated[str, Field(description="Where to watch or read it; may be empty.")]


class Reply(BaseModel):
    """An answer: `text` has each quote with its [number]."""

    text: str
    refused: bool
    confidence: float
    citations: list[Quote]


class Passage(BaseModel):
    """A stretch of a session's summary, with how well it suits the query."""

    session_code: str
    title: str
    text: str
    score: float
    seconds: int | None
    page: int | None


class Passages(BaseModel):
    """What a search has found, best first."""

    passages: list[Passage]


def is_installed() -> bool:
    """Whether the package that speaks the protocol is there."""
    return find_spec("mcp") is not None


def tools(assistant: Assistant, answering: Answering) -> "MCPServer[Any]":
    """The server with its tools, for either transport.

    Raises ModuleMissing without the package mcp.
    """
    if not is_installed():
        raise ModuleMissing("MCP takes one more package: run `pip install 'sessionqa[mcp]'`")
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.types import ToolAnnotations

    server = MCPServer[Any](
        "sessionqa", instructions=INSTRUCTIONS, version=__version__, log_level="ERROR"
    )
    reads = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)

    @server.tool(annotations=reads)
    async def ask(
        question: Text,
        history: Annotated[
            Sequence[str], Field(description="Earlier questions, oldest first.")
        ] = (),
        filters: Wanted | None = None,
        k: Count | None = None,
    ) -> Reply:
        """Answer a question about the sessions, each sentence quoted with its session."""
        try:
            told = await answering.ask(question, k, history, filter_text(filters), quoted=True)
        except SessionQAError as problem:
            raise ToolError(str(problem)) from problem
        return Reply.model_validate(told.record)

    @server.tool(annotations=reads)
    async def search(
        query: Text, filters: Wanted | None = None, k: Count | None = None
    ) -> Passages:
        """Find the passages of the sessions' summaries that are nearest to a query."""
        try:
            hits = await answering.search(query, k, filter_text(filters))
        except SessionQAError as problem:
            raise ToolError(str(problem)) from problem
        return Passages(passages=[Passage.model_validate(hit) for hit in hits])

    @server.tool(annotations=reads)
    async def get_session(code: Annotated[str, Field(max_length=200)]) -> Record:
        """One session by its code: its title, speakers, level and more, and its whole summary."""
        try:
            found = await to_thread.run_sync(lambda: assistant.live().session(code))
        except SessionQAError as problem:
            raise ToolError(str(problem)) from problem
        return found.to_dict()

    return server
