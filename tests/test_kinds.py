"""The kind of answer that a question wants, and which sentences have it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import kinds
from sessionqa.kinds import fit, formal_fit, wanted


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who invented it?", ("person",)),
        ("How many cells are there?", ("count",)),
        ("How often do they run tests?", ("frequency",)),
        ("How many times a week do they run?", ("frequency",)),
        ("How long does it take?", ("duration",)),
        ("How many hours does it last?", ("duration",)),
        ("What does a minute of it cost?", ("money",)),
        ("By what percentage did incidents go down?", ("percentage",)),
        ("In which year was she hired?", ("year",)),
        ("When was it founded?", ("date",)),
        ("When should I use it?", ("time",)),
        ("How old is Alice?", ("age",)),
        ("How tall is it?", ("measure",)),
        ("In which city is the shop?", ("place",)),
        ("Why do cells help?", ("reason",)),
        ("How are failures detected?", ("manner",)),
        ("Which database should I start with?", ("name",)),
        ("What is shuffle sharding?", ()),
        ("what is the difference between A and B", ()),
        ("gray failures", ()),
        ("What did he say that cost is a mirror of?", ()),
    ],
)
def test_the_kind_is_read_from_the_wording(question: str, expected: tuple[str, ...]) -> None:
    assert wanted(question).kinds == expected


@pytest.mark.parametrize(
    ("question", "has", "lacks"),
    [
        ("How much does it cost?", "An hour costs $300,000.", "An hour costs a lot."),
        ("By what percentage?", "It fell by 12 percent.", "It fell in 12 weeks."),
        ("In which year?", "It began in 1998.", "It began after 12 years."),
        ("How long does it take?", "It takes two more weeks.", "It takes patience."),
        ("How often is it run?", "It is run three times a week.", "It is run by hand."),
        ("How old is she?", "She is 34 years old.", "She is one of two owners."),
        ("Why is it so?", "Because it scales.", "It scales."),
        ("How is it found?", "By comparing hosts.", "It is there."),
        ("When was it founded?", "It was founded in May.", "It was founded when he left."),
        ("In which city is it?", "It stands in Lisbon.", "It stands in the sun."),
    ],
)
def test_a_sentence_has_the_kind_or_lacks_it(question: str, has: str, lacks: str) -> None:
    assert fit(wanted(question), has) == 1
    assert fit(wanted(question), lacks) == 0


def test_a_number_counts_most_with_what_it_counts() -> None:
    want = wanted("How many regions do they use?")
    assert fit(want, "They use three large regions.") == 1
    assert fit(want, "They use regions since 12 May.") == 0.5
    assert fit(want, "They use some regions.") == 0


def test_what_the_question_brings_is_no_answer() -> None:
    assert fit(wanted("How many of the 14 talks?"), "All 14 are there.") == 0
    want = wanted("Who spoke with Sky Hart?")
    assert fit(want, "Sky Hart spoke.", ["Sky Hart", "Chris Munz"]) == 0
    assert fit(want, "Sky Hart spoke with Chris Munz.", ["Sky Hart", "Chris Munz"]) == 1


def test_a_question_for_nothing_in_particular_is_fit_by_everything() -> None:
    assert fit(wanted("gray failures"), "Anything.") == 1


def test_reasons_have_no_form_of_their_own() -> None:
    want = wanted("Why do cells help?")
    assert fit(want, "They isolate.") == 0
    assert formal_fit(want, "They isolate.") == 1
    assert formal_fit(wanted("How old is she?"), "She is an owner.") == 0


def test_names_are_told_by_their_capitals_and_digits() -> None:
    found = kinds.names("The bank chose DynamoDB and s3 in May. It grew.")
    assert found == ("DynamoDB", "s3", "May")


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_any_text_has_a_fit_between_0_and_1(question: str, text: str, people: list[str]) -> None:
    want = wanted(question)
    assert 0 <= fit(want, text, people) <= 1
    assert 0 <= formal_fit(want, text, people) <= 1


@pytest.mark.parametrize("part", ["how much ", "what is the ", "1,", "by ", "which "])
def test_long_texts_are_read_fast(part: str) -> None:
    started = time.perf_counter()
    want = wanted(part * 100)
    fit(want, part * 2_000)
    assert time.perf_counter() - started < 2
