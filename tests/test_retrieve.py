"""Question -> hits: both arms, one ranking, and the sessions that a question names."""

import pytest

from sessionqa import Assistant
from sessionqa.encode import passage_input
from sessionqa.retrieve import Retriever


@pytest.fixture(scope="module")
def retriever(assistant: Assistant) -> Retriever:
    return Retriever(assistant.index, assistant.encoder, assistant.settings.lexical_weight)


# Named sessions


def test_a_named_session_is_searched_alone(retriever: Retriever) -> None:
    for question in ("arc-310 on shuffle sharding", "What does Mike Hagen say of databases?"):
        hits = retriever.retrieve(question, 50)
        assert {hit.passage.session_code for hit in hits} == {"ARC310"}


def test_an_unknown_code_still_gives_the_closest_passages(retriever: Retriever) -> None:
    assert len(retriever.retrieve("ARC999 on gray failures", 5)) == 5


# Ranking


def test_the_passage_that_answers_comes_first(retriever: Retriever) -> None:
    for question, code in (
        ("differential observability", "ARC310"),
        ("scaling to ten million users", "ARC206"),
        ("Do modern cloud applications lock you in?", "ARC307"),
    ):
        assert retriever.retrieve(question, 1)[0].passage.session_code == code


def test_hits_are_ranked_with_what_each_arm_said(retriever: Retriever) -> None:
    hits = retriever.retrieve("How are gray failures detected?", 20)
    assert len(hits) == 20
    assert len({hit.passage.id for hit in hits}) == 20
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in hits)
    for hit in hits:
        assert hit.dense_rank or hit.lexical_rank
        assert (hit.dense_rank is None) == (hit.dense_score is None)
        assert (hit.lexical_rank is None) == (hit.lexical_score is None)
    by_rank = sorted((h for h in hits if h.dense_rank), key=lambda h: h.dense_rank or 0)
    assert [h.dense_score for h in by_rank] == sorted(
        (h.dense_score or 0 for h in by_rank), reverse=True
    )
    assert any(hit.lexical_rank == 1 for hit in hits)


def test_fewer_hits_are_the_beginning_of_more(retriever: Retriever) -> None:
    question = "How do cells reduce the area of impact?"
    assert retriever.retrieve(question, 3) == retriever.retrieve(question, 30)[:3]


def test_named_sessions_restrict_both_arms(retriever: Retriever) -> None:
    hits = retriever.retrieve("gray failures in ARC206 and arc 307", 100)
    assert {hit.passage.session_code for hit in hits} == {"ARC206", "ARC307"}


@pytest.mark.parametrize(
    "question",
    [
        " ",
        "?",
        "the of and",
        "🙂🙂",
        "堆肥",
        "\x00",
        "a" * 5000,
        '"(AND OR',
        "<script>",
        "\u202e",
        "1",
    ],
)
def test_odd_questions_still_give_hits_with_scores(retriever: Retriever, question: str) -> None:
    hits = retriever.retrieve(question, 4)
    assert len(hits) == 4
    assert all(0 <= hit.score <= 1 for hit in hits)


def test_no_score_is_above_one_for_a_passage_asked_word_for_word(
    retriever: Retriever, assistant: Assistant
) -> None:
    found = retriever.retrieve("x", 1000)
    scores = []
    for hit in found[:10]:
        text = passage_input(assistant.encoder, hit.passage.title, hit.passage.text)
        scores.append(retriever.retrieve(text, 1)[0].score)
    assert max(scores) <= 1
