"""Clients that are slow, on real connections."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from serving import wait_until
from starlette.types import ASGIApp, Receive, Scope, Send

from sessionqa.server import patience
from sessionqa.server.patience import PatientProtocol

CHUNK = b"x" * 100_000
CHUNKS = 500
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def listening(app: ASGIApp) -> Iterator[tuple[socket.socket, uvicorn.Server]]:
    """A connection to a server of `app` with this protocol, and that server."""
    held = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=PatientProtocol, ws="none", lifespan="off", log_level="critical"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [held]})
    thread.start()
    try:
        with socket.create_connection(held.getsockname(), timeout=20) as client:
            yield client, server
    finally:
        server.should_exit = True
        thread.join(20)


async def hello(_: Scope, __: Receive, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


async def at_once(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": CHUNK * CHUNKS, "more_body": True})
    await send({"type": "http.response.body"})


async def long(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body"})


def answer(client: socket.socket) -> bytes:
    """The whole answer of `hello`."""
    said = b""
    while not said.endswith(b"\r\n\r\nok"):
        said += client.recv(1000)
    return said


def is_left(client: socket.socket) -> bool:
    """Whether the server has ended the connection without a word."""
    try:
        return client.recv(1000) == b""
    except ConnectionError:
        return True


def test_a_head_that_comes_by_the_letter_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    with listening(hello) as (client, _):
        with suppress(ConnectionError):
            for letter in REQUEST:
                client.sendall(bytes([letter]))
                time.sleep(0.05)
        assert is_left(client)


def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.1)
    with listening(hello) as (client, _):
        assert is_left(client)


def test_nor_is_the_next_request_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(hello) as (client, _):
        client.sendall(REQUEST)
        assert answer(client).startswith(b"HTTP/1.1 200 OK")
        monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)
        client.sendall(b"GET / HTTP/1.1\r\n")
        assert is_left(client)


def test_who_is_quick_enough_may_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.5)
    with listening(hello) as (client, _):
        for _ in range(3):
            client.sendall(REQUEST[:10])
            time.sleep(0.25)
            client.sendall(REQUEST[10:])
            assert answer(client).startswith(b"HTTP/1.1 200 OK")


def test_nor_is_a_body_that_was_answered_before_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    with listening(hello) as (client, _):
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        answer(client)
        client.sendall(b"x")
        started = time.monotonic()
        assert is_left(client)
        # By nothing else: uvicorn waits 5 seconds for the next request, and no longer for this.
        assert time.monotonic() - started < 4


def test_no_answer_waits_for_an_acknowledgement() -> None:
    with listening(hello) as (client, server):
        client.sendall(REQUEST)
        answer(client)
        [connection] = server.server_state.connections
        taken = connection.transport.get_extra_info("socket")
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("app", [long, at_once])
def test_who_reads_nothing_is_left(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "STALLED_SECONDS", 0.2)
    with listening(app) as (client, _):
        client.sendall(REQUEST)
        time.sleep(3)
        assert received(client) < CHUNKS * len(CHUNK)


def test_who_takes_nothing_of_the_last_bytes_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "STALLED_SECONDS", 0.2)

    # More than the system holds for these two, less than is held back by itself.
    async def short(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": CHUNK[:60_000]})

    with listening(short) as (other, server), socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(other.getpeername())
        other.close()
        wait_until(lambda: len(server.server_state.connections) == 1, 10)
        [connection] = server.server_state.connections
        taken = connection.transport.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.sendall(REQUEST)
        wait_until(lambda: not server.server_state.connections, 10)


@pytest.mark.parametrize("app", [long, at_once])
def test_who_reads_slowly_gets_all(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "STALLED_SECONDS", 0.5)
    with listening(app) as (client, _):
        client.sendall(REQUEST)
        assert received(client, pause=0.004) > CHUNKS * len(CHUNK)


def received(client: socket.socket, pause: float = 0.0) -> int:
    """How many bytes come until the connection ends, or the last chunk is here."""
    count = 0
    with suppress(ConnectionError):
        while part := client.recv(len(CHUNK)):
            count += len(part)
            if part.endswith(b"0\r\n\r\n"):
                break
            time.sleep(pause)
    return count
