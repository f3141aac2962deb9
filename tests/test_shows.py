"""What a user sees on the shipped corpus: questions as people ask them, and what comes back."""

import pytest

from sessionqa import Answer, Assistant, Settings
from sessionqa.cli import main


def cited(answer: Answer) -> set[str]:
    return {citation.session_code for citation in answer.citations}


@pytest.mark.parametrize(
    ("question", "code", "fact"),
    [
        ("Which disaster recovery strategy did the bank choose?", "ARC308", "warm standby"),
        ("Who presented the gray failures session?", "ARC310", "Mike Hagen"),
        ("What is the title of ARC319?", "ARC319", "Optimize cost and performance and track"),
        ("Who presented ARC327?", "ARC327", "Alec Peterson; Mike Fur; Becky Weiss"),
        ("Who presented ARC312?", "ARC312", "Presented by Clark Ritchie"),
        ("What is the title of ARC315?", "ARC315", "Gain confidence in system correctness"),
        ("What does zonal autoshift do?", "ARC309", "autoshift"),
        ("What does RTO stand for?", "ARC308", "Recovery Time Objective"),
        ("What happens three times a week?", "ARC316", "Game days"),
        ("How often do game days take place?", "ARC316", "three times a week"),
        ("What costs $300,000?", "ARC316", "Downtime"),
        ("How much does an hour of downtime cost?", "ARC316", "$300,000"),
        ("What is shufle shardng?", "ARC306", "smaller subsets of users"),
        ("what is SHUFFLE SHARDING", "ARC306", "smaller subsets of users"),
        ("Who is JR Storment?", "ARC319", "executive director of the FinOps Foundation"),
        ("Which level is arc310?", "ARC310", "Level 300"),
        ("Where can I watch ARC310?", "ARC310", "https://www.youtube.com/watch?v=LzIZ-dEzgEw"),
        ("Which session is about formal methods?", "ARC315", "formal methods"),
        ("Which services does ARC308 name?", "ARC308", "DynamoDB global tables"),
    ],
)
def test_the_answer_states_the_fact_and_cites_its_session(
    question: str, code: str, fact: str, assistant: Assistant
) -> None:
    answer = assistant.ask(question)
    assert not answer.refused
    assert fact.casefold() in answer.text.casefold()
    assert code in cited(answer)


@pytest.mark.parametrize(
    ("earlier", "question", "code", "fact"),
    [
        (["Which session covers gray failures?"], "who gave it?", "ARC310", "Mike Hagen"),
        (["What is the session about formal methods?"], "Who gave it?", "ARC315", "Ankush Desai"),
        (["What is FinOps?", "How long is it?"], "Who explains it?", "ARC319", "JR Storment"),
    ],
)
def test_a_follow_up_is_about_what_came_before(
    earlier: list[str], question: str, code: str, fact: str, assistant: Assistant
) -> None:
    answer = assistant.ask(question, history=earlier)
    assert fact in answer.text
    assert code in cited(answer)
    assert answer.question == question
    assert answer.standalone_question != question


@pytest.mark.parametrize("question", ["And ARC315?", "And who presented ARC315?"])
def test_a_follow_up_that_names_a_session_is_about_that_one(
    question: str, assistant: Assistant
) -> None:
    answer = assistant.ask(question, history=["Who presented ARC327?"])
    assert cited(answer) == {"ARC315"}


def test_a_list_cites_every_session_that_says_so(assistant: Assistant) -> None:
    answer = assistant.ask("Which sessions talk about chaos engineering?")
    assert cited(answer) == {"ARC312", "ARC315", "ARC316"}
    for code in cited(answer):
        assert "chaos" in assistant.session(code).text.casefold()


def test_every_quote_stands_in_the_text_and_in_its_session(assistant: Assistant) -> None:
    for question in ("What is differential observability?", "What are the five key lessons?"):
        answer = assistant.ask(question)
        assert answer.citations
        for number, citation in enumerate(answer.citations, 1):
            session = assistant.session(citation.session_code)
            assert session.text[citation.start : citation.end] == citation.quote
            assert f"“{citation.quote}” [{number}]" in answer.text


@pytest.mark.parametrize(
    "question",
    [
        "How do I bake bread?",
        "Who won the world cup in 2018?",
        "What is the capital of Mongolia?",
        "Which laptop should I buy?",
        "Write me a poem about the sea.",
    ],
)
def test_what_the_corpus_does_not_say_is_refused(question: str, assistant: Assistant) -> None:
    answer = assistant.ask(question)
    assert answer.refused
    assert answer.citations == ()
    assert answer.confidence < 0.5
    assert answer.text.startswith("The summaries do not say. The closest sessions: ARC")


def test_bread_ends_the_command_with_1(
    shipped: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--corpus", str(shipped.corpus), "--index", str(shipped.index)]
    assert main(["ask", "How do I bake bread?", *place]) == 1
    assert "do not say" in capsys.readouterr().out


@pytest.mark.parametrize("code", ["ARC999", "XYZ999", "SEC310"])
def test_a_session_that_is_not_there_is_named_in_the_refusal(
    code: str, assistant: Assistant
) -> None:
    answer = assistant.ask(f"What does {code} say?")
    assert answer.refused
    assert answer.text.startswith(f"There is no session {code} here.")


def test_the_same_question_gets_the_same_answer(assistant: Assistant) -> None:
    first, second = (assistant.ask("What is zonal autoshift?") for _ in range(2))
    assert (first.text, first.hits, first.confidence) == (
        second.text,
        second.hits,
        second.confidence,
    )


def test_zonal_autoshift_is_not_taken_for_zonal_shift(assistant: Assistant) -> None:
    answer = assistant.ask("What is zonal autoshift?")
    assert "recovers automatically" in answer.text


def test_the_recording_of_every_session_is_found(assistant: Assistant) -> None:
    missing = [
        session.code
        for session in assistant.sessions()
        if session.url not in assistant.ask(f"Where can I watch {session.code}?").text
    ]
    assert missing == []


@pytest.mark.parametrize("question", ["???", "the of and", "🙂"])
def test_a_question_without_content_is_refused(question: str, assistant: Assistant) -> None:
    assert assistant.ask(question).refused
