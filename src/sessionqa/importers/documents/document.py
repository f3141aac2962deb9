"""PDF, Word, PowerPoint and EPUB files -> sessions: one of each document."""

from collections.abc import Callable
from importlib.util import find_spec
from urllib.parse import urlsplit

from sessionqa.corpus import MAX_TITLE_CHARS
from sessionqa.errors import ModuleMissing, SourceError
from sessionqa.importers import media
from sessionqa.importers.documents.contents import Contents
from sessionqa.importers.drafts import Block, Draft, Imported, Source, check_size
from sessionqa.importers.text import one_line
from sessionqa.importers.titles import of_name

MAX_BYTES = 200 * 2**20
# What programs call a document that nobody has named.
_UNNAMED = ("untitled", "microsoft word - ", "powerpoint presentation", "word document", "unknown")


def read(source: Source) -> Imported:
    """The document as one session; its text has pages where it has any, slides in their place.

    Its title is that of its metadata, or its first heading, or else made of its name. Raises
    SourceError if it is of another kind, too large, damaged, encrypted, or has no text; and
    ModuleMissing without the packages of the extra.
    """
    if source.media not in media.DOCUMENTS:
        raise SourceError(
            f"{source.name} is {source.media or 'of no known kind'}, which cannot be imported: "
            f"it can be {media.SUFFIXES}"
        )
    check_size(source.name, len(source.raw), MAX_BYTES, "a document")
    if not is_installed():
        raise ModuleMissing(
            f"{source.name}: to read documents takes more packages: "
            "run `pip install 'sessionqa[documents]'`"
        )
    found = _reader(source.media)(source)
    if not found.blocks:
        raise SourceError(f"{source.name} has no text in it: there is nothing to import")
    title, blocks = _entitled(found, source.name)
    if not blocks:
        raise SourceError(f"{source.name} has no text in it but its title: nothing to import")
    url = source.name if urlsplit(source.name).scheme in {"http", "https"} else ""
    return Imported([Draft(title, tuple(blocks), url=url)], found.notes)


def is_installed() -> bool:
    """Whether the packages that read documents are there."""
    return all(find_spec(name) for name in ("lxml", "pypdfium2", "docx", "pptx"))


def _reader(kind: str) -> Callable[[Source], Contents]:
    from sessionqa.importers.documents import epub, pdf, presentation, word

    readers = {
        media.PDF: pdf.read,
        media.WORD: word.read,
        media.SLIDES: presentation.read,
        media.EPUB: epub.read,
    }
    return readers[kind]


def _entitled(found: Contents, name: str) -> tuple[str, list[Block]]:
    """The title, and the blocks without it where it stands at their beginning."""
    blocks = list(found.blocks)
    known = one_line(found.title)
    headings = (block.text for block in blocks if block.kind == "heading")
    title = known if _is_title(known) else next(filter(_is_title, headings), "")
    if title and blocks[0].text.casefold() == title.casefold():
        # The next one tells the page, if it turns with it.
        first, *blocks = blocks
        if blocks and blocks[0].page is None:
            blocks[0] = Block(blocks[0].text, blocks[0].kind, blocks[0].seconds, first.page)
    return title or of_name(name), blocks


def _is_title(text: str) -> bool:
    short = 0 < len(text) <= MAX_TITLE_CHARS
    return short and not text.casefold().startswith(_UNNAMED)
