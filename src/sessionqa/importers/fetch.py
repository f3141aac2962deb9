"""An address -> Source, over http or https: nothing private, nothing endless, nothing but text.

Every host, also that of a redirect, is looked up once, and the address that was checked is the one
that is connected to. Proxies are not asked, since what they connect to cannot be checked.
"""

import ipaddress
import socket
import ssl
import time
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpcore

import sessionqa
from sessionqa.errors import SourceError, first_line
from sessionqa.importers import media as kinds
from sessionqa.importers.decode import in_charset
from sessionqa.importers.drafts import Source

MAX_BYTES = 20 * 1024 * 1024
MAX_REDIRECTS = 5
CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0
WHOLE_SECONDS = 60.0

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_UNREADABLE = ("image/", "video/", "audio/", "font/", "model/")
# Addresses of IPv4 stand in the last 32 bits of these.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SAVE_IT = "save the page in a browser, and import the file"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is waited for, in seconds, and taken, in bytes after decompression."""

    size: int = MAX_BYTES
    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS
    whole: float = WHOLE_SECONDS


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server sent: a place to go on to, or a content and its headers."""

    location: str = ""
    headers: Mapping[str, str] | None = None
    content: bytes = b""


def fetch(url: str, allow_private: bool = False, limits: Limits = Limits()) -> Source:
    """What stands at an address; text comes as the server says that it is encoded, as UTF-8.

    `allow_private` lets it be one of this machine or of a network that is not public. Raises
    SourceError if it cannot be had, saying why, and OutgoingRefused while `offline`.
    """
    ends = time.monotonic() + limits.whole
    address = url
    for _ in range(MAX_REDIRECTS + 1):
        parts = _checked(address, url)
        answer = _get(parts, _Backend(allow_private, limits, ends, address), limits)
        if not answer.location:
            return _source(url, parts, answer)
        address = urljoin(parts.geturl(), answer.location)
    raise SourceError(f"{url} leads from one address to the next without end: check the address")


def _checked(address: str, given: str) -> SplitResult:
    """The parts of an address that may be asked."""
    name = given if address == given else f"{given} leads to {address}, which"
    try:
        parts = urlsplit(address.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"{name} is no address ({first_line(error)}): check it") from error
    if parts.scheme not in ("http", "https"):
        raise SourceError(f"{name} is not of http or https: only these are fetched")
    if not host:
        raise SourceError(f"{name} names no host: write it as https://example.org/page")
    if parts.username is not None or parts.password is not None:
        raise SourceError(f"{_bare(parts)} is given with a user name or password: {_SAVE_IT}")
    return parts._replace(fragment="")


def _bare(parts: SplitResult) -> str:
    """The address without what nobody should read in a message."""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _get(parts: SplitResult, backend: "_Backend", limits: Limits) -> _Answer:
    """One request and its answer."""
    name = parts.geturl()
    try:
        with (
            httpcore.ConnectionPool(network_backend=backend) as pool,
            pool.stream(
                "GET", _request_url(parts), headers=_headers(), extensions=_timeouts(limits)
            ) as response,
        ):
            headers = {
                key.decode("latin-1").casefold(): value.decode("latin-1")
                for key, value in response.headers
            }
            if response.status in _REDIRECTS and headers.get("location"):
                return _Answer(location=headers["location"])
            _check_status(response.status, name)
            _check_size(headers, name, limits)
            chunks = _decompressed(response.iter_stream(), headers, name, limits)
            return _Answer(headers=headers, content=_joined(chunks, name, limits))
    except httpcore.TimeoutException as error:
        raise SourceError(
            f"{name} took too long to answer: try again later, or {_SAVE_IT}"
        ) from error
    except httpcore.ConnectError as error:
        raise _unconnected(name, error) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        raise SourceError(
            f"{name} broke off, or answered in no way that could be read "
            f"({first_line(error)}): try again later"
        ) from error


def _request_url(parts: SplitResult) -> httpcore.URL:
    """The address as it is sent: in ASCII, as browsers write it."""
    host = parts.hostname or ""
    try:
        sent = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise SourceError(f"{parts.geturl()} names no host that can be: check it") from error
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    return httpcore.URL(scheme=parts.scheme, host=sent, port=parts.port, target=target)


def _headers() -> dict[bytes | str, bytes | str]:
    return {
        "User-Agent": f"sessionqa/{sessionqa.__version__}",
        "Accept": "text/html, text/markdown, text/plain, */*;q=0.5",
        # Others cannot be unpacked piece by piece.
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }


def _timeouts(limits: Limits) -> dict[str, Any]:
    return {
        "timeout": {
            "connect": limits.connect,
            "read": limits.read,
            "write": limits.read,
            "pool": limits.connect,
        }
    }


def _unconnected(name: str, error: httpcore.ConnectError) -> SourceError:
    cause = error.__context__ or error
    if isinstance(cause, ssl.SSLError):
        return SourceError(
            f"{name} could not prove who it is ({first_line(cause)}): check the address, "
            f"or {_SAVE_IT}"
        )
    return SourceError(f"{name} cannot be reached ({first_line(error)}): check the address")


def _check_status(status: int, name: str) -> None:
    if status in (401, 402, 403, 407, 451):
        raise SourceError(f"{name} is not open to everybody ({status}): {_SAVE_IT}")
    if status in (404, 410):
        raise SourceError(f"{name} does not exist ({status}): check the address")
    if status == 429 or status >= 500:
        raise SourceError(f"{name} has no answer now ({status}): try again later")
    if not 200 <= status < 300:
        raise SourceError(f"{name} was not sent (status {status}): check the address")


def _check_size(headers: Mapping[str, str], name: str, limits: Limits) -> None:
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.size:
        raise _too_large(name, limits)


def _too_large(name: str, limits: Limits) -> SourceError:
    return SourceError(
        f"{name} has more than the {limits.size / 2**20:.0f} MiB that are taken from an address: "
        "save what you need of it, and import the file"
    )


def _decompressed(
    chunks: Iterable[bytes], headers: Mapping[str, str], name: str, limits: Limits
) -> Iterator[bytes]:
    """The content piece by piece, none of them larger than a content may be."""
    coding = headers.get("content-encoding", "").strip().casefold()
    if coding in ("", "identity"):
        yield from chunks
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise SourceError(
            f"{name} is packed as {coding[:20]!r}, which was not asked for: {_SAVE_IT}"
        )
    # 32 has it find out whether it is gzip or zlib.
    packed = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        for chunk in chunks:
            rest = chunk
            while rest and not packed.eof:
                yield packed.decompress(rest, limits.size)
                rest = packed.unconsumed_tail
        if not packed.eof:
            raise SourceError(f"{name} broke off before its end: try again later")
    except zlib.error as error:
        raise SourceError(
            f"{name} is not packed as it says ({first_line(error)}): {_SAVE_IT}"
        ) from error


def _joined(chunks: Iterable[bytes], name: str, limits: Limits) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > limits.size:
            raise _too_large(name, limits)
    return bytes(content)


def _source(given: str, parts: SplitResult, answer: _Answer) -> Source:
    """The content under the name that it was asked for by."""
    declared = Message()
    declared["content-type"] = (answer.headers or {}).get("content-type", "")
    told = declared.get_content_type() if declared["content-type"] else ""
    media = kinds.declared(told, parts.path)
    if not answer.content.strip():
        raise SourceError(f"{given} is empty: check the address")
    if not media or media.startswith(_UNREADABLE):
        raise SourceError(
            f"{given} is {media or 'of no known kind'}, and no text: give the address of a page"
        )
    return Source(given, media, _as_utf8(answer.content, media, declared.get_content_charset()))


def _as_utf8(raw: bytes, media: str, charset: str | None) -> bytes:
    """Text in the charset of the server as UTF-8 with a mark, which no page contradicts."""
    if not media.startswith("text/") or charset is None or raw.isascii():
        return raw
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return raw
    text = in_charset(raw, charset)
    return raw if text is None else BOM_UTF8 + text.encode("utf-8", "replace")


class _Backend(httpcore.SyncBackend):
    """Connects to what was checked, and to nothing past the end of the time."""

    def __init__(self, allow_private: bool, limits: Limits, ends: float, name: str) -> None:
        self._allow_private = allow_private
        self._connect = limits.connect
        self._ends = ends
        self._name = name

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of `host` that takes one."""
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._addresses(host, port):
            left = _left(self._ends, timeout or self._connect)
            try:
                stream = super().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
            else:
                return _Timed(stream, self._ends)
        raise last or httpcore.ConnectError("no address")

    def _addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of which may be connected to."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise SourceError(
                f"{self._name}: no host {host} is known: check the address and the network"
            ) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        refused = [one for one in addresses if not _is_public(one)]
        if refused and not self._allow_private:
            raise SourceError(
                f"{self._name}: {host} is {refused[0]}, no public address: add --allow-private "
                "if it is meant, or import a file"
            )
        return addresses


class _Timed(httpcore.NetworkStream):
    """A connection that is waited for no longer than until an end."""

    def __init__(self, stream: httpcore.NetworkStream, ends: float) -> None:
        self._stream = stream
        self._ends = ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, `max_bytes` at most."""
        return self._stream.read(max_bytes, _left(self._ends, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of it."""
        self._stream.write(buffer, _left(self._ends, timeout))

    def close(self) -> None:
        """Ends the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted; the host is who its certificate must name."""
        left = _left(self._ends, timeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._ends)

    def get_extra_info(self, info: str) -> Any:
        """What the connection tells of itself."""
        return self._stream.get_extra_info(info)


def _left(ends: float, timeout: float | None) -> float:
    """How long may be waited for one thing."""
    left = ends - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left if timeout is None else min(left, timeout)


def _is_public(text: str) -> bool:
    """Whether it is an address of the public internet, also of that in which it is wrapped."""
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo:
            return False
        if inner is not None:
            address = inner
    return address.is_global and not address.is_multicast
