"""Markdown -> text and marks: what a comment marks, from which character on."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Session, body, marks
from sessionqa.corpus import read_session
from sessionqa.datatypes import Mark
from sessionqa.errors import CorpusError

HEAD = "---\ncode: A1\ntitle: Worms\nsource: notes.txt\nimported: 2024-05-01\n---\n"

Place = tuple[str, int]
Line = tuple[str, list[Place], str, str, str]

PLACES: st.SearchStrategy[Place] = st.tuples(
    st.sampled_from(["at", "page"]), st.integers(1, 20_000)
)
WORDS = st.text(st.sampled_from("aé堆🙂 *_&<!-.e\u0301"), max_size=12)
LINES: st.SearchStrategy[list[Line]] = st.lists(
    st.tuples(
        st.sampled_from(["\n", "\n\n"]),
        st.lists(PLACES, max_size=3),
        st.sampled_from(["", "\n"]),
        st.sampled_from(["", "- ", "1. ", "## ", "> "]),
        WORDS,
    ),
    max_size=12,
)


def comment(place: Place) -> str:
    kind, value = place
    written = str(value)
    if kind == "at":
        hours, minutes, seconds = value // 3600, value // 60 % 60, value % 60
        # Half of those below 100 minutes in minutes alone.
        whole = f"{hours}:{minutes:02}:{seconds:02}"
        written = f"{value // 60}:{seconds:02}" if value < 6000 and value % 2 else whole
    return f"<!-- {kind} {written} -->\n"


@given(LINES)
def test_the_last_comment_before_a_line_holds_at_its_start(lines: list[Line]) -> None:
    marked = plain = ""
    now: dict[str, int] = {}
    expected: list[tuple[int | None, int | None]] = []
    for number, (before, places, after, prefix, words) in enumerate(lines):
        now.update(places)
        expected.append((now.get("at"), now.get("page")))
        line = f"{prefix}w{number}w {words}"
        marked += f"{before}{''.join(map(comment, places))}{after}{line}"
        plain += f"{before}{after}{line}"
    read = body.read(marked)
    assert read.text == body.read(plain).text
    session = Session("A1", "Worms", read.text, marks=read.marks)
    for number, holding in enumerate(expected):
        mark = marks.at(session, read.text.index(f"w{number}w"))
        assert (mark.seconds, mark.page) == holding
    starts = [mark.start for mark in read.marks]
    assert starts == sorted(set(starts))
    # Each begins with a word, or with what a heading or an item begins with.
    assert all(read.text[start : start + 1] in {"w", "-", "#"} for start in starts)


@given(st.integers(0, 3_599_999))
def test_a_moment_is_read_as_it_is_shown(seconds: int) -> None:
    read = body.read(f"<!-- at {marks.clock(seconds)} -->\nWorms.")
    assert read.marks == (Mark(0, seconds),)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("0:00", 0), ("1:02", 62), ("12:34", 754), ("75:10", 4510), ("1:02:03", 3723)],
)
def test_times_are_read(written: str, seconds: int) -> None:
    assert body.read(f"<!-- at {written} -->\n\nWorms.").marks == (Mark(0, seconds),)


@pytest.mark.parametrize(
    ("markdown", "text", "expected"),
    [
        ("One.\n\n<!-- at 1:00 -->\n<!-- page 3 -->\nTwo.", "One.\n\nTwo.", [Mark(6, 60, 3)]),
        ("<!-- page 2 -->\n\n## Top\n\nText.", "## Top\n\nText.", [Mark(0, None, 2)]),
        ("- one\n<!-- at 1:00 -->\n- two", "- one\n\n- two", [Mark(7, 60)]),
        ("-  <!-- at 1:00 -->\n\n   two", "- two", [Mark(0, 60)]),
        ("One\n<!-- at 1:00 -->\nand two.", "One and two.", [Mark(4, 60)]),
        ("*One\n<!-- at 1:00 -->\nand* two.", "One and two.", [Mark(4, 60)]),
        ("<!-- at 1:00 -->\n---\nOne.", "One.", [Mark(0, 60)]),
        ("<!-- at 1:00 -->\n```\ndig()\n```", "dig()", [Mark(0, 60)]),
        ("  <!--at 1:00-->  \nOne.", "One.", [Mark(0, 60)]),
        ("One.\n\n<!-- at 1:00 -->", "One.", []),
        ("<!-- at 1:00 -->\nA.\n\n<!-- at 1:00 -->\nB.", "A.\n\nB.", [Mark(0, 60)]),
        (
            "<!-- page 1 -->\nA.\n\n<!-- at 1:00 -->\nB.\n\n<!-- page 2 -->\nC.",
            "A.\n\nB.\n\nC.",
            [Mark(0, None, 1), Mark(4, 60, 1), Mark(8, 60, 2)],
        ),
        (
            "| a | b |\n|---|---|\n| c | d |\n\n<!-- page 2 -->\n| e | f |\n|---|---|",
            "a\n\nb\n\nc\n\nd\n\ne\n\nf",
            [Mark(12, None, 2)],
        ),
    ],
)
def test_a_mark_holds_from_the_next_word_on(markdown: str, text: str, expected: list[Mark]) -> None:
    assert body.read(markdown) == body.Body(text, tuple(expected))


@pytest.mark.parametrize(
    "text",
    [
        "<!-- a note -->",
        "<!-- at the end -->",
        "<!-- at 10 o'clock -->",
        "<!-- page x -->",
        "<!-- page -->",
        "<!-- at12:34 -->",
        "See <!-- at 12:34 --> there.",
        "<!-- at 12:34 --> there.",
        "<!-- at 12:34",
    ],
)
def test_any_other_comment_is_text_as_it_was(text: str) -> None:
    assert body.read(text) == body.Body(text, ())


def test_a_comment_that_is_shown_as_such_is_text() -> None:
    fenced = body.read(
        "```\n<!-- at 12:34 -->\n```\n\n\\<!-- at 12:34 -->\n\n`x\n<!-- at 1:00 -->`"
    )
    assert fenced.marks == ()
    assert fenced.text.count("<!-- at") == 3


@pytest.mark.parametrize(
    ("comment_", "said"),
    [
        ("<!-- at 99:99 -->", "'99:99' is no time: write one as <!-- at 12:34 --> or"),
        ("<!-- at 1:2:03 -->", "'1:2:03' is no time"),
        ("<!-- at 1:75:00 -->", "'1:75:00' is no time"),
        ("<!-- at 754 -->", "'754' is no time"),
        ("<!-- at 12:34pm -->", "'12:34pm' is no time"),
        ("<!-- page 0 -->", "'0' is no page: write one as <!-- page 3 -->"),
        ("<!-- page 3-4 -->", "'3-4' is no page"),
        ("<!-- page 99999999999999999999999 -->", "'99999999999999999999' is no page"),
    ],
)
@pytest.mark.parametrize(
    ("before", "line"), [("", 7), ("\n\n\nOne.\n\n- a\n- b\n", 14), ("| a |\n|---|\n| b |\n\n", 11)]
)
def test_a_mark_that_is_none_is_refused_with_its_line(
    comment_: str, said: str, before: str, line: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"\ufeff{HEAD}{before}{comment_}\nWorms.\n\n\n", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        read_session(path)
    assert str(caught.value).startswith(f"{path}:{line}: {said}")
    assert "\n" not in str(caught.value)


def test_marks_of_a_file_count_from_the_start_of_the_sessions_text(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"{HEAD}\nHello.\r\n\r\n<!-- at 1:02 -->\r\nWorms eat. 堆肥\r\n")
    session = read_session(path)
    (mark,) = session.marks
    assert session.text[mark.start :] == "Worms eat. 堆肥"
    assert session.text == "A1: Worms.\n\nHello.\n\nWorms eat. 堆肥"
    assert marks.at(session, mark.start - 1) == Mark(0)
    assert marks.at(session, len(session.text)) == mark
    assert mark == Mark(mark.start, 62)
