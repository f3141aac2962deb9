"""A corpus file's Markdown -> the text that a reader sees, and the places that it marks."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from sessionqa.datatypes import Mark

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

# A comment up to the end of its line, about one word that begins with a digit.
_COMMENT = re.compile(r"<!--[ \t]*(at|page)[ \t]+([0-9]\S*?)[ \t]*-->(?=[ \t]*(?:\n|\Z))")
_TIME = re.compile(r"(?:([0-9]{1,3}):(?=[0-5][0-9]:))?([0-9]{1,4}):([0-5][0-9])")
_PAGE = re.compile(r"0*([1-9][0-9]{0,5})")
_PROBLEMS = {
    "at": "{!r} is no time: write one as <!-- at 12:34 --> or <!-- at 1:02:03 -->",
    "page": "{!r} is no page: write one as <!-- page 3 -->",
}
_BETWEEN = "\n\n"

# A prefix, and behind it texts in one line each with marks among them, which stand nowhere yet.
_Block = tuple[str, list[str | Mark]]


class MarkError(ValueError):
    """A comment marks a moment or a page that is none; `line` counts from 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True)
class Body:
    """The text, and where in it which moment or page begins, in order."""

    text: str
    marks: tuple[Mark, ...]


def read(markdown: str) -> Body:
    """Markdown as the text a reader sees: links become their words, emphasis marks go.

    Headings keep their `#` marks and list items their dash, each on a line of its own, so that
    they can be told from sentences. HTML is kept as the text it is, but for comments on lines of
    their own such as `<!-- at 12:34 -->`, `<!-- at 1:02:03 -->` and `<!-- page 3 -->`: they mark
    where the moment of a recording or the page of a document begins, which is at the next word.

    Raises MarkError if such a comment has neither a time nor a page.
    """
    shown: list[str] = []
    marks: list[Mark] = []
    end = 0
    now = Mark(0)
    for prefix, pieces in _blocks(_parser().parse(markdown)):
        at, behind = end + len(_BETWEEN) * bool(shown), prefix
        for piece in pieces:
            if isinstance(piece, Mark):
                now = _both(now, piece)
                continue
            starts = at if behind == prefix else at + len(behind)
            if now != replace(marks[-1] if marks else Mark(0), start=0):
                marks.append(replace(now, start=starts))
            behind += f"{piece} "
        if behind != prefix:
            shown.append(behind[:-1])
            end = at + len(shown[-1])
    return Body(_BETWEEN.join(shown), tuple(marks))


def _both(now: Mark, new: Mark) -> Mark:
    """What holds once `new` does: the moment stays where the page turns, and the other way."""
    seconds = now.seconds if new.seconds is None else new.seconds
    return Mark(0, seconds, now.page if new.page is None else new.page)


def _blocks(tokens: "Iterable[Token]") -> Iterator[_Block]:
    prefix = ""
    line = 0
    for token in tokens:
        # The cells of a table do not say where they are, their row does.
        line = token.map[0] if token.map else line
        if token.type == "heading_open":
            prefix = f"{token.markup if token.markup.startswith('#') else '##'} "
        elif token.type == "list_item_open":
            prefix = "- "
        elif token.type in {"heading_close", "list_item_close"}:
            prefix = ""
        elif token.type == "inline":
            pieces = list(_inline(token, line))
            yield prefix, pieces
            # The dash is for the text that a mark stands before.
            if any(isinstance(piece, str) for piece in pieces):
                prefix = ""
        elif token.type in {"fence", "code_block"}:
            if code := re.sub(r"\n\s*\n", "\n", token.content.strip()):
                yield "", [code]
            prefix = ""


def _inline(block: "Token", first_line: int) -> Iterator[str | Mark]:
    """The text of a block in one line, cut where it is marked."""
    words = ""
    for token in block.children or []:
        if token.type == "place":
            yield from _line(words)
            words = ""
            if mark := _mark(token.info, token.content):
                yield mark
            else:
                before = block.content.count("\n", 0, token.meta["at"])
                raise MarkError(
                    first_line + before + 1, _PROBLEMS[token.info].format(token.content[:20])
                )
        else:
            words += " " if token.type in {"softbreak", "hardbreak"} else token.content
    yield from _line(words)


def _line(words: str) -> Iterator[str]:
    if words.strip():
        yield " ".join(words.split())


def _mark(kind: str, value: str) -> Mark | None:
    """What a comment marks; None if its value is no moment or page."""
    if kind == "page":
        page = _PAGE.fullmatch(value)
        return Mark(0, page=int(page[1])) if page else None
    if time := _TIME.fullmatch(value):
        hours, minutes, seconds = (int(part or 0) for part in time.groups())
        return Mark(0, seconds=hours * 3600 + minutes * 60 + seconds)
    return None


@lru_cache(maxsize=1)
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.inline.ruler.before("autolink", "place", _place)
    return parser


def _place(state: "StateInline", silent: bool) -> bool:
    """A rule of markdown-it: a comment that marks a place, and has its line for itself."""
    comment = _COMMENT.match(state.src, state.pos)
    if not comment or state.src[state.src.rfind("\n", 0, state.pos) + 1 : state.pos].strip(" \t"):
        return False
    if not silent:
        token = state.push("place", "", 0)
        token.info, token.content = comment.groups()
        token.meta = {"at": state.pos}
    state.pos = comment.end()
    return True
