"""What a question demands of sessions besides a topic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Assistant
from sessionqa.demands import Demands, read_demands


def read(assistant: Assistant, question: str) -> Demands:
    return read_demands(question, assistant.index, lambda _: ())


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        ("Which level 1 talks are there?", "BIZ-4 BR-7 SAF-1"),
        ("talks of level 2 and up", "BIZ-8 BR-12 BR-31 PA-2 PA-9 SAF-5"),
        ("talks below level 3 in the Pastry track", "PA-2"),
        ("Which 3 level sessions are there?", "BR-31 PA-9"),
        ("sessions of level 1 or 3", "BIZ-4 BR-31 BR-7 PA-9 SAF-1"),
        ("Which talks are not level 2?", "BIZ-4 BR-31 BR-7 PA-9 SAF-1"),
        ("sessions for beginners", "BIZ-4 BR-7 SAF-1"),
        ("the most advanced talks", "BR-31 PA-9"),
        ("Which sessions are from 2023?", "BIZ-4 BR-12 BR-7 SAF-1"),
        ("Which sessions have been given since 2024?", "BIZ-8 BR-31 PA-2 PA-9 SAF-5"),
        ("talks at Loaf Days", "BIZ-8 BR-31 PA-2 PA-9 SAF-5"),
        ("Which Forum talks are there?", "BIZ-4 BR-12 BR-7 SAF-1"),
        ("Which Safety sessions are there?", "SAF-1 SAF-5"),
        ("Which sessions did Omar Said give?", "BIZ-4 BIZ-8"),
        ("talks by Ada", "BIZ-4 BR-7"),
        ("sessions that had somebody called tom on stage", "BR-31 BR-7"),
        ("Tom's talks", "BR-31 BR-7"),
        ("talks by a miller of whatever rank", "BR-31 BR-7"),
        ("Which speakers are from the Guild of Bakers?", "BIZ-4 BIZ-8"),
        ("talks by Pia Vance or Jean Moreau", "BR-31 PA-2"),
        ("talks by Tom Reis and Ada Kiln", "BR-7"),
        ("talks by a miller or a pastry chef", "BR-31 BR-7 PA-2"),
        ("sessions that have an oven engineer among the speakers", "BR-31"),
        ("sessions with three speakers", "BR-31"),
        ("sessions given by more than two people", "BR-31"),
        ("sessions with more than one speaker", "BIZ-4 BR-31 BR-7"),
        ("Which talks name no speakers?", "PA-9 SAF-5"),
        ("Which talks don't have any speakers?", "PA-9 SAF-5"),
        ("Which of BR-7 and BR-12 mention rye?", "BR-12 BR-7"),
        ("Which sessions besides BR-7, PA-2 and SAF-1?", "BIZ-4 BIZ-8 BR-12 BR-31 PA-9 SAF-5"),
    ],
)
def test_a_demand_is_met_by_just_these_sessions(
    bakery: Assistant, question: str, codes: str
) -> None:
    demands = read(bakery, question)
    assert demands.passing is not None
    assert " ".join(sorted(demands.passing)) == codes
    assert demands.said
    assert not demands.missing


@pytest.mark.parametrize(
    "question",
    [
        "Which sessions mention sourdough?",
        "talks with butter",
        "sessions on flour by weight",
        "Which sessions talk about 14 allergens?",
        "",
    ],
)
def test_a_topic_is_no_demand(bakery: Assistant, question: str) -> None:
    demands = read(bakery, question)
    assert demands.passing is None
    assert demands.rest == question


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("level 4 talks", 'no level "4"; the nearest: 1, 2, 3'),
        ("talks from 1999", 'no year "1999"'),
        ("talks in the Cake track", 'no track "Cake"'),
        ("talks by Paul Hollow", "no speaker “Paul Hollow”"),
        ("speakers from Initech", "no speaker described as “Initech”"),
    ],
)
def test_what_no_session_has_is_told(bakery: Assistant, question: str, missing: str) -> None:
    assert read(bakery, question).missing.startswith(missing)


def test_what_was_read_is_taken_out_of_the_question(bakery: Assistant) -> None:
    demands = read(bakery, "Which level 2 talks by Omar Said mention dried bread?")
    assert demands.said == ("level 2", "speaker Omar Said")
    assert "dried bread" in demands.rest
    assert "Omar" not in demands.rest
    assert "2" not in demands.rest


def test_speakers_of_other_organisations(assistant: Assistant) -> None:
    for name in ("AWS", "Amazon"):
        demands = read(assistant, f"sessions with a speaker who doesn't work for {name}")
        assert demands.passing == {"ARC312", "ARC319"}


@given(st.text(max_size=80))
def test_any_text_can_be_read(bakery: Assistant, text: str) -> None:
    assert isinstance(read(bakery, text), Demands)
