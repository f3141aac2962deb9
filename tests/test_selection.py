"""The few sentences that an answer quotes."""

from collections.abc import Sequence

import pytest

from sessionqa import Assistant
from sessionqa.evidence import Evidence, Examiner
from sessionqa.question import read
from sessionqa.selection import ONE_THING, SEVERAL_THINGS, Selector


@pytest.fixture(scope="module")
def selector(assistant: Assistant) -> Selector:
    return Selector(assistant.index, assistant.encoder)


def examined(assistant: Assistant, question: str) -> Sequence[Evidence]:
    examiner = Examiner(assistant.index, assistant.encoder)
    return examiner.examine(question, assistant.search(question))


QUESTIONS = (
    "What is shuffle sharding?",
    "Why are gray failures hard to detect?",
    "What are the five lessons of ARC327?",
    "How often does Amazon run load tests?",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_best_sentence_comes_first_and_none_comes_twice(
    assistant: Assistant, selector: Selector, question: str
) -> None:
    evidence = examined(assistant, question)
    asked = read(question)
    chosen = selector.choose(evidence, asked)
    assert chosen[0] == evidence[0].sentence
    assert len({sentence.row for sentence in chosen}) == len(chosen)
    bounds = SEVERAL_THINGS if asked.several else ONE_THING
    assert len(chosen) <= bounds.sentences
    but_the_last = [word for sentence in chosen[:-1] for word in sentence.text.split()]
    assert len(but_the_last) < bounds.enough
    scores = {e.sentence.row: e.score for e in evidence}
    assert all(scores[s.row] >= evidence[0].score - bounds.close for s in chosen)


def test_a_line_of_the_card_stands_alone(assistant: Assistant, selector: Selector) -> None:
    question = "Who presented ARC310?"
    (line,) = selector.choose(examined(assistant, question), read(question))
    assert line.text.startswith("Presented by Mike Hagen")


def test_no_line_of_a_card_follows_a_sentence(assistant: Assistant, selector: Selector) -> None:
    for question in QUESTIONS:
        evidence = examined(assistant, question)
        on_card = {e.sentence.row for e in evidence if e.on_card}
        assert on_card.isdisjoint(s.row for s in selector.choose(evidence, read(question))[1:])


def test_what_says_the_same_is_left_out(assistant: Assistant, selector: Selector) -> None:
    question = "Why are gray failures hard to detect?"
    first, second, *_ = examined(assistant, question)
    assert selector.choose([first, first], read(question)) == [first.sentence]
    assert selector.choose([first, second], read(question)) == [first.sentence, second.sentence]


def test_what_scores_far_behind_is_left_out(assistant: Assistant, selector: Selector) -> None:
    question = "What is shuffle sharding?"
    evidence = examined(assistant, question)
    last = min((e for e in evidence if not e.on_card), key=lambda e: e.score)
    assert evidence[0].score - last.score > ONE_THING.close
    assert selector.choose([evidence[0], last], read(question)) == [evidence[0].sentence]
