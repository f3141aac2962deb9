"""What Word and PowerPoint documents have in common: parts of XML in a zip file."""

from collections.abc import Iterator
from contextlib import contextmanager

from sessionqa.errors import SourceError, first_line
from sessionqa.importers.documents import archive
from sessionqa.importers.drafts import Source

# A document type declares entities, which may stand for each other without end. The format
# forbids it (ECMA-376, part 2), and no program writes one.
_DOCTYPES = [b"<!DOCTYPE", *("<!DOCTYPE".encode(code) for code in ("utf-16-le", "utf-16-be"))]
# Of Office's older formats, and of a document that a password locks.
_COMPOUND = b"\xd0\xcf\x11\xe0"

# What the libraries raise for parts that are not as they should be, each from its depths.
_BROKEN: tuple[type[Exception], ...] = (
    *(SyntaxError, LookupError, AttributeError, TypeError),
    *archive.DAMAGED,
)


@contextmanager
def reading(source: Source, what: str, *own: type[Exception]) -> Iterator[None]:
    """What a library raises inside of it for a broken document becomes a SourceError.

    `own` are errors that the library has itself.
    """
    check(source)
    try:
        yield
    except _BROKEN + own as error:
        raise SourceError(
            f"{source.name} is no {what} that can be read ({first_line(error)}): save it anew"
        ) from error


def check(source: Source) -> None:
    """Raises SourceError unless every part can be unpacked and parsed within bounds."""
    if source.raw.startswith(_COMPOUND):
        raise SourceError(
            f"{source.name} is encrypted or of an older Office: "
            "save it as .docx or .pptx without a password first"
        )
    with archive.opened(source) as unpacked:
        for name in unpacked.namelist():
            if not name.casefold().endswith((".xml", ".rels")):
                continue
            part = archive.read(unpacked, name, source)
            if any(doctype in part for doctype in _DOCTYPES):
                raise SourceError(
                    f"{source.name} is no document that can be read safely: "
                    f"its part {name[:100]} declares a document type, which no program writes"
                )
