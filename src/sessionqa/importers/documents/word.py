"""A Word document (.docx): its headings, paragraphs, items and tables, in their order."""

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sessionqa.importers.documents import ooxml
from sessionqa.importers.documents.contents import Contents
from sessionqa.importers.drafts import Block, Kind, Source
from sessionqa.importers.text import one_line

if TYPE_CHECKING:
    from docx.document import Document

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARAGRAPH, _ROW, _CELL, _TEXT = (f"{_W}{name}" for name in ("p", "tr", "tc", "t"))
_SPACES = {f"{_W}{name}" for name in ("tab", "br", "cr")}
# For an older Word, what stands beside it for a newer one.
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MOST_BASES = 20


def read(source: Source) -> Contents:
    """See document.read. Footnotes, headers and what was deleted are left out."""
    import docx
    from docx.exceptions import PythonDocxError
    from docx.opc.exceptions import OpcError

    with ooxml.reading(source, "Word document", PythonDocxError, OpcError):
        document = docx.Document(BytesIO(source.raw))
        return Contents(document.core_properties.title or "", list(_blocks(document)))


def _blocks(document: "Document") -> Iterator[Block]:
    kinds = _kinds(document)
    for element in document.element.body.iter(_PARAGRAPH, _ROW):
        # A row is told as a whole, with the paragraphs and tables in it.
        if any(above.tag in {_ROW, _FALLBACK} for above in element.iterancestors()):
            continue
        if element.tag == _ROW:
            yield from _block(" | ".join(_cells(element)), "paragraph")
        elif kind := _kind(element, kinds):
            yield from _block(_text(element), kind)


def _block(text: str, kind: Kind) -> Iterator[Block]:
    if text:
        yield Block(text, kind)


def _kinds(document: "Document") -> dict[str, Kind | None]:
    """What paragraphs of each style are, by the style's id; None for a table of contents."""
    found: dict[str, Kind | None] = {}
    for style in document.styles:
        known: Any = style
        for _ in range(_MOST_BASES):
            if known is None or style.style_id in found:
                break
            name = (known.name or "").casefold()
            if name.startswith("toc "):
                found[style.style_id] = None
            elif name == "title" or name.startswith("heading "):
                found[style.style_id] = "heading"
            elif name.startswith("list ") and "continue" not in name:
                found[style.style_id] = "item"
            known = getattr(known, "base_style", None)
    return found


def _kind(paragraph: Any, kinds: dict[str, Kind | None]) -> Kind | None:
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    kind = kinds.get(style.get(f"{_W}val"), "paragraph") if style is not None else "paragraph"
    numbered = paragraph.find(f"{_W}pPr/{_W}numPr") is not None
    # Headings are numbered too.
    return "item" if numbered and kind == "paragraph" else kind


def _cells(row: Any) -> Iterator[str]:
    for cell in row.iter(_CELL):
        if next(cell.iterancestors(_ROW)) is row:
            paragraphs = (one for one in cell.iter(_PARAGRAPH) if not _is_fallback(one))
            if text := " ".join(filter(None, map(_text, paragraphs))):
                yield text


def _is_fallback(element: Any) -> bool:
    return any(above.tag == _FALLBACK for above in element.iterancestors())


def _text(paragraph: Any) -> str:
    """A paragraph in one line, without that of boxes which are anchored in it."""
    parts = []
    for node in paragraph.iter(_TEXT, *_SPACES):
        if next(node.iterancestors(_PARAGRAPH)) is paragraph:
            parts.append(node.text or "" if node.tag == _TEXT else " ")
    return one_line("".join(parts))
