"""A session's recording: the address that a link leads to, and the title that it is given."""

import re
from urllib.parse import parse_qs, urlsplit

from sessionqa.importers.articles.elements import MAX_HEADING_CHARS
from sessionqa.importers.articles.headings import SessionHeading, base_code, coded, of_event, same

_HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com", "vimeo.com", "media.ccc.de")
# A channel or a list of recordings is none.
_OF_MANY = re.compile(r"/(?:playlist|channel/|c/|user/|@)")


def video_of(link: str) -> str:
    """The recording's address that a link leads to; empty if it leads elsewhere."""
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return ""
    if host == "google.com" and parts.path == "/url":
        # What Google Docs makes of every link.
        return video_of(parse_qs(parts.query).get("q", [""])[0])
    is_video = (
        parts.scheme in ("http", "https")
        and host in _HOSTS
        and parts.path.strip("/")
        and not _OF_MANY.match(parts.path)
    )
    return link if is_video else ""


def is_caption(text: str, heading: SessionHeading) -> bool:
    """Whether `text` is the title of the session's recording: it has its code, or its title."""
    if len(text) > MAX_HEADING_CHARS or text.endswith((".", ",", ";", ":")):
        return False
    bare = re.sub(r"^(?:watch|video|recording|session|source)[^:]{0,20}:\s*", "", text, flags=re.I)
    other = coded(bare, strict=True)
    if heading.code:
        return other is not None and same(base_code(other.code), base_code(heading.code))
    return same(of_event(bare).title, heading.title)
