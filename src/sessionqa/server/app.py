"""Everything that is served, as one ASGI application."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sessionqa import __version__
from sessionqa.assistant import Assistant
from sessionqa.errors import SessionQAError, UsageError
from sessionqa.server import api, openai_chat, tools
from sessionqa.server.answering import Answering
from sessionqa.server.errors import error
from sessionqa.server.gate import Access, Gate
from sessionqa.server.limits import Limits, Running
from sessionqa.server.meter import Meter
from sessionqa.server.protocol import PATH, OverHttp
from sessionqa.server.shield import Shield

_DESCRIPTION = (
    "Questions about talks, answered from their summaries, each sentence with its session. "
    "POST /v1/chat/completions speaks OpenAI's protocol, /mcp the Model Context Protocol."
)
# So many seconds until a server that cannot answer may be asked again.
MENDING_SECONDS = 5


class Served:
    """The application, and what tells whether it is at work."""

    def __init__(self, assistant: Assistant, access: Access, page: bool) -> None:
        """`page` adds the chat at `/`, which takes a second to import."""
        settings = assistant.settings
        self.draining = False
        self._assistant = assistant
        self.running = Running()
        self._meter = Meter()
        self._answering = Answering(assistant, settings.workers, self._meter.answered)
        inner = self._routes()
        if page:
            from sessionqa.ui.blocks import mounted

            inner = mounted(inner, assistant, self.running, self._meter.answered)
        at_once, per_minute = settings.requests_at_once, settings.requests_per_minute
        limited = Limits(inner, self.running, at_once, per_minute)
        gate = Gate(limited, access, settings.host)
        self.app: ASGIApp = Shield(self._meter.metered(gate))

    def _routes(self) -> FastAPI:
        app = FastAPIOffline(
            docs_url="/api/docs",
            redoc_url=None,
            title="sessionqa",
            version=__version__,
            description=_DESCRIPTION,
            openapi_url="/api/openapi.json",
            static_url="/api/assets",
            swagger_ui_parameters={"validatorUrl": None},
            lifespan=self._lifespan,
        )
        app.include_router(api.router(self._assistant, self._answering))
        app.include_router(openai_chat.router(self._answering))
        self._protocol = OverHttp(lambda: tools.tools(self._assistant, self._answering))
        if tools.is_installed():
            app.router.routes.append(Route(PATH, self._protocol, include_in_schema=False))
        app.add_exception_handler(SessionQAError, _failed)
        app.add_exception_handler(RequestValidationError, _invalid)
        app.add_exception_handler(HTTPException, _refused)
        app.get("/healthz", include_in_schema=False)(self._alive)
        app.get("/readyz", include_in_schema=False)(self._ready)
        app.get("/metrics", response_class=PlainTextResponse, tags=["operation"])(self._metrics)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(self._answering.close)
            await stack.enter_async_context(self._protocol.running())
            yield

    async def _alive(self) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self) -> Response:
        return PlainTextResponse("draining\n", 503) if self.draining else PlainTextResponse("ok\n")

    def _metrics(self) -> Response:
        """What the server has done, as Prometheus reads it."""
        return self._meter.told(self._assistant.live().index.manifest.build)


async def _failed(_: Request, problem: Exception) -> Response:
    if isinstance(problem, UsageError):
        return error(422, str(problem))
    return error(503, str(problem), {"Retry-After": str(MENDING_SECONDS)})


async def _invalid(_: Request, problem: Exception) -> Response:
    """What is wrong with a request, in one line; what was sent is not repeated."""
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    if first["type"] == "json_invalid":
        return error(422, f"the request is no JSON, from character {first['loc'][-1]} on")
    place = ".".join(str(part) for part in first["loc"][1:])
    return error(422, f"{place}: {first['msg']}" if place else str(first["msg"]))


async def _refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return error(problem.status_code, str(problem.detail), problem.headers)
