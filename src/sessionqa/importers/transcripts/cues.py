"""WebVTT, SRT and texts with time stamps -> Cues: what was said, when, and by whom.

Own code, since one reading of all of these forms has to tell what it left out, and no word may be
lost to a missing index, a comma for a point, or an empty line within a caption.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sessionqa.errors import SourceError
from sessionqa.importers.text import one_line, unescaped

# A day of captions has half as many.
MAX_CUES = 50_000

_CLOCK = r"(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2})(?:[.,](\d{1,9}))?"
_TIMING = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?")
# Begins the times of a cue, right or wrong; "from A --> B" is speech.
_ARROW = re.compile(r"\s*(?:\d\S*)?\s*-->")
_HEADER = re.compile(r"\s*WEBVTT(?:\s|\Z)")
_TITLE = re.compile(r"\s*title\s*[:=]\s*(\S.*)", re.IGNORECASE)
# Behind WEBVTT any text may stand: a title, or how the file was made.
_HEADING = re.compile(r"\s*WEBVTT\s+(?:[-–—:]+\s*)?(?P<text>\S.*)")
_NO_TITLE = re.compile(
    r"\w[\w-]*\s*[:=](?!\s*\Z)\s*(?:captions|subtitles|\w{2,3}(?:-\w+)?\b|MPEGTS|LOCAL)"
    r"|(?:file|captions?|subtitles?|transcript)\Z"
    r"|.*\b(?:this file|(?:generated|created|made|written|converted|exported|produced|translated|"
    r"transcribed|captioned)\s+(?:\w+ )?(?:by|with|using|from))\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"NOTE(?:\s|\Z)")

# "[00:12:34] Speaker: text", "(0:05) text", "0:05" alone, "Mike Hagen (00:05):"
_STAMP = rf"(?:\[{_CLOCK}\]|\({_CLOCK}\)|{_CLOCK}(?![^\s\-–—|:]))"
_STAMPED = re.compile(rf"\s*{_STAMP}\s*(?:[-–—|:]\s)?\s*(?P<text>.*)")
_NAME = r"[A-ZÀ-Þ][\w.'’-]*(?: [A-ZÀ-Þ0-9][\w.'’-]*){0,3}"
# One space before a moment is not enough: "Meet At 10:30" is no name.
_NAMED_STAMP = re.compile(rf"\s*(?P<name>{_NAME}):?(?:\s+(?=[\[(])|\s\s+){_STAMP}\s*:?\s*")
# Stamps of a recording begin near its start, not at the hour at which a conference opens.
_LATEST_START = 300_000
# A text that is a transcript has a stamp in so many of its lines at least.
_STAMPED_SHARE = 1 / 8
_IN_ORDER = 0.9

_NO_END = -1
# More than any captions show at once.
_MOST_LINES = 10

_TAG = re.compile(
    r"</?(?:c|i|b|u|s|v|lang|ruby|rt|font|em|strong|span|br|p)(?:[.\s][^<>]*)?/?>"
    r"|<\d+:[\d:.,]+>|\{\\[^{}]*\}",
    re.IGNORECASE,
)
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>", re.IGNORECASE)
_SOUND = re.compile(
    r"[\[(](?:\w+ ){0,3}(?:music|musi[kq]|músic|appla|aplaus|laugh|gelächter|rire|risa|cheer|cough"
    r"|sigh|silence|inaudible|crosstalk|clap|chuckl)\w*(?: \w+){0,3}[\])]|\[foreign\]|[♪♫]+",
    re.IGNORECASE,
)
# Another voice: ">> MIKE HAGEN: text", "- [Mike] Text"
_CHANGE = re.compile(r"(?:>>+|»)\s*|-\s+(?=[\[A-ZÀ-Þ])|-\Z")
_CAPITALS = r"[A-ZÀ-Þ][A-ZÀ-Þ.'’-]*(?: [A-ZÀ-Þ0-9][A-ZÀ-Þ0-9.'’-]*){0,3}"
_SHOUTED = re.compile(rf"(?P<name>{_CAPITALS}):(?:\s+|\Z)")
_LABEL = re.compile(rf"(?P<name>{_NAME}):(?:\s+|\Z)")
_CHANGED_TO = re.compile(rf"\[(?P<square>{_NAME})\]:?(?:\s+|\Z)|{_LABEL.pattern}")


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that are shown together, in lines, from `start` to `end`, both in milliseconds.

    Where the source has no end, that is where the next cue starts. `voice` is who speaks, None
    where that is not told anew, empty for one who is not named; `tagged` if a tag of WebVTT names
    the voice.
    """

    start: int
    end: int
    lines: tuple[str, ...]
    voice: str | None = None
    tagged: bool = False


@dataclass(frozen=True, slots=True)
class Captions:
    """The cues of a source by their start; what comes before them; where one is malformed."""

    cues: Sequence[Cue]
    title: str = ""
    before: tuple[str, ...] = ()
    malformed: tuple[int, ...] = ()


