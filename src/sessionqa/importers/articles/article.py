"""An article that tells of sessions -> the sessions; any other document -> one session.

text, Markdown or HTML -> elements (plain, markup, page) -> sections -> drafts
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, takewhile

from sessionqa.datatypes import Speaker
from sessionqa.errors import SourceError
from sessionqa.importers import media, people
from sessionqa.importers.articles import boilerplate, markup, metadata, page, plain
from sessionqa.importers.articles.elements import MAX_HEADING_CHARS, Element
from sessionqa.importers.articles.headings import (
    SessionHeading,
    by_line,
    coded,
    is_code,
    is_time,
    of_event,
    track_of,
    without_details,
)
from sessionqa.importers.articles.outline import Section
from sessionqa.importers.articles.recordings import is_caption, video_of
from sessionqa.importers.articles.sections import split
from sessionqa.importers.decode import decode
from sessionqa.importers.drafts import Block, Draft, Imported, Source, check_size
from sessionqa.importers.text import one_line
from sessionqa.importers.titles import dated, of_name

MAX_BYTES = 10 * 2**20
MAX_ELEMENTS = 20_000

_RECORDED = re.compile(r"\b(?:recording|recorded|video|watch|replay)\b", re.IGNORECASE)
_MARKDOWN = re.compile(r"^#{1,6} \S", re.MULTILINE)
_MARKDOWN_INSIDE = re.compile(r"\]\(\S|\*\*\S|^```", re.MULTILINE)
_FRONT = re.compile(r"---\n(?P<meta>.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_MAX_TRACK_CHARS = 80
_MAX_BY_LINE_CHARS = 300
_ROW = re.compile(r"^\|\s*([^|\n]+?)\s*\|\s*([^|\n]+?)\s*\|$", re.MULTILINE)
# "KubeCon Europe 2024", "QCon London ’24", "Grain Summit 2025", and whatever "we were at".
_CONFERENCE = re.compile(
    r"(?P<event>(?:"
    r"(?<=\bat )[A-Z][\w:&.-]*(?: [A-Z][\w&.-]*){0,3}"
    r"|(?:[A-Z][\w&.-]* )?re:[A-Z]\w+"
    r"|(?:[A-Z]\w*(?:Conf|Con) [+&] )?[A-Z]\w*(?:Conf|Con|Camp|Fest|Expo|World|Days|Summit)"
    r"(?: (?!(?:Recap|Notes|Talks?|Sessions?|Summar))[A-Z]\w+){0,2}"
    r"|(?:[A-Z][\w&.-]* ){1,3}(?:Summit|Conference|Symposium|Days?|Forum|Congress)"
    r"|(?:Microsoft )?(?:Build|Ignite)|Google (?:Cloud )?Next|Cloud Next|Google I/O|WWDC|FOSDEM"
    r"|EuroPython|Devoxx|JavaOne|DEF CON|Black Hat|Strange Loop|Dreamforce"
    r")(?: (?:Europe|EU|NA|Asia|US|USA|UK|North America))?)"
    r" (?P<year>(?:19|20)\d\d|[’'‘]\d\d)\b"
)
_OF_AWS = re.compile(r"re:(?:Invent|Inforce)")


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
    mentioned: str = ""
    video_title: str = ""


def read(source: Source) -> Imported:
    """The sessions of an article in plain text, Markdown or HTML.

    A text without headings of sessions becomes one session, under its own title. Raises
    SourceError if it is too large, nested too deeply, empty, or no text.
    """
    check_size(source.name, len(source.raw), MAX_BYTES, "an article")
    decoded = decode(source)
    elements, name = _elements(decoded.text, source)
    elements = list(_with_codes(elements))
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


def _with_codes(elements: Sequence[Element]) -> Iterator[Element]:
    """The elements, with a code that stands alone set before the heading that follows it."""
    code: Element | None = None
    for element in elements:
        if code is not None and _names_session(element):
            level = min(element.rank, code.level or element.rank)
            text = f"{code.text}: {element.text}"
            yield Element(text, "heading", level, (*code.links, *element.links))
            code = None
            continue
        if code is not None:
            yield code
        code = (
            element if element.kind in ("heading", "paragraph") and is_code(element.text) else None
        )
        if code is None:
            yield element
    if code is not None:
        yield code


def _names_session(element: Element) -> bool:
    """Whether a heading below a code may be the title that belongs to it."""
    return (
        element.kind == "heading"
        and coded(element.text, strict=False) is None
        and not boilerplate.is_inner_heading(element.text)
        and not boilerplate.is_edge_heading(element.text)
    )


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
    heading, named = section.heading, section.people
    if not named and heading.code:
        heading, named = _confirmed(heading, section.elements)
    known = _Known(event=heading.event, year=heading.year, level=heading.level)
    known.url = next(filter(None, map(video_of, section.links)), "")
    if named:
        known.speakers, _ = people.in_field(named)
    if heading.event:
        known.video_title = heading.whole
    for element in section.elements:
        if not _taken(element, section, known):
            known.blocks.append(_block(element))
    if known.blocks and is_time(known.blocks[-1].text):
        known.blocks.pop()  # when the next one begins
    if known.blocks and boilerplate.is_inner_heading(known.blocks[-1].text):
        known.blocks.pop()  # what stood below it has gone elsewhere
    known.speakers = known.speakers or _listed(known.blocks)
    spoken = [block.text for block in known.blocks if block.kind == "paragraph"]
    return Draft(
        title=heading.title,
        body=tuple(known.blocks),
        code=heading.code,
        event=known.event,
        year=known.year,
        track=known.track or track_of(heading.code),
        level=known.level,
        speakers=known.speakers or people.in_text(spoken),
        services=known.services,
        url=known.url or known.mentioned,
        video_title=known.video_title,
    )


def _confirmed(heading: SessionHeading, elements: Sequence[Element]) -> tuple[SessionHeading, str]:
    """A heading and the names behind its title.

    They are names if the text below knows them as people too, or the level stands before them.
    """
    title, named = by_line(heading.title)
    speakers, _ = people.in_field(named) if named else ((), False)
    below = " ".join(element.text for element in elements)
    bare = without_details(replace(heading, title=title))
    if named and (bare.title != title or people.are_known(speakers, below)):
        return bare, named
    return heading, ""


def _taken(element: Element, section: Section, known: _Known) -> bool:
    """Whether an element tells of the session what goes elsewhere than into its body."""
    if element.kind == "rule" or (not element.text and not element.links):
        return True
    if element.kind == "markdown":
        rows = [f"{about}: {value}" for about, value in _ROW.findall(element.text)]
        if sum(map(metadata.is_field, rows)) > 1:
            for row in rows:
                _field(row, "", known)
        return False
    video = next(filter(None, map(video_of, element.links)), "")
    if is_caption(element.text, section.heading):
        return _caption(element, known, video)
    if not any(map(str.isalnum, element.text)) and not video:
        return True  # an emoji, a line of dots
    if video and (element.linked or element.text in element.links or not element.text):
        known.url = known.url or video
        return True
    if video and _RECORDED.search(element.text):
        known.mentioned = known.mentioned or video
    return _field(element.text, video, known) or boilerplate.is_site_line(element.text)


def _listed(blocks: Sequence[Block]) -> tuple[Speaker, ...]:
    """The people below a heading "Speakers", or of a line of nothing but names and roles."""
    for place, block in enumerate(blocks):
        if block.kind == "heading" and metadata.is_field(f"{block.text.rstrip(':')}: A B"):
            below = takewhile(lambda one: one.kind in ("item", "paragraph"), blocks[place + 1 :])
            read = [people.in_field(one.text, alone=one.kind == "item") for one in below]
            found = takewhile(lambda pair: pair[1], read)
            return tuple(chain.from_iterable(speakers for speakers, _ in found))
    first = blocks[0].text if blocks and blocks[0].kind in ("paragraph", "heading") else "."
    if len(first) > _MAX_BY_LINE_CHARS or first.endswith((".", "!", "?", "…", ":")):
        return ()
    speakers, understood = people.in_field(first)
    return speakers if understood and all(one.role for one in speakers) else ()


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
    if about == "by":
        speakers, understood = people.in_by_line(value)
        known.speakers = known.speakers or speakers
    elif about in ("speaker", "speakers"):
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
    elif about in ("video", "url") and (address := video or video_of(value)):
        known.url, understood = known.url or address, True
    return understood


def _of_one_event(drafts: Sequence[Draft], elements: Sequence[Element], name: str) -> list[Draft]:
    """The drafts, with the event of the article where they name none; with levels.

    It is the one that the article's title names, else the only one that any of them names. The
    hundreds of a code are the level at the events of AWS alone.
    """
    named = {(draft.event, draft.year) for draft in drafts if draft.event}
    event, year = _event_of(elements, name)
    if not event and len(named) == 1:
        event, year = named.pop()
    known = [
        draft if draft.event else replace(draft, event=event, year=year or draft.year)
        for draft in drafts
    ]
    known = [
        replace(draft, event=f"AWS {draft.event}") if _OF_AWS.fullmatch(draft.event) else draft
        for draft in known
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
    heading = next((one.text for one in elements if one.kind == "heading"), "")
    for title in (top if len(top) <= 200 else "", heading, name):
        found = {(one["event"], _year(one["year"])) for one in _CONFERENCE.finditer(title)}
        if len(found) == 1:
            return found.pop()
    return "", None


def _year(written: str) -> int:
    """2024 of "2024" and of "’24"."""
    return int(written) if written.isdigit() else 2000 + int(written[1:])


def _level_of(code: str) -> int | None:
    found = re.fullmatch(r"[A-Z]{3}([1-5])\d\d(?:-.*)?", code)
    return int(found[1]) * 100 if found else None
