"""How large, how often and how many: requests beyond that are turned away before they cost."""

import asyncio
import math
import time
from threading import Lock

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sessionqa.server.errors import error
from sessionqa.server.hosts import caller_of, network_of

# A question has 80,000 characters at most, its history and the rest of JSON come on top.
MOST_BYTES = 1_000_000
# A body that is not here by then is not waited for.
BODY_SECONDS = 10.0
# What is limited even if it only reads; the page's own files are not.
_COUNTED = ("/api/", "/v1/")
# Whoever comes while all are busy is told to come again after so many seconds.
BUSY_SECONDS = 1


class Running:
    """Counts what is being worked on; safe among threads.

    >>> with running:
    ...     answer()
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.count = 0

    def __enter__(self) -> None:
        with self._lock:
            self.count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.count -= 1


class Rate:
    """So many a minute for each address; this machine's own are not counted.

    What comes through a proxy on this machine has the address that the proxy names.
    """

    def __init__(self, per_minute: int) -> None:
        self._item = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, scope: Scope) -> None:
        """Counts one, of the address that `scope` comes from."""
        if self._item and (address := network_of(caller_of(scope))):
            self._limiter.hit(self._item, address)

    def exceeded(self, scope: Scope) -> Response | None:
        """What to say to an address that may not have one more; None to others."""
        address = network_of(caller_of(scope))
        if not self._item or not address or self._limiter.test(self._item, address):
            return None
        free_at = self._limiter.get_window_stats(self._item, address).reset_time
        seconds = max(1, math.ceil(free_at - time.time()))
        message = f"more than {self._item.amount} requests a minute: wait {seconds} s"
        return error(429, message, {"Retry-After": str(seconds)})


class Limits:
    """ASGI middleware: limits requests by size, by address, and how many run at once.

    The page's own files and /metrics are not counted.
    What a client sends is here as a whole before it counts as running: a slow one holds nobody up.
    """

    def __init__(self, app: ASGIApp, running: Running, at_once: int, per_minute: int) -> None:
        self._app = app
        self._running = running
        self._at_once = at_once
        self._rate = Rate(per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 408, 413 or 429."""
        reads = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if scope["type"] != "http" or (reads and not scope["path"].startswith(_COUNTED)):
            await self._app(scope, receive, send)
            return
        if refused := self._rate.exceeded(scope):
            await refused(scope, receive, send)
            return
        self._rate.count(scope)
        body = await _body(scope, receive)
        if isinstance(body, Response):
            await body(scope, receive, send)
            return
        if self._running.count >= self._at_once:
            again = {"Retry-After": str(BUSY_SECONDS)}
            busy = error(429, f"{self._at_once} requests are being worked on: ask again", again)
            await busy(scope, receive, send)
            return
        with self._running:
            await self._app(scope, _Given(body, receive), send)


async def _body(scope: Scope, receive: Receive) -> bytes | Response:
    """The body of a request, or what to say of one that is too long or too late."""
    too_long = error(413, f"the request has over {MOST_BYTES:,} bytes", {"Connection": "close"})
    length = Headers(scope=scope).get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length[:20]) > MOST_BYTES:
        return too_long
    parts: list[bytes] = []
    here = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                parts.append(message.get("body", b""))
                here += len(parts[-1])
                if here > MOST_BYTES:
                    return too_long
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        late = f"the request was not here after {BODY_SECONDS:g} s"
        return error(408, late, {"Connection": "close"})


class _Given:
    """The receiving side of a request whose body is here."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
