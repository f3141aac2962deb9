"""PDF, Word, PowerPoint and EPUB files, made here, as sessions; and those that are refused."""

import shutil
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path

import pytest

pytest.importorskip("fpdf", reason="documents are made with packages of the extra `test`")
import docx
import pptx
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from pptx.util import Inches

from sessionqa.errors import ModuleMissing, SourceError
from sessionqa.importers import media
from sessionqa.importers.documents import archive, document, pdf, reflow
from sessionqa.importers.drafts import Block, Draft, Source

WORD, SLIDES = media.WORD, media.SLIDES
PDF, EPUB = media.PDF, media.EPUB


def imported(raw: bytes, media: str, name: str = "notes/my-worms.bin") -> Draft:
    found = document.read(Source(name, media, raw))
    (draft,) = found.drafts
    return draft


def texts(draft: Draft, kind: str = "") -> list[str]:
    return [block.text for block in draft.body if not kind or block.kind == kind]


def refused(raw: bytes, media: str, name: str = "worms.bin") -> str:
    with pytest.raises(SourceError) as caught:
        document.read(Source(name, media, raw))
    said = str(caught.value)
    assert said.startswith(name)
    assert "\n" not in said
    return said


def outcome(raw: bytes, media: str) -> str:
    """What is said against it; empty if it is read."""
    try:
        document.read(Source("a", media, raw))
    except SourceError as error:
        return str(error)
    return ""


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def altered(raw: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    with zipfile.ZipFile(BytesIO(raw)) as read:
        return zipped({name: change(name, read.read(name)) for name in read.namelist()})


# --- PDF


class Paper(FPDF):
    """A document with a running header and page numbers, if `running` says so."""

    running = True

    def header(self) -> None:
        if self.running:
            self.set_font("Helvetica", size=9)
            self.cell(0, 8, "Journal of Worms, volume 7", new_x="LMARGIN", new_y="NEXT")

    def footer(self) -> None:
        if self.running:
            self.set_y(-15)
            self.set_font("Helvetica", size=9)
            self.cell(0, 8, f"Page {self.page_no()} of 4")


def paper(pages: Iterable[Iterable[tuple[float, str]]], running: bool = True) -> FPDF:
    """A page for each, of paragraphs each in its size; an empty text is some room."""
    made = Paper()
    made.running = running
    for page in pages:
        made.add_page()
        for size, text in page:
            made.set_font("Times", size=size)
            made.multi_cell(90, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")
            made.ln(size * 0.3)
    return made


def lines(made: FPDF) -> bytes:
    return bytes(made.output())


LONG = (
    "Worms eat kitchen scraps within six weeks, and the bin on the balcony takes forty litres of "
    "them in a year. She never adds citrus peel, since the acid harms the worms."
)


def test_a_pdf_keeps_its_pages_headings_and_paragraphs() -> None:
    pages = [
        [(22, "Composting on a balcony"), (11, LONG), (15, "What worms eat"), (11, "Scraps.")],
        [(11, "On the second page there is tea.")],
        [(15, "Harvest"), (11, LONG)],
        [(11, "The end of it all.")],
    ]
    draft = imported(lines(paper(pages)), PDF)
    assert draft.title == "Composting on a balcony"
    assert draft.body == (
        Block(LONG, "paragraph", page=1),
        Block("What worms eat", "heading", page=1),
        Block("Scraps.", "paragraph", page=1),
        Block("On the second page there is tea.", "paragraph", page=2),
        Block("Harvest", "heading", page=3),
        Block(LONG, "paragraph", page=3),
        Block("The end of it all.", "paragraph", page=4),
    )


def test_what_only_some_pages_have_at_their_edges_stays() -> None:
    pages = [[(11, f"Number {n} of the worms.")] for n in (7, 3, 9)]
    assert texts(imported(lines(paper(pages, running=False)), PDF)) == [
        "Number 7 of the worms.",
        "Number 3 of the worms.",
        "Number 9 of the worms.",
    ]


def test_large_lines_that_count_are_headings_and_not_page_numbers() -> None:
    pages = [[(20, f"Step {n}"), (11, LONG)] for n in (1, 2, 3)]
    draft = imported(lines(paper(pages)), PDF)
    assert (draft.title, texts(draft, "heading")) == ("Step 1", ["Step 2", "Step 3"])


def test_pages_that_are_all_alike_are_not_emptied() -> None:
    pages = [[(11, "The same.")]] * 3
    assert texts(imported(lines(paper(pages, running=False)), PDF)) == ["The same."] * 3


def test_a_paragraph_goes_on_over_the_page() -> None:
    pages = [[(11, "Worms eat scraps that are")], [(11, "left over from the kitchen. Good.")]]
    (block,) = imported(lines(paper(pages)), PDF).body
    assert block == Block(
        "Worms eat scraps that are left over from the kitchen. Good.", "paragraph", page=1
    )


@pytest.mark.parametrize(
    ("printed", "whole"),
    [
        ("They are fond of com-\nposting in the garden.", "They are fond of composting in"),
        ("A well-known fact is a well-\nknown fact.", "a well-known fact is a well-known fact."),
        ("The self was made. A self-\nmade bin.", "A self-made bin."),
        ("It is an AWS-\nRegion of worms.", "an AWS-Region of worms."),
        ("A state-of-the-\nart bin.", "A state-of-the-art bin."),
        ("A 20-\nyear bin.", "A 20-year bin."),
        ("Over 20-\n30 weeks of it.", "Over 20-30 weeks of it."),
    ],
)
def test_words_divided_at_the_end_of_a_line_are_mended(printed: str, whole: str) -> None:
    (block,) = imported(lines(paper([[(11, printed)]], running=False)), PDF).body
    assert whole.casefold() in block.text.casefold()


def test_items_of_a_pdf_are_items() -> None:
    made = FPDF()
    made.add_page()
    made.set_font("Helvetica", size=11)
    made.multi_cell(90, 5, "Worms eat:\n- peel and other scraps.\n- tea leaves.\n- paper.")
    draft = imported(lines(made), PDF)
    assert texts(draft, "item") == ["peel and other scraps.", "tea leaves.", "paper."]
    assert texts(draft, "paragraph") == ["Worms eat:"]


def test_the_title_of_a_pdf_is_that_of_its_metadata_if_somebody_gave_it_one() -> None:
    for named, title in (("Of worms", "Of worms"), ("Microsoft Word - a.doc", "my worms")):
        made = paper([[(11, LONG)]])
        made.set_title(named)
        assert imported(lines(made), PDF).title == title


def test_a_scan_is_told_from_a_text() -> None:
    made = FPDF()
    made.add_page()
    made.rect(10, 10, 50, 50)
    assert "has no text in it: it is a scan; OCR it first" in refused(lines(made), PDF)
    half = paper([[(11, "One page has text.")]], running=False)
    half.add_page()
    half.rect(10, 10, 50, 50)
    found = document.read(Source("a.pdf", PDF, lines(half)))
    assert found.notes == ["1 of 2 pages have no text"]


def test_an_encrypted_pdf_is_refused_and_one_that_anybody_may_read_is_not() -> None:
    for password, encrypted in (("secret", True), ("", False)):
        made = paper([[(11, LONG)]], running=False)
        made.set_encryption(owner_password="owner", user_password=password)
        if encrypted:
            assert "is encrypted: save it without a password first" in refused(lines(made), PDF)
        else:
            assert texts(imported(lines(made), PDF)) == [LONG]


@pytest.mark.parametrize("raw", [b"", b"hello", b"%PDF-1.7\n%%EOF", b"\x00" * 5000])
def test_what_is_no_pdf_is_refused(raw: bytes) -> None:
    assert "is no PDF that can be read" in refused(raw, PDF)


def test_a_pdf_cut_off_anywhere_is_read_or_refused() -> None:
    whole = lines(paper([[(11, LONG)]] * 2))
    for end in range(0, len(whole), max(1, len(whole) // 6)):
        assert "\n" not in outcome(whole[:end], PDF)


def test_two_columns_are_read_one_after_the_other() -> None:
    made = FPDF()
    made.add_page()
    made.set_font("Times", size=11)
    sentences = [f"Worm {n} eats kitchen scraps within {n} weeks of the year." for n in range(150)]
    with made.text_columns(ncols=2, gutter=8, text_align="J") as columns:
        columns.write(" ".join(sentences))
    draft = imported(lines(made), PDF)
    assert " ".join(texts(draft)) == " ".join(sentences)
    assert len(draft.body) <= 2


def bomb() -> bytes:
    """A PDF of a few kilobytes whose page takes a gigabyte in memory."""
    shown = zlib.compress(b"BT /F 9 Tf " + b"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj " * 400_000, 9)
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
        b"/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(shown), shown),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    raw = b"%PDF-1.4\n"
    starts = []
    for number, part in enumerate(parts, 1):
        starts.append(len(raw))
        raw += b"%d 0 obj%sendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    trailer = b"trailer<</Size 6/Root 1 0 R>>startxref\n%d\n%%%%EOF" % len(raw)
    return raw + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


def test_a_pdf_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_SECONDS", 1)
    assert "takes more than 1 seconds to read" in refused(bomb(), PDF)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux surely limits memory")
def test_a_pdf_that_takes_too_much_memory_ends_its_own_process_alone() -> None:
    program = (
        "from sessionqa.importers import pdf_lines\n"
        "pdf_lines.MAX_MEMORY = 300 * 2**20\n"
        "pdf_lines.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=bomb(), capture_output=True, check=False
    )
    assert done.returncode != 0
    assert done.stdout == b""


def test_a_pdf_that_ends_its_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    assert "it takes too much memory, or is damaged" in refused(b"%PDF-1.7", PDF)


WORDS = st.text(st.sampled_from("abé堆 -.•1"), min_size=1, max_size=30).filter(str.strip)


@given(
    st.lists(
        st.tuples(WORDS, st.sampled_from([10.0, 11.0, 20.0]), st.floats(0, 60), st.integers(0, 3)),
        min_size=1,
        max_size=20,
    )
)
def test_no_letter_of_a_page_is_lost_or_moved(
    printed: list[tuple[str, float, float, int]],
) -> None:
    page, bottom = [], 800.0
    for text, height, left, room in printed:
        bottom -= height * (1 + room / 2)
        line = " ".join(text.split())
        page.append(reflow.Line(line, 1, left, left + 6 * len(line), bottom, height))

    def letters(shown: Iterable[str]) -> str:
        return "".join(filter(str.isalnum, "".join(shown)))

    assert letters(block.text for block in reflow.blocks([page])) == letters(
        line.text for line in page
    )


@pytest.mark.parametrize(
    ("line", "count"), [("a.", 30_000), ("of rye " * 10 + "and", 30_000), ("x" * 200_000, 1)]
)
def test_a_page_of_any_length_takes_time_in_proportion(line: str, count: int) -> None:
    height = 800 / count
    page = [reflow.Line(line, 1, 10, 500, 800 - n * height, height) for n in range(count)]
    started = time.process_time()
    (block,) = reflow.blocks([page])
    assert time.process_time() - started < 5
    assert block.text == " ".join([line] * count)


# --- Word


def word(build: Callable[..., None], title: str = "") -> bytes:
    made = docx.Document()
    made.core_properties.title = title
    build(made)
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def test_a_word_document_keeps_headings_items_and_tables_in_order() -> None:
    def build(made: "docx.document.Document") -> None:
        made.add_heading("Composting on a balcony", 0)
        made.add_paragraph("Worms eat\nkitchen scraps.")
        made.add_heading("What they like", 2)
        made.add_paragraph("Tea", style="List Bullet")
        made.add_paragraph("Paper", style="List Number 2")
        table = made.add_table(2, 2)
        for row, values in zip(table.rows, (("Plant", "Weeks"), ("Mint", "6")), strict=True):
            for cell, value in zip(row.cells, values, strict=True):
                cell.text = value
        table.cell(1, 1).add_table(1, 1).cell(0, 0).text = "or 7"
        made.add_paragraph("  ")
        made.add_paragraph("The end.")

    draft = imported(word(build), WORD)
    assert draft == Draft(
        "Composting on a balcony",
        (
            Block("Worms eat kitchen scraps."),
            Block("What they like", "heading"),
            Block("Tea", "item"),
            Block("Paper", "item"),
            Block("Plant | Weeks"),
            Block("Mint | 6 or 7"),
            Block("The end."),
        ),
    )


def test_what_was_inserted_stays_and_what_was_deleted_goes() -> None:
    raw = word(lambda made: made.add_paragraph("Worms eat KEEP."))

    def tracked(_: str, part: bytes) -> bytes:
        runs = (
            b"<w:ins w:id='1'><w:r><w:t>peel</w:t></w:r></w:ins>"
            b"<w:del w:id='2'><w:r><w:delText>nothing</w:delText></w:r></w:del>"
        )
        return part.replace(b"KEEP.</w:t></w:r>", b"</w:t></w:r>" + runs)

    assert texts(imported(altered(raw, tracked), WORD)) == ["Worms eat peel"]


def test_the_title_of_a_word_document_is_that_of_its_metadata() -> None:
    raw = word(lambda made: made.add_paragraph("Worms."), "All about worms")
    assert imported(raw, WORD).title == "All about worms"
    unnamed = word(lambda made: made.add_paragraph("Worms."), "Word Document")
    assert imported(unnamed, WORD).title == "my worms"


def test_a_word_document_with_styles_in_a_circle_is_read() -> None:
    raw = word(lambda made: made.add_paragraph("Worms.", style="Quote"))

    def circular(_: str, part: bytes) -> bytes:
        return part.replace(b'<w:basedOn w:val="Normal"/>', b'<w:basedOn w:val="Quote"/>')

    assert texts(imported(altered(raw, circular), WORD)) == ["Worms."]


# --- PowerPoint


def slides() -> bytes:
    made = pptx.Presentation()
    for title, points in (("Worms", ["Peel", "Tea"]), ("Harvest", ["Within six weeks."])):
        slide = made.slides.add_slide(made.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(points)
    slide.notes_slide.notes_text_frame.text = "Say that it depends."
    third = made.slides.add_slide(made.slide_layouts[6])
    grouped = third.shapes.add_group_shape()
    box = grouped.shapes.add_textbox(Inches(1), Inches(1), Inches(3), Inches(1))
    box.text_frame.text = "In a group."
    table = third.shapes.add_table(1, 2, Inches(1), Inches(3), Inches(3), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Mint", "6"
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def test_the_slides_of_a_presentation_are_its_pages() -> None:
    assert imported(slides(), SLIDES) == Draft(
        "Worms",
        (
            Block("Peel", "item", page=1),
            Block("Tea", "item", page=1),
            Block("Harvest", "heading", page=2),
            Block("Within six weeks.", page=2),
            Block("Say that it depends.", page=2),
            Block("In a group.", page=3),
            Block("Mint | 6", page=3),
        ),
    )


# --- EPUB

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
CHAPTER = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>no</title><style>p {}</style></head>
<body>%s</body></html>"""


def book(*chapters: str, **more: bytes | str) -> bytes:
    items = "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in reversed(range(len(chapters))))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The book of worms</dc:title>'
        f'</metadata><manifest>{items}<item id="n" href="nav.xhtml" properties="nav" '
        f'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="n"/>{spine}'
        "</spine></package>"
    )
    files: dict[str, bytes | str] = {
        "mimetype": EPUB,
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": package,
        "OPS/nav.xhtml": CHAPTER % "<nav>Contents</nav>",
    }
    files |= {f"OPS/text/c {n}.xhtml": CHAPTER % text for n, text in enumerate(chapters)}
    return zipped(files | more)


def test_the_chapters_of_a_book_come_in_their_order_of_reading() -> None:
    last = "<h2>Tea</h2><p>Mint &amp; balm&nbsp;grow.</p><script>no()</script> Loose <b>e</b>nd."
    first = (
        "<h1>Worms <!-- aside --> eat</h1><ul><li>peel</li><li><p>tea <i>leaves</i></p></li></ul>"
        "<table><tr><th>Plant</th><td>Weeks</td></tr></table><p>one<br/>two</p><p> </p>堆肥 é"
    )
    assert imported(book(last, first), EPUB) == Draft(
        "The book of worms",
        (
            Block("Worms eat", "heading"),
            Block("peel", "item"),
            Block("tea leaves", "item"),
            Block("Plant | Weeks"),
            Block("one two"),
            Block("堆肥 é"),
            Block("Tea", "heading"),
            Block("Mint & balm grow."),
            Block("Loose end."),
        ),
    )


def test_a_protected_book_is_refused_and_one_with_protected_fonts_is_not() -> None:
    for name, locked in (("OPS/text/c%200.xhtml", True), ("OPS/font.otf", False)):
        lock = f'<encryption><CipherReference URI="{name}"/></encryption>'
        raw = book("<p>Worms.</p>", **{"META-INF/encryption.xml": lock})
        if locked:
            assert "is encrypted: get a copy without protection" in refused(raw, EPUB)
        else:
            assert texts(imported(raw, EPUB)) == ["Worms."]


def test_a_book_nested_beyond_measure_is_refused() -> None:
    deep = "<div>" * 5000 + "Worms." + "</div>" * 5000
    assert "is nested too deeply" in refused(book(deep), EPUB)


LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'ha'>{}]>".format(
    "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
)


def test_entities_of_a_book_stand_for_nothing() -> None:
    raw = book(
        "<p>Worms.</p>", **{"META-INF/container.xml": f"{LAUGHS}<container>&a11;</container>"}
    )
    assert "is damaged" in refused(raw, EPUB)
    chapter = f"{LAUGHS}<html><body><p>Worms &a11;</p></body></html>"
    draft = imported(book("<p>x</p>", **{"OPS/text/c 0.xhtml": chapter}), EPUB)
    assert sum(map(len, texts(draft))) < len(chapter)


def test_a_book_that_lacks_a_chapter_is_refused() -> None:
    with zipfile.ZipFile(BytesIO(book("<p>x</p>"))) as read:
        kept = {name: read.read(name) for name in read.namelist() if "c 0" not in name}
    assert "it lacks its part OPS/text/c 0.xhtml" in refused(zipped(kept), EPUB)


# --- whatever is a zip file


def ooxml(media: str) -> bytes:
    return slides() if media == SLIDES else word(lambda made: made.add_paragraph("Worms."))


@pytest.mark.parametrize("media", [WORD, SLIDES])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_in_office_documents_are_refused(media: str, encoding: str) -> None:
    main = "word/document.xml" if media == WORD else "ppt/presentation.xml"
    bomb = f"<?xml version='1.0' encoding='{encoding}'?>{LAUGHS}<x>&a11;</x>".encode(encoding)
    raw = altered(ooxml(media), lambda name, part: bomb if name == main else part)
    assert f"its part {main} declares a document type" in refused(raw, media)


@pytest.mark.parametrize("media", [WORD, SLIDES])
def test_office_documents_nested_beyond_measure_are_refused(media: str) -> None:
    main = "word/document.xml" if media == WORD else "ppt/slides/slide1.xml"
    deep = b"<a>" * 5000 + b"</a>" * 5000
    raw = altered(ooxml(media), lambda name, part: deep if name == main else part)
    assert "that can be read (" in refused(raw, media)


@pytest.mark.parametrize("media", [WORD, SLIDES, EPUB])
def test_bombs_are_refused_unopened(media: str) -> None:
    bomb = zipped({"a.xml": b"0" * (20 * 2**20)})
    assert "its part a.xml unpacks to" in refused(bomb, media)
    many = zipped({f"{n}.xml": bytes(range(256)) * 1100 for n in range(200)})
    assert "more than the 50 that are read: split it" in refused(many, media)
    crowd = zipped({f"{n}": b"" for n in range(archive.MAX_FILES + 1)})
    assert "has 10,001 files in it" in refused(crowd, media)


@pytest.mark.parametrize("media", [WORD, SLIDES, EPUB])
def test_a_bomb_that_lies_about_its_size_yields_no_more_than_it_says(media: str) -> None:
    part = {WORD: "word/document.xml", SLIDES: "ppt/presentation.xml", EPUB: "OPS/book.opf"}[media]
    size = 60 * 2**20
    whole = zipped({"META-INF/container.xml": CONTAINER, part: b" " * size})
    lying = whole.replace(struct.pack("<L", size), struct.pack("<L", 1000))
    assert lying != whole
    assert "is damaged (Bad CRC-32" in refused(lying, media)


@pytest.mark.parametrize("media", [WORD, SLIDES, EPUB])
def test_what_is_damaged_is_refused(media: str) -> None:
    raw = book("<p>Worms.</p>") if media == EPUB else ooxml(media)
    assert "is damaged (" in refused(b"hello", media)
    assert "is damaged (" in refused(b"", media)
    for end in range(0, len(raw), max(1, len(raw) // 10)):
        assert "is damaged (" in refused(raw[:end], media)
    middle = len(raw) // 3
    assert "\n" not in outcome(raw[:middle] + b"\xff" * 50 + raw[middle + 50 :], media)
    assert refused(zipped({"hello.txt": "hello"}), media)


@pytest.mark.parametrize("media", [WORD, SLIDES])
def test_a_locked_or_older_office_file_is_told(media: str) -> None:
    said = refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, media)
    assert "is encrypted or of an older Office: save it as" in said


@pytest.mark.parametrize("media", [WORD, SLIDES])
def test_office_documents_with_parts_that_are_missing_or_others_are_refused_or_read(
    media: str,
) -> None:
    raw = ooxml(media)
    with zipfile.ZipFile(BytesIO(raw)) as read:
        parts = {name: read.read(name) for name in read.namelist()}
    for name in parts:
        without = {other: part for other, part in parts.items() if other != name}
        for changed in (without, {**parts, name: b"<a/>"}, {**parts, name: b"\xff\xfe"}):
            assert "\n" not in outcome(zipped(changed), media)


# --- any document


@pytest.mark.parametrize(
    ("kind", "raw"),
    [(WORD, word(lambda made: made.add_paragraph(" "))), (EPUB, book("<p> </p>"))],
    ids=["Word", "EPUB"],
)
def test_a_document_without_text_is_refused(kind: str, raw: bytes) -> None:
    assert "has no text in it: there is nothing to import" in refused(raw, kind)


def test_what_is_no_document_is_refused() -> None:
    assert "is of no known kind, which cannot be imported: it can be csv" in refused(b"x", "")
    assert "is image/png, which cannot be imported" in refused(b"x", "image/png")


def test_the_kind_is_that_of_the_server_or_else_of_the_name() -> None:
    assert media.declared(media.WORD, "/a") == media.WORD
    assert media.declared("application/octet-stream", "/dir/a.DOCX") == media.WORD
    assert media.declared("application/zip", "/a.epub") == media.EPUB
    assert media.declared("", "/a.docx") == media.WORD
    assert media.declared("text/plain", "/a.md") == media.MARKDOWN
    assert media.declared("text/plain", "/a") == media.PLAIN
    assert media.declared("application/octet-stream", "/a") == ""
    assert media.declared("image/png", "/a") == "image/png"


def test_an_address_is_kept() -> None:
    raw = word(lambda made: made.add_paragraph("Worms."))
    for name in ("dir/a.docx", "https://example.org/a.docx?x=1"):
        assert imported(raw, WORD, name).url == (name if name.startswith("https") else "")


def test_a_title_is_made_of_an_address_or_a_path() -> None:
    raw = word(lambda made: made.add_paragraph("Worms."))
    for name in ("https://example.org/d/my%20worms_at-home.docx?x#y", "my_worms at-home.docx"):
        assert imported(raw, WORD, name).title == "my worms at home"


def test_a_document_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_BYTES", 2**20)
    assert "has 2 MiB, more than the 1 MiB of a document" in refused(b"0" * 2**21, PDF)


@pytest.mark.parametrize("name", ["lxml", "pypdfium2", "docx", "pptx"])
def test_a_missing_extra_names_its_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [one for one in sys.modules if one.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    real = [entry for entry in sys.path if not (Path(entry) / name).exists()]
    monkeypatch.setattr(sys, "path", real)
    with pytest.raises(ModuleMissing, match=r"pip install 'sessionqa\[documents\]'"):
        document.read(Source("a.pdf", PDF, b""))
