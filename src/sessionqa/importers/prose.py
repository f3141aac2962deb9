"""A text as catalogues have it, in HTML, Markdown or plain, -> Blocks."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from sessionqa.importers.drafts import Block, Kind
from sessionqa.importers.html import BLOCKS, HEADINGS
from sessionqa.importers.text import ends_line, one_line, unescaped

_KNOWN = (
    "address article aside b big blockquote body br center cite code dd div dl dt em figcaption "
    "figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i img kbd li main mark nav ol p "
    "pre q s script section small span strike strong style sub sup table tbody td template tfoot "
    "th thead tr tt u ul a"
)
_TAG = re.compile(rf"</?(?:{'|'.join(_KNOWN.split())})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_COMMENT = re.compile("<!--(?:(?!<!--).)*?-->", re.DOTALL)
_MARKDOWN = re.compile(
    r"\*\*\S|(?<!\w)__\S|\]\((?:https?:|/|#)|^#{1,6} \S|^```|^> \S|`[^`\n]+`", re.MULTILINE
)
_ITEM = re.compile(r"\s*(?:[-*+•·‣–]|\d{1,2}[.)])\s+(?=\S)")
_BLANK = re.compile(r"\n\s*\n")
_SKIPPED = frozenset({"script", "style", "template"})


def blocks(text: str) -> tuple[Block, ...]:
    """The paragraphs, headings and list items of `text`; Markdown is kept in one as it is."""
    if _has_tags(text):
        return tuple(_of_html(text))
    text = unescaped(text)
    if _MARKDOWN.search(text):
        return (Block(text.strip(), "markdown"),)
    return tuple(_of_plain(text))


def plain(text: str) -> str:
    """`text` in one line, without tags and entities."""
    return one_line(bare(text))


def bare(text: str) -> str:
    """`text` without tags and entities; what tags part stands in lines of its own."""
    if _has_tags(text):
        return "\n".join(block.text for block in _of_html(text))
    return unescaped(text)


def _has_tags(text: str) -> bool:
    return "<" in text and _TAG.search(text) is not None


class _Reader(HTMLParser):
    """Collects the texts between tags that break, with the kind that each is of."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[tuple[Kind, list[str]]] = [("paragraph", [])]
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _SKIPPED:
            self._skipping += 1
        elif tag == "br":
            self.texts[-1][1].append("\n")
        elif tag == "p" and self.texts[-1][0] == "item" and not any(self.texts[-1][1]):
            pass  # <li><p>: the paragraph is the item
        elif tag in BLOCKS:
            heading = tag in HEADINGS
            self.texts.append(
                ("item" if tag == "li" else "heading" if heading else "paragraph", [])
            )

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _SKIPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipping = max(self._skipping - 1, 0)
        elif tag in BLOCKS:
            self.texts.append(("paragraph", []))

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            # A line break of the source is none of the page.
            self.texts[-1][1].append(data.replace("\n", " "))


def _of_html(text: str) -> Iterator[Block]:
    reader = _Reader()
    reader.feed(_tags_only(_COMMENT.sub(" ", text)))
    reader.close()
    for kind, parts in reader.texts:
        whole = "".join(parts)
        if not whole.strip():
            continue
        if kind == "paragraph":
            yield from _of_plain(whole)
        else:
            yield from _joined([whole], kind)


def _tags_only(text: str) -> str:
    """`text` with each `<` escaped that begins no tag, as in `List<String>` and `a < b`."""
    parts = _TAG.split(text)
    tags = [*_TAG.findall(text), ""]
    return "".join(part.replace("<", "&lt;") + tag for part, tag in zip(parts, tags, strict=True))


def _of_plain(text: str) -> Iterator[Block]:
    for paragraph in _BLANK.split(text):
        lines = paragraph.split("\n")
        # Lines that all end a sentence were not broken for want of room.
        whole = all(ends_line(line) for line in lines if line.strip())
        waiting: list[str] = []
        kind: Kind = "paragraph"
        for line in lines:
            item = _ITEM.match(line)
            if item or whole:
                yield from _joined(waiting, kind)
                waiting, kind = [], "item" if item else "paragraph"
            waiting.append(line[item.end() :] if item else line)
        yield from _joined(waiting, kind)


def _joined(lines: list[str], kind: Kind) -> Iterator[Block]:
    if text := one_line(" ".join(lines)):
        yield Block(text, kind)
