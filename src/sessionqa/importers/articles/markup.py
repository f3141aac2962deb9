"""Markdown -> its elements, by markdown-it; tables and code stay the Markdown they are."""

import re
from collections.abc import Iterator, Sequence
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
_KEPT = {"table_open": "table_close", "fence": "", "code_block": ""}


def elements(text: str, name: str) -> Iterator[Element]:
    """The elements of a Markdown text, in their order.

    Raises SourceError for more signs of markup than an article has, each of which takes time.
    """
    _check(text, name)
    from markdown_it import MarkdownIt

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
            yield from _of_inline(token.children or [], level, bool(depth) and first)
            first = False


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
        if text:
            yield Element(text, "heading" if level else "item", level, links, linked)
        return
    plain: list[str] = []
    for run in runs:
        text = one_line("".join(part for part, _, _ in run))
        if text and _all([run], 1):
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
        yield Element(text, links=links, linked=linked)


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
