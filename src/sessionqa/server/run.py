"""A socket, and the application served on it until it is told to end."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from logging import CRITICAL, getLogger
from threading import current_thread, main_thread

import uvicorn

from sessionqa.assistant import Assistant
from sessionqa.errors import ServerError
from sessionqa.server.app import Served
from sessionqa.server.gate import Access
from sessionqa.server.patience import PatientProtocol

# What is being answered when the server is told to end has so long.
DRAIN_SECONDS = 10.0
MOST_CONNECTIONS = 1000


def serve(
    assistant: Assistant,
    access: Access,
    page: bool = True,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serves where the assistant's settings say, until Ctrl-C or SIGTERM; then answers what it has.

    `on_ready` is told its address once it answers. Raises ServerError if the port is taken, or
    the host is no address of this machine.
    """
    host, port = assistant.settings.host, assistant.settings.port
    with _bound(host, port) as listening:
        served = Served(assistant, access, page)
        config = uvicorn.Config(
            served.app,
            http=PatientProtocol,
            loop="asyncio",
            ws="none",
            log_level="warning",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
        url = _address(host, listening)
        server = _Server(config, served, lambda: on_ready(url) if on_ready else None)
        # Once it has ended, uvicorn raises the signal that it was told by again: Python's own
        # answer to SIGTERM would be to end before what the processes share is given back.
        if current_thread() is main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            return


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens there, held from before the page is made until the end."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(address[0]), port), family=family)
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            problem = f"port {port} on {host} is in use: choose another with `--port N`"
            raise ServerError(problem) from error
        # create_server ends its reason with the address, which is named already.
        reason = str(getattr(error, "strerror", error)).partition(" (while")[0]
        raise ServerError(
            f"{host}, port {port}, cannot be served ({reason}): choose another port with "
            "`--port N`, or with `--host H` an address of this machine"
        ) from error


def _address(host: str, listening: socket.socket) -> str:
    """Where a browser on this machine finds the chat."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{listening.getsockname()[1]}"


class _Server(uvicorn.Server):
    """Tells when it answers; ends without noise, and after what it has begun."""

    def __init__(self, config: uvicorn.Config, served: Served, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._served = served
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._served.draining = True
        for server in self.servers:
            server.close()
        deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
        while self._served.running.count and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        # Each open page holds a stream. That it is cut now is no error to report.
        getLogger("uvicorn.error").setLevel(CRITICAL)
        await super().shutdown(sockets)
