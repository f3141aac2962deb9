"""Lines that say one thing of a session: "Level: 300", "Speakers: ...", "Track | Storage"."""

import re
from typing import Literal

from sessionqa.importers import people

Field = Literal["by", "speaker", "speakers", "level", "track", "services", "event", "url", "video"]

_NAMES: dict[str, Field] = {
    "speaker": "speaker",
    "presenter": "speaker",
    "presented by": "by",
    "speaker name": "speaker",
    "hosted by": "by",
    "led by": "by",
    "delivered by": "by",
    "level": "level",
    "session level": "level",
    "track": "track",
    "service": "services",
    "aws service": "services",
    "services covered": "services",
    "services mentioned": "services",
    "event": "event",
    "conference": "event",
    "video": "video",
    "recording": "video",
    "session recording": "video",
    "watch": "video",
    "watch the video": "video",
    "watch the recording": "video",
    "watch on youtube": "video",
    "youtube": "video",
    "link": "url",
}
_FIELD = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z ]{2,24}?)(?P<many>\(s\)|s)?\s*[:：|]\s*(?P<value>\S.*)"
)
# "Presented by A and B", with no colon, where nothing else is said.
_BY = re.compile(
    r"(?:(?:co-)?(?:presented|led|delivered|given|hosted) )?(?:by|with):? (?P<people>[^\W\d_].*)",
    re.IGNORECASE,
)
# "🎤 Speaker: ..."
_SIGNS = re.compile(r"^[^\w\s!-~]+\s*")
_MAX_CHARS = 600


def field(text: str) -> tuple[Field, str] | None:
    """What a line such as "Level: 300" is about, and its value; None if it is no such line."""
    if len(text) > _MAX_CHARS:
        return None
    text = _SIGNS.sub("", text)
    if (by := _BY.fullmatch(text)) and people.in_by_line(by["people"])[1]:
        return "by", by["people"]
    found = _FIELD.fullmatch(text)
    if found is None:
        return None
    name = found["name"].casefold()
    about = _NAMES.get(name) or _NAMES.get(f"{name}s") or _NAMES.get(name.removesuffix("s"))
    if about is None:
        return None
    return ("speakers" if about == "speaker" and found["many"] else about), found["value"]


def is_field(text: str) -> bool:
    """Whether it is such a line."""
    return field(text) is not None


def level_of(value: str) -> int | None:
    """300 for "300", "300 - Advanced" or "Level 300"; None for what has no such number."""
    found = re.fullmatch(r"(?:level\s*)?L?([1-9]00)\b.{0,40}", value, re.IGNORECASE)
    return int(found[1]) if found else None
