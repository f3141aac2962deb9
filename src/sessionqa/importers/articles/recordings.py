"""The address of a session's recording, where a link leads to one."""

import re
from urllib.parse import parse_qs, urlsplit

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
