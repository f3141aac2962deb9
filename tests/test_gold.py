"""Every format of gold set, and what is left out of one that is broken."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessionqa import card
from sessionqa.errors import UsageError
from sessionqa.gold import GoldQuestion, GoldSet, joined, read_gold_set

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes lines, those that are no text as JSON, to a file below `tmp_path`."""

    def written(name: str, *lines: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8", newline="")
        return path

    return written


DOCUMENTS = [
    {"_id": "d1", "title": "Tides", "text": "The moon  pulls the sea.\nTwice a day."},
    {"_id": "d2", "title": "", "text": "Salt makes ice melt."},
    {"_id": "d3", "title": "Only a title", "text": ""},
    {"_id": 4, "title": "Numbers", "text": "An id may be a number.", "metadata": {}},
]
QUERIES = [
    {"_id": "q1", "text": "What moves the sea?"},
    {"_id": "q2", "text": "What melts ice?"},
    {"_id": "q3", "text": "Nobody judged this."},
]
QRELS = ["query-id\tcorpus-id\tscore", "q1\td1\t2", "q1\td2\t0", "q2\td2\t1"]


@pytest.fixture
def beir(write: Write) -> Path:
    write("sea/queries.jsonl", *QUERIES)
    write("sea/qrels/test.tsv", *QRELS)
    return write("sea/corpus.jsonl", *DOCUMENTS).parent


def notes(gold: GoldSet, folder: Path) -> list[str]:
    """What was left out, without the folder, and as on a system with forward slashes."""
    return [note.replace(f"{folder}{os.sep}", "").replace(os.sep, "/") for note in gold.left_out]


# --- our own format


def test_our_format_with_its_defaults(write: Write) -> None:
    full = {
        "id": "a",
        "question": "Wer? 堆肥",
        "kind": "who",
        "sessions": ["S1", "S2"],
        "answer_any": [["x", "y"], ["z"]],
        "refuse": False,
        "history": ["before"],
        "split": "dev",
    }
    gold = read_gold_set(write("mine.jsonl", full, "", '{"id": 7, "question": "?"}'))
    relevant = {"S1": 1, "S2": 1}
    assert gold.questions == (
        GoldQuestion(
            "a", "Wer? 堆肥", "who", relevant, (("x", "y"), ("z",)), False, ("before",), "dev"
        ),
        GoldQuestion("7", "?"),
    )
    assert gold.questions[0].sessions == ("S1", "S2")
    assert (gold.name, gold.sessions, gold.answered, gold.left_out) == ("mine", None, True, ())


def test_a_split_is_chosen(write: Write) -> None:
    splits = ("dev", "heldout", "dev")
    records = ({"id": f"{n}", "question": "?", "split": s} for n, s in enumerate(splits))
    path = write("gold.jsonl", *records)
    counts = [len(read_gold_set(path, split).questions) for split in (None, "dev", "heldout")]
    assert counts == [3, 2, 1]
    with pytest.raises(UsageError, match=r"gold\.jsonl has no question of split test"):
        read_gold_set(path, "test")


@pytest.mark.parametrize(
    "line",
    [
        "{broken",
        "[]",
        '"text"',
        "null",
        "17",
        "[" * 100_000,
        '{"question": "no id"}',
        '{"id": "no question"}',
        '{"id": "", "question": "?"}',
        '{"id": true, "question": "?"}',
        '{"id": "b", "question": "  "}',
        '{"id": "b", "question": null}',
        json.dumps({"id": "b", "question": "x" * 80_001}),
        '{"id": "b", "question": "?", "answer_any": 5}',
        '{"id": "b", "question": "?", "answer_any": [5]}',
        '{"id": "b", "question": "?", "answer_any": ["data plane"]}',
        '{"id": "b", "question": "?", "sessions": 5}',
        '{"id": "b", "question": "?", "sessions": "ARC310"}',
        '{"id": "b", "question": "?", "history": "What is it?"}',
        '{"id": "b", "question": "?", "refuse": "false"}',
        '{"id": "a", "question": "the id of the first"}',
    ],
)
def test_a_bad_line_is_left_out_by_name(line: str, write: Write) -> None:
    path = write("gold.jsonl", '{"id": "a", "question": "?"}', "", line)
    gold = read_gold_set(path)
    assert [question.question for question in gold.questions] == ["?"]
    [note] = gold.left_out
    assert note.startswith(f"{path}:3: not a gold question: ")
    assert len(note) < len(str(path)) + 200
    assert "\n" not in note


def test_a_line_that_is_not_utf8_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(b'{"id": "a", "question": "?"}\n{"id": "b", "question": "\xff"}\n')
    assert read_gold_set(path).left_out == (f"{path}:2: not UTF-8 text",)


def test_unknown_sessions_are_left_out_and_known_ones_get_the_corpus_spelling(
    write: Write,
) -> None:
    path = write(
        "gold.jsonl",
        {"id": "a", "question": "?", "kind": "list", "sessions": ["arc310", "ARC999"]},
        {"id": "b", "question": "?", "sessions": ["ARC998", "ARC999"]},
        {"id": "c", "question": "?", "refuse": True},
    )
    gold = read_gold_set(path, codes=lambda: ["ARC310"])
    assert [(q.id, q.sessions) for q in gold.questions] == [("a", ("ARC310",)), ("c", ())]
    assert gold.left_out == (
        f"{path}:1: the corpus has no session ARC999",
        f"{path}:2: not a gold question: the corpus has no session ARC998, ARC999",
    )


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe", b"{broken\n{}\n"])
def test_a_set_without_a_usable_question_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"gold\.jsonl"):
        read_gold_set(path)


def test_the_refusal_says_what_was_left_out(write: Write) -> None:
    path = write("gold.jsonl", "{broken", "{}")
    with pytest.raises(UsageError, match=r"jsonl:1: not a gold .* \(and 1 more like it\)"):
        read_gold_set(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl cannot be read"):
        read_gold_set(tmp_path / "none.jsonl")


# --- BEIR


def test_a_beir_folder(beir: Path) -> None:
    gold = read_gold_set(beir)
    assert gold.questions == (
        GoldQuestion("q1", "What moves the sea?", relevant={"d1": 2, "d2": 0}),
        GoldQuestion("q2", "What melts ice?", relevant={"d2": 1}),
    )
    assert gold.questions[0].sessions == ("d1",)
    assert (gold.name, gold.answered, gold.left_out) == ("sea", False, ())
    assert gold.sessions is not None
    assert [session.code for session in gold.sessions] == ["d1", "d2", "d3", "4"]


def test_a_document_keeps_its_text_after_a_card_that_is_its_title(beir: Path) -> None:
    sessions = read_gold_set(beir).sessions
    assert sessions is not None
    for session, record in zip(sessions, DOCUMENTS, strict=True):
        end = card.end_of(session.text)
        assert session.text[:end] == session.title == record["title"]
        assert session.text[end + len(card.CARD_END) :] == record["text"]
    assert len({session.sha256 for session in sessions}) == len(sessions)


def test_corpus_and_queries_may_be_packed(beir: Path) -> None:
    whole = read_gold_set(beir)
    for name in ("corpus.jsonl", "queries.jsonl"):
        (beir / f"{name}.gz").write_bytes(gzip.compress((beir / name).read_bytes()))
        (beir / name).unlink()
    assert read_gold_set(beir).questions == whole.questions
    (beir / "corpus.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(UsageError, match=r"corpus\.jsonl\.gz cannot be read"):
        read_gold_set(beir)


def test_which_qrels_are_taken(beir: Path, write: Write) -> None:
    write("sea/qrels/dev.tsv", QRELS[0], "q3\td3\t1")
    assert [q.id for q in read_gold_set(beir).questions] == ["q1", "q2"]
    assert [q.id for q in read_gold_set(beir, "dev").questions] == ["q3"]
    with pytest.raises(UsageError, match="no split train and has dev, test: name one"):
        read_gold_set(beir, "train")
    (beir / "qrels" / "test.tsv").unlink()
    assert [q.id for q in read_gold_set(beir).questions] == ["q3"]
    (beir / "qrels" / "dev.tsv").rename(beir / "qrels" / "odd.tsv")
    assert [q.id for q in read_gold_set(beir).questions] == ["q3"]
    (beir / "qrels" / "odd.tsv").unlink()
    with pytest.raises(UsageError, match="qrels has no judgements"):
        read_gold_set(beir)


def test_trec_qrels_serve_in_a_beir_folder(beir: Path, write: Write) -> None:
    (beir / "qrels" / "test.tsv").unlink()
    write("sea/qrels/test.txt", "q1 0 d1 2", "q1 0 d2 0", "q2 0 d2 1")
    assert len(read_gold_set(beir).questions) == 2


@pytest.mark.parametrize("missing", ["corpus", "queries"])
def test_a_folder_that_is_not_beir_is_refused(missing: str, beir: Path) -> None:
    (beir / f"{missing}.jsonl").unlink()
    with pytest.raises(UsageError, match=rf"sea has no {missing}\.jsonl: a folder in BEIR's form"):
        read_gold_set(beir)


def test_broken_documents_are_left_out_by_name(beir: Path, tmp_path: Path, write: Write) -> None:
    write(
        "sea/corpus.jsonl",
        *DOCUMENTS,
        "{broken",
        {"_id": "D1", "title": "", "text": "The id of the first in another case."},
        {"_id": "e", "title": " ", "text": " \n"},
        {"_id": "f", "text": ["a", "list"]},
        {"text": "no id"},
        {"_id": "g", "text": "half a \ud83d pair"},
    )
    gold = read_gold_set(beir)
    assert [note.split(": not a document: ")[0] for note in notes(gold, tmp_path)] == [
        f"sea/corpus.jsonl:{line}" for line in (5, 6, 7, 8, 9)
    ]
    assert gold.sessions is not None
    assert gold.sessions[-1].text == "\n\nhalf a \ufffd pair"


def test_broken_judgements_and_queries_are_left_out_by_name(
    beir: Path, tmp_path: Path, write: Write
) -> None:
    write("sea/queries.jsonl", *QUERIES, "{broken", QUERIES[0], {"_id": "q4", "text": 5})
    write(
        "sea/qrels/test.tsv",
        *QRELS,
        "q1\td3",
        "q1\td3\tyes",
        "q1\td3\t0.5",
        "q1\td3\t1001",
        "q1\tnone\t1",
        "q1\td1\t1",
        "q4\td1\t1",
        "q5\td1\t1",
        "q3\td1\t0",
    )
    gold = read_gold_set(beir)
    assert [q.id for q in gold.questions] == ["q1", "q2"]
    assert gold.questions[0].relevant == {"d1": 2, "d2": 0}
    qrels, queries = "sea/qrels/test.tsv", "sea/queries.jsonl"
    assert notes(gold, tmp_path) == [
        f"{qrels}:5: 2 columns instead of 3 (QUESTION DOCUMENT GRADE)",
        f"{qrels}:6: the grade is 'yes': give a whole number up to 1000",
        f"{qrels}:7: the grade is '0.5': give a whole number up to 1000",
        f"{qrels}:8: the grade is '1001': give a whole number up to 1000",
        f"{qrels}:9: question q1 is judged on none, which is not there",
        f"{qrels}:10: question q1 is judged on d1 before",
        f"{queries}:4: not a question: not JSON (Expecting property name enclosed in double quotes:"
        " line 1 column 2 (char 1))",
        f"{queries}:5: not a question: a line before has the id q1",
        f"{queries}:6: not a question: question is 5",
        f"{qrels}:11: {queries} has no question q4",
        f"{qrels}:12: {queries} has no question q5",
        f"{qrels}:13: question q3 has no document graded above 0",
    ]


@pytest.mark.parametrize("lines", [[], QRELS[:1], ["q1\tnone\t1"], ["q1\td1\t0"]])
def test_empty_qrels_leave_nothing(lines: list[str], beir: Path, write: Write) -> None:
    write("sea/qrels/test.tsv", *lines)
    with pytest.raises(UsageError, match="sea has no question that can be used"):
        read_gold_set(beir)


# --- TREC qrels


@pytest.mark.parametrize(
    "queries",
    [
        ["q1\tWhat moves the sea?", "q2\tWhat melts ice?\tTabs too?", "q9\tNot judged."],
        [QUERIES[0], {"_id": "q2", "text": "What melts ice?\tTabs too?"}],
    ],
)
def test_trec_qrels_with_their_questions(queries: list[Any], write: Write) -> None:
    path = write("robust.qrels", "q1 0 d1 2", "q1\t0\td2\t0", "q2  0  D2  1", "q2 0 d7 1")
    texts = write("queries", *queries)
    gold = read_gold_set(path, queries=texts, codes=lambda: ["d1", "d2"])
    assert gold.questions == (
        GoldQuestion("q1", "What moves the sea?", relevant={"d1": 2, "d2": 0}),
        GoldQuestion("q2", "What melts ice?\tTabs too?", relevant={"d2": 1}),
    )
    assert (gold.name, gold.sessions, gold.answered) == ("robust", None, False)
    assert gold.left_out == (f"{path}:4: question q2 is judged on d7, which is not there",)


def test_qrels_are_told_by_any_of_their_first_lines(write: Write) -> None:
    path = write("qrels", "q1 0 d1", "q1 0 d1 1")
    gold = read_gold_set(path, queries=write("queries", "q1\tWhat?"))
    assert gold.left_out == (f"{path}:1: 3 columns instead of 4 (QUESTION 0 DOCUMENT GRADE)",)


def test_qrels_without_their_questions_are_refused(write: Write) -> None:
    path = write("qrels", "q1 0 d1 1")
    with pytest.raises(UsageError, match="give the file of its questions with --queries"):
        read_gold_set(path)
    with pytest.raises(UsageError, match="queries cannot be read"):
        read_gold_set(path, queries=path.with_name("queries"))


def test_queries_go_with_qrels_only(beir: Path, write: Write) -> None:
    queries = write("queries", "q1\tWhat?")
    ours = write("gold.jsonl", {"id": "a", "question": "?"})
    for path in (beir, ours):
        with pytest.raises(UsageError, match="--queries goes with TREC qrels"):
            read_gold_set(path, queries=queries)


# --- SQuAD


def squad(*paragraphs: Any) -> dict[str, Any]:
    return {"version": "2.0", "data": [{"title": "Bay_leaf", "paragraphs": list(paragraphs)}]}


def asked(id_: str, *answers: str, **more: Any) -> dict[str, Any]:
    answered = [{"text": text, "answer_start": 0} for text in answers]
    return {"id": id_, "question": f"{id_}?", "answers": answered, **more}


CONTEXT = "Bay leaves  season soups.\nThey are dried."


@pytest.mark.parametrize("indent", [None, 2])
def test_squad_paragraphs_are_sessions(indent: int | None, write: Write) -> None:
    first = {"context": CONTEXT, "qas": [asked("a", "soups", "soups", "season soups")]}
    impossible = asked("b", is_impossible=True, plausible_answers=[{"text": "soups"}])
    second = {"context": "Laurel is a tree.", "qas": [impossible, asked("c")]}
    gold = read_gold_set(write("dev", json.dumps(squad(first, second), indent=indent)))
    assert gold.questions == (
        GoldQuestion("a", "a?", "fact", {"P00000": 1}, (("soups", "season soups"),)),
        GoldQuestion("b", "b?", "unanswerable", refuse=True),
        GoldQuestion("c", "c?", "fact", {"P00001": 1}),
    )
    assert gold.sessions is not None
    assert [(s.code, s.title) for s in gold.sessions] == [
        ("P00000", "Bay leaf"),
        ("P00001", "Bay leaf"),
    ]
    assert gold.sessions[0].text == f"Bay leaf\n\n{CONTEXT}"
    assert not gold.answered


def test_broken_squad_questions_are_left_out_by_their_place(write: Write, tmp_path: Path) -> None:
    good = {"context": CONTEXT, "qas": [asked("a", "soups"), asked("a"), {"id": "x"}, 5]}
    path = write("dev.json", squad("text", {"context": 5, "qas": []}, good))
    gold = read_gold_set(path)
    assert [(q.id, q.sessions) for q in gold.questions] == [("a", ("P00001",))]
    at = "dev.json:data[0].paragraphs"
    assert notes(gold, tmp_path) == [
        f"{at}[0]: not a JSON object",
        f"{at}[1]: context is 5: it should be a text",
        f"{at}[2].qas[1]: a question before has the id a",
        f"{at}[2].qas[2]: it has no question",
        f"{at}[2].qas[3]: not a JSON object",
    ]


@pytest.mark.parametrize(
    "content", ['{"version": "1.1", "data"', '{"data": 5}', "[]", '{"data": []}', ""]
)
def test_other_json_is_refused(content: str, write: Write) -> None:
    with pytest.raises(UsageError, match=r"dev\.json"):
        read_gold_set(write("dev.json", content))


# --- several sets


def test_several_sets_of_our_format_are_one(write: Write, beir: Path) -> None:
    one = read_gold_set(write("one.jsonl", {"id": "a", "question": "1"}, "{broken"))
    two = read_gold_set(write("two.jsonl", *({"id": i, "question": "2"} for i in "ab")))
    both = joined([one, two])
    assert [(q.id, q.question) for q in both.questions] == [("a", "1"), ("b", "2")]
    assert both.left_out[1:] == ("two: a file before has a question a",)
    assert joined([one]) is one
    with pytest.raises(UsageError, match=r"sea is not in the format of gold\.jsonl"):
        joined([one, read_gold_set(beir)])


# --- any content


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode))))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "gold"
    path.write_bytes(b"\n".join(lines))
    complaint = ""
    try:
        assert read_gold_set(path).questions
    except UsageError as error:
        complaint = str(error)
    assert "\n" not in complaint


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(
                        ["_id", "id", "text", "title", "question", "sessions", "answer_any"]
                    ),
                    inner,
                )
            ),
        )
    )
)
def test_any_json_is_used_or_left_out(tmp_path: Path, values: list[Any]) -> None:
    documents = tmp_path / "any" / "corpus.jsonl"
    (documents.parent / "qrels").mkdir(parents=True, exist_ok=True)
    last = json.dumps({"_id": "the last", "text": "x"})
    documents.write_text("\n".join([*map(json.dumps, values), last]))
    (documents.parent / "queries.jsonl").write_text('{"_id": "q", "text": "?"}')
    (documents.parent / "qrels" / "test.tsv").write_text("q\tthe last\t1")
    gold = read_gold_set(documents.parent)
    assert gold.sessions is not None
    assert len(gold.sessions) + len(gold.left_out) == len(values) + 1
