"""Misspelt words are mended from the corpus; whatever exists is left alone."""

import pytest

from sessionqa import Assistant
from sessionqa.spelling import correct


@pytest.mark.parametrize(
    ("question", "mended"),
    [
        ("What is shufle shardnig?", "What is shuffle sharding?"),
        ("diferential observabilty", "differential observability"),
        ("what does arora offer", "what does aurora offer"),
    ],
)
def test_a_misspelt_word_becomes_the_nearest_of_the_corpus(
    assistant: Assistant, question: str, mended: str
) -> None:
    found = correct(question, assistant.index, assistant.encoder)
    assert found.casefold() == mended.casefold()


@pytest.mark.parametrize(
    "question",
    [
        "What is shuffle sharding?",
        "Who is Mike Hagen?",
        "How many kangaroos live in Australia?",
        "Does ARC31O exist, or EC2x9?",
        "堆肥 とは 🙂",
        "qqqqqqqqqq zzzzzzzz",
        "???",
        "",
    ],
)
def test_what_is_right_or_beyond_help_is_left_alone(assistant: Assistant, question: str) -> None:
    assert correct(question, assistant.index, assistant.encoder) == question


def test_only_whole_words_are_replaced(assistant: Assistant) -> None:
    question = "Is the gatewa the API gateway?"
    found = correct(question, assistant.index, assistant.encoder)
    assert found == "Is the gateway the API gateway?"
