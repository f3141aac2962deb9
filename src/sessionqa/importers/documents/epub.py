"""An EPUB book: the text of its chapters in their order, one session of all of them."""

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote
from zipfile import ZipFile

from sessionqa.errors import SourceError, first_line
from sessionqa.importers import html
from sessionqa.importers.documents import archive
from sessionqa.importers.documents.contents import Contents
from sessionqa.importers.drafts import Block, Kind, Source
from sessionqa.importers.text import one_line

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTAINER = "META-INF/container.xml"
_LOCKS = "META-INF/encryption.xml"
# A cell stands in the line of its row.
_BLOCKS = html.BLOCKS - {"td", "th"}
_LEFT_OUT = set("script style head nav template svg math audio video object".split())
_CHAPTER = {"application/xhtml+xml", "text/html"}


def read(source: Source) -> Contents:
    """See document.read. The table of contents is left out."""
    with archive.opened(source) as book:
        return _contents(book, source)


def _contents(book: ZipFile, source: Source) -> Contents:
    root = _xml(book, _CONTAINER, source).find(".//{*}rootfile")
    path = unquote((root.get("full-path") if root is not None else None) or "")
    if not path:
        raise SourceError(f"{source.name} is damaged: it does not name its contents")
    package = _xml(book, path, source)
    locked = _locked(book, source)
    blocks: list[Block] = []
    for chapter in _chapters(package, posixpath.dirname(path)):
        if chapter in locked:
            raise SourceError(f"{source.name} is encrypted: get a copy without protection")
        blocks += _blocks(archive.read(book, chapter, source), source)
    title = package.find(".//{http://purl.org/dc/elements/1.1/}title")
    return Contents((title.text or "") if title is not None else "", blocks)


def _xml(book: ZipFile, name: str, source: Source) -> "_Element":
    from lxml import etree

    # Entities are left as they stand, so that none can stand for more and more of them.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(archive.read(book, name, source), parser)
    except etree.XMLSyntaxError as error:
        part = f"its part {name[:100]} is no XML ({first_line(error)})"
        raise SourceError(f"{source.name} is damaged: {part}") from error


def _locked(book: ZipFile, source: Source) -> set[str]:
    """The files that cannot be read: often none but fonts."""
    if _LOCKS not in book.namelist():
        return set()
    references = _xml(book, _LOCKS, source).iter("{*}CipherReference")
    return {unquote(reference.get("URI") or "") for reference in references}


def _chapters(package: "_Element", folder: str) -> Iterator[str]:
    """The files of the text, in the order of reading."""
    files = {item.get("id"): item for item in package.iter("{*}item")}
    for reference in package.iter("{*}itemref"):
        item = files.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _CHAPTER:
            continue
        if "nav" not in (item.get("properties") or "").split():
            href = unquote((item.get("href") or "").partition("#")[0])
            yield posixpath.normpath(posixpath.join(folder, href))


def _blocks(raw: bytes, source: Source) -> Iterator[Block]:
    from lxml import etree

    # Read as HTML, where nobody declares entities, and a slip does not end the book.
    root = html.parsed(raw, _encoding(raw), source.name)
    if root is None:
        return
    words: list[str] = []
    kind: Kind = "paragraph"
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag if isinstance(element.tag, str) else "script"
        if event == "start":
            if tag in _BLOCKS:
                yield from _block(words, kind)
                kind = _kind(tag, kind)
            if tag in _LEFT_OUT:
                walk.skip_subtree()
            else:
                words.append(element.text or "")
            continue
        if tag in _BLOCKS:
            yield from _block(words, kind)
            kind = "paragraph"
        words.append({"br": " ", "td": " | ", "th": " | "}.get(tag, ""))
        words.append(element.tail or "")
    yield from _block(words, kind)


def _encoding(raw: bytes) -> str:
    """One of the two that a book may be in."""
    return "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"


def _kind(tag: str, above: Kind) -> Kind:
    """What a block is; a paragraph that opens an item is still that item."""
    if tag in html.HEADINGS:
        return "heading"
    return "item" if tag == "li" or (tag == "p" and above == "item") else "paragraph"


def _block(words: list[str], kind: Kind) -> Iterator[Block]:
    """The words as a block, if there are any; they are used up."""
    text = one_line("".join(words)).removesuffix(" |")
    words.clear()
    if text:
        yield Block(text, kind)
