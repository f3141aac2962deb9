"""Citations against sessions: what is right holds, and nothing that was changed goes unnoticed."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Answer, Assistant, Citation, Session
from sessionqa.errors import UsageError
from sessionqa.gold import read_gold_set
from sessionqa.saved import read_answers
from sessionqa.verify import Check, as_json, as_text, verify

GOLD = Path(__file__).parents[1] / "corpus" / "gold.jsonl"
TEXT = "Worms eat scraps. 堆肥 is compost 🙂. Worms eat scraps. As in [2] and so on."
SESSION = Session("GAR101", "Composting [1]", TEXT, sha256="ab" * 32)
WORMS, COMPOST, BRACKETS = (0, 17), (18, 34), (53, 73)


def session_of(code: str) -> Session | None:
    return SESSION if code.casefold() == "gar101" else None


def citation(number: int, span: tuple[int, int], **changes: Any) -> dict[str, Any]:
    start, end = span
    right = {
        "number": number,
        "session_code": "GAR101",
        "title": SESSION.title,
        "passage_id": "",
        "start": start,
        "end": end,
        "quote": TEXT[start:end],
        "sha256": SESSION.sha256,
    }
    return right | changes


def answer(*citations: dict[str, Any], text: str | None = None) -> dict[str, Any]:
    """An answer's JSON; its text has each quote with its number, unless it is given."""
    shown = " ".join(f"{c.get('quote')} [{c.get('number')}]" for c in citations)
    return {"text": f"GAR101: {shown}" if text is None else text, "citations": list(citations)}


def only(record: dict[str, Any]) -> Check:
    [check] = verify(record, session_of)
    return check


def first(record: dict[str, Any]) -> Check:
    return verify(record, session_of)[0]


def save(path: Path, *records: Any) -> Path:
    path.write_text("\n".join(json.dumps(record, indent=2) for record in records), encoding="utf-8")
    return path


# --- what holds


def test_a_right_citation_holds() -> None:
    check = only(answer(citation(1, COMPOST)))
    assert (check.number, check.session_code, check.verdict) == (1, "GAR101", "holds")
    assert (check.holds, check.verbatim, check.hashed, check.remedy) == (True, True, True, "")
    assert "18-34" in check.finding


def test_of_a_quote_that_stands_twice_either_place_holds() -> None:
    checks = verify(answer(citation(1, (35, 52)), citation(2, WORMS)), session_of)
    assert [check.verdict for check in checks] == ["holds", "holds"]


def test_brackets_of_a_quote_or_a_title_are_no_markers() -> None:
    record = answer(citation(1, BRACKETS), citation(2, WORMS))
    assert [check.verdict for check in verify(record, session_of)] == ["holds", "holds"]
    record = answer(citation(1, WORMS), text=f"GAR101 Composting [1]: {TEXT[:17]} [1]")
    assert only(record).holds
    refusal = answer(text="The summaries do not say. The closest: GAR101 (Composting [1]).")
    assert only(refusal).verdict == "uncited"
    assert verify(refusal | {"hits": [{"session_code": "GAR101"}, 5]}, session_of) == []


def test_two_numbers_may_follow_one_quote() -> None:
    record = answer(citation(1, WORMS), citation(2, (35, 52)), text=f"{TEXT[:17]} [1] [2]")
    assert all(check.holds for check in verify(record, session_of))


def test_an_answer_of_an_older_version_is_checked_by_span_and_text() -> None:
    for old in (citation(1, COMPOST, sha256=""), citation(1, COMPOST, sha256=None)):
        check = only(answer(old))
        assert (check.verdict, check.hashed) == ("holds", False)
    del old["sha256"]
    checked = {"answer.json": verify(answer(old), session_of)}
    assert not checked["answer.json"][0].hashed
    assert "1 without a checksum" in as_text(checked)
    assert only(answer(old | {"start": 19})).verdict == "moved"


def test_each_answer_to_a_dev_question_holds(assistant: Assistant) -> None:
    for gold in read_gold_set(GOLD, "dev").questions[::4]:
        given_ = assistant.ask(gold.question, history=gold.history)
        checks = verify(given_, assistant.index.session)
        assert len(checks) == len(given_.citations)
        assert [check for check in checks if not (check.holds and check.hashed)] == []
        read_back = json.loads(json.dumps(given_.to_dict()))
        assert verify(read_back, assistant.index.session) == checks


# --- what does not


