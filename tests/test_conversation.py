"""A follow-up takes its topic from earlier questions; a whole question is left as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa.conversation import standalone

SHARDING = "What is shuffle sharding?"


@pytest.mark.parametrize(
    "question",
    [
        "Who presented it?",
        "And the benefits?",
        "Why?",
        "How does that work?",
        "What about cost?",
        "Which session is that?",
    ],
)
def test_a_question_that_points_back_gets_the_topic(question: str) -> None:
    found = standalone(question, [SHARDING])
    assert found.startswith(question)
    assert "shuffle sharding" in found


@pytest.mark.parametrize(
    "question",
    [
        "How are gray failures detected?",
        "Which database does Sky Hart advise teams to begin with?",
        "What does Application Recovery Controller offer for gray failures?",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert standalone(question, [SHARDING]) == question


@pytest.mark.parametrize("question", ["Who presented it?", "Why?", "", "堆肥?"])
def test_without_history_nothing_is_added(question: str) -> None:
    assert standalone(question, []) == question


def test_the_topic_carries_through_several_follow_ups() -> None:
    found = standalone("And its costs?", [SHARDING, "Who presented it?"])
    assert "shuffle" in found
    assert "sharding" in found


def test_the_last_topic_counts() -> None:
    found = standalone("Who presented it?", [SHARDING, "How are gray failures detected?"])
    assert "gray failures" in found
    assert "shuffle" not in found


def test_words_that_the_question_has_are_not_repeated() -> None:
    found = standalone("Why does it shard?", ["What is sharding of databases?"])
    assert found == "Why does it shard? (databases)"


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=3))
def test_any_history_leaves_the_question_in_front(question: str, history: list[str]) -> None:
    assert standalone(question, history).lstrip().startswith(question.strip())
