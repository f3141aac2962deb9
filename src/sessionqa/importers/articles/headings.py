"""The line that heads a session: its code, its title, the event before it, names behind it."""

import re
from dataclasses import dataclass, replace
from unicodedata import category

from sessionqa.importers import people, titles
from sessionqa.importers.articles import boilerplate
from sessionqa.importers.articles.elements import MAX_HEADING_CHARS

_NUMBERED = re.compile(r"(?:(?:#?\d{1,3}[.):]|#\d{1,3})\s+|\d\ufe0f?\u20e3\s*)(?=\S)")
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
# 10:30, 10:30 am, 10.30 am and 10 am; 1.29 is a version.
_CLOCK = r"\d{1,2}(?::\d\d(?:\s?[ap]\.?m\b\.?)?|(?:\.\d\d)?\s?[ap]\.?m\b\.?)"
_WHEN = rf"(?:{_DAY}\b[.,]?\s*)?{_CLOCK}(?:\s?[-–—]\s?{_CLOCK})?"
_TIMED = re.compile(rf"{_WHEN}\s*[:|–—-]?\s+(?=\S)", re.IGNORECASE)
# (Tuesday, 10:30, Hall 2); "Black Friday" and "Friday deploys" are none.
_TIME = re.compile(
    rf"{_DAY}\.?(?:$|,|\s+(?:at\b|\d)).*|(?:.*[\s,])?{_CLOCK}(?!\w).*", re.IGNORECASE
)
_LEVEL = re.compile(r"(?:level\s*|L)?(?P<level>[1-9]00)(?:\s*[-–—(:]?\s*\w+\)?)?", re.IGNORECASE)
_BRACKETED = re.compile(r"(?P<title>\S.*?)\s*[(\[](?P<part>[^()\[\]]{3,60})[)\]]")
_BARRED = re.compile(r"(?P<title>\S.*)\s[|•·]\s(?P<part>[^|•·]{2,60})")
_CODE = r"[A-Z]{1,10}[- ]?\d{2,6}[A-Z]{0,3}(?:-[A-Z][A-Z0-9]{0,3}|-\d{1,2})*(?![A-Za-z0-9])"
_KIND = (
    r"(?:(?:breakout|chalk|lightning|builders?'?|code|technical|general|deep[- ]dive)[ -])?"
    r"(?:session|talk|workshop|keynote|lecture|presentation|track|panel|lab|tutorial)"
)
# ARC310 Title, [ARC310-R1] Title, ARC310: Title, Session ARC310 | Title, ARC310 / ARC311 - Title
_LEADING = re.compile(
    rf"(?:(?i:{_KIND})\s*[:|#–—-]?\s*)?(?:[^\w\s!-~‘’“”«»–—]{{1,4}}\s*)?"
    rf"(?P<open>[\[(]?)(?P<lead>{_CODE})(?:\s*[/,&+]\s*{_CODE})*[\])]?"
    r"(?P<mark>\s*(?:[:|–—•·]|-(?=\s)|-(?=[A-Z][a-z])|\.(?=\s))\s*|\s+)(?P<title>\S.*)"
)
# Title (ARC310), Title [ARC310], Title | ARC310, Title - ARC310
_TRAILING = re.compile(
    rf"(?P<title>\S.*?)\s*(?:[\[(](?P<in>{_CODE})[\])]|\s[|–—-]\s*(?P<end>{_CODE}))"
)
# A text that ends with a title is none.
_SENTENCE_INSIDE = re.compile(r"\w{3}[.] +[A-Z]")
# Session 12: Title
_ORDINAL = re.compile(
    rf"(?P<kind>(?i:{_KIND}))\s+(?:#|(?i:no\.?\s*))?(?P<number>\d{{1,4}})\s*[:|.–—-]\s*(?P<title>\S.*)"
)
# Standards and algorithms, which have numbers too.
_NO_CODES = frozenset(
    "AES ANSI CO COVID CP CVE CWE DIN ECMA EN FIPS GPT HTTP IEC IEEE IPV ISO JEP JSR MD NIST PEP "
    "PHP RFC RSA SHA SOC TOP UTF UTC VITAMIN YEAR".split()
)
_LEADS_CODE = re.compile(r"(?P<letters>[A-Z]+)(?P<gap>[- ]?)(?P<digits>\d+)")
# Title — Name, Title | Name, Title (Name), Title by Name
_BY = re.compile(
    r"(?P<title>\S.*?)"
    r"(?:(?:\s+[—–|]\s*|\s+-\s+|,?\s+(?:presented )?by\s+)(?P<people>[^—–|()]+)"
    r"|\s*\((?P<within>[^()]+)\))"
)


@dataclass(frozen=True, slots=True)
class SessionHeading:
    """A heading as it reads: `title` without code, number and event.

    `letters` of the code tell its series; `doubtful` that they may belong to something else than a
    session, unless others of that series are there. `whole` is the text as it stands.
    """

    whole: str
    title: str
    code: str = ""
    letters: str = ""
    doubtful: bool = False
    trailing: bool = False
    event: str = ""
    year: int | None = None
    level: int | None = None


def unnumbered(text: str) -> str:
    """A heading without the number that it may have in a list, and without emoji around it."""
    bare = _undecorated(text)
    return _undecorated(_NUMBERED.sub("", bare, count=1)) if _NUMBERED.match(bare) else bare


def is_time(text: str) -> bool:
    """Whether it is a time of day, with or without the day, and nothing else."""
    return re.fullmatch(_WHEN, text, re.IGNORECASE) is not None