def is_transcript(text: str) -> bool:
    """Whether `text` is WebVTT, SRT, or has time stamps in many lines, in their order."""
    if _HEADER.match(text):
        return True
    lines = [line for line in text.split("\n") if line.strip()]
    if any(map(_TIMING.fullmatch, lines)):
        return True
    starts = [stamp.start for stamp in _stamps(lines).values()]
    if len(starts) < max(2, len(lines) * _STAMPED_SHARE) or starts[0] > _LATEST_START:
        return False
    in_order = sum(first <= second for first, second in pairwise(starts))
    return in_order >= _IN_ORDER * (len(starts) - 1)


def read_cues(text: str, name: str) -> Captions:
    """The cues of WebVTT, SRT, or a text with time stamps; rolling captions are unrolled.

    Raises SourceError for more of them than any recording has.
    """
    lines = text.split("\n")
    webvtt = _HEADER.match(text) is not None
    captions = webvtt or any(map(_TIMING.fullmatch, lines))
    found = _of_captions(lines, webvtt) if captions else _of_stamps(lines)
    if len(found.cues) > MAX_CUES:
        raise SourceError(
            f"{name} has {len(found.cues):,} cues, more than {MAX_CUES:,}: "
            "give each recording a file"
        )
    ordered = _ended(sorted(found.cues, key=lambda cue: cue.start))
    label = _SHOUTED if captions else _LABEL
    said = [part for cue in _unrolled(ordered) for part in _voiced(cue, label)]
    return replace(found, cues=said)


def _ended(ordered: Sequence[Cue]) -> list[Cue]:
    """The cues, each without an end ended by the next one."""
    starts = [cue.start for cue in ordered]
    return [
        cue if cue.end >= cue.start else replace(cue, end=following)
        for cue, following in zip(ordered, [*starts[1:], *starts[-1:]], strict=True)
    ]


def _milliseconds(clock: Sequence[str | None]) -> int | None:
    """The moment that hours, minutes, seconds and a fraction write; None if there is none such."""
    hours, minutes, seconds, fraction = clock
    whole = int(hours or 0), int(minutes or 0), int(seconds or 0)
    if whole[2] > 59 or (hours and whole[1] > 59):
        return None
    return 1000 * (3600 * whole[0] + 60 * whole[1] + whole[2]) + int(
        (fraction or "0")[:3].ljust(3, "0")
    )


# WebVTT and SRT


def _of_captions(lines: Sequence[str], webvtt: bool) -> Captions:
    arrows = [n for n, line in enumerate(lines) if _ARROW.match(line)]
    begins = _beginnings(lines, arrows, webvtt)
    cues, malformed = [], []
    for arrow, end in zip(arrows, _following(begins, lines), strict=True):
        timing = _TIMING.fullmatch(lines[arrow])
        start = _milliseconds(timing.groups()[:4]) if timing else None
        if timing is None or start is None:
            malformed.append(arrow + 1)
            continue
        shown = _without_comments(lines[arrow + 1 : end]) if webvtt else lines[arrow + 1 : end]
        if any(map(str.strip, shown)):
            cues.append(Cue(start, _end_of(timing), tuple(shown)))
    header = lines[: begins[0]] if begins else lines
    titles = (found[1] for line in header if (found := _TITLE.fullmatch(line)))
    title = next(titles, "") or (_heading(lines[0]) if webvtt else "")
    return Captions(cues, one_line(title), malformed=tuple(malformed))


def _heading(line: str) -> str:
    """The title that the first line of WebVTT has behind that word, if it has one."""
    found = _HEADING.fullmatch(line)
    if found is None or _NO_TITLE.match(found["text"]):
        return ""
    own = _TITLE.fullmatch(found["text"])
    return own[1] if own else found["text"]


def _following(begins: Sequence[int], lines: Sequence[str]) -> list[int]:
    """The line where the next one begins, for each that begins at one of these."""
    return [*begins, len(lines)][1:]


def _end_of(timing: re.Match[str]) -> int:
    end = _milliseconds(timing.groups()[4:])
    return _NO_END if end is None else end


def _beginnings(lines: Sequence[str], arrows: Sequence[int], webvtt: bool) -> list[int]:
    """Where the cue of each line with an arrow begins: there, or with its number before.

    That may be any name in WebVTT.
    """
    begins = []
    number = 0
    for arrow in arrows:
        name = lines[arrow - 1].strip() if arrow else ""
        alone = arrow < 2 or not lines[arrow - 2].strip()
        # Without an empty line before it, a number is speech, unless it goes on counting.
        counting = name.isdecimal() and int(name[:9]) == number + 1
        named = (webvtt or name.isdecimal()) and name and not _ARROW.match(name)
        begins.append(arrow - 1 if named and (alone or counting) else arrow)
        number = int(name[:9]) if name.isdecimal() else number
    return begins


def _without_comments(lines: Sequence[str]) -> list[str]:
    """The lines of a cue of WebVTT without the comments that stand after it."""
    kept: list[str] = []
    comment = False
    for n, line in enumerate(lines):
        if not line.strip():
            comment = False
        elif n and not lines[n - 1].strip() and _COMMENT.match(line):
            comment = True
        if not comment:
            kept.append(line)
    return kept


