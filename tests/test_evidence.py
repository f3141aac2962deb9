"""Sentences weighed against a question."""

import pytest

from sessionqa import Assistant
from sessionqa.evidence import Examiner, covered, rarity_of
from sessionqa.retrieve import Retriever


@pytest.fixture(scope="module")
def examiner(assistant: Assistant) -> Examiner:
    return Examiner(assistant.index, assistant.encoder)


@pytest.fixture(scope="module")
def retriever(assistant: Assistant) -> Retriever:
    return Retriever(assistant.index, assistant.encoder, assistant.settings)


def test_covered_is_the_share_of_the_rarity() -> None:
    assert covered({"a": 1.0, "b": 3.0}, {"b", "c"}) == 0.75
    assert covered({"a": 1.0}, set()) == 0.0
    assert covered({"a": 1.0}, {"a"}) == 1.0
    assert covered({}, {"a"}) == 0.0


def test_each_sentence_of_the_hits_is_weighed_once_best_first(
    examiner: Examiner, retriever: Retriever, assistant: Assistant
) -> None:
    question = "How are gray failures detected?"
    hits = retriever.retrieve(question, 8)
    evidence = examiner.examine(question, hits)
    rows = [e.sentence.row for e in evidence]
    assert len(set(rows)) == len(rows)
    assert [e.score for e in evidence] == sorted((e.score for e in evidence), reverse=True)
    texts = {session.code: session.text for session in assistant.sessions()}
    for e in evidence:
        sentence = e.sentence
        assert texts[sentence.session_code][sentence.start : sentence.end] == sentence.text
        assert not sentence.text.startswith("#")
        assert e.hit.passage.session_code == sentence.session_code
        assert 0 <= e.overlap <= 1
    assert {e.sentence.session_code for e in evidence} == {h.passage.session_code for h in hits}
    assert "detect" in evidence[0].sentence.text


def test_the_cards_of_the_sessions_are_weighed_too(
    examiner: Examiner, retriever: Retriever
) -> None:
    hits = retriever.retrieve("differential observability", 1)
    texts = [e.sentence.text for e in examiner.examine("differential observability", hits)]
    assert any(text.startswith("Presented by Mike Hagen") for text in texts)


def test_a_line_of_the_card_counts_if_its_field_was_asked_for(
    examiner: Examiner, retriever: Retriever
) -> None:
    kinds = {}
    for question in ("Who presented ARC310?", "What level is ARC310?"):
        found = examiner.examine(question, retriever.retrieve(question, 8))
        card = [e for e in found if e.sentence.text.startswith(("Presented by", "Level"))]
        kinds[question] = {e.sentence.text.split()[0]: e.kind > 0 for e in card}
    assert kinds["Who presented ARC310?"] == {"Presented": True, "Level": False}
    assert kinds["What level is ARC310?"] == {"Presented": False, "Level": True}


def test_without_hits_there_is_no_evidence(examiner: Examiner) -> None:
    assert examiner.examine("anything", []) == []


def test_rare_words_weigh_more_and_unknown_ones_most(assistant: Assistant) -> None:
    rarity = rarity_of(assistant.index, "How does AWS improve the observability of kangaroos?")
    assert rarity["aw"] < rarity["observ"] < rarity["kangaroo"]
    assert rarity_of(assistant.index, "What is it?") == {}


def test_the_kind_that_is_asked_for_tells_sentences_apart(
    examiner: Examiner, retriever: Retriever
) -> None:
    question = "How often does Amazon run its game days?"
    found = examiner.examine(question, retriever.retrieve(question, 8))
    assert "three times a week" in found[0].sentence.text
    assert found[0].fit == 1
    assert min(e.fit for e in found) == 0
