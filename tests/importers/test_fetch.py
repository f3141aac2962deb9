"""Pages of a real server on this machine: what is taken, what is refused, and in what time."""

import gzip
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sessionqa.errors import SourceError
from sessionqa.importers import fetch as fetching
from sessionqa.importers.articles.article import read
from sessionqa.importers.fetch import Limits, fetch

SMALL = Limits(size=200_000, connect=2, read=2, whole=3)
PAGE = "<title>Süß</title><p>Rye tolerates neglect. Feed it – twice.</p>"
BOMB = gzip.compress(b"0" * 50_000_000)

# Status, headers, content of what is asked for by path.
PAGES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/page": (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE.encode()),
    "/1252": (200, {"Content-Type": "text/html; charset=ISO-8859-1"}, PAGE.encode("cp1252")),
    "/gzip": (
        200,
        {"Content-Type": "text/html", "Content-Encoding": "gzip"},
        gzip.compress(PAGE.encode()),
    ),
    "/deflate": (
        200,
        {"Content-Type": "text/html", "Content-Encoding": "deflate"},
        zlib.compress(PAGE.encode()),
    ),
    "/notes.md": (200, {"Content-Type": "text/plain"}, b"# Notes\n\nRye is good."),
    "/untyped.html": (200, {}, PAGE.encode()),
    "/moved": (302, {"Location": "/page"}, b""),
    "/loop": (302, {"Location": "/loop"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
    "/inward": (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b""),
    "/bomb": (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, BOMB),
    "/cut": (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, BOMB[:200]),
    "/no-gzip": (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, b"Not packed."),
    "/br": (200, {"Content-Type": "text/html", "Content-Encoding": "br"}, b"\x0b\x02\x80"),
    "/image": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
    "/video": (200, {"Content-Type": "video/mp4"}, b"ftyp"),
    "/unknown": (200, {"Content-Type": "application/octet-stream"}, b"\0\1\2"),
    "/empty": (200, {"Content-Type": "text/html"}, b" \n"),
    "/large": (200, {"Content-Type": "text/html", "Content-Length": "999999999"}, b"x"),
    "/secret": (403, {}, b"no"),
    "/broken": (500, {}, b"no"),
    "/busy": (429, {}, b"no"),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path in ("/drip", "/endless", "/slow-head"):
            return self.trickle()
        status, headers, content = PAGES.get(self.path, (404, {}, b"no"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        return None

    def trickle(self) -> None:
        """Sends without end: as fast as it can, or a byte now and then."""
        try:
            if self.path == "/slow-head":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            else:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536 if self.path == "/endless" else b"x")
                self.wfile.flush()
                if self.path != "/endless":
                    time.sleep(0.05)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/page", "/1252", "/gzip", "/deflate", "/untyped.html", "/moved"])
def test_a_page_comes_as_it_was_written(site: str, path: str) -> None:
    source = fetch(site + path, allow_private=True)
    assert (source.name, source.media) == (site + path, "text/html")
    (draft,) = read(source).drafts
    assert draft.title == "Süß"
    assert [block.text for block in draft.body] == ["Rye tolerates neglect. Feed it – twice."]


def test_markdown_is_told_by_its_name(site: str) -> None:
    assert fetch(f"{site}/notes.md", allow_private=True).media == "text/markdown"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/loop", "without end"),
        ("/file", "leads to file:///etc/passwd, which is not of http"),
        ("/bomb", "more than the 0 MiB"),
        ("/endless", "more than the 0 MiB"),
        ("/large", "more than the 0 MiB"),
        ("/cut", "broke off"),
        ("/no-gzip", "not packed as it says"),
        ("/br", "packed as 'br'"),
        ("/drip", "took too long"),
        ("/slow-head", "took too long"),
        ("/image", "is image/png, and no text"),
        ("/video", "is video/mp4, and no text"),
        ("/unknown", "no text: give the address of a page"),
        ("/empty", "is empty"),
        ("/secret", "not open to everybody (403)"),
        ("/absent", "does not exist (404)"),
        ("/broken", "no answer now (500)"),
        ("/busy", "no answer now (429)"),
    ],
)
def test_what_cannot_be_taken_is_said(site: str, path: str, says: str) -> None:
    started = time.monotonic()
    with pytest.raises(SourceError) as refused:
        fetch(site + path, allow_private=True, limits=SMALL)
    assert says in str(refused.value)
    assert site + path in str(refused.value)
    assert "\n" not in str(refused.value)
    assert time.monotonic() - started < SMALL.whole + SMALL.read


def test_a_bomb_is_refused_before_it_is_unpacked(site: str) -> None:
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(SourceError, match="more than"):
        fetch(f"{site}/bomb", allow_private=True, limits=SMALL)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "host",
    "127.0.0.1 2130706433 0x7f000001 017700000001 127.1 0.0.0.0 [::1] [::ffff:127.0.0.1] localhost "
    "10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 [fe80::1] [fc00::1] [::] "
    "[64:ff9b::7f00:1] [2002:7f00:1::] 255.255.255.255 [ff02::1] 198.18.0.1".split(),
)
def test_no_private_address_is_connected_to(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connected(*_: object, **__: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket.socket, "connect", connected)
    monkeypatch.setattr(socket, "create_connection", connected)
    with pytest.raises(SourceError, match="no public address"):
        fetch(f"http://{host}:8080/page")


@pytest.mark.parametrize("text", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_are_public(text: str) -> None:
    assert fetching._is_public(text)


def test_a_redirect_inward_is_refused(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The test's own server stands for a public one.
    real = fetching._is_public
    monkeypatch.setattr(fetching, "_is_public", lambda text: text == "127.0.0.1" or real(text))
    with pytest.raises(SourceError, match=r"169\.254\.169\.254 is .*, no public address"):
        fetch(f"{site}/inward")


def test_the_address_that_was_checked_is_connected_to(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its address between the check and the connection gains nothing."""
    port = int(site.rpartition(":")[2])
    real = socket.getaddrinfo
    asked: list[str] = []

    def rebinding(host: str, *given: object, **named: object) -> object:
        if host == "rebind.example":
            asked.append(host)
            answers = ["127.0.0.1", "169.254.169.254"]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers[len(asked) - 1], port))]
        return real(host, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    source = fetch(f"http://rebind.example:{port}/page", allow_private=True)
    assert "Süß" in source.raw.decode("utf-8-sig")
    assert asked == ["rebind.example"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://example.org/x", "not of http or https"),
        ("file:///etc/passwd", "not of http or https"),
        ("http:///page", "names no host"),
        ("http://user:secret@example.org/", "with a user name or password"),
        ("http://[::1/", "is no address"),
        ("http://example.org:99999/", "is no address"),
        ("http://nowhere.invalid/", "no host nowhere.invalid is known"),
        (f"http://{'a' * 70}.example/", "is known"),
        ("http://127.0.0.1:9/", "cannot be reached"),
    ],
)
def test_unusable_addresses_are_said(url: str, says: str) -> None:
    with pytest.raises(SourceError) as refused:
        fetch(url, allow_private=True, limits=SMALL)
    assert says in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_no_web_server_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"220 mail ready\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(SourceError, match="in no way that could be read"):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/", allow_private=True, limits=SMALL)


def test_a_host_without_a_valid_certificate_is_refused(site: str) -> None:
    # Plain HTTP is no TLS at all.
    with pytest.raises(SourceError, match="could not prove who it is"):
        fetch(site.replace("http:", "https:") + "/page", allow_private=True, limits=SMALL)


def test_the_host_is_named_to_the_server_that_is_at_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

        def listen() -> None:
            connection, _ = server.accept()
            heard.append(connection.recv(4096))
            connection.close()

        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        with pytest.raises(SourceError):
            fetch(f"https://bread.example:{address[1]}/", allow_private=True, limits=SMALL)
        listener.join(5)
    assert b"bread.example" in heard[0]


def test_offline_nothing_is_looked_up() -> None:
    code = """
from sessionqa.errors import OutgoingRefused
from sessionqa.importers.fetch import fetch
from sessionqa.offline import refuse_outgoing
refuse_outgoing()
try:
    fetch("https://example.org/page")
except OutgoingRefused as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "example.org was to be called, and `offline` is set" in done.stdout
