"""An article that tells of sessions -> the sessions; any other document -> one session.

text, Markdown or HTML -> elements (plain, markup, page) -> sections -> drafts
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from urllib.parse import urlsplit

from sessionqa.datatypes import Speaker
from sessionqa.errors import SourceError
from sessionqa.importers import media, people
from sessionqa.importers.articles import boilerplate, markup, metadata, page, plain
from sessionqa.importers.articles.elements import MAX_HEADING_CHARS, Element
from sessionqa.importers.articles.headings import coded, of_event, track_of
from sessionqa.importers.articles.sections import Section, by_line, is_caption, split
from sessionqa.importers.decode import decode
from sessionqa.importers.drafts import Block, Draft, Imported, Source, check_size
from sessionqa.importers.text import one_line
from sessionqa.importers.titles import dated, of_name

MAX_BYTES = 10 * 2**20
MAX_ELEMENTS = 20_000

_VIDEO_HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com", "vimeo.com", "media.ccc.de")
_MARKDOWN = re.compile(r"^#{1,6} \S", re.MULTILINE)
_MARKDOWN_INSIDE = re.compile(r"\]\(\S|\*\*\S|^```", re.MULTILINE)
_FRONT = re.compile(r"---\n(?P<meta>.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_MAX_TRACK_CHARS = 80
# "KubeCon Europe 2024", "Grain Summit 2025", and whatever "we were at".
_CONFERENCE = re.compile(
    r"(?P<event>(?:"
    r"(?<=\bat )[A-Z][\w:&.-]*(?: [A-Z][\w&.-]*){0,3}"
    r"|(?:[A-Z][\w&.-]* )?re:[A-Z]\w+"
    r"|[A-Z]\w*(?:Conf|Con|Camp|Fest|Expo|World|Days|Summit)"
    r"|(?:[A-Z][\w&.-]* ){1,3}(?:Summit|Conference|Symposium|Days?|Forum|Congress)"
    r")(?: (?:Europe|EU|NA|Asia|US|USA|UK|North America))?) (?P<year>(?:19|20)\d\d)\b"
)


@dataclass(slots=True)
class _Known:
    """What is found out of a session on the way through its section."""

    blocks: list[Block] = field(default_factory=list)
    speakers: tuple[Speaker, ...] = ()
    level: int | None = None
    track: str = ""
    services: tuple[str, ...] = ()
    event: str = ""
    year: int | None = None
    url: str = ""
    video_title: str = ""


def read(source: Source) -> Imported:
    """The sessions of an article in plain text, Markdown or HTML.

    A text without headings of sessions becomes one session, under its own title. Raises
    SourceError if it is too large, nested too deeply, empty, or no text.
    """
    check_size(source.name, len(source.raw), MAX_BYTES, "an article")
    decoded = decode(source)
    elements, name = _elements(decoded.text, source)
    found = split(elements)
    if not found.sections:
        alone = "no session's heading: kept as one"
        return Imported([_whole(elements, name, source)], (*decoded.notes, alone))
    drafts = [_draft(section) for section in found.sections]
    empty = [draft for draft in drafts if not draft.body]
    notes = [*decoded.notes]
    notes += [f"{draft.code or draft.title}: no text below its heading" for draft in empty]
    notes += [f"left out, as no session's: {heading}" for heading in found.left_out]
    drafts = _of_one_event([draft for draft in drafts if draft.body], elements, name)
    if not drafts:
        raise SourceError(
            f"{source.name} has headings of sessions, and no text below them: give it whole"
        )
    return Imported(drafts, notes)


def _elements(text: str, source: Source) -> tuple[list[Element], str]:
    """What the document is made of, and its title; empty if it has none but a heading."""
    if source.media == media.HTML:
        whole = page.read(text, source.name)
        return _counted(whole.elements, source), whole.title
    text, name = _without_front(text.removeprefix("\ufeff").replace("\f", "\n"))
    is_markdown = source.media == media.MARKDOWN or (
        bool(_MARKDOWN.search(text)) and bool(_MARKDOWN_INSIDE.search(text))
    )
    found = markup.elements(text, source.name) if is_markdown else plain.elements(text)
    return _counted(found, source), name


def _counted(found: Iterable[Element], source: Source) -> list[Element]:
    """The elements. Raises SourceError if they are more than an article has."""
    elements = list(islice(found, MAX_ELEMENTS + 1))
    if len(elements) > MAX_ELEMENTS:
        raise SourceError(
            f"{source.name} has more than {MAX_ELEMENTS:,} paragraphs, headings and items: "
            "split it, or import a catalogue as CSV or JSON"
        )
    return elements


def _without_front(text: str) -> tuple[str, str]:
    """A text without the front matter of a blog's generator, and the title in that."""
    found = _FRONT.match(text)
    if found is None:
        return text, ""
    import yaml

    try:
        meta = yaml.load(found["meta"], Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError):
        return text, ""
    if not isinstance(meta, dict):
        return text, ""
    title = meta.get("title")
    rest = text[found.end() :]
    return rest, one_line(title) if isinstance(title, str) else ""


def _whole(elements: Sequence[Element], name: str, source: Source) -> Draft:
    """The document as one session."""
    first = next((n for n, one in enumerate(elements) if one.kind == "heading"), -1)
    top = elements[first].text if first >= 0 else ""
    # A heading that stands first is the title; one further down, only if it is the highest.
    is_title = first == 0 or (first > 0 and elements[first].level == 1)
    if first < 0 and not name and elements and _is_short_line(elements[0]):
        first, top, is_title = 0, elements[0].text, True
    title = (top if is_title else "") or name or top or of_name(source.name)
    rest = [one for n, one in enumerate(elements) if n != first or not is_title]
    blocks = tuple(_block(one) for one in rest if one.kind != "rule" and one.text)
    if all(block.kind == "heading" for block in blocks):
        raise SourceError(
            f"{source.name} holds no text but its headings: there is nothing to import"
        )
    return Draft(title, blocks)


