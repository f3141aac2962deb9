"""Plain text -> its elements: paragraphs, wrapped or not, lists, headings as people mark them."""

import re
from collections.abc import Iterator, Sequence

from sessionqa.importers.articles.elements import MAX_HEADING_CHARS, Element
from sessionqa.importers.articles.headings import coded
from sessionqa.importers.articles.lines import joined, paragraphs, unwrapped
from sessionqa.importers.text import one_line

_MARKED = re.compile(r"(#{1,6})\s+(\S.*?)(?:\s+#+)?")
_FRAMED = re.compile(r"(={2,}|\*{2,}|~{2,}|_{2,})\s*(\S.*?)\s*\1")
_RULE = re.compile(r"\s*(?:[-=*_~#]\s?){3,}\s*")
_ITEM = re.compile(r"\s*(?:[-*+•‣◦▪●–—]|\d{1,3}[.)])\s+(?=\S)")
_LINK = re.compile(r"https?://[^\s<>\"')\]]+")


_ORG = re.compile(r"\s*#\+\w+:")
# What ends an e-mail: a few lines, and no sentence.
_SIGNATURE = re.compile(r"^-- ?\n(?:[^\n]{0,79}[^\s.!?:]\n?){1,6}\s*\Z", re.MULTILINE)
# A line that goes on in the next one, in the middle of a sentence; and one that ends with one.
_GOES_ON = re.compile(r"[^\n]{29}[\w,][ \t]*\n[ \t]*([^\W\d_])")
_ENDED = re.compile(r"[.!?…][\"'”’)\]]*[ \t]*\n[ \t]*\S")


def elements(text: str) -> Iterator[Element]:
    """The elements of a plain text, in their order."""
    text = _SIGNATURE.sub("", _without_org(text))
    going_on = sum(map(str.islower, _GOES_ON.findall(text)))
    is_wrapped = going_on >= len(_ENDED.findall(text))
    widest = 0 if is_wrapped else max(map(len, text.split("\n")))
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.strip():
            block.append(line.expandtabs(4))
        elif block:
            yield from _of_block(block, widest)
            block = []


def _without_org(text: str) -> str:
    """A text of Org mode with # for its stars, and without its settings but the title."""
    if not _ORG.match(text):
        return text
    text = re.sub(r"^#\+title:[ \t]*(?=\S)", "# ", text, flags=re.MULTILINE | re.IGNORECASE)
    text = re.sub(r"^#\+\w+:.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"^(\*{1,6})(?= \S)", lambda stars: "#" * len(stars[1]), text, flags=re.MULTILINE)


def _of_block(block: Sequence[str], widest: int) -> Iterator[Element]:
    """The elements of lines without an empty one among them."""
    rest: list[str] = []
    for line in block:
        if _RULE.fullmatch(line):
            yield from _underlined(rest, line, widest)
            rest = []
        elif heading := _marked(line):
            yield from _unmarked(rest, widest)
            yield heading
            rest = []
        else:
            rest.append(line)
    yield from _unmarked(rest, widest)


def _marked(line: str) -> Element | None:
    text = one_line(line)
    if len(text) > MAX_HEADING_CHARS:
        return None
    if found := _MARKED.fullmatch(text):
        return Element(found[2], "heading", len(found[1]))
    if found := _FRAMED.fullmatch(text):
        return Element(found[2], "heading", 2)
    return None


def _underlined(above: Sequence[str], rule: str, widest: int) -> Iterator[Element]:
    """What stands above a line of marks: its last line is a heading, if it is about as long."""
    mark = rule.strip()[0]
    title = one_line(above[-1]) if above else ""
    if not title or " " in rule.strip() or not 0.6 * len(title) <= len(rule.strip()):
        yield from _unmarked(above, widest)
        yield Element("", "rule")
        return
    before = above[:-1]
    yield from _unmarked(before, widest)
    if len(title) <= MAX_HEADING_CHARS:
        yield Element(title, "heading", 1 if mark == "=" else 2)
    else:
        yield Element(title)


def _unmarked(block: Sequence[str], widest: int) -> Iterator[Element]:
    """Paragraphs and items; an indented line that follows one that is not begins a paragraph."""
    part: list[str] = []
    in_list = False
    for line in block:
        item = _begins_item(line, part, in_list)
        indented = line[0].isspace() and bool(part) and not part[-1][0].isspace()
        if item or (indented and not in_list) or (in_list and _is_below_heading(line, part)):
            yield from _of_part(part, in_list, widest)
            part, in_list = [], item
        part.append(line)
    yield from _of_part(part, in_list, widest)


def _is_below_heading(line: str, item: Sequence[str]) -> bool:
    """Whether an address stands below an item that heads a session."""
    if not _LINK.fullmatch(line.strip()):
        return False
    return coded(one_line(_item_text(" ".join(item))), strict=True) is not None


def _begins_item(line: str, before: Sequence[str], in_list: bool) -> bool:
    if not _ITEM.match(line):
        return False
    return not before or in_list or before[-1].rstrip().endswith((":", ".", "?", "!"))


def _of_part(part: Sequence[str], in_list: bool, widest: int) -> Iterator[Element]:
    lines = [one_line(line) for line in part]
    if in_list:
        lines[0] = one_line(_item_text(part[0]))
        text = joined(lines)
        yield Element(text, "item", links=tuple(_LINK.findall(text)))
        return
    for text in unwrapped(lines, widest) if widest else paragraphs(lines):
        links = tuple(_LINK.findall(text))
        yield Element(text, links=links, linked=text in links)


def _item_text(line: str) -> str:
    """An item without its mark."""
    return _ITEM.sub("", line, count=1)
