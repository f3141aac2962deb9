"""What sessions are asked about, and how much of it a sentence says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Assistant
from sessionqa.topic import key, keys, read_topic


def share(assistant: Assistant, asked: str, sentence: str) -> float:
    topic = read_topic(asked, assistant.index)
    assert topic is not None
    return max(topic.shares(topic.said(keys(sentence))))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("Which sessions mention chaos engineering by name?", "Chaos Engineering is fun."),
        ("availability zones", "Move out of an AZ."),
        ("AZs", "Move out of an Availability Zone."),
        ("game days", "They hold GameDays."),
        ("load testing or performance testing", "Tests of performance."),
        ("Amazon Aurora", "Take Aurora."),
        ("the concept of area of impact", "Reducing your area of impact"),
        ("machine learning", "It uses machine learning."),
        ("containers", "Containerization is one."),
    ],
)
def test_a_sentence_says_a_topic_in_any_wording_of_its_terms(
    assistant: Assistant, asked: str, sentence: str
) -> None:
    assert share(assistant, asked, sentence) == pytest.approx(1)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("chaos engineering", "Engineering teams prepare."),
        ("fault injection service", "Services that inject delays."),
        ("containers", "It contains zonal autoshift."),
        ("machine learning", "State machines."),
        ("Lambda and EKS", "Take Lambda."),
        ("game days", "One day it was a game."),
    ],
)
def test_a_part_of_a_topic_is_not_all_of_it(
    assistant: Assistant, asked: str, sentence: str
) -> None:
    assert share(assistant, asked, sentence) < 0.999


def test_words_far_apart_are_not_one_term(assistant: Assistant) -> None:
    apart = "Chaos broke out, and it took the team a week of good engineering."
    assert share(assistant, "chaos engineering", apart) < 0.6


def test_alternatives_are_each_enough(assistant: Assistant) -> None:
    topic = read_topic("DynamoDB, Aurora or Lambda", assistant.index)
    assert topic is not None
    assert len(topic.alternatives) == 3


def test_the_topic_is_shown_as_it_was_asked(assistant: Assistant) -> None:
    topic = read_topic("Which sessions are about vendor lock-in?", assistant.index)
    assert topic is not None
    assert topic.text == "vendor lock-in"


@pytest.mark.parametrize("asked", ["", "Which sessions are there in total?", "list all talks", "?"])
def test_a_question_may_have_no_topic(assistant: Assistant, asked: str) -> None:
    assert read_topic(asked, assistant.index) is None


def test_what_a_follow_up_carries_gives_way_to_a_topic_of_its_own(assistant: Assistant) -> None:
    own = read_topic("which of those mention DynamoDB? (Lambda)", assistant.index)
    carried = read_topic("which ones? (Lambda)", assistant.index)
    assert own is not None
    assert carried is not None
    assert (own.text, carried.text) == ("DynamoDB", "Lambda")


def test_a_doer_is_not_what_is_done() -> None:
    assert key("containers") == key("container")
    assert key("containers") != key("contains")
    assert key("testing") == key("tests")


@given(st.text(max_size=80))
def test_any_text_can_be_read(assistant: Assistant, text: str) -> None:
    topic = read_topic(text, assistant.index)
    if topic:
        assert all(0 <= share <= 1.0001 for share in topic.shares(topic.said(keys(text))))
