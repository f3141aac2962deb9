"""Who may call: those that show the token, or the user and password; on this machine, anyone."""

import base64
import hmac
from dataclasses import dataclass, field
from typing import Self

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sessionqa.errors import ServerError
from sessionqa.server.errors import error
from sessionqa.server.hosts import is_foreign, is_loopback, name_of
from sessionqa.server.limits import Rate
from sessionqa.settings import Settings

# What tells whether the server lives, and nothing else.
OPEN = frozenset({"/healthz", "/readyz"})
# Who guesses may be wrong so often in a minute.
GUESSES = 20
_CHALLENGE = 'Basic realm="sessionqa", charset="UTF-8", Bearer realm="sessionqa"'


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller has to show; nothing if all is empty."""

    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings, open_to_all: bool = False) -> Self:
        """What `settings` ask for; with `open_to_all`, nothing.

        Raises ServerError for a network that anyone could call from.
        """
        if open_to_all:
            return cls()
        access = cls(settings.token, settings.user, settings.password)
        if not (access.needed or is_loopback(settings.host)):
            raise ServerError(
                f"{settings.host} can be reached from other machines: set $SESSIONQA_TOKEN, or "
                "`user` and $SESSIONQA_PASSWORD, so that not everyone may ask, or give `--no-auth`"
            )
        return access

    @property
    def needed(self) -> bool:
        """Whether anything has to be shown."""
        return bool(self.token or self.password)

    def allows(self, authorization: str) -> bool:
        """Whether a header of this value may pass.

        A browser, which asks for a name and a password, takes any name with the token.
        """
        kind, _, shown = authorization.partition(" ")
        if kind.casefold() == "bearer":
            return _same(shown.strip(), self.token)
        if kind.casefold() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(shown, validate=True).decode().partition(":")
        except ValueError:  # no base64, or no text
            return False
        # Both are compared in full, so that the time tells nothing.
        known = _same(user, self.user) & _same(password, self.password)
        return known or _same(password, self.token)


def _same(shown: str, wanted: str) -> bool:
    """Compared in a time that does not depend on where they differ."""
    return hmac.compare_digest(shown.encode(), wanted.encode()) and bool(wanted)


class Gate:
    """ASGI middleware: turns away who may not call.

    Without a password only this machine calls, by a name of its own: a page of another site that
    a browser here has open could otherwise have its own name mean this machine (DNS rebinding).
    Nor may a page of another site, as browsers tell (Origin), ask or read.
    """

    def __init__(self, app: ASGIApp, access: Access, host: str) -> None:
        self._app = app
        self._access = access
        self._names = {"localhost", "127.0.0.1", "::1", host.casefold()}
        self._any_name = access.needed or not is_loopback(host)
        self._guesses = Rate(GUESSES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 401, 403 or 421."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._any_name and (name := name_of(host)) not in self._names:
            refused = error(421, f"this server is not {name}: call it by localhost")
        elif self._access.needed and (unknown := self._unknown(scope, headers)):
            refused = unknown
        elif is_foreign(headers.get("origin"), host):
            refused = error(403, "a page of another site may not call this server")
        else:
            await self._app(scope, receive, send)
            return
        await refused(scope, receive, send)

    def _unknown(self, scope: Scope, headers: Headers) -> Response | None:
        """What to say to a caller who shows nothing, the wrong thing, or has guessed too often."""
        shown = headers.get("authorization")
        if shown is not None:
            # Before it is looked at: or who guesses could go on until it is right.
            if exceeded := self._guesses.exceeded(scope):
                return exceeded
            if self._access.allows(shown):
                return None
            self._guesses.count(scope)
        challenge = {"WWW-Authenticate": _CHALLENGE}
        return error(401, "show the token, or the user and the password", challenge)
