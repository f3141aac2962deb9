"""What the names and addresses that HTTP tells of mean."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


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
