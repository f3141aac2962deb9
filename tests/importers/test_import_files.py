"""Drafts as corpus files: what is written reads back the same, and stays in its folder."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa import card
from sessionqa.body import read
from sessionqa.corpus import read_corpus, read_session
from sessionqa.datatypes import Speaker
from sessionqa.errors import CorpusError, WriteError
from sessionqa.importers.drafts import Block, Draft, Source
from sessionqa.importers.files import plan, write
from sessionqa.importers.markdown import body
from sessionqa.importers.text import one_line
from sessionqa.marks import clock

DAY = date(2026, 3, 1)
SOURCE = Source("talks.txt", "text/plain", b"Talks of 2026")
MARKUP = "*_`#[]()<>&!|~\\-+=.:;'\"1) 2. {}^$@/ \t\n"
texts = st.text(st.one_of(st.sampled_from(MARKUP), st.characters(codec="utf-8")), max_size=60)
words = texts.map(one_line).filter(lambda text: re.search(r"\w", text))


def draft(title: str = "Bread", code: str = "", text: str = "Some text.") -> Draft:
    return Draft(title, (Block(text),), code)


def files_of(folder: Path, *drafts: Draft, force: bool = False) -> list[Path]:
    planned = plan([(SOURCE, one) for one in drafts], folder, DAY)
    write([one for one in planned if one.state == "new" or force], folder)
    return [one.path for one in planned]


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=4))
def test_paragraphs_read_back_as_they_were(paragraphs: list[str]) -> None:
    """Whatever looks like markup in a text stays text."""
    blocks = [Block(text) for text in paragraphs]
    assert read(body(blocks)).text.split("\n\n") == paragraphs


def test_names_with_underscores_keep_all_of_them() -> None:
    text = "Call __init__ or _x_ of a_b in __a_ b__."
    assert read(body([Block(text)])).text == text


@settings(deadline=None)
@given(words, words)
def test_headings_and_items_read_back_as_they_were(heading: str, item: str) -> None:
    """A heading and an item of a list keep their words."""
    blocks = [Block(heading, "heading"), Block(item, "item")]
    assert read(body(blocks)).text.split("\n\n") == [f"## {heading}", f"- {item}"]


@settings(deadline=None)
@given(words, words, words, words)
def test_what_is_known_of_a_session_reads_back(
    title: str, name: str, role: str, event: str
) -> None:
    """Any characters in the front matter."""
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        known = Draft(
            title, (Block("Text."),), "A1", event, 2026, "ABC", 300, (Speaker(name, role),)
        )
        session = read_session(files_of(folder, known)[0])
    normal = plain_normal(title, name, role, event)
    assert (session.title, *session.people, session.speakers[0].role, session.event) == normal
    assert (session.year, session.level, session.track) == (2026, 300, "ABC")


def plain_normal(*texts_given: str) -> tuple[str, ...]:
    """The texts as corpus files have all of theirs: composed."""
    import unicodedata

    return tuple(unicodedata.normalize("NFC", text) for text in texts_given)


def test_a_file_tells_where_it_comes_from(tmp_path: Path) -> None:
    """Source, checksum and date stand in the front matter."""
    text = files_of(tmp_path, draft())[0].read_text()
    assert "source: talks.txt\n" in text
    assert f"source_sha256: {SOURCE.sha256}\n" in text
    assert "imported: '2026-03-01'\n" in text


def test_moments_and_pages_stand_before_their_blocks() -> None:
    """Once each, as long as they stay the same."""
    blocks = [Block("One.", seconds=5), Block("Two.", seconds=5), Block("Three.", page=2)]
    assert body(blocks) == "<!-- at 0:05 -->\n\nOne.\n\nTwo.\n\n<!-- page 2 -->\n\nThree."
    assert clock(3723) == "1:02:03"


@pytest.mark.parametrize(
    "code",
    [
        "../../x",
        "/etc/passwd",
        "..",
        "C:\\x",
        "CON",
        "nul.txt",
        "a" * 300,
        "README",
        "x\x00y",
        "é/è",
    ],
)
def test_no_code_leads_out_of_the_folder(tmp_path: Path, code: str) -> None:
    """Whatever a source calls its sessions, the file has a safe name in the corpus folder."""
    corpus = tmp_path / "corpus"
    (path,) = files_of(corpus, draft(code=code))
    assert path.parent == corpus
    assert re.fullmatch(r"[\w.-]{1,100}", path.name)
    assert path.name.split(".")[0].upper() not in {"CON", "NUL", "README"}
    assert [one.code for one in read_corpus(corpus)] == [one_line(code).replace(" ", "")]


def test_codes_that_differ_in_what_a_name_cannot_have_get_two_files(tmp_path: Path) -> None:
    """a/b and a:b are two sessions."""
    files_of(tmp_path, draft(code="a/b"), draft(code="a:b"), draft(code="a_b"))
    assert {one.code for one in read_corpus(tmp_path)} == {"a/b", "a:b", "a_b"}


def test_a_session_without_a_code_gets_one_of_its_title(tmp_path: Path) -> None:
    """Two of one title are numbered."""
    files_of(tmp_path, draft("On Rye, again"), draft("On rye: again"))
    assert [one.code for one in read_corpus(tmp_path)] == ["on-rye-again-2", "on-rye-again"]


def test_two_sessions_of_one_code_are_refused(tmp_path: Path) -> None:
    """Neither is lost unseen."""
    with pytest.raises(CorpusError, match=r"code a1.*'Bread' and 'Rolls'.*give each its own"):
        files_of(tmp_path, draft("Bread", "A1"), draft("Rolls", "a1"))


def test_the_same_again_on_another_day_is_the_same(tmp_path: Path) -> None:
    """The date alone changes nothing."""
    files_of(tmp_path, draft(code="A1"))
    (again,) = plan([(SOURCE, draft(code="A1"))], tmp_path, date(2027, 1, 1))
    (other,) = plan([(SOURCE, draft(code="A1", text="Else."))], tmp_path, DAY)
    assert (again.state, other.state) == ("same", "differs")


def test_a_session_is_the_same_where_another_one_of_its_source_changed(tmp_path: Path) -> None:
    files_of(tmp_path, draft(code="A1", text="Rye.\n\nimported: in May"))
    changed = replace(SOURCE, raw=SOURCE.raw + b"!")
    assert changed.sha256 != SOURCE.sha256
    (same,) = plan([(changed, draft(code="A1", text="Rye.\n\nimported: in May"))], tmp_path, DAY)
    (text,) = plan([(changed, draft(code="A1", text="Rye.\n\nimported: in June"))], tmp_path, DAY)
    (moved,) = plan([(replace(SOURCE, name="else.md"), draft(code="A1"))], tmp_path, DAY)
    assert (same.state, text.state, moved.state) == ("same", "differs", "differs")


def test_a_session_that_is_there_under_another_name_keeps_its_file(tmp_path: Path) -> None:
    """Or the corpus had two files of one code."""
    (path,) = files_of(tmp_path, draft(code="A1"))
    path.rename(tmp_path / "rye.md")
    assert files_of(tmp_path, draft(code="a1", text="Else."), force=True) == [tmp_path / "rye.md"]
    assert "Else." in read_corpus(tmp_path)[0].text


def test_a_link_out_of_the_corpus_is_not_followed(tmp_path: Path) -> None:
    """What it leads to is not written over."""
    outside, corpus = tmp_path / "outside.md", tmp_path / "corpus"
    corpus.mkdir()
    outside.write_text("---\ncode: A1\ntitle: Bread\n---\nMine.")
    (corpus / "A1.md").symlink_to(outside)
    with pytest.raises(WriteError, match="leads out of"):
        files_of(corpus, draft(code="A1"), force=True)
    assert outside.read_text().endswith("Mine.")


def test_a_title_too_long_for_a_corpus_is_shortened(tmp_path: Path) -> None:
    """At a word, with a mark."""
    (path,) = files_of(tmp_path, draft("word " * 100))
    title = read_session(path).title
    assert len(title) <= 300
    assert title.endswith("word…")


def test_a_text_too_long_for_a_corpus_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(CorpusError, match="A1 would be a file of more than 10 MiB: split it"):
        files_of(tmp_path, draft(code="A1", text="word " * 2_200_000))
    assert not list(tmp_path.glob("*.md"))


def test_the_body_follows_the_card(tmp_path: Path) -> None:
    """A title or text is nowhere doubled."""
    (path,) = files_of(tmp_path, draft("Bread", "A1", "Rye is a grain."))
    session = read_session(path)
    assert session.text[card.end_of(session.text) :].strip() == "Rye is a grain."


def test_underscores_around_words_stay() -> None:
    text = "__init__ and _one_ of snake_case"
    assert read(body([Block(text)])).text == text


def test_many_sessions_of_one_source_take_time_in_proportion(tmp_path: Path) -> None:
    """Its checksum is made once, and the number behind a title is not looked for from the start."""
    source = Source("talks.csv", "text/csv", b"x" * 5_000_000)
    found = [(source, draft("Bread", text=f"Loaf {number}.")) for number in range(5_000)]
    started = process_time()
    planned = plan(found, tmp_path, DAY)
    assert process_time() - started < 10
    assert [one.code for one in planned[:2] + planned[-1:]] == ["bread", "bread-2", "bread-5000"]


def test_the_number_of_a_title_passes_over_codes_that_are_taken(tmp_path: Path) -> None:
    titles = ("Bread", "Bread 2", "Bread", "Bread")
    planned = plan([(SOURCE, draft(title)) for title in titles], tmp_path, DAY)
    assert [one.code for one in planned] == ["bread", "bread-2", "bread-3", "bread-4"]


def test_a_file_whose_name_is_not_utf_8_can_be_a_source(tmp_path: Path) -> None:
    source = Source("talks-\udcff.txt", "text/plain", b"Talks")
    write(plan([(source, draft("Bread"))], tmp_path, DAY), tmp_path)
    assert "source: talks-\ufffd.txt\n" in next(tmp_path.glob("*.md")).read_text()


def test_a_code_of_decomposed_letters_is_the_same_code(tmp_path: Path) -> None:
    """It reads back composed, so that another import would take it for a new one."""
    decomposed = draft("Bread", "cafe\u0301-1")
    files_of(tmp_path, decomposed)
    assert [one.state for one in plan([(SOURCE, decomposed)], tmp_path, DAY)] == ["same"]
    assert [one.code for one in read_corpus(tmp_path)] == ["caf\u00e9-1"]


def test_what_is_printed_of_a_file_commands_no_terminal(tmp_path: Path) -> None:
    planned = plan([(SOURCE, draft("Bread \x1b[2J\x9b31m"))], tmp_path, DAY)
    assert planned[0].title == "Bread [2J 31m"
