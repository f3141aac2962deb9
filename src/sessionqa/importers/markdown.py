"""Blocks -> the Markdown body of a corpus file, which reads back as the same text."""

import re
from collections.abc import Iterator, Sequence

from sessionqa.importers.drafts import Block
from sessionqa.importers.text import one_line
from sessionqa.marks import clock

# What no reader of text sees, and what a line of a file cannot hold.
_UNPRINTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
# What is markup wherever it stands: emphasis (by `_` only at the edge of a word, and `__init__` has
# four), code, links, addresses, tags, entities.
_MARKUP = re.compile(r"[\\`*\[\]]|<(?=[A-Za-z!/?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
# What is markup at the beginning of a block, and behind a heading.
_OPENING = re.compile(r"(?P<number>\d{1,9})(?=[.)](\s|$))|(?=[-+=>#~])")
_CLOSING = re.compile(r"(?<=\s)(?=#+$)")
_BEFORE = {"paragraph": "", "heading": "## ", "item": "- "}


def body(blocks: Sequence[Block]) -> str:
    """The blocks, with a comment wherever the moment or the page is another one than before."""
    return "\n\n".join(_parts(blocks))


def _parts(blocks: Sequence[Block]) -> Iterator[str]:
    seconds = page = None
    for block in blocks:
        text = _text(block)
        if not text:
            continue
        if block.seconds not in (None, seconds):
            seconds = block.seconds
            yield f"<!-- at {clock(block.seconds or 0)} -->"
        if block.page not in (None, page):
            page = block.page
            yield f"<!-- page {page} -->"
        yield text


def _text(block: Block) -> str:
    if block.kind == "markdown":
        return _UNPRINTED.sub(" ", block.text).strip("\n")
    plain = one_line(block.text)
    return _BEFORE[block.kind] + escaped(plain) if plain else ""


def escaped(text: str) -> str:
    """One line of plain text as Markdown that reads the same."""
    marked = _CLOSING.sub(r"\\", _MARKUP.sub(r"\\\g<0>", text))
    opening = _OPENING.match(marked)
    if opening is None:
        return marked
    number = opening["number"] or ""
    return rf"{number}\{marked[len(number) :]}"
