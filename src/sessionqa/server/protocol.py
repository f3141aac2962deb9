"""The tools over HTTP at /mcp: made when somebody first calls, for their package takes long."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from anyio import TASK_STATUS_IGNORED, Lock, create_task_group, sleep_forever, to_thread
from anyio.abc import TaskGroup, TaskStatus
from starlette.types import ASGIApp, Receive, Scope, Send

from sessionqa.server.errors import error

if TYPE_CHECKING:
    from mcp.server import MCPServer

PATH = "/mcp"


class OverHttp:
    """An ASGI application of an MCP server, which imports and makes it at its first request."""

    def __init__(self, make: "Callable[[], MCPServer[Any]]") -> None:
        self._make = make
        self._app: ASGIApp | None = None
        self._group: TaskGroup
        self._making = Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Requests are answered within this."""
        async with create_task_group() as self._group:
            yield
            self._group.cancel_scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on to the server.

        Which has nothing to say unasked: a stream of that, which a client may GET, it has not.
        """
        if scope["method"] != "POST":
            refused = error(405, "MCP is spoken by POST here", {"Allow": "POST"})
            await refused(scope, receive, send)
            return
        async with self._making:
            if not self._app:
                self._app = await self._made()
        await self._app(scope, receive, send)

    async def _made(self) -> ASGIApp:
        server = await to_thread.run_sync(self._make)
        from mcp.server.transport_security import TransportSecuritySettings

        # Who may call is the gate's to say.
        anyone = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        # As JSON: what is streamed, the library cuts off at once when the server is to end.
        app = server.streamable_http_app(
            stateless_http=True,
            json_response=True,
            transport_security=anyone,
            streamable_http_path=PATH,
        )
        await self._group.start(self._run, server)
        return app

    async def _run(
        self, server: "MCPServer[Any]", *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED
    ) -> None:
        async with server.session_manager.run():
            task_status.started()
            await sleep_forever()
