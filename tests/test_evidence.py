"""Sentences weighed against a question."""

import pytest

from sessionqa import Assistant
from sessionqa.evidence import Examiner, covered
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


def test_rare_words_weigh_more_and_unknown_ones_most(examiner: Examiner) -> None:
    rarity = examiner.rarity("How does AWS improve the observability of kangaroos?")
    assert rarity["aw"] < rarity["observ"] < rarity["kangaroo"]
    assert examiner.known(rarity).keys() == rarity.keys() - {"kangaroo"}
    assert examiner.rarity("What is it?") == {}


def test_features_tell_a_question_of_the_corpus_from_another(
    examiner: Examiner, retriever: Retriever
) -> None:
    ours, other = "What is differential observability?", "Who won the Kentucky Derby?"
    good, bad = (
        examiner.features(question, examiner.examine(question, retriever.retrieve(question, 8)))
        for question in (ours, other)
    )
    assert good.passage > bad.passage
    assert good.sentence > bad.sentence
    assert good.covered > bad.covered
    assert (good.unknown_name, bad.unknown_name) == (0.0, 1.0)
    for features in (good, bad):
        assert 0 <= features.passage_covered <= 1
        assert 0 <= features.length <= 1
        assert features.fits in {0.0, 1.0}
