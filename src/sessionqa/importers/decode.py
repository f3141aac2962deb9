"""The bytes of a source -> its text, whatever encoding they are in."""

import codecs
import re
from dataclasses import dataclass

from sessionqa.errors import SourceError
from sessionqa.importers import media
from sessionqa.importers.drafts import Source, check_size
from sessionqa.importers.text import has_controls

MAX_BYTES = 200 * 2**20

# The marks of UTF-32 begin like those of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# So much of the beginning shows what a page says of itself, or that it is UTF-16 without a mark.
_HEAD_BYTES = 4096
# Where HTML looks for it: in the beginning, whatever stands around it.
_DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*[\"']?([\w.:-]+)", re.I)
# A picture has some, whatever its name says, and no text has any.
_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0e-\x1b\x7f]")
# Those who say ISO-8859-1 mean windows-1252, and every browser reads it so.
_WESTERN = frozenset({"iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"})


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a source with line feeds between its lines, and what there is to tell of it."""

    text: str
    notes: tuple[str, ...] = ()


def decode(source: Source) -> Decoded:
    """The text of `source`: by its mark, what a page says of itself, by trying; else windows-1252.

    Raises SourceError if it is empty, too large, or no text. A page may have bytes without a
    meaning, as it does in browsers.
    """
    check_size(source.name, len(source.raw), MAX_BYTES, "a text")
    decoded = _declared(source) or _unicode(source)
    text = decoded.text
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(
            f"{source.name}:{line}: a NUL character: this is no text: save it as UTF-8"
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise SourceError(f"{source.name} is empty: there is nothing to import")
    return Decoded(text, decoded.notes)


def in_charset(raw: bytes, charset: str) -> str | None:
    """The text of `raw` in this charset; None if there is none of that name, or it is not in it."""
    if charset.casefold() in _WESTERN:
        return raw.decode("windows-1252", "replace")
    try:
        return raw.decode(charset)
    except (LookupError, UnicodeError, ValueError):
        return None


def _declared(source: Source) -> Decoded | None:
    """A page in the charset that it names, unless its mark names another."""
    if source.media != media.HTML or _mark(source.raw):
        return None
    found = _DECLARED.search(source.raw[:_HEAD_BYTES])
    charset = found[1].decode("ascii", "replace").casefold() if found else ""
    # What could be read as ASCII to find the declaration is not UTF-16, whatever it says.
    if not charset or charset.startswith(("utf-16", "utf-32")):
        return None
    text = in_charset(source.raw, charset)
    return None if text is None else Decoded(text)


def _unicode(source: Source) -> Decoded:
    """The text in Unicode, or else in windows-1252, which is told."""
    # No browser guesses that a page is in UTF-16.
    is_page = source.media == media.HTML
    encoding = _mark(source.raw) or ("utf-8" if is_page else _unmarked(source.raw[:_HEAD_BYTES]))
    try:
        return Decoded(source.raw.decode(encoding))
    except UnicodeDecodeError as error:
        line = source.raw.count(b"\n", 0, error.start) + 1
        if encoding not in {"utf-8", "utf-8-sig"}:
            raise SourceError(
                f"{source.name}:{line}: not text in {encoding}, which it seems to be in: "
                "save it as UTF-8"
            ) from error
    return Decoded(_western(source, line), (_guessed(source, line),))


def _mark(raw: bytes) -> str:
    return next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "")


def _unmarked(head: bytes) -> str:
    # Half of the bytes of Western text in UTF-16 are NUL, all on one side.
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) / 8 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    return "utf-8"


def _western(source: Source, line: int) -> str:
    """It as windows-1252, which leaves hardly a byte without a meaning, so controls tell."""
    if source.media == media.HTML:
        return source.raw.decode("cp1252", "replace")
    try:
        text = source.raw.decode("cp1252")
    except UnicodeDecodeError as error:
        if _CONTROL_BYTES.search(source.raw):
            raise _no_text(source, line) from error
        raise SourceError(
            f"{source.name}:{line}: neither UTF-8 nor windows-1252 text: save it as UTF-8"
        ) from error
    if has_controls(text):
        raise _no_text(source, line)
    return text


def _no_text(source: Source, line: int) -> SourceError:
    return SourceError(
        f"{source.name}:{line}: not UTF-8, and it looks like no text but a file of another kind: "
        "give a text, saved as UTF-8"
    )


def _guessed(source: Source, line: int) -> str:
    return (
        f"{source.name}:{line}: not UTF-8, so it was read as windows-1252: "
        "if letters are wrong, save it as UTF-8"
    )
