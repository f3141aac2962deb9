"""Short forms, as the corpus introduces them, find what they stand for, and the other way round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Assistant
from sessionqa.abbreviations import definitions, expand


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("goals such as its Recovery Time Objective (RTO).", [("RTO", "Recovery Time Objective")]),
        ("The AWS Fault Injection Service (FIS) helps", [("FIS", "Fault Injection Service")]),
        ("discussed Availability Zones (AZs) in depth", [("AZs", "Availability Zones")]),
        ("FIS (Fault Injection Service) helps", [("FIS", "Fault Injection Service")]),
        ("It ended. Disaster recovery (DR) began", [("DR", "Disaster recovery")]),
        ("multi-factor authentication (MFA)", [("MFA", "multi-factor authentication")]),
        ("infrastructure as code (IaC)", [("IaC", "infrastructure as code")]),
        ("a good idea (see below), in 2023 (ARC310), (who knows) or the bank (USA)", []),
        ("() (A) ((RTO)) (RTO", []),
    ],
)
def test_definitions_are_found_as_texts_write_them(text: str, found: list[tuple[str, str]]) -> None:
    assert list(definitions(text)) == found


@given(st.text(alphabet="aAbBcC sS(.)-1\n", max_size=80))
def test_a_long_form_has_the_letters_in_order_and_stands_in_the_text(text: str) -> None:
    for short, long in definitions(text):
        assert short in text
        assert long in " ".join(text.split(" "))
        letters = iter(long.casefold())
        assert all(letter in letters for letter in short.casefold() if letter.isalnum())
        assert long[0].casefold() == next(c for c in short.casefold() if c.isalnum())


@pytest.mark.parametrize(
    ("question", "added"),
    [
        ("What does RTO stand for?", ("Recovery Time Objective",)),
        ("rto?", ("Recovery Time Objective",)),
        ("raf's modes", ("Resilience Analysis Framework",)),
        ("what is the recovery point objective", ("RPO",)),
        ("ARC controller", ("Application Recovery Controller",)),
        ("application recovery controllers", ()),
        ("the Recovery Time Objective (RTO)", ()),
        ("Dr. Who, or is it as in us?", ()),
        ("", ()),
    ],
)
def test_a_question_is_widened_by_the_other_form(
    assistant: Assistant, question: str, added: tuple[str, ...]
) -> None:
    assert expand(question, assistant.index) == added


@pytest.mark.parametrize("question", ["how do AZs fail", "how does an az fail"])
def test_a_plural_is_the_same_short_form(assistant: Assistant, question: str) -> None:
    assert {form.casefold() for form in expand(question, assistant.index)} <= {
        "availability zone",
        "availability zones",
    }
    assert expand(question, assistant.index)


@pytest.mark.parametrize(
    ("question", "defining"),
    [
        ("What does RTO stand for?", "Recovery Time Objective (RTO)"),
        ("rpo?", "Recovery Point Objective (RPO)"),
        ("What does RAF stand for?", "Resilience Analysis Framework (RAF)"),
        ("what is FIS", "Fault Injection Service (FIS)"),
    ],
)
def test_the_answer_quotes_where_it_is_introduced(
    assistant: Assistant, question: str, defining: str
) -> None:
    assert defining in assistant.ask(question).text