def is_code(text: str) -> bool:
    """Whether it is a session's code, and nothing else."""
    return re.fullmatch(rf"[\[(]?{_CODE}[\])]?", text) is not None and _is_code(text.strip("[]()"))


def is_numbered(text: str) -> bool:
    """Whether a heading has the number of an item in a list."""
    return _NUMBERED.match(_undecorated(text)) is not None


def _undecorated(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _decorates(text[start]):
        start += 1
    while start < end and _decorates(text[end - 1]):
        end -= 1
    return text[start:end] or text


def _decorates(char: str) -> bool:
    """Whether it is white space, or of an emoji: a picture, its colour, a joiner."""
    return (
        char.isspace()
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or char in "\ufe0f\u200d"
        or (category(char) == "So" and char not in "©®™°")
    )


def coded(text: str, strict: bool) -> SessionHeading | None:
    """`text` as a heading with a session's code, None if it is none.

    `strict` where it is not set as a heading: then it must not read on like a sentence.
    """
    if len(text) > MAX_HEADING_CHARS or (strict and text.endswith((".", ",", ";", ":"))):
        return None
    bare = _TIMED.sub("", unnumbered(text), count=1)
    return _numbered(text, bare, strict) or _led(text, bare, strict) or _trailed(text, bare, strict)


def _numbered(text: str, bare: str, strict: bool) -> SessionHeading | None:
    found = _ORDINAL.fullmatch(bare)
    if found is None or (strict and not _begins_a_title(found["title"])):
        return None
    kind = str(found["kind"]).split()[-1].upper()
    return SessionHeading(text, found["title"], f"{kind}-{found['number']}", kind)


def _led(text: str, bare: str, strict: bool) -> SessionHeading | None:
    found = _LEADING.fullmatch(bare)
    if found is None or not _is_code(found["lead"]):
        return None
    if (strict or not found["mark"].strip()) and not _begins_a_title(found["title"]):
        return None
    return without_details(_heading(text, found["lead"], found["title"], trailing=False))


def _trailed(text: str, bare: str, strict: bool) -> SessionHeading | None:
    found = _TRAILING.fullmatch(bare)
    if strict and found and _SENTENCE_INSIDE.search(found["title"]):
        return None
    code = found["in"] or found["end"] if found else ""
    if found is None or not _is_code(code):
        return None
    return _after_event(_heading(text, code, found["title"], trailing=True))


def of_event(text: str) -> SessionHeading:
    """A heading without a code; of "GrainConf 2025 - Title" the event is told apart."""
    bare = unnumbered(text)
    return _after_event(SessionHeading(text, bare))


def by_line(title: str) -> tuple[str, str]:
    """Of "Title — A and B" the title and the names; these are empty where there are none."""
    found = _BY.fullmatch(title)
    if found is None:
        return title, ""
    named = found["people"] or found["within"]
    speakers, whole = people.in_field(named)
    return (found["title"].strip(), named) if speakers and whole else (title, "")


def base_code(code: str) -> str:
    """A code without what tells that the session was repeated: ARC310 of ARC310-R1."""
    return re.sub(r"-(?:R\d?|S)$", "", code)


def same(one: str, other: str) -> bool:
    """Whether two codes, or two titles, are the same but for marks and capitals; none are empty."""
    return bool(one) and folded(one) == folded(other)


def folded(text: str) -> str:
    """A code or a title in letters and digits alone, without capitals."""
    return re.sub(r"[\W_]", "", text).casefold()


def track_of(code: str) -> str:
    """ARC for ARC310: the letters of a code that is letters and digits; else empty."""
    found = re.fullmatch(r"([A-Z]{2,10})\d{2,6}(?:-.*)?", code)
    return found[1] if found else ""


def without_details(heading: SessionHeading) -> SessionHeading:
    """A heading without what may end it, a time and place or "(video)", and with its level."""
    title, level = heading.title, heading.level
    while found := _BRACKETED.fullmatch(title) or _BARRED.fullmatch(title):
        if told := _LEVEL.fullmatch(found["part"]):
            level = int(told["level"])
        elif not _TIME.fullmatch(found["part"]) and not boilerplate.is_site_line(found["part"]):
            break
        title = found["title"].strip()
    return replace(heading, title=title, level=level)


def _after_event(heading: SessionHeading) -> SessionHeading:
    event, year, title = titles.of_event(heading.title)
    return replace(heading, title=title, event=event, year=year)


def _is_code(text: str) -> bool:
    letters, _, digits = _parts(text)
    return len(letters) > 1 or len(digits) > 3


def _parts(code: str) -> tuple[str, str, str]:
    """The letters, what parts them from the digits, and the digits of a code; empty for none."""
    found = _LEADS_CODE.match(code)
    return (found["letters"], found["gap"], found["digits"]) if found else ("", "", "")


def _heading(whole: str, written: str, title: str, trailing: bool) -> SessionHeading:
    letters, gap, digits = _parts(written)
    year = gap != "-" and re.fullmatch(r"(?:19[5-9]|20[0-4])\d", digits)
    doubtful = (
        letters in _NO_CODES
        or len(digits) < 3
        or bool(year)
        or (gap == " " and (len(letters) != 3 or len(digits) != 3))
    )
    return SessionHeading(whole, title, written.replace(" ", ""), letters, doubtful, trailing)


def _begins_a_title(text: str) -> bool:
    first = text.lstrip("\"'“‘«([.¿¡")[:1]
    return not first.islower()