# Texts with time stamps


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A time stamp in a line: the moment in ms, how it is written, who speaks, and what."""

    start: int
    form: int
    voice: str | None
    text: str


def _of_stamps(lines: Sequence[str]) -> Captions:
    stamps = _stamps(lines)
    places = list(stamps)
    cues = []
    for place, end in zip(places, _following(places, lines), strict=True):
        stamp = stamps[place]
        shown = (stamp.text, *lines[place + 1 : end])
        if any(map(str.strip, shown)):
            cues.append(Cue(stamp.start, _NO_END, shown, stamp.voice))
    before = lines[: places[0]] if places else lines
    return Captions(cues, before=tuple(filter(None, map(one_line, before))))


def _stamps(lines: Sequence[str]) -> dict[int, _Stamp]:
    """The stamps of the form that most are of, by the number of their line.

    "12:30 is late" is no stamp where the others are in brackets.
    """
    found = {n: stamp for n, line in enumerate(lines) if (stamp := _stamp(line))}
    forms = Counter(stamp.form for stamp in found.values())
    usual = max(forms, key=forms.__getitem__, default=None)
    return {n: stamp for n, stamp in found.items() if stamp.form == usual}


def _stamp(line: str) -> _Stamp | None:
    found = _NAMED_STAMP.fullmatch(line) or _STAMPED.fullmatch(line)
    if not found:
        return None
    parts = found.groupdict()
    # Of the three forms of a clock one has matched, of four groups each.
    first = 2 if "name" in parts else 1
    clocks = [found.group(n, n + 1, n + 2, n + 3) for n in range(first, first + 12, 4)]
    form = next(n for n, clock in enumerate(clocks) if clock[2] is not None)
    start = _milliseconds(clocks[form])
    if start is None:
        return None
    return _Stamp(start, form + 3 * (first - 1), parts.get("name"), parts.get("text") or "")


# Rolling captions


def _unrolled(cues: Sequence[Cue]) -> Iterator[Cue]:
    """The cues without the lines that each repeats of the one before, if that is their way."""
    shown = [[words for line in cue.lines if (words := spoken(line).split())] for cue in cues]
    overlaps = [_overlap(*pair) for pair in pairwise(shown)]
    # One who says "no" twice repeats a whole cue, and nothing more comes with it.
    telling = [
        overlap > 0
        for overlap, (before, after) in zip(overlaps, pairwise(shown), strict=True)
        if before and after and before != after
    ]
    if sum(telling) < max(2, len(telling) / 2):
        yield from cues
        return
    for cue, repeated in zip(cues, [0, *overlaps], strict=True):
        yield replace(cue, lines=tuple(_without_words(cue.lines, repeated)))


def _overlap(before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]) -> int:
    """How many words the last lines of one cue have that the next one begins with."""
    words = [word for line in after for word in line]
    for first in range(max(0, len(before) - _MOST_LINES), len(before)):
        last_lines = [word for line in before[first:] for word in line]
        if words[: len(last_lines)] == last_lines:
            return len(last_lines)
    return 0


def _without_words(lines: Sequence[str], count: int) -> Iterator[str]:
    """The lines without their first `count` words; a line that keeps all keeps its tags."""
    for line in lines:
        words = spoken(line).split()
        if not count:
            yield line
        elif len(words) > count:
            yield " ".join(words[count:])
        count = max(count - len(words), 0)


# Voices


def spoken(line: str) -> str:
    """What is said in a line of captions: no tags, no positions, no sounds."""
    text = one_line(unescaped(_TAG.sub("", line)))
    return one_line(_SOUND.sub(" ", text))


def _voiced(cue: Cue, label: re.Pattern[str]) -> Iterator[Cue]:
    """What each voice says in a cue; it may begin with words of the one that spoke before."""
    voice, tagged, waiting = cue.voice, False, list[str]()
    for line in cue.lines:
        parts = _VOICE.split(line)
        for n, part in enumerate(parts):
            if n % 2:
                yield from _said(cue, voice, tagged, waiting)
                voice, tagged, waiting = one_line(unescaped(part)), True, []
                continue
            text = spoken(part)
            change = _CHANGE.match(text)
            text = text[change.end() :] if change else text
            named = (_CHANGED_TO if change else label).match(text)
            if change or named:
                yield from _said(cue, voice, tagged, waiting)
                voice, tagged, waiting = _name_in(named), False, []
                text = text[named.end() :] if named else text
            waiting.append(text)
    yield from _said(cue, voice, tagged, waiting)


def _said(cue: Cue, voice: str | None, tagged: bool, parts: Sequence[str]) -> Iterator[Cue]:
    text = " ".join(filter(None, parts))
    # A name may be shown alone, before what its voice says.
    if text or voice is not None:
        yield replace(cue, lines=(text,), voice=voice, tagged=tagged)


def _name_in(named: re.Match[str] | None) -> str:
    return next(filter(None, named.groups()), "") if named else ""
