"""What the title of a recording, or of the file it was saved in, tells of the session."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

from sessionqa.importers.text import one_line

# Unlike COVID-19 and TLS 1.3, ARC310 and SEC301-R1 are codes.
CODE = r"[A-Z]{2,8}[0-9]{3,4}(?:-[A-Z0-9]{1,4})*"
YEAR = r"(?:19|20)[0-9]{2}"
# The event is a few words: "Grain Conf 2025 - Title"
_OF_EVENT = re.compile(
    rf"(?P<event>[^\s|].{{0,60}}?)\s+[‘’']?(?P<year>{YEAR})"
    r"\s*(?:[:：|–—]|-(?=\s))\s*(?P<title>\S.*)"
)
_MAX_EVENT_WORDS = 6
_DATED = re.compile(rf"(?P<event>\S.*?),?\s+(?P<year>{YEAR})")
_CODE_LAST = re.compile(rf"(?P<title>\S.*?)\s*(?:\((?P<round>{CODE})\)|\[(?P<square>{CODE})\])")
_CODE_FIRST = re.compile(rf"(?P<code>{CODE})\s*(?:[-–—|:]\s+|:|_)\s*(?P<title>\S.*)")
_SUFFIX = re.compile(r"\.(?:vtt|srt|txt|md|text)\Z", re.IGNORECASE)
_LANGUAGE = re.compile(r"\.[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*\Z")
_VIDEO = re.compile(r"\s*\[(?P<id>[A-Za-z0-9_-]{11})\]\Z")
# Downloaders write signs that a file's name cannot have as their wide twins.
_WIDE = str.maketrans("：？｜＂／＊＜＞⧸", ':?|"/*<>/')


@dataclass(frozen=True, slots=True)
class Titled:
    """A session's title, and what else was in the line; `video_title` is that line."""

    title: str
    code: str = ""
    event: str = ""
    year: int | None = None
    video_title: str = ""
    url: str = ""


def read_title(line: str) -> Titled:
    """A title such as "EVENT YEAR - TITLE (CODE)", any part of which but the title may lack."""
    whole = one_line(line)
    event, year, title = of_event(whole)
    code, title = coded(title)
    return Titled(title, code, event, year, whole if event or code else "")


def of_event(title: str) -> tuple[str, int | None, str]:
    """Event and year of "EVENT YEAR - TITLE", empty and None where it has none, and the title."""
    found = _OF_EVENT.fullmatch(title)
    if found is None or len(found["event"].split()) > _MAX_EVENT_WORDS:
        return "", None, title
    return found["event"], int(found["year"]), found["title"]


def dated(event: str) -> tuple[str, int | None]:
    """The name of an event without the year that it may end with, and that year."""
    found = _DATED.fullmatch(event)
    return (found["event"], int(found["year"])) if found else (event, None)


def of_name(name: str) -> str:
    """A title made of the name of a file or an address, for what has no other."""
    path = unquote(urlsplit(name).path) if "://" in name else name
    return one_line(PurePath(path).stem.replace("-", " ").replace("_", " ")) or name


def coded(title: str) -> tuple[str, str]:
    """The code that stands before or after a title, empty if there is none, and the title."""
    if found := _CODE_LAST.fullmatch(title):
        return found["round"] or found["square"], found["title"]
    if found := _CODE_FIRST.fullmatch(title):
        return found["code"], found["title"]
    return "", title


def read_name(name: str) -> Titled:
    """What the name of a file or an address tells, such as "TITLE (CODE) [VIDEO].en.vtt"."""
    path = unquote(re.split(r"[?#]", name)[0]) if re.match(r"https?://", name) else name
    last = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    stem = _LANGUAGE.sub("", _SUFFIX.sub("", last))
    video = _VIDEO.search(stem)
    if video:
        stem = stem[: video.start()]
    # In "ARC310_Title.vtt" nothing else parts the two.
    stem = re.sub(rf"\A({CODE})[\s_]+(?=\w)", r"\1: ", _spelt(stem))
    titled = read_title(stem if stem.strip() else name)
    if video:
        return replace(titled, url=f"https://www.youtube.com/watch?v={video['id']}")
    return titled if titled.event else replace(titled, video_title="")


def _spelt(stem: str) -> str:
    """A title as it was before it became a file's name."""
    if " " not in stem:
        return stem.replace("_", " ")
    # "AWS re_Invent 2023", "Part 1_ basics"
    return re.sub(r"(?<=\w)_(?=[A-Z\s])", ":", stem.translate(_WIDE))