def _is_short_line(element: Element) -> bool:
    """Whether a paragraph looks like the title of what follows."""
    return (
        element.kind == "paragraph"
        and len(element.text) <= MAX_HEADING_CHARS
        and not element.text.endswith((".", ":", ";", ",", "!"))
    )


def _block(element: Element) -> Block:
    kind = element.kind
    assert kind != "rule"  # a line says nothing, and is left out before
    return Block(element.text, kind)


def _draft(section: Section) -> Draft:
    """A section as a session: the lines that tell of it read, the others its body."""
    heading = section.heading
    known = _Known(event=heading.event, year=heading.year)
    title, named = (heading.title, section.people)
    if not named and heading.code:
        title, named = _confirmed(heading.title, section.elements)
    if named:
        known.speakers, _ = people.in_field(named)
    if heading.event:
        known.video_title = heading.whole
    for element in section.elements:
        if not _taken(element, section, known):
            known.blocks.append(_block(element))
    spoken = [block.text for block in known.blocks if block.kind == "paragraph"]
    return Draft(
        title=title,
        body=tuple(known.blocks),
        code=heading.code,
        event=known.event,
        year=known.year,
        track=known.track or track_of(heading.code),
        level=known.level,
        speakers=known.speakers or people.in_text(spoken),
        services=known.services,
        url=known.url,
        video_title=known.video_title,
    )


def _confirmed(title: str, elements: Sequence[Element]) -> tuple[str, str]:
    """A title and the names behind it, if the text below knows them as people too."""
    bare, named = by_line(title)
    speakers, _ = people.in_field(named) if named else ((), False)
    below = " ".join(element.text for element in elements)
    return (bare, named) if people.are_known(speakers, below) else (title, "")


def _taken(element: Element, section: Section, known: _Known) -> bool:
    """Whether an element tells of the session what goes elsewhere than into its body."""
    if element.kind == "rule" or (not element.text and not element.links):
        return True
    if element.kind == "markdown":
        return False
    video = next((link for link in element.links if _is_video(link)), "")
    if is_caption(element.text, section.heading):
        return _caption(element, known, video)
    if video and (element.linked or element.text in element.links or not element.text):
        known.url = known.url or video
        return True
    return _field(element.text, video, known) or boilerplate.is_site_line(element.text)


def _caption(element: Element, known: _Known, video: str) -> bool:
    """A recording's title, unless the heading says the same."""
    known.url = known.url or video
    text = re.sub(
        r"^(?:watch|video|recording|source)[^:]{0,20}:\s*", "", element.text, flags=re.IGNORECASE
    )
    caption = coded(text, strict=True) or of_event(text)
    if caption.event or video or not known.video_title:
        known.video_title = text
    known.event = known.event or caption.event
    known.year = known.year or caption.year
    return True


def _field(text: str, video: str, known: _Known) -> bool:
    """A line such as "Level: 300"; one that is not wholly understood stays in the body."""
    about, value = metadata.field(text) or ("", "")
    understood = False
    if about in ("speaker", "speakers"):
        speakers, understood = people.in_field(value, alone=about == "speaker")
        known.speakers = known.speakers or speakers
    elif about == "level":
        known.level = metadata.level_of(value)
        understood = known.level is not None
    elif about == "track" and len(value) <= _MAX_TRACK_CHARS:
        known.track, understood = value, True
    elif about == "services":
        known.services = tuple(filter(None, re.split(r"\s*[,;]\s*(?:and\s+)?", value.strip(" ."))))
        understood = True
    elif about == "event" and (event := dated(value))[1]:
        (known.event, known.year), understood = event, True
    elif about in ("video", "url") and (video or _is_video(value)):
        known.url, understood = known.url or video or value, True
    return understood


def _is_video(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and host in _VIDEO_HOSTS
        and bool(parts.path.strip("/"))
        # A channel or a list of recordings is none.
        and not re.match(r"/(?:playlist|channel/|c/|user/|@)", parts.path)
    )


def _of_one_event(drafts: Sequence[Draft], elements: Sequence[Element], name: str) -> list[Draft]:
    """The drafts, with the event that the article's title names where they have none; with levels.

    The hundreds of a code are the level at the events of AWS alone.
    """
    event, year = _event_of(elements, name)
    known = [
        draft if draft.event else replace(draft, event=event, year=year or draft.year)
        for draft in drafts
    ]
    return [
        replace(draft, level=_level_of(draft.code))
        if draft.level is None and re.search(r"\bAWS\b|\bre:(?:Invent|Inforce)\b", draft.event)
        else draft
        for draft in known
    ]


def _event_of(elements: Sequence[Element], name: str) -> tuple[str, int | None]:
    """The event and year that the title names; none where it names none, or several."""
    top = next((one.text for one in elements if one.kind != "rule" and one.text), "")
    for title in (top if len(top) <= 200 else "", name):
        found = {(one["event"], int(one["year"])) for one in _CONFERENCE.finditer(title)}
        if len(found) == 1:
            return found.pop()
    return "", None


def _level_of(code: str) -> int | None:
    found = re.fullmatch(r"[A-Z]{3}([1-5])\d\d(?:-.*)?", code)
    return int(found[1]) * 100 if found else None
