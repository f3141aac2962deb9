"""HTTP connections that are not waited for without end: uvicorn bounds neither end of one."""

import asyncio
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# The head of a request is here by then, or nobody waits for it.
HEAD_SECONDS = 10.0
# A client that takes nothing of its answer for so long is left.
STALLED_SECONDS = 30.0


class PatientProtocol(H11Protocol):
    """Ends a connection whose client does not finish the head of a request, or reads no more."""

    _head: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        super().connection_made(transport)
        # Head and body of an answer are two writes: the second would wait for the client's word
        # that it has the first, which Linux gives after 40 ms. asyncio does this by itself, but
        # not for a socket that it is handed.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Writing is paused as long as any byte is not taken, or the last ones went unwatched.
        transport.set_write_buffer_limits(0)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Takes a part of a request; each further part of a head has the time that is left.

        So has a body that was answered before it was here.
        """
        super().data_received(data)
        if self.conn.their_state is h11.IDLE or self.conn.our_state is h11.DONE:
            self._await_head()
        elif self._head:
            self._head.cancel()
            self._head = None

    def pause_writing(self) -> None:
        """Something of what was sent is not taken yet."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """All of it is."""
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is waited for."""
        super().connection_lost(exc)
        for timer in (self._head, self._stalled):
            if timer:
                timer.cancel()

    def _await_head(self) -> None:
        if not self._head:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _watch(self, left: int) -> None:
        """Ends the connection if, of `left` bytes, none is taken for so long."""

        def look() -> None:
            now = self.transport.get_write_buffer_size()
            if now < left:
                self._watch(now)
            else:
                self.transport.abort()

        self._stalled = self.loop.call_later(STALLED_SECONDS, look)
