"""The values that pass along: frozen, and ready for JSON."""

import json
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from sessionqa import Answer, Citation, Hit, Passage, Session, Speaker
from sessionqa.datatypes import Mark, Sentence

PASSAGE = Passage("A1-0f", "A1", "Títle", "Text 堆肥.", 5, 13, 4)
HIT = Hit(PASSAGE, 0.5, dense_rank=1, dense_score=0.7)
CITATION = Citation(1, "A1", "Títle", "A1-0f", 5, 13, "Text 堆肥.")
ANSWER = Answer("q?", "q? (t)", "A1: Text [1]", (CITATION,), (HIT,), 0.9, False, "x", {"ms": 1.0})
SESSION = Session(
    "A1",
    "Títle",
    "Text",
    speakers=(Speaker("Zoë", "chef"),),
    services=("S3",),
    marks=(Mark(2, 754),),
)
VALUES = [
    PASSAGE,
    HIT,
    CITATION,
    ANSWER,
    SESSION,
    Mark(0),
    Speaker("Zoë"),
    Sentence(0, "A1", 0, 1, "T"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen_and_take_no_other_names(value: object) -> None:
    assert is_dataclass(value)
    for name in (fields(value)[0].name, fields(value)[-1].name):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, "changed")
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("value", [PASSAGE, CITATION, SESSION, Mark(0), Speaker("Zoë")])
def test_values_can_be_keys(value: object) -> None:
    assert {value: 1}[value] == 1


def test_a_session_becomes_json_with_every_field() -> None:
    record = json.loads(json.dumps(SESSION.to_dict()))
    assert record["speakers"] == [{"name": "Zoë", "role": "chef"}]
    assert record["services"] == ["S3"]
    assert record["level"] is None
    assert record.keys() == {field.name for field in fields(Session)}


def test_a_session_in_a_list_has_neither_its_text_nor_marks_in_it() -> None:
    assert SESSION.to_dict().keys() - SESSION.to_head().keys() == {"text", "marks"}
    assert json.loads(json.dumps(SESSION.to_dict()))["marks"] == [
        {"start": 2, "seconds": 754, "page": None}
    ]


def test_a_hit_becomes_json_flat() -> None:
    record = json.loads(json.dumps(HIT.to_dict()))
    assert record == {
        "passage_id": "A1-0f",
        "session_code": "A1",
        "title": "Títle",
        "text": "Text 堆肥.",
        "start": 5,
        "end": 13,
        "tokens": 4,
        "seconds": None,
        "page": None,
        "score": 0.5,
        "dense_rank": 1,
        "dense_score": 0.7,
        "sentence_score": None,
        "token_score": None,
        "lexical_rank": None,
        "lexical_score": None,
        "session_score": None,
        "by_meaning": 0.0,
        "by_words": 0.0,
        "rerank_score": None,
    }


def test_an_answer_becomes_json_with_every_field() -> None:
    record = json.loads(json.dumps(ANSWER.to_dict()))
    assert record.keys() == {field.name for field in fields(Answer)}
    assert record["hits"] == [HIT.to_dict()]
    assert record["citations"][0]["quote"] == "Text 堆肥."
    assert record["citations"][0].keys() == {field.name for field in fields(Citation)}
    assert (record["refused"], record["confidence"]) == (False, 0.9)


def test_making_json_leaves_the_value_as_it_was() -> None:
    record = ANSWER.to_dict()
    record["timings"]["ms"] = 2.0
    record["citations"].clear()
    assert ANSWER.citations == (CITATION,)
    assert ANSWER.timings == {"ms": 1.0}
