"""Headers by which a browser loads nothing from elsewhere, and Gradio's page without what does."""

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sessionqa.server.errors import error
from sessionqa.server.hosts import caller_of

# Scripts run only if they are files of this server or carry the page's nonce. Gradio's HTML
# component makes its template a function, which takes unsafe-eval; our templates are constant.
_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'{more}; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
# Names by which Gradio would believe to be called.
_UNREAD = frozenset({b"x-forwarded-host", b"x-gradio-server"})
_GRADIO = ("/gradio_api/", "/static/", "/assets/")
# No file has a longer name.
MOST_OF_A_NAME = 255
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Pages, whose scripts get a nonce.
PAGES = frozenset({"/", "/api/docs"})
# What the page itself calls under /gradio_api; uploads, files, proxies and the like stay shut.
_GRADIO_CALL = re.compile(r"/gradio_api/([^/?]*)")
_OPEN_CALLS = frozenset({"queue", "heartbeat", "startup-events", "app_id"})
# Tags of Gradio's page for other hosts, link previews and app installs, and the <base> that turns
# a link into the sources into a reload wherever the address has a query.
_ALIEN = re.compile(
    r"<base\b[^>]*>|<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>"
    r"|<link\b[^>]*\b(?:href=\"(?:https?:)?//|rel=\"manifest\")[^>]*>"
    r"|<script\b[^>]*\bsrc=\"(?:https?:)?//[^>]*>\s*</script>"
)
_ICON = (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16'"
    " rx='4' fill='%230f766e'/%3E%3Cpath d='M4 5h8M4 8h8M4 11h5' stroke='white'/%3E%3C/svg%3E"
)
_HEAD = f'<title>sessionqa</title><link rel="icon" href="data:image/svg+xml,{_ICON}">'


class Shield:
    """ASGI middleware: the page loads nothing from elsewhere; only its own calls are open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 404."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        called = _GRADIO_CALL.match(scope["path"])
        if called and called[1] not in _OPEN_CALLS:
            await error(404, "there is nothing here")(scope, receive, send)
            return
        names = {name for name, _ in scope["headers"]}
        if b"host" not in names or max(map(len, scope["path"].split("/"))) > MOST_OF_A_NAME:
            wrong = error(400, "the request names no host, or a part of its path is too long")
            await wrong(scope, receive, send)
            return
        is_page = scope["path"] in PAGES
        # A page is not compressed, so that it can be cleaned on its way, and nothing is for this
        # machine, which has it sooner as it is.
        plain = is_page or not caller_of(scope)
        unread = _UNREAD | {b"accept-encoding"} if plain else _UNREAD
        left = [header for header in scope["headers"] if header[0] not in unread]
        is_gradio = scope["path"].startswith(_GRADIO)
        guarded = _Guarded(send, is_page, is_gradio)
        await self._app({**scope, "headers": left}, receive, guarded)


class _Guarded:
    """The sending side of one response: sets headers, and holds the page back to clean it."""

    def __init__(self, send: Send, is_page: bool, is_gradio: bool) -> None:
        self._send = send
        self._is_gradio = is_gradio
        self._is_page = is_page
        self._nonce = secrets.token_urlsafe(16)
        self._held: Message | None = None
        self._html = b""

    async def __call__(self, message: Message) -> None:
        """Sends a part of the response on, or keeps it until the page is whole."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            more = " 'unsafe-eval'" if self._is_page else ""
            headers["Content-Security-Policy"] = _POLICY.format(nonce=self._nonce, more=more)
            headers.update(_HEADERS)
            # Gradio lets any origin read what it serves.
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]
            if self._is_gradio and message["status"] == 500:
                message["status"] = 400  # it has no other answer to what it does not understand
            if self._is_page:
                self._held = message
                return
        elif self._held:
            self._html += message.get("body", b"")
            if message.get("more_body"):
                return
            message = {**message, "body": _cleaned(self._html.decode(), self._nonce).encode()}
            MutableHeaders(scope=self._held)["Content-Length"] = str(len(message["body"]))
            await self._send(self._held)
        await self._send(message)


def _cleaned(html: str, nonce: str) -> str:
    """Gradio's page without what leads elsewhere; its own scripts get the nonce."""
    own = _ALIEN.sub("", html).replace("</head>", f"{_HEAD}</head>", 1)
    return own.replace("<script", f'<script nonce="{nonce}"')
