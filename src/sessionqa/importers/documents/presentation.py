"""A PowerPoint presentation (.pptx): each slide a page, with its title, texts and notes."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sessionqa.importers.documents import ooxml
from sessionqa.importers.documents.contents import Contents
from sessionqa.importers.drafts import Block, Kind, Source
from sessionqa.importers.text import one_line

if TYPE_CHECKING:
    from pptx.presentation import Presentation


def read(source: Source) -> Contents:
    """See document.read. A slide's number is its page; its text comes before its notes."""
    import pptx
    from pptx.exc import PythonPptxError

    with ooxml.reading(source, "presentation", PythonPptxError):
        presentation = pptx.Presentation(BytesIO(source.raw))
        blocks = list(_blocks(presentation))
        return Contents(presentation.core_properties.title or "", blocks)


def _blocks(presentation: "Presentation") -> Iterator[Block]:
    for page, slide in enumerate(presentation.slides, 1):
        title = slide.shapes.title
        if title is not None and (text := one_line(title.text_frame.text)):
            yield Block(text, "heading", page=page)
        for text, kind in _texts(slide.shapes):
            yield Block(text, kind, page=page)
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        for text in _lines(notes):
            yield Block(text, page=page)


def _texts(shapes: Iterable[Any]) -> Iterator[tuple[str, Kind]]:
    """The paragraphs of shapes, and the rows of tables, but for titles and what each slide has."""
    from pptx.enum.shapes import PP_PLACEHOLDER

    told = {PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE}
    repeated = {PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER}
    for shape in shapes:
        kind = shape.placeholder_format.type if shape.is_placeholder else None
        if kind in told | repeated:
            continue
        if hasattr(shape, "shapes"):
            yield from _texts(shape.shapes)
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                cells = (" ".join(_lines(cell.text_frame)) for cell in row.cells)
                if text := " | ".join(filter(None, cells)):
                    yield text, "paragraph"
        elif shape.has_text_frame:
            # The points of a slide: where there is but one, it is a sentence.
            lines = list(_lines(shape.text_frame))
            yield from ((line, "item" if len(lines) > 1 else "paragraph") for line in lines)


def _lines(frame: Any) -> Iterator[str]:
    """The paragraphs of a text frame that have words, each in one line."""
    for paragraph in frame.paragraphs if frame is not None else ():
        if text := one_line(paragraph.text):
            yield text
