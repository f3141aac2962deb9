"""No call to another machine, whoever in this process tries: `offline = true`."""

import ipaddress
import os
import sys
from typing import Any

from sessionqa.errors import OutgoingRefused

# Libraries that ask a hub whether there is something newer read these.
_QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
_LOOKED_UP = frozenset(
    f"socket.{name}" for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo")
)


def refuse_outgoing() -> None:
    """From now on raises OutgoingRefused where Python code connects to another machine.

    Or looks one up by name. It cannot be undone, and code that is not Python is not seen.
    """
    os.environ.update(_QUIET)
    sys.addaudithook(_refuse)


def _refuse(event: str, given: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = given[1]
        # An address that is no tuple is a file's.
        host = address[0] if isinstance(address, tuple) else ""
    elif event in _LOOKED_UP:
        host = given[0][0] if isinstance(given[0], tuple) else given[0]
        # What is an address is not asked of anybody.
        if event == "socket.getaddrinfo" and _address(host):
            return
    else:
        return
    if not is_here(host):
        raise OutgoingRefused(
            f"{_text(host)} was to be called, and `offline` is set: leave `offline` out to allow it"
        )


def is_here(host: Any) -> bool:
    """Whether it is this machine, or nothing that is called."""
    if not host or _text(host).casefold() == "localhost":
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """`host` as an address, None where it is a name."""
    try:
        return ipaddress.ip_address(_text(host).partition("%")[0])
    except ValueError:
        return None


def _text(host: Any) -> str:
    return host.decode(errors="replace") if isinstance(host, bytes | bytearray) else str(host)
