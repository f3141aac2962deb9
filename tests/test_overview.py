"""Sessions are summed up, compared, and described by the lines of their cards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sessionqa import Answer, Assistant, Settings, build_index
from sessionqa.overview import SIDE, SUMMARY

Write = Callable[..., Path]


def cited(answer: Answer) -> set[str]:
    return {citation.session_code for citation in answer.citations}


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("What is ARC310 about?", "ARC310"),
        ("ARC310", "ARC310"),
        ("give me a short summary of arc-310", "ARC310"),
        ("Summarize ARC306 in a few sentences", "ARC306"),
        ("tl;dr of Becky Weiss's talk", "ARC327"),
        ("what is the gray failures talk about?", "ARC310"),
        ("Summarise the talk about formal methods.", "ARC315"),
        ('overview of "Practice like you play"', "ARC316"),
        ("What are the main points of the session by Todd Golding?", "ARC311"),
    ],
)
def test_a_session_is_summed_up_in_its_order(
    assistant: Assistant, question: str, code: str
) -> None:
    answer = assistant.ask(question)
    assert cited(answer) == {code}
    starts = [citation.start for citation in answer.citations]
    assert starts == sorted(starts)
    assert len(starts) == SUMMARY
    title = assistant.session(code).title
    assert answer.text.startswith(f"{code} {title}")


def test_a_summary_says_different_things(assistant: Assistant) -> None:
    for session in assistant.sessions():
        answer = assistant.ask(f"Summarize {session.code}")
        body = assistant.index.sentences(session.code, 0, len(session.text))
        rows = {sentence.start: sentence.row for sentence in body}
        vectors = assistant.index.sentence_vectors([rows[c.start] for c in answer.citations])
        likeness = vectors @ vectors.T
        assert (likeness - 2 * (likeness > 0.999)).max() < 0.96


def test_a_summary_may_have_an_aspect(assistant: Assistant) -> None:
    answer = assistant.ask("What are the key points of ARC308 on the bank?")
    assert cited(answer) == {"ARC308"}
    assert all("bank" in citation.quote for citation in answer.citations)


def test_an_unknown_subject_has_no_summary(assistant: Assistant) -> None:
    assert assistant.ask("Summarise the talk about beekeeping.").refused


@pytest.mark.parametrize(
    "question",
    [
        "compare ARC310 and ARC309",
        "ARC310 vs ARC309",
        "How does ARC310 differ from ARC309?",
        "compare the gray failures talk with the zonal autoshift talk",
    ],
)
def test_two_sessions_are_put_side_by_side(assistant: Assistant, question: str) -> None:
    answer = assistant.ask(question)
    assert [c.session_code for c in answer.citations] == ["ARC310"] * SIDE + ["ARC309"] * SIDE
    heading, *sides = answer.text.split("\n\n")
    assert heading == "ARC310 and ARC309, side by side:"
    assert [side.split()[0] for side in sides] == ["ARC310", "ARC309"]


def test_sessions_are_compared_on_what_was_asked(assistant: Assistant) -> None:
    answer = assistant.ask("What is the difference between ARC310 and ARC309 on zonal shift?")
    assert cited(answer) == {"ARC310", "ARC309"}
    assert all("zonal" in c.quote.casefold() for c in answer.citations)


def test_sessions_are_compared_by_their_levels(assistant: Assistant) -> None:
    answer = assistant.ask("Which of ARC206 and ARC308 is more advanced?")
    assert [c.quote.split(",")[0] for c in answer.citations] == ["Level 200", "Level 300"]


def test_a_difference_between_things_is_a_fact(assistant: Assistant) -> None:
    answer = assistant.ask("How do hard failures differ from gray failures?")
    assert not answer.refused
    assert "side by side" not in answer.text


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("title and level of ARC319", ("Optimize cost and performance", "Level 300")),
        ("Who presented ARC308 and what are their roles?", ("Neeraj Kumar, principal",)),
        ("link to ARC206", ("https://www.youtube.com/watch?v=JzuNJ8OUht0",)),
        ("Which event and year was ARC309 at?", ("AWS re:Invent 2023",)),
        ("Which services does ARC317 name?", ("IAM, EC2, RDS",)),
        ("what code does the talk by Ankush Desai have", ("ARC315: Gain confidence",)),
        ("who is speaking in ARC306?", ("does not name the speakers",)),
    ],
)
def test_a_field_of_the_card_is_answered_by_its_lines(
    assistant: Assistant, question: str, parts: tuple[str, ...]
) -> None:
    answer = assistant.ask(question)
    assert all(part in answer.text for part in parts)
    assert len(answer.citations) == len(parts)


def test_a_field_that_a_card_lacks_is_refused_by_its_name(assistant: Assistant) -> None:
    answer = assistant.ask("Which services are named in ARC307?")
    assert answer.refused
    assert answer.text == "The summaries give no services for ARC307."


def test_a_filter_leaves_the_other_session_out(assistant: Assistant) -> None:
    answer = assistant.ask("compare ARC206 and ARC308", filter="level=300")
    assert cited(answer) == {"ARC308"}


def test_a_session_without_a_body_is_summed_up_by_its_card(
    garden: Settings, write_session: Write
) -> None:
    write_session("GAR303", "Seeds", "", speakers="[{name: Kim Root}]")
    build_index(garden)
    assert "Kim Root" in Assistant.open(garden).ask("What is GAR303 about?").text


@pytest.mark.parametrize("asked", ["{} pls", "plz {}", "{}, kindly", "{}, thx", "{} thank you"])
def test_however_politely_it_is_asked(asked: str, assistant: Assistant) -> None:
    plain = assistant.ask("ARC310 summary")
    assert len(plain.citations) > 1
    assert assistant.ask(asked.format("ARC310 summary")).text == plain.text
