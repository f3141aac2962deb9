"""Bytes -> text: by the byte order mark, what the page says of itself, UTF-8, or windows-1252."""

import codecs
import re

from sessionqa.errors import SourceError
from sessionqa.importers.drafts import Source

MAX_BYTES = 10 * 1024 * 1024

# The longer marks first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Where HTML looks for it: in the beginning, whatever stands around it.
_DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*[\"']?([\w.:-]+)", re.I)
_DECLARED_WITHIN = 4096


def decoded(source: Source) -> str:
    """The text of a source, with newlines alone between its lines.

    Raises SourceError if it is too large, empty, or no text.
    """
    raw = source.raw
    if len(raw) > MAX_BYTES:
        raise SourceError(
            f"{source.name} has {len(raw) / 2**20:.0f} MiB, more than the "
            f"{MAX_BYTES // 2**20} MiB of an article: split it"
        )
    text = _text(raw, _DECLARED.search(raw[:_DECLARED_WITHIN]) if "html" in source.media else None)
    if "\0" in text:
        raise SourceError(f"{source.name} is no text: save it as text, Markdown or HTML")
    if not text.strip():
        raise SourceError(f"{source.name} is empty: there is nothing to import")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n")


def decoded_as(raw: bytes, charset: str) -> str | None:
    """The text of `raw` in this charset; None if there is none of that name, or it is not in it."""
    # Those who say ISO-8859-1 mean windows-1252, and every browser reads it so.
    if charset.casefold() in {"iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"}:
        return raw.decode("windows-1252", "replace")
    try:
        return raw.decode(charset)
    except (LookupError, UnicodeError, ValueError):
        return None


def _text(raw: bytes, declared: re.Match[bytes] | None) -> str:
    for mark, charset in _MARKS:
        if raw.startswith(mark) and (text := decoded_as(raw, charset)) is not None:
            return text
    named = declared[1].decode("ascii", "replace").casefold() if declared else ""
    # What could be read as ASCII to find the declaration is not UTF-16, whatever it says.
    for charset in ("" if named.startswith(("utf-16", "utf-32")) else named, "utf-8"):
        if charset and (text := decoded_as(raw, charset)) is not None:
            return text
    # Five bytes mean nothing there.
    return raw.decode("windows-1252", "replace")