@pytest.mark.parametrize(
    ("changes", "verdict", "finding", "remedy"),
    [
        ({"start": 19}, "moved", "stands, at 18-34 and not at 19-34", "start to 18 and end to 34"),
        ({"end": 35}, "moved", "stands, at 18-34 and not at 18-35", "start to 18 and end to 34"),
        ({"start": 40, "end": 10**30}, "moved", "stands, at 18-34", "start to 18"),
        ({"quote": "堆肥 is coffee"}, "altered", 'at 18-34 it says "堆肥 is compost', "ask"),
        ({"quote": "tea", "end": 99}, "altered", "it has 73 characters, and 18-99 is not", "ask"),
        ({"sha256": "cd"}, "changed", "changed since; the quote still stands, at 18-34", "ask"),
        ({"sha256": "cd", "start": 0}, "moved", "since; the quote still stands, at 18-34", "18"),
        ({"sha256": "cd", "quote": "tea"}, "altered", "since; the quote stands nowhere", "ask"),
        ({"session_code": "GAR999"}, "no session", "there is no session GAR999", "corpus"),
        ({"session_code": "gar101"}, "no session", "there is no session gar101", "corpus"),
        ({"session_code": "\ud800"}, "no session", "there is no session \ufffd", "corpus"),
        ({"quote": "\ud83d"}, "altered", "nowhere", "ask"),
        ({"start": -1}, "malformed", "-1-34 is no stretch", "ask"),
        ({"start": 34}, "malformed", "34-34 is no stretch", "ask"),
        ({"start": "18"}, "malformed", "start is '18', and should be a whole number", "ask"),
        ({"start": 18.0}, "malformed", "start is 18.0", "ask"),
        ({"end": True}, "malformed", "end is True", "ask"),
        ({"end": None}, "malformed", "end is None", "ask"),
        ({"number": 0}, "malformed", "number is 0, and should be a whole number from 1", "ask"),
        ({"number": 10**3000}, "malformed", "number is 1000", "ask"),
        ({"number": [1]}, "malformed", "number is [1]", "ask"),
        ({"quote": " "}, "malformed", "quote is ' '", "ask"),
        ({"quote": {"a": 1}}, "malformed", "quote is {'a': 1}", "ask"),
        ({"session_code": 5}, "malformed", "session_code is 5", "ask"),
        ({"sha256": 5}, "malformed", "sha256 is 5", "ask"),
    ],
)  # fmt: skip
def test_what_was_changed_is_named_with_its_remedy(
    changes: dict[str, Any], verdict: str, finding: str, remedy: str
) -> None:
    check = first(answer(citation(1, COMPOST) | changes))
    assert check.verdict == verdict
    assert finding in check.finding
    assert remedy in check.remedy
    assert not check.holds
    assert check.verbatim is (verdict == "changed")
    assert len(as_text({"a.json": [check]})) < 400


@pytest.mark.parametrize("name", ["number", "session_code", "start", "end", "quote"])
def test_a_missing_field_is_named(name: str) -> None:
    broken = citation(1, COMPOST)
    del broken[name]
    check = only(answer(broken))
    assert (check.verdict, check.finding) == ("malformed", f"it has no {name}")


@pytest.mark.parametrize("value", [None, 5, "ARC310", [], True])
def test_a_citation_that_is_no_object_is_malformed(value: object) -> None:
    check = only({"text": "", "citations": [value]})
    assert (check.verdict, check.number, check.session_code) == ("malformed", None, "")


def test_a_number_given_twice_is_noticed() -> None:
    checks = verify(answer(citation(1, WORMS), citation(1, COMPOST)), session_of)
    assert [check.verdict for check in checks].count("malformed") == 1
    assert not all(check.holds for check in checks)


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        ("", ["unmarked"]),
        (f"{TEXT[:17]} (1)", ["unmarked"]),
        ("Worms eat everything. [1]", ["unmarked"]),
        (f"[1] {TEXT[:17]}", ["unmarked"]),
        (f"{TEXT[:17]} [1] So they do. [1]", ["unmarked"]),
        (f"{TEXT[:17]} [1] So they do. [2]", ["holds", "uncited"]),
        (f"{TEXT[:17]} [1][7]", ["holds", "uncited"]),
        (f"{TEXT[:17]}\n[1]", ["holds"]),
    ],
)
def test_each_number_of_the_text_has_its_quote_before_it(text: str, verdicts: list[str]) -> None:
    checks = verify(answer(citation(1, WORMS), text=text), session_of)
    assert [check.verdict for check in checks] == verdicts


# --- any change is noticed, whatever the text

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80).filter(str.strip)


@st.composite
def cited(draw: Callable[..., Any]) -> tuple[Session, Citation]:
    """A session of any text, and a right citation of a part that is no mere space."""
    text = draw(words)
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, len(text)))
    if not text[start:end].strip():
        start, end = 0, len(text)
    session = Session("X1", "Any", text, sha256="ef" * 32)
    return session, Citation(1, "X1", "Any", "", start, end, text[start:end], session.sha256)


