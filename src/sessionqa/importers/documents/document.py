"""PDF, Word, PowerPoint and EPUB files -> sessions: one of each document."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

from sessionqa.corpus import MAX_TITLE_CHARS
from sessionqa.errors import ModuleMissing, SourceError
from sessionqa.importers.documents.contents import Contents, one_line
from sessionqa.importers.drafts import Block, Draft, Imported, Source

_OFFICE = "application/vnd.openxmlformats-officedocument"
# By suffix, as the standard library does not know all of them everywhere.
MEDIA = {
    ".pdf": "application/pdf",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".epub": "application/epub+zip",
}
MAX_BYTES = 200 * 2**20
# What programs call a document that nobody has named.
_UNNAMED = ("untitled", "microsoft word - ", "powerpoint presentation", "word document", "unknown")


def read(source: Source) -> Imported:
    """The document as one session; its text has pages where it has any, slides in their place.

    Its title is that of its metadata, or its first heading, or else made of its name. Raises
    SourceError if it is of another kind, too large, damaged, encrypted, or has no text; and
    ModuleMissing without the packages of the extra.
    """
    kind = kind_of(source)
    if len(source.raw) > MAX_BYTES:
        raise SourceError(
            f"{source.name} has {len(source.raw) / 2**20:,.0f} MiB, more than the "
            f"{MAX_BYTES // 2**20} MiB of a document: split it"
        )
    if not is_installed():
        raise ModuleMissing(
            f"{source.name}: to read documents takes more packages: "
            "run `pip install 'sessionqa[documents]'`"
        )
    found = _readers()[kind](source)
    if not found.blocks:
        raise SourceError(f"{source.name} has no text in it: there is nothing to import")
    title, blocks = _entitled(found, source.name)
    if not blocks:
        raise SourceError(f"{source.name} has no text in it but its title: nothing to import")
    url = source.name if urlsplit(source.name).scheme in {"http", "https"} else ""
    return Imported([Draft(title, tuple(blocks), url=url)], found.notes)


def kind_of(source: Source) -> str:
    """The kind of a document as one of the suffixes of MEDIA. Raises SourceError for any other."""
    media = source.media.partition(";")[0].strip().casefold()
    by_media = {known: suffix for suffix, known in MEDIA.items()}
    suffix = PurePath(_path(source.name)).suffix.casefold()
    if media in by_media or suffix in MEDIA:
        return by_media.get(media, suffix)
    raise SourceError(f"{source.name} is no document of these kinds: {', '.join(MEDIA)}")


def is_installed() -> bool:
    """Whether the packages that read documents are there."""
    return all(find_spec(name) for name in ("lxml", "pypdfium2", "docx", "pptx"))


def _readers() -> dict[str, Callable[[Source], Contents]]:
    from sessionqa.importers.documents import epub, pdf, presentation, word

    return {".pdf": pdf.read, ".docx": word.read, ".pptx": presentation.read, ".epub": epub.read}


def _path(name: str) -> str:
    return unquote(urlsplit(name).path) if "://" in name else name


def _entitled(found: Contents, name: str) -> tuple[str, list[Block]]:
    """The title, and the blocks without it where it stands at their beginning."""
    blocks = list(found.blocks)
    known = one_line(found.title)
    headings = (block.text for block in blocks if block.kind == "heading")
    stem = PurePath(_path(name)).stem
    title = known if _is_title(known) else next(filter(_is_title, headings), "")
    if title and blocks[0].text.casefold() == title.casefold():
        # The next one tells the page, if it turns with it.
        first, *blocks = blocks
        if blocks and blocks[0].page is None:
            blocks[0] = Block(blocks[0].text, blocks[0].kind, blocks[0].seconds, first.page)
    return title or one_line(stem.replace("-", " ").replace("_", " ")) or name, blocks


def _is_title(text: str) -> bool:
    short = 0 < len(text) <= MAX_TITLE_CHARS
    return short and not text.casefold().startswith(_UNNAMED)
