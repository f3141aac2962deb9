"""Importers: what they read is written, stays in its folder, and is a corpus afterwards."""

import re
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import cast, get_args

from fuzzed import Broken, Target
from sessionqa.corpus import read_corpus
from sessionqa.datatypes import Speaker
from sessionqa.errors import SourceError
from sessionqa.importers import media, read
from sessionqa.importers.drafts import Block, Draft, Kind, Source
from sessionqa.importers.files import plan, write

TODAY = date(2026, 3, 1)
# Of the files that one source becomes, so many are written and read again.
MOST_FILES = 200
# What no file's name may hold or be on Windows, and how long it may be on Linux.
_RESERVED = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]\Z|\A(?i:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)')
_MAX_NAME_BYTES = 255
_PART = re.compile(rb"^%%%% (.*)\n", re.MULTILINE)

TEXT = """ARC201 | Bread at scale

Speakers: Ada Bell (head baker, Millworks); Cy Dunn
Level: 300

Loaves rise overnight in a cold room.
They are baked at dawn - 40 of them.

1. Weigh the flour.
2. Add salt.

Watch: https://www.youtube.com/watch?v=abc123

ARC305: Cakes
=============

A cake for 200 guests takes two days.
"""
MARKDOWN = """---
title: Talks of 2026
---
# ARC201 | Bread at *scale*

**Speakers:** Ada Bell, [Cy Dunn](https://example.org)

- Level: 300
- `code` & <b>bold</b>

| Flour | Water |
| --- | --- |
| 500 g | 350 g |

```
bake --hot
```

## ARC305 - Cakes

> A cake for 200 guests takes two days.

<!-- at 1:02 -->
Text below a mark.
"""
HTML = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>Talks</title></head><body>
<nav><a href="#top">Home</a></nav><article><h1>Talks of Bake Days 2026</h1>
<h2 id="a">ARC201 | Bread at scale</h2><p><b>Speakers:</b> Ada Bell, Cy Dunn<br>Level: 300</p>
<p style="display:none">Hidden</p><ul><li>Flour<li>Water &amp; salt</ul>
<iframe src="https://www.youtube.com/embed/abc123" title="ARC201"></iframe>
<table><tr><th>Flour<td>500 g</table><pre>bake ``` hot</pre>
<div role="heading" aria-level="2">ARC305: Cakes</div><p>A cake for 200 guests.</p></article>
<footer>&copy; 2026</footer></body></html>
"""
CSV = """Session ID,Title,Abstract,Speakers,Level,Track,Date,Tags,Video URL
ARC201,Bread at scale,"Loaves rise, overnight.
In a ""cold"" room.","Ada Bell, Millworks; Cy Dunn",300 - Advanced,Bread,2026-03-01,"salt;rye",
ARC305,Cakes,<p>A cake for <b>200</b> guests.</p>,Bo Leaf (baker),200,Cake,2026,,https://example.org/v
"""
JSON = """{"event": "Bake Days 2026", "days": [{"sessions": [{"code": "ARC201", "title": "Bread",
"abstract": "Loaves rise overnight.", "speakers": [{"firstName": "Ada", "lastName": "Bell",
"company": "Millworks"}], "level": 300, "track": {"name": "Bread"}, "tags": ["rye", "salt"],
"attributes": [{"name": "Room", "value": "A"}]}, {"code": "ARC305", "title": "Cakes",
"abstract": null, "speakers": "Cy Dunn", "start": "2026-03-01T10:00", "url": "https://example.org"}]}]}
"""
LINES = """{"id": 1, "title": "Bread", "abstract": "Loaves rise.", "speakers": ["Ada Bell"]}
{"id": 2, "title": "Cakes", "abstract": "\\ud83c\\udf70 for 200.", "level": "L300", "year": 2026}
"""
VTT = """WEBVTT
title: ARC201 Bread at scale

NOTE a comment

1
00:00:01.000 --> 00:00:04.000 align:start
<v Ada Bell>Loaves rise <i>overnight</i>.

2
00:00:04.000 --> 00:01:09.500
>> CY DUNN: They are baked at dawn. [Music]

1:00:09.500 --> 1:00:12.000
&gt;&gt; And sold by noon.
"""
SRT = """1
00:00:01,000 --> 00:00:04,000
Loaves rise overnight.

2
00:00:04,000 --> 00:00:09,500
- [Ada] They are baked at dawn.
- {\\an8}And sold by noon.
"""
STAMPED = """Bread at scale
[00:01] Ada Bell: Loaves rise overnight.
[00:12] Cy Dunn: They are baked at dawn.
[1:00:30] They are sold by noon.
"""
_WORD = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
    '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Bread</w:t></w:r></w:p>'
    "<w:p><w:r><w:t>Loaves rise</w:t><w:tab/><w:t>overnight.</w:t></w:r></w:p>"
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>500 g</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    "</w:body></w:document>"
)
_SLIDE = (
    '<p:sld xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"><p:cSld><p:spTree>'
    '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    '<p:sp><p:nvSpPr><p:cNvPr id="2" name="T"/><p:cNvSpPr/><p:nvPr><p:ph type="title"/></p:nvPr>'
    "</p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>Bread</a:t></a:r></a:p></p:txBody>"
    '</p:sp><p:sp><p:nvSpPr><p:cNvPr id="3" name="B"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>'
    "<p:txBody><a:bodyPr/><a:p><a:r><a:t>Loaves rise overnight.</a:t></a:r></a:p></p:txBody></p:sp>"
    "</p:spTree></p:cSld></p:sld>"
)
_CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/'
    'core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Bread</dc:title>'
    "</cp:coreProperties>"
)
_BOOK = {
    "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="book/a.opf"/></rootfiles></container>',
    "book/a.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Bread</dc:title></metadata><manifest>'
    '<item id="c" href="c%201.xhtml" media-type="application/xhtml+xml"/></manifest><spine>'
    '<itemref idref="c"/></spine></package>',
    "book/c 1.xhtml": "<html><body><h1>Bread</h1><p>Loaves rise <b>overnight</b>.</p><ul><li>"
    "<p>Flour</p></li></ul><table><tr><td>500 g</td></tr></table></body></html>",
}


def imported(data: bytes, folder: Path, name: str) -> None:
    """Reads it as the file of that name, and writes what it holds to a corpus."""
    source = Source(name, media.BY_SUFFIX[Path(name).suffix], data)
    found = read(source, {})
    for note in found.notes:
        _check_shown(note)
    written([(source, draft) for draft in found.drafts], folder)


def written(found: Sequence[tuple[Source, Draft]], folder: Path) -> None:
    """Writes these drafts: they must read back as they are, and nothing else must be written."""
    corpus = folder / "inside" / "corpus"
    planned = plan(found, corpus, TODAY)
    if not planned:
        return
    planned, found = planned[:MOST_FILES], found[:MOST_FILES]
    write(planned, corpus)
    there = {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}
    if there != {one.path for one in planned}:
        raise Broken(f"other files are written than those that were planned: {there}")
    for one in planned:
        _check_name(one.path.relative_to(corpus))
        _check_shown(f"{one.code}: {one.title}")
    sessions = {session.path: session for session in read_corpus(corpus)}
    for one in planned:
        session = sessions[one.path.relative_to(corpus).as_posix()]
        if _same(session.code) != _same(one.code):
            raise Broken(f"the code {one.code!r} reads back as {session.code!r}")
        if not _same(one.title).startswith(_same(session.title).removesuffix("…")):
            raise Broken(f"the title {one.title!r} reads back as {session.title!r}")
    differing = [one.path for one in plan(found, corpus, TODAY) if one.state != "same"]
    if differing:
        raise Broken(f"imported again, these would change: {differing}")


def _same(text: str) -> str:
    """A text as a corpus file has it: composed, in one line, without what cannot be shown."""
    seen = "".join(
        " " if unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} else letter
        for letter in text
    )
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def _check_shown(line: str) -> None:
    """That what is printed is a line, and no command to a terminal."""
    if any(unicodedata.category(letter) == "Cc" for letter in line):
        raise Broken(f"a line that is printed holds what cannot be: {line!r}")


def _check_name(path: Path) -> None:
    if len(path.parts) != 1 or _RESERVED.search(path.name):
        raise Broken(f"{path} is no file's name on every system")
    if len(path.name.encode()) > _MAX_NAME_BYTES:
        raise Broken(f"{path} is a longer name than a file may have")


def drafts(data: bytes, folder: Path) -> None:
    """Drafts with anything in their fields, a line each; 0x1e stands between two drafts."""
    found = []
    for record in data.split(b"\x1e"):
        fields = record.decode("utf-8", "surrogateescape").split("\n")
        name, code, title, event, track, url, video, person, role, service, kind, *body = [
            *fields,
            *[""] * (11 - len(fields)),
        ]
        kinds = get_args(Kind)
        of_body = kinds[len(kind) % len(kinds)]
        draft = Draft(
            title or "Bread",
            tuple(Block(line, cast(Kind, of_body)) for line in body),
            code,
            event,
            track=track,
            speakers=(Speaker(person, role),) if person.strip() else (),
            services=(service,) if service else (),
            url=url,
            video_title=video,
        )
        found.append((Source(name or "talks.txt", "text/plain", record), draft))
    written(found, folder)


@lru_cache(maxsize=2)
def _office(suffix: str) -> Mapping[str, bytes]:
    """The parts of a document that the library itself makes."""
    packed = BytesIO()
    if suffix == ".docx":
        import docx

        docx.Document().save(packed)
    else:
        import pptx

        made = pptx.Presentation()
        made.slides.add_slide(made.slide_layouts[6])
        made.save(packed)
    with zipfile.ZipFile(packed) as unpacked:
        return {name: unpacked.read(name) for name in unpacked.namelist()}


def _packed(parts: Mapping[str, bytes]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name.replace("\0", "")[:10_000] or "empty", part)
    return packed.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    """`%%%% NAME` in a line and the content below it, for each file of several in one input."""
    _, *found = _PART.split(data)
    names = (name.decode("utf-8", "replace") for name in found[::2])
    return dict(zip(names, found[1::2], strict=True))


def as_parts(parts: Mapping[str, str]) -> bytes:
    """The input that stands for these files."""
    return "\n".join(f"%%%% {name}\n{part}" for name, part in parts.items()).encode()


def document(data: bytes, folder: Path, suffix: str) -> None:
    """Parts of a document, put into one that is whole."""
    base = {} if suffix == ".epub" else _office(suffix)
    imported(_packed({**base, **parts_of(data)}), folder, f"bread{suffix}")


def archive(data: bytes, folder: Path) -> None:
    """The bytes of a document that is a zip file, as each of the kinds."""
    for suffix in (".docx", ".pptx"):
        try:
            imported(data, folder / suffix, f"bread{suffix}")
        except SourceError:
            continue
    imported(data, folder, "bread.epub")


@lru_cache(maxsize=1)
def _pdf() -> bytes:
    """A small page, written by hand: PDFium finds its objects without a table of them."""
    drawn = b"BT /F 12 Tf 72 700 Td (Bread at scale) Tj 0 -40 Td (Loaves rise overnight.) Tj ET"
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font"
        b"<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
        b"4 0 obj<</Length %d>>stream\n%s\nendstream endobj\n"
        b"trailer<</Root 1 0 R/Info<</Title(Bread)>>>>\n%%%%EOF\n" % (len(drawn), drawn)
    )


_NAMES = (
    *("../../x", "/etc/x", "C:\\x", "CON", "nul.md", "..", "readme", "a" * 300, "\0", "\u202e"),
    *("e\u0301", "é", "ß", "SS", "İ", "ﬁ", "\u2028", "\x85", "\ufeff", "\u200b", "𝕬", "中" * 90),
)
_TOKENS = tuple(name.encode() for name in _NAMES)
_MARKS = (
    *(b"<!-- at 1:02 -->", b"<!-- page 3 -->", b"ARC201", b"Speakers:"),
    b"Level: ",
    b"|",
    b"---",
)
_TAGS = tuple(
    f"<{tag}>".encode()
    for tag in "table tr td pre li ul ol h2 b a p div br hr iframe dt summary form main".split()
)
_FILES = tuple(
    f"%%%% {name}\n".encode()
    for name in (
        "word/styles.xml",
        "word/numbering.xml",
        "docProps/core.xml",
        "META-INF/encryption.xml",
    )
)

TARGETS = {
    "text": Target(
        partial(imported, name="talks.txt"), [TEXT.encode(), STAMPED.encode()], (*_TOKENS, *_MARKS)
    ),
    "markdown": Target(
        partial(imported, name="talks.md"), [MARKDOWN.encode()], (*_TOKENS, *_MARKS, *_TAGS)
    ),
    "html": Target(
        partial(imported, name="talks.html"), [HTML.encode()], (*_TOKENS, *_MARKS, *_TAGS)
    ),
    "csv": Target(partial(imported, name="talks.csv"), [CSV.encode()], (*_TOKENS, b'"', b";")),
    "tsv": Target(
        partial(imported, name="talks.tsv"),
        [b"Code\tTitle\tAbstract\nA1\tBread\tLoaves rise.\nA2\tCakes\tFor 200.\n"],
        _TOKENS,
    ),
    "json": Target(
        partial(imported, name="talks.json"), [JSON.encode()], (*_TOKENS, b"\\ud800", b"\\u0000")
    ),
    "jsonl": Target(
        partial(imported, name="talks.jsonl"), [LINES.encode()], (*_TOKENS, b"\\ud800", b"\\u0000")
    ),
    "vtt": Target(
        partial(imported, name="bread.vtt"),
        [VTT.encode()],
        (*_TOKENS, b" --> ", b"<v A>", b">> ", b"9999:00:00.000"),
    ),
    "srt": Target(
        partial(imported, name="bread.srt"), [SRT.encode()], (*_TOKENS, b" --> ", b"9999:00:00,000")
    ),
    "pdf": Target(partial(imported, name="bread.pdf"), [_pdf()]),
    "docx": Target(
        partial(document, suffix=".docx"),
        [as_parts({"word/document.xml": _WORD, "docProps/core.xml": _CORE})],
        (*_TOKENS, *_FILES),
    ),
    "pptx": Target(
        partial(document, suffix=".pptx"),
        [as_parts({"ppt/slides/slide1.xml": _SLIDE, "docProps/core.xml": _CORE})],
        (*_TOKENS, *_FILES),
    ),
    "epub": Target(partial(document, suffix=".epub"), [as_parts(_BOOK)], (*_TOKENS, *_TAGS)),
    "archive": Target(archive, [_packed({name: part.encode() for name, part in _BOOK.items()})]),
    "drafts": Target(
        drafts,
        [
            b"talks.txt\nARC201\nBread\nBake Days\nARC\nhttps://example.org\nTalk\n"
            b"Ada Bell\nbaker\nrye\n\nLoaves rise.\n# 1. *They* are `baked`.",
            b"a\n\nBread\x1eb\n\nBread\x1ec\nB 1\nCakes",
        ],
        (*_TOKENS, b"\x1e", b"\xed\xa0\x80", b"\xff"),
    ),
}
