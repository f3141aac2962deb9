"""What the names and addresses that HTTP tells of mean."""

from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.types import Scope


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def caller_of(scope: Scope) -> str:
    """The address that a request comes from; empty for this machine."""
    address: str = scope["client"][0] if scope.get("client") else ""
    return "" if is_loopback(address) else address


def name_of(host: str) -> str:
    """A Host header's name, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").casefold()
    except ValueError:
        return ""


def is_foreign(origin: str | None, host: str) -> bool:
    """Whether a browser says that a page of elsewhere is calling."""
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.casefold() != host.casefold()
    except ValueError:
        return True


def network_of(address: str) -> str:
    """What one caller can send from: an address, or of IPv6 all with the same first 64 bits."""
    try:
        if isinstance(ip_address(address), IPv6Address):
            return str(ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        pass
    return address
