"""Feedback: what is kept of a judgement, how it is reviewed, and the gold questions it becomes."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sessionqa import Assistant, Settings, feedback
from sessionqa.cli import main
from sessionqa.errors import UsageError
from sessionqa.feedback import Feedback
from sessionqa.gold import grown, read_gold_set, spelling_of

QUESTION = "Why is citrus peel bad for the worm bin?"
HISTORY = ("Who keeps a worm bin?",)

Capture = pytest.CaptureFixture[str]
Cli = Callable[..., int]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $SESSIONQA_HOME."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("SESSIONQA_HOME", str(folder))
    return folder


@pytest.fixture
def cli(planted: Settings, home: Path) -> Cli:
    """The command line over the garden corpus; feedback is kept in `home`."""
    place = ["--corpus", str(planted.corpus), "--index", str(planted.index)]
    assert home.is_dir()
    return lambda *args: main([*args, *place])


def said(**changes: Any) -> Feedback:
    """A reviewed thumb up on an answer."""
    right = Feedback(
        time="2026-01-02T03:04:05+00:00",
        verdict="up",
        question=QUESTION,
        history=(),
        standalone_question=QUESTION,
        answer="GAR101: She never adds citrus peel. [1]",
        cited=("GAR101",),
        confidence=0.9,
        refused=False,
        reviewed=True,
    )
    return replace(right, **changes)


def write(path: Path, *found: Feedback) -> Path:
    for one in found:
        feedback.append(path, one)
    return path


def kept(path: Path) -> list[Feedback]:
    left_out: list[str] = []
    found = [entry.feedback for entry in feedback.read(path, left_out)]
    assert left_out == []
    return found


def grow(into: Path, *found: Feedback) -> grown.Grown:
    """What these records add to the gold file, in a corpus of GAR101 and GAR202."""
    source = write(into.with_name("said.jsonl"), *found)
    entries = feedback.read(source, [])
    source.unlink()
    return grown.add(into, entries, spelling_of(["GAR101", "GAR202"]))


# --- a record


def test_a_judged_answer_has_all_that_is_needed_to_ask_again(assistant: Assistant) -> None:
    answer = assistant.ask("who gave it?", history=["What is ARC310 about?"])
    made = feedback.judged(
        answer.to_dict(), "down", ["What is ARC310 about?"], ["ARC308"], "wrong talk", "b1"
    )
    assert made.question == "who gave it?"
    assert made.history == ("What is ARC310 about?",)
    assert made.standalone_question == answer.standalone_question
    assert (made.answer, made.cited) == (answer.text, ("ARC310",))
    assert (made.confidence, made.refused) == (answer.confidence, False)
    assert (made.sessions, made.note, made.build) == (("ARC308",), "wrong talk", "b1")
    assert made.reviewed is False
    age = datetime.now(UTC) - datetime.fromisoformat(made.time)
    assert 0 <= age.total_seconds() < 60


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    first = said(note='two\nlines "quoted" 堆肥 🙂\u2028', history=HISTORY)
    path = write(tmp_path / "f.jsonl", first, said())
    assert kept(path) == [first, said()]
    assert len(path.read_text(encoding="utf-8").split("\n")) == 3


def test_a_right_refusal_has_no_right_session() -> None:
    with pytest.raises(UsageError, match="has no right session: say `down`"):
        feedback.judged({"question": "?", "refused": True}, "up", sessions=["A"])


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({}, "it has no question"),
        ({"question": 5}, "question is 5"),
        ({"question": "?", "confidence": "high"}, "confidence is 'high'"),
        ({"question": "?", "confidence": float("nan")}, "confidence is nan"),
        ({"question": "?", "confidence": 10**400}, "confidence is 1000"),
        ({"question": "?", "refused": "no"}, "refused is 'no'"),
        ({"question": "?", "text": ["a"]}, "answer is ['a']"),
    ],
)
def test_an_answer_that_is_none_is_not_judged(record: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError) as error:
        feedback.judged(record, "down")
    assert complaint in str(error.value)


def test_what_is_no_record_is_named_with_its_line_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", said())
    with path.open("ab") as file:
        file.write(b'nonsense\n\xff\n[]\n{"verdict": "sideways"}\n{"verdict": "up"}\n\n')
    write(path, said(verdict="down"))
    left_out: list[str] = []
    entries = feedback.read(path, left_out)
    assert [entry.number for entry in entries] == [1, 8]
    assert entries[1].place == f"{path}:8"
    assert [note.split(": ")[0] for note in left_out] == [f"{path}:{n}" for n in range(2, 7)]
    assert "verdict is 'sideways'" in left_out[3]


def test_no_file_is_no_feedback(tmp_path: Path) -> None:
    assert kept(tmp_path / "absent.jsonl") == []


# --- review


def test_a_review_changes_its_line_and_no_other(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", said(reviewed=False), said(reviewed=False))
    with path.open("ab") as file:
        file.write(b'  {"odd":1}\n\xff\n')
    before = path.read_bytes().split(b"\n")
    feedback.review(path, [2], ["GAR202"])
    after = path.read_bytes().split(b"\n")
    assert (after[0], after[2:]) == (before[0], before[2:])
    assert json.loads(after[1]) == said(sessions=("GAR202",)).to_dict() | {
        name: list(getattr(said(sessions=("GAR202",)), name))
        for name in ("history", "cited", "sessions")
    }


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [([2], ":2: not feedback"), ([9], "has no line 9"), ([1, 9], "has no line 9"), ([0], "line 0")],
)
def test_a_line_without_a_record_cannot_be_reviewed(
    tmp_path: Path, numbers: list[int], complaint: str
) -> None:
    path = write(tmp_path / "f.jsonl", said(reviewed=False))
    with path.open("a") as file:
        file.write("{}\n")
    before = path.read_bytes()
    with pytest.raises(UsageError, match=complaint):
        feedback.review(path, numbers)
    assert path.read_bytes() == before


# --- gold


@pytest.mark.parametrize(
    ("record", "kind", "sessions", "refuse"),
    [
        (said(), "fact", ["GAR101"], False),
        (said(cited=("gar101", "GAR202")), "fact", ["GAR101", "GAR202"], False),
        (said(sessions=("GAR202",)), "fact", ["GAR202"], False),
        (said(verdict="down", sessions=("GAR202",)), "fact", ["GAR202"], False),
        (said(verdict="down", refused=True, sessions=("GAR202",)), "fact", ["GAR202"], False),
        (said(refused=True, cited=()), "unanswerable", [], True),
        (said(history=HISTORY), "followup", ["GAR101"], False),
        (said(standalone_question="Which sessions mention worms?"), "list", ["GAR101"], False),
    ],
)  # fmt: skip
def test_reviewed_feedback_is_a_gold_line_that_eval_reads(
    tmp_path: Path, record: Feedback, kind: str, sessions: list[str], refuse: bool
) -> None:
    made = grow(tmp_path / "gold.jsonl", record)
    assert made.left_out == ()
    [line] = made.lines
    read = read_gold_set(tmp_path / "gold.jsonl", codes=lambda: ["GAR101", "GAR202"])
    [gold] = read.questions
    assert read.left_out == ()
    assert (gold.id, gold.question, gold.kind) == (line["id"], QUESTION, kind)
    assert (list(gold.sessions), gold.refuse) == (sessions, refuse)
    assert (gold.history, gold.answer_any) == (record.history, ())


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (said(reviewed=False), "not reviewed yet (`sessionqa feedback review 1`)"),
        (said(verdict="down"), "thumbs down, and no right session is named"),
        (said(verdict="down", refused=True), "thumbs down, and no right session is named"),
        (said(cited=()), "cites no session"),
        (said(cited=("ARC310", "ARC999")), "no session ARC310; the corpus has no session ARC999"),
        (said(refused=True, sessions=("GAR101",)), "a refusal is said to be right, and"),
    ],
)
def test_what_makes_no_gold_line_is_left_out_and_said(
    tmp_path: Path, record: Feedback, complaint: str
) -> None:
    made = grow(tmp_path / "gold.jsonl", record)
    assert made.lines == ()
    [note] = made.left_out
    assert note.startswith(f"{tmp_path / 'said.jsonl'}:1: ")
    assert complaint in note
    assert not (tmp_path / "gold.jsonl").exists()


def test_an_unknown_session_among_known_ones_is_named(tmp_path: Path) -> None:
    made = grow(tmp_path / "gold.jsonl", said(cited=("ARC310", "GAR101")))
    assert [line["sessions"] for line in made.lines] == [["GAR101"]]
    [note] = made.left_out
    assert note.endswith(":1: the corpus has no session ARC310")


def test_no_question_is_added_twice_but_with_another_history(tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    before = '{"id": "q1", "question": " why is CITRUS peel bad  for the worm bin? "}'
    gold.write_text(before)
    made = grow(gold, said(), said(history=HISTORY), said(history=HISTORY, verdict="down"))
    assert [line["history"] for line in made.lines] == [list(HISTORY)]
    assert made.left_out[0].endswith(f"the same question is in {gold}:1")
    assert f"the same question is in {tmp_path / 'said.jsonl'}:2" in made.left_out[1]
    lines = gold.read_text().split("\n")
    assert lines[0] == before
    assert len(lines) == 3
    assert grow(gold, said(history=HISTORY)).lines == ()


def test_ids_are_new_and_the_same_wherever_they_are_made(tmp_path: Path) -> None:
    [one] = grow(tmp_path / "a.jsonl", said()).lines
    [again] = grow(tmp_path / "b.jsonl", said()).lines
    assert one["id"] == again["id"]
    taken = tmp_path / "c.jsonl"
    taken.write_text(json.dumps({"id": one["id"], "question": "another"}) + "\n")
    [other] = grow(taken, said()).lines
    assert other["id"] != one["id"]
    assert len(read_gold_set(taken).questions) == 2


def test_a_gold_file_keeps_every_byte_and_what_is_none_is_refused(tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    odd = b'\xef\xbb\xbf{"id": 1, "question": "a"}\r\n\n\xff broken\n{"id": 2, "question": "b"}'
    gold.write_bytes(odd)
    grow(gold, said())
    assert gold.read_bytes().startswith(odd + b"\n{")
    for name, content in (("prose.txt", b"Dear reader,\n"), ("gold.jsonl.gz", b"\x1f\x8b")):
        other = tmp_path / name
        other.write_bytes(content)
        with pytest.raises(UsageError, match=name):
            grow(other, said())
        assert other.read_bytes() == content


# --- the command line


def test_a_thumb_is_kept_listed_reviewed_and_made_gold(
    cli: Cli, home: Path, planted: Settings, capsys: Capture
) -> None:
    assert cli("feedback") == 0
    assert "no feedback yet" in capsys.readouterr().err
    assert cli("feedback", "up", QUESTION, "--note", "just so") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("GAR101, Zoë Ångström: ")
    assert f"noted in {home / 'feedback.jsonl'}" in shown.err
    assert cli("feedback", "down", "who?", "--history", QUESTION, "--session", "gar202") == 0
    capsys.readouterr()

    assert cli("feedback") == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[:3] for row in rows] == [["1", "up", "new"], ["2", "down", "new"]]
    assert f"{QUESTION}: cites GAR101 (just so)" in rows[0]
    assert f"{QUESTION} / who?: " in rows[1]
    assert rows[1].endswith("right is GAR202")
    assert cli("feedback", "--json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["number"], first["note"], second["sessions"]) == (1, "just so", ["GAR202"])
    assert first["build"]

    gold = home / "gold.jsonl"
    add = ("gold", "add", "--from-feedback", "--into", str(gold))
    assert cli("feedback", "review", "2") == 0
    capsys.readouterr()
    assert cli(*add, "--dry-run") == 0
    shown = capsys.readouterr()
    assert not gold.exists()
    assert "1 would be added" in shown.err
    assert "feedback.jsonl:1: not reviewed yet" in shown.err
    assert cli(*add) == 0
    assert capsys.readouterr().out == shown.out == gold.read_text(encoding="utf-8")
    assert json.loads(shown.out)["sessions"] == ["GAR202"]
    assert cli("eval", str(gold), "--json") == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert "hit@1" in scores
    assert "nuggets" not in scores
    assert planted.corpus.joinpath("gold.jsonl").exists() is False


def test_gold_goes_into_the_corpus_where_no_file_is_named(
    cli: Cli, home: Path, planted: Settings, capsys: Capture
) -> None:
    other = write(home / "other.jsonl", said(verdict="down", sessions=("GAR202",)))
    assert cli("gold", "add", "--from-feedback", str(other)) == 0
    assert "1 added" in capsys.readouterr().err
    assert len(read_gold_set(planted.corpus / "gold.jsonl").questions) == 1


def test_a_saved_answer_is_judged(cli: Cli, home: Path, capsys: Capture) -> None:
    assert cli("ask", QUESTION, "--json") == 0
    saved = home / "answer.json"
    saved.write_text(capsys.readouterr().out, encoding="utf-8")
    assert cli("feedback", "--json", "down", "--answer", str(saved), "--history", "before") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["question"], record["history"]) == (QUESTION, ["before"])
    assert (record["cited"], record["build"]) == (["GAR101"], "")
    [one] = kept(home / "feedback.jsonl")
    assert record == json.loads(json.dumps(one.to_dict()))


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("up",), "give either a QUESTION, or with --answer"),
        (("up", QUESTION, "--answer", "a.json"), "give either a QUESTION, or with --answer"),
        (("up", " "), "the question is empty"),
        (("up", "--answer", "absent.json"), "absent.json cannot be read"),
        (("down", QUESTION, "--session", "ARC999"), "there is no session ARC999"),
        (("up", "Who won the world cup?", "--session", "GAR101"), "say `down`"),
        (("review", "1"), "there is no feedback in"),
        (("review", "1", "--session", "ARC999"), "there is no session ARC999"),
    ],
)
def test_feedback_that_cannot_be_is_2_and_nothing_is_kept(
    cli: Cli, home: Path, capsys: Capture, args: tuple[str, ...], complaint: str
) -> None:
    assert cli("feedback", *args) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert complaint in shown.err
    assert shown.err.count("\n") == 1
    assert list(home.iterdir()) == []


def test_gold_add_without_feedback_is_2(cli: Cli, capsys: Capture) -> None:
    assert cli("gold", "add", "--from-feedback") == 2
    assert "there is no feedback in" in capsys.readouterr().err


def test_what_cannot_be_written_is_3_in_one_line(cli: Cli, home: Path, capsys: Capture) -> None:
    (home / "feedback.jsonl").mkdir()
    assert cli("feedback", "up", QUESTION) == 3
    shown = capsys.readouterr()
    assert "cannot be written to" in shown.err
    assert shown.err.count("\n") == 1
