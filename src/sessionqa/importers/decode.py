"""The bytes of a source -> its text, whatever encoding they are in."""

import codecs
import html
import re
from dataclasses import dataclass

from sessionqa.errors import SourceError
from sessionqa.importers.drafts import Source

MAX_BYTES = 200 * 2**20

# The marks of UTF-32 begin like those of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# So much of the beginning shows whether it is UTF-16 without a mark.
_HEAD_BYTES = 4096
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a source with line feeds between its lines, and what there is to tell of it."""

    text: str
    notes: tuple[str, ...] = ()


def decode(source: Source) -> Decoded:
    """The text of `source`: in Unicode by its mark or by trying, else windows-1252.

    Raises SourceError if it is empty, too large, or no text.
    """
    raw = source.raw
    if len(raw) > MAX_BYTES:
        raise SourceError(
            f"{source.name} has {len(raw) / 2**20:.0f} MiB, more than the "
            f"{MAX_BYTES // 2**20} MiB that are imported at once: split it"
        )
    encoding = _encoding(raw)
    notes: tuple[str, ...] = ()
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        if encoding not in {"utf-8", "utf-8-sig"}:
            raise SourceError(
                f"{source.name}:{line}: not text in {encoding}, which it seems to be in: "
                "save it as UTF-8"
            ) from error
        text, notes = _western(source, line), (_guessed(source, line),)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(f"{source.name}:{line}: a NUL character: this is no text file")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise SourceError(f"{source.name} is empty: there is nothing to import")
    return Decoded(text, notes)


def one_line(text: str) -> str:
    """`text` with single spaces for its white space, and without control characters."""
    if not text.isprintable():
        # JSON can spell halves of characters: pairs are joined, single ones replaced.
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        text = _CONTROLS.sub(" ", whole)
    return " ".join(text.split())


def unescaped(text: str) -> str:
    """`text` with its HTML entities read; what only looks like one, as in `?a=1&copy=2`, stays."""
    return _ENTITY.sub(lambda entity: html.unescape(entity.group()), text) if "&" in text else text


def _encoding(raw: bytes) -> str:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return encoding
    head = raw[:_HEAD_BYTES]
    # Half of the bytes of Western text in UTF-16 are NUL, all on one side.
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) / 8 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    return "utf-8"


def _western(source: Source, line: int) -> str:
    """It as windows-1252, which leaves hardly a byte without a meaning, so controls tell."""
    try:
        text = source.raw.decode("cp1252")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{source.name}:{line}: neither UTF-8 nor windows-1252 text: save it as UTF-8"
        ) from error
    if _CONTROLS.search(text):
        raise SourceError(f"{source.name}:{line}: not UTF-8, and no text: save it as UTF-8")
    return text


def _guessed(source: Source, line: int) -> str:
    return (
        f"{source.name}:{line}: not UTF-8, so it was read as windows-1252: "
        "if letters are wrong, save it as UTF-8"
    )
