"""What the evidence of an answer looks like."""

from dataclasses import astuple

import pytest

from sessionqa import Assistant
from sessionqa.confidence import Features
from sessionqa.evidence import Examiner
from sessionqa.support import Support


@pytest.fixture(scope="module")
def features_of(assistant: Assistant):  # type: ignore[no-untyped-def]
    examiner = Examiner(assistant.index, assistant.encoder)
    support = Support(assistant.index, assistant.encoder)

    def features(question: str) -> Features:
        hits = assistant.retrieve(question, assistant.settings.top_k)
        return support.features(question, examiner.examine(question, hits))

    return features


def test_a_question_of_the_corpus_is_told_from_another(features_of) -> None:  # type: ignore[no-untyped-def]
    good = features_of("What is differential observability?")
    bad = features_of("Who won the Kentucky Derby?")
    assert good.score > bad.score
    assert good.aligned > bad.aligned
    assert good.absent == 1 > bad.absent
    assert (good.names_missing, bad.names_missing) == (0, 1)


@pytest.mark.parametrize(
    "question",
    [
        "What is it?",
        "???",
        "Who is Mike Hagen?",
        "gray failures " * 60,
        "Überfließende Äpfel 林檎 🍎",
        "What did Mike Hagen not recommend?",
    ],
)
def test_every_feature_but_the_score_lies_between_0_and_1(features_of, question: str) -> None:  # type: ignore[no-untyped-def]
    _, *others = astuple(features_of(question))
    assert all(-0.01 <= value <= 1.01 for value in others)


def test_a_year_that_is_asked_for_must_be_there(features_of) -> None:  # type: ignore[no-untyped-def]
    assert features_of("In which year was Gavin McCullough hired by Amazon?").fits == 0
    assert features_of("How often does Amazon run its game days?").fits == 1


def test_a_role_that_no_card_gives_is_not_there(features_of) -> None:  # type: ignore[no-untyped-def]
    assert features_of("What is Lauren Don's job title?").fits == 0
    assert features_of("What is Mike Hagen's job title?").fits == 1


def test_a_question_may_deny_what_the_summary_states(features_of) -> None:  # type: ignore[no-untyped-def]
    assert features_of("Which tools did Vanguard not build in-house?").negated > 0.5
    assert features_of("Which tools did Vanguard build in-house?").negated == 0
    assert features_of("Why are gray failures not easy to see?").negated < 0.5


def test_a_name_that_is_nowhere_is_missing(features_of) -> None:  # type: ignore[no-untyped-def]
    assert features_of("What did the people from Netflix say?").names_missing == 1
    assert features_of("What did the people from Vanguard say?").names_missing == 0


def test_a_field_counts_with_its_session(features_of) -> None:  # type: ignore[no-untyped-def]
    assert features_of("Who presented the gray failures talk?").field == 1
    assert features_of("capo position for wonderwall").field < 0.5
