"""Where a stretch of text is from: the moment of a recording, the page of a document."""

import re
from bisect import bisect_right
from operator import attrgetter
from urllib.parse import SplitResult, urlsplit, urlunsplit

from sessionqa.datatypes import Citation, Mark, Passage, Session

_YOUTUBE = re.compile(r"(?:.+\.)?youtube(?:-nocookie)?\.com")
_VIMEO = re.compile(r"(?:.+\.)?vimeo\.com")
# `#t=10&x=1` says something of the medium; any other fragment is a place of a web page.
_PAIRS = re.compile(r"[^&=]+=[^&]*(?:&[^&=]+=[^&]*)*|")


def at(session: Session, offset: int) -> Mark:
    """The mark that holds at `offset` in the session's text; one that knows nothing before any."""
    after = bisect_right(session.marks, offset, key=attrgetter("start"))
    return session.marks[after - 1] if after else Mark(0)


def clock(seconds: int) -> str:
    """A moment as a player shows it: 12:34 or 1:02:03."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def short(place: Citation | Passage) -> str:
    """The place behind a source: "(12:34)", "p. 3" or both; empty where neither is known."""
    moment = "" if place.seconds is None else f"({clock(place.seconds)})"
    return ", ".join(filter(None, (moment, "" if place.page is None else f"p. {place.page}")))


def moment(place: Citation) -> str:
    """The moment in words, "at 12:34"; empty where it is not known."""
    return "" if place.seconds is None else f"at {clock(place.seconds)}"


def page(place: Citation) -> str:
    """The page in words, "page 3"; empty where it is not known."""
    return "" if place.page is None else f"page {place.page}"


def address(url: str, place: Mark) -> str:
    """`url` opened at that place, as far as players and readers can be told; else as it is.

    YouTube takes the moment in the query, Vimeo in the fragment with its unit, and any other
    recording as a media fragment (W3C, Media Fragments URI 1.0). A PDF opens at a page (RFC 8118).
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return url
    if not url:
        return url
    if place.seconds is not None:
        parts = _playing(parts, host, place.seconds)
    elif place.page is not None and parts.path.casefold().endswith(".pdf"):
        parts = _in_fragment(parts, "page", f"{place.page}")
    return urlunsplit(parts)


def _playing(parts: SplitResult, host: str, seconds: int) -> SplitResult:
    if host == "youtu.be":
        return parts._replace(query=_with(parts.query, "t", f"{seconds}"))
    if _YOUTUBE.fullmatch(host) and parts.path.startswith("/embed/"):
        return parts._replace(query=_with(parts.query, "start", f"{seconds}"))
    if _YOUTUBE.fullmatch(host):
        return parts._replace(query=_with(parts.query, "t", f"{seconds}s"))
    return _in_fragment(parts, "t", f"{seconds}{'s' if _VIMEO.fullmatch(host) else ''}")


def _in_fragment(parts: SplitResult, name: str, value: str) -> SplitResult:
    if not _PAIRS.fullmatch(parts.fragment):
        return parts
    return parts._replace(fragment=_with(parts.fragment, name, value))


def _with(pairs: str, name: str, value: str) -> str:
    """`a=1&b=2` with that pair at its end, in the place of any other of that name."""
    kept = [pair for pair in pairs.split("&") if pair and pair.partition("=")[0] != name]
    return "&".join([*kept, f"{name}={value}"])