def about(session: Session, one: Citation) -> list[Check]:
    text = f"X1: {one.quote} [{one.number}]"
    made = Answer("?", "?", text, (one,), (), 0.9, False, "by hand", {})
    return verify(made, lambda code: session if code == "X1" else None)


@given(cited())
def test_a_right_citation_of_any_text_holds(case: tuple[Session, Citation]) -> None:
    assert [check.verdict for check in about(*case)][:1] == ["holds"]


@given(cited())
def test_a_right_citation_in_quotation_marks_holds(case: tuple[Session, Citation]) -> None:
    session, one = case
    text = f"X1, somebody: “{one.quote}” [{one.number}]"
    made = Answer("?", "?", text, (one,), (), 0.9, False, "by hand", {})
    assert [check.verdict for check in verify(made, {"X1": session}.get)][:1] == ["holds"]


@given(cited(), st.text(max_size=80))
def test_another_quote_is_always_noticed(case: tuple[Session, Citation], quote: str) -> None:
    session, one = case
    [check, *_] = about(session, replace(one, quote=quote))
    assert check.holds is (quote == one.quote)
    assert check.verbatim is (quote == one.quote)


@given(cited(), st.integers(), st.integers())
def test_other_offsets_are_always_noticed(
    case: tuple[Session, Citation], start: int, end: int
) -> None:
    session, one = case
    [check, *_] = about(session, replace(one, start=start, end=end))
    slow = 0 <= start < end <= len(session.text) and session.text[start:end] == one.quote
    assert check.verbatim is slow


@given(cited(), words)
def test_another_text_of_the_session_is_always_noticed(
    case: tuple[Session, Citation], text: str
) -> None:
    session, one = case
    [check, *_] = about(replace(session, text=text, sha256="00" * 32), one)
    assert not check.holds
    assert check.verbatim is (text[one.start : one.end] == one.quote)
    stands = one.quote in text
    assert ("still stands" in check.finding) is stands
    assert "has changed since" in check.finding


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


broken = st.dictionaries(st.sampled_from(sorted(citation(1, WORMS))), json_values) | json_values


@given(st.lists(broken), st.text(max_size=40))
def test_any_json_is_judged_without_an_error(citations: list[Any], text: str) -> None:
    record = {"text": text, "citations": citations}
    checks = verify(record, session_of)
    assert len(checks) >= len(citations)
    assert not any(check.holds for check in checks)
    assert json.dumps(as_json({"a": checks}))
    assert as_text({"a": checks}).count("\n") == len(checks)


# --- reading what was saved


def test_several_answers_in_a_file_are_read_in_whatever_way_they_follow(tmp_path: Path) -> None:
    one, two = answer(citation(1, WORMS)), answer(citation(1, COMPOST))
    for records in ([one, two], [[one, two]]):
        path = save(tmp_path / "a.json", *records)
        read = read_answers(path)
        assert [saved.record for saved in read] == [one, two]
        assert [saved.place for saved in read] == [f"{path}, answer 1", f"{path}, answer 2"]
    lines = tmp_path / "a.jsonl"
    lines.write_text(f"{json.dumps(one)}\n\n{json.dumps(two)}\n", encoding="utf-8")
    assert [saved.record for saved in read_answers(lines)] == [one, two]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_one_answer_is_named_by_its_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(answer(citation(1, COMPOST)), ensure_ascii=False), encoding=encoding)
    [saved] = read_answers(path)
    assert saved.place == str(path)
    assert only(dict(saved.record)).holds


def test_a_dash_is_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(answer(citation(1, WORMS))).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    [saved] = read_answers(Path("-"))
    assert saved.place == "stdin"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no answer"),
        (b"[]", "holds no answer"),
        (b"hello", ":1: not an answer: not JSON"),
        (b'{"text": "",\n "citations": [}', ":2: not an answer: not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"text": "", "citations": [' + b"9" * 5000 + b"]}", "number too long"),
        (b"5", "no JSON object"),
        (b"{}", "no text `text`"),
        (b'{"text": ""}', "no list `citations`"),
        (b'{"text": "", "citations": {}}', "no list `citations`"),
        (b'{"text": 5, "citations": []}', "no text `text`"),
        (b'{"text": "", "citations": []} [7]', "answer 2 is not an answer"),
        (b"\xff\xfe\xff", "not text"),
        (b"{\xc3\x28}", "not text"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_answers(path)
    assert complaint in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(UsageError, match="cannot be read"):
            read_answers(path)
