"""The lines of a PDF file, as JSON: `python -m sessionqa.importers.documents.pdf_lines < a.pdf`.

A process of its own, since no limit holds PDFium back from within: a small file can ask for any
memory and time, and a broken one may end the process.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from sessionqa.errors import first_line
from sessionqa.importers.documents.reflow import Line
from sessionqa.importers.text import one_line

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

MAX_PAGES = 5_000
MAX_PAGE_CHARS = 500_000
# Where the system can keep a process to it.
MAX_MEMORY = 2 * 2**30
# PDFium's sign for a hyphen at the end of a line, which has no line break besides.
_DIVIDED = "\x02"


def main() -> None:
    """Prints an object of `title` and `pages`, lists of lines; or of what the `problem` is."""
    _limit_memory()
    print(json.dumps(_read(sys.stdin.buffer.read())))


def _limit_memory() -> None:
    # Windows has no such module, and macOS may not know the limit.
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def _read(raw: bytes) -> dict[str, Any]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(raw)
        if len(document) > MAX_PAGES:
            return _problem(f"has {len(document):,} pages, and {MAX_PAGES:,} are read: split it")
        pages = []
        for number in range(len(document)):
            page = document[number].get_textpage()
            if page.count_chars() > MAX_PAGE_CHARS:
                most = f"more than {MAX_PAGE_CHARS:,} characters"
                return _problem(f"is no document that can be read: page {number + 1} has {most}")
            pages.append([astuple(line) for line in _lines(page, number + 1)])
        return {"title": document.get_metadata_value("Title"), "pages": pages}
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).casefold():
            return _problem("is encrypted: save it without a password first")
        return _problem(f"is no PDF that can be read ({first_line(error)}): save it anew")


def _problem(what: str) -> dict[str, Any]:
    return {"problem": what}


def _lines(page: "PdfTextPage", number: int) -> Iterator[Line]:
    return (line for letters in _cut(page) if (line := _line(page, letters, number)))


def _cut(page: "PdfTextPage") -> Iterator[list[tuple[int, str]]]:
    """The letters of each line, each with its place in the page's text."""
    from pypdfium2 import raw

    line: list[tuple[int, str]] = []
    for at in range(page.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(page, at))
        if letter == _DIVIDED:
            line.append((at, "-"))
        elif letter not in "\r\n":
            line.append((at, letter))
            continue
        yield line
        line = []
    yield line


def _line(page: "PdfTextPage", letters: list[tuple[int, str]], number: int) -> Line | None:
    """A line with the box that it stands in; None if it is blank."""
    shown = [at for at, letter in letters if not letter.isspace()]
    if not shown:
        return None
    left, bottom, _, top = page.get_charbox(shown[0], loose=True)
    right = page.get_charbox(shown[-1], loose=True)[2]
    text = one_line("".join(letter for _, letter in letters))
    return Line(text, number, left, right, bottom, top - bottom)


if __name__ == "__main__":
    main()
