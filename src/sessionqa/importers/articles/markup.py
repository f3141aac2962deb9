"""Markdown -> its elements, by markdown-it; tables and code stay the Markdown they are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sessionqa.errors import SourceError
from sessionqa.importers.articles import page
from sessionqa.importers.articles.elements import Element, in_bold
from sessionqa.importers.articles.lines import paragraphs
from sessionqa.importers.text import one_line

if TYPE_CHECKING:
    from markdown_it.token import Token

MAX_SIGNS = 100_000

_SIGN = re.compile(r"[\n\[\]!*_`<&|\\>]|(?<=[ \n])[-+#]")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# [^1] in a text, and what it stands for: "[^1]: A footnote.", with indented lines that go on.
_MARK = re.compile(r"\[\^([^\]\s]+)\]")
_NOTE = re.compile(
    r"^\[\^(?P<name>[^\]\s]+)\]:[ \t]+(?P<text>\S.*(?:\n(?:[ \t]+\S.*))*)\n?", re.MULTILINE
)
# {#anchor .class width=60%}: what Pandoc reads behind a heading or a picture.
_ATTRIBUTES = re.compile(r"\s*\{:?\s*(?:(?:[#.][\w:.-]+|[\w-]+=[^\s{}]+)\s*)+\}$")
# > [!tip] Title: what Obsidian and GitHub make a box of.
_CALLOUT = re.compile(r"\[!\w+\][+-]?\s*")
_LINK = re.compile(r"https?://[^\s<>\"')\]]+")
# {% youtube ID %}, {{< youtube ID >}}, %[ADDRESS]: what generators of blogs make a player of.
_TAG = re.compile(
    r"\{%-?\s*(?P<liquid>[^%]*?)\s*-?%\}|\{\{[<%]\s*(?P<short>[^{}]*?)\s*/?[>%]\}\}"
    r"|%\[(?P<address>[^\s\]]+)\]"
)
_PLAYERS = {
    "youtube": "https://www.youtube.com/watch?v=",
    "video": "https://www.youtube.com/watch?v=",
    "vimeo": "https://vimeo.com/",
}
_KEPT = {"table_open": "table_close", "fence": "", "code_block": ""}


def elements(text: str, name: str) -> Iterator[Element]:
    """The elements of a Markdown text, in their order.

    Raises SourceError for more signs of markup than an article has, each of which takes time.
    """
    _check(text, name)
    from markdown_it import MarkdownIt

    notes = {found["name"]: one_line(found["text"]) for found in _NOTE.finditer(text)}
    text = _NOTE.sub("\n", text)
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    level, depth, first = 0, 0, False
    closing = ""
    for token in tokens:
        if closing:
            closing = "" if token.type == closing else closing
        elif token.type in _KEPT:
            closing = _KEPT[token.type]
            yield Element(_source(lines, token), "markdown")
        elif token.type == "html_block":
            yield from page.read(token.content, name).elements
        elif token.type == "hr":
            yield Element("", "rule")
        elif token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "heading_close":
            level = 0
        elif token.type == "list_item_open":
            depth, first = depth + 1, True
        elif token.type == "list_item_close":
            depth, first = depth - 1, False
        elif token.type == "inline":
            noted: list[str] = []
            for child in token.children or []:
                child.content, names = _without_marks(child, notes)
                noted += names
            yield from _of_inline(token.children or [], level, bool(depth) and first)
            yield from (Element(notes.pop(name)) for name in noted if name in notes)
            first = False
    yield from (Element(note) for note in notes.values())


def _without_marks(token: "Token", notes: Mapping[str, str]) -> tuple[str, list[str]]:
    """The text of a token without the marks of footnotes, and their names."""
    if token.type != "text":
        return token.content, []
    names = [found for found in _MARK.findall(token.content) if found in notes]
    return _MARK.sub(lambda found: "" if found[1] in notes else found[0], token.content), names


def _check(text: str, name: str) -> None:
    if sum(1 for _ in _SIGN.finditer(text)) > MAX_SIGNS:
        raise SourceError(
            f"{name} has more than {MAX_SIGNS:,} lines and signs of Markdown: split it, "
            "or import it as plain text (.txt)"
        )


def _source(lines: Sequence[str], token: "Token") -> str:
    """The lines that a block was written in."""
    start, end = token.map or [0, 0]
    return "\n".join(lines[start:end]).strip("\n")


def _of_inline(tokens: Sequence["Token"], level: int, item: bool) -> Iterator[Element]:
    links = tuple(str(token.attrs["href"]) for token in tokens if token.type == "link_open")
    runs = _lines(tokens)
    if level or item:
        text = one_line(" ".join("".join(text for text, _, _ in run) for run in runs))
        linked = bool(text) and _all(runs, 2)
        if text := _ATTRIBUTES.sub("", text):
            yield Element(text, "heading" if level else "item", level, links, linked)
        return
    plain: list[str] = []
    for run in runs:
        text = one_line("".join(part for part, _, _ in run))
        if callout := _CALLOUT.match(text):
            title = text[callout.end() :]
            yield from (Element(one) for one in [title] if one)
        elif text and _all([run], 1):
            yield from _joined(plain, links)
            plain = []
            yield in_bold(text, links, _all([run], 2))
        elif text:
            plain.append(text)
    yield from _joined(plain, links, _all(runs, 2))


def _joined(
    lines: Sequence[str], links: tuple[str, ...], linked: bool = False
) -> Iterator[Element]:
    for text in paragraphs(lines):
        if _ATTRIBUTES.fullmatch(text):
            continue
        if tag := _TAG.fullmatch(text):
            yield from _of_tag(tag)
        else:
            every = tuple(dict.fromkeys((*links, *_LINK.findall(text))))
            yield Element(text, links=every, linked=linked or text in every)


def _of_tag(tag: re.Match[str]) -> Iterator[Element]:
    """What a generator's tag shows, if it leads anywhere; the tag itself is no text."""
    name, _, rest = (tag["liquid"] or tag["short"] or "").partition(" ")
    what = rest.split()[0].strip("\"'") if rest.split() else ""
    address = tag["address"] or what
    if "://" not in address:
        player = _PLAYERS.get(name.casefold(), "")
        address = f"{player}{what}" if player and what else ""
    if address:
        yield Element("", links=(address,), linked=True)


# Text, whether it is in bold, whether it is a link's.
Run = list[tuple[str, bool, bool]]


def _lines(tokens: Sequence["Token"]) -> list[Run]:
    """The text of each line, without images and tags."""
    lines: list[Run] = [[]]
    bold = link = 0
    for token in tokens:
        change = token.nesting
        if token.type in {"strong_open", "strong_close"}:
            bold += change
        elif token.type in {"link_open", "link_close"}:
            link += change
        elif token.type in {"softbreak", "hardbreak"} or _is_break(token):
            lines.append([])
        elif token.type in {"text", "code_inline", "text_special"}:
            lines[-1].append((token.content, bold > 0, link > 0))
    return lines


def _is_break(token: "Token") -> bool:
    return token.type == "html_inline" and bool(_BREAK.fullmatch(token.content))


def _all(runs: Sequence[Run], mark: int) -> bool:
    """Whether every text that is seen has the mark: 1 for bold, 2 for a link."""
    seen = [part for run in runs for part in run if part[0].strip()]
    return bool(seen) and all(part[mark] for part in seen)
