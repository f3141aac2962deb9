"""Questions for sessions are answered over the whole corpus, each session with a quote."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import pytest

from sessionqa import Answer, Assistant, Session, Settings
from sessionqa.listing import MOST_RECOMMENDED, MOST_SHOWN

AssistantOver = Callable[..., Assistant]
BAKERY = Path(__file__).parent / "corpora" / "bakery"
GOLD = [json.loads(line) for line in (BAKERY / "gold.jsonl").read_text("utf-8").splitlines()]


def cited(answer: Answer) -> set[str]:
    return {citation.session_code for citation in answer.citations}


@pytest.fixture(scope="module")
def asked(bakery: Assistant) -> dict[str, Answer]:
    return {gold["id"]: bakery.ask(gold["question"]) for gold in GOLD}


def test_lists_are_right_on_another_subject(asked: dict[str, Answer]) -> None:
    answerable = [gold for gold in GOLD if not gold["refuse"]]
    found = {gold["id"]: cited(asked[gold["id"]]) for gold in answerable}
    precisions = [len(found[g["id"]] & {*g["sessions"]}) / len(found[g["id"]]) for g in answerable]
    recalls = [len(found[g["id"]] & {*g["sessions"]}) / len(g["sessions"]) for g in answerable]
    assert mean(precisions) >= 0.95
    assert mean(recalls) >= 0.95


@pytest.mark.parametrize("gold", [g for g in GOLD if g["refuse"]], ids=lambda g: g["question"])
def test_what_no_session_has_is_refused(asked: dict[str, Answer], gold: dict[str, str]) -> None:
    answer = asked[gold["id"]]
    assert answer.refused
    assert answer.text.startswith("No session here ")
    assert not answer.citations


@pytest.mark.parametrize("question", ["Which talks mention quokkas?", "Any talks about quokkas?"])
def test_a_list_of_nothing_is_refused_even_if_nothing_else_is(
    shipped: Settings, question: str
) -> None:
    careless = Assistant.open(shipped.with_(refuse_below=0.0, lexical_weight=1))
    answer = careless.ask(question)
    assert answer.refused
    assert answer.text.startswith("No session here ")


def test_every_quote_is_a_span_with_its_number(asked: dict[str, Answer], bakery: Assistant) -> None:
    texts = {session.code: session.text for session in bakery.sessions()}
    for answer in asked.values():
        for number, citation in enumerate(answer.citations, 1):
            assert citation.number == number
            assert texts[citation.session_code][citation.start : citation.end] == citation.quote
            assert f"“{citation.quote}” [{number}]" in answer.text


def test_a_list_is_counted_and_has_a_line_for_each_session(assistant: Assistant) -> None:
    answer = assistant.ask("Which sessions bring up Application Recovery Controller?")
    heading, *lines = answer.text.split("\n\n")
    assert heading == "4 sessions mention “Application Recovery Controller”:"
    assert len(lines) == len(answer.citations) == 4
    for line, citation in zip(lines, answer.citations, strict=True):
        assert line.startswith(f"{citation.session_code} {citation.title}")
    assert "ARC310 Detecting and mitigating gray failures (Mike Hagen): " in answer.text


def test_the_demands_that_were_read_are_shown(assistant: Assistant) -> None:
    answer = assistant.ask("Which level 300 talks by somebody called Mike mention RAF?")
    assert answer.text.startswith("1 session (level 300, speaker Mike) mentions “RAF”:")
    assert cited(answer) == {"ARC313"}


def test_a_demand_without_a_topic_is_shown_by_its_line_of_the_card(assistant: Assistant) -> None:
    answer = assistant.ask("any level 200 talks?")
    assert [citation.quote for citation in answer.citations] == [
        "Level 200, track ARC, AWS re:Invent 2023."
    ]
    answer = assistant.ask("Which sessions list three named speakers?")
    assert all(citation.quote.startswith("Presented by ") for citation in answer.citations)
    assert cited(answer) == {"ARC312", "ARC319", "ARC327"}


def test_an_impossible_demand_says_what_there_is(assistant: Assistant) -> None:
    answer = assistant.ask("Which level 400 sessions mention Lambda?")
    assert answer.refused
    assert answer.text == ('No session here fits: there is no level "400"; the nearest: 200, 300.')
    assert assistant.ask("Which sessions are above level 300?").text == (
        "No session here fits: level above 300."
    )


def test_a_list_keeps_to_the_users_filter(assistant: Assistant) -> None:
    answer = assistant.ask("Which sessions mention Lambda?", filter="level=300")
    assert cited(answer) == {"ARC311"}
    assert cited(assistant.ask("list all sessions", filter="level=200")) == {"ARC206"}


def test_a_list_that_the_filter_leaves_nothing_of_cites_nothing(assistant: Assistant) -> None:
    answer = assistant.ask("Which sessions besides ARC310 mention Lambda?", filter="level=200")
    assert answer.text == "ARC310 does not pass the filter level=200."
    assert answer.refused
    assert not answer.citations


def test_words_that_must_be_mentioned_are_nowhere(assistant: Assistant) -> None:
    answer = assistant.ask("Which sessions mention Terraform modules?")
    assert answer.refused
    assert "The closest sessions: " in answer.text


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("Which sessions deal with proving a design correct?", "ARC315"),
        ("talks on growing a startup's app to millions of people", "ARC206"),
        ("Which talks would help me avoid vendor lock-in?", "ARC307"),
    ],
)
def test_a_described_topic_is_found_by_meaning(
    assistant: Assistant, question: str, code: str
) -> None:
    answer = assistant.ask(question)
    assert answer.citations[0].session_code == code


def test_a_recommendation_links_to_the_recordings(assistant: Assistant) -> None:
    answer = assistant.ask("What should I watch to learn about chaos engineering?")
    assert cited(answer) == {"ARC312", "ARC315", "ARC316"}
    links = [c.session_code for c in answer.citations if c.quote.startswith("Recording: https://")]
    assert sorted(links) == ["ARC312", "ARC315", "ARC316"]


def test_a_recommendation_is_short_unless_all_are_wanted(assistant: Assistant) -> None:
    some = assistant.ask("What should I watch to learn about resilience?")
    assert len(cited(some)) == MOST_RECOMMENDED
    assert some.text.startswith(f"11 sessions mention “resilience”; the first {MOST_RECOMMENDED}:")
    every = assistant.ask("What are all talks that I should watch to learn about resilience?")
    assert len(cited(every)) > MOST_RECOMMENDED


def test_the_topic_of_a_recommendation_may_stand_before_it(assistant: Assistant) -> None:
    answer = assistant.ask("I run a SaaS business. What should I watch?")
    assert answer.citations[0].session_code == "ARC311"


def test_the_collection_is_counted(assistant: Assistant) -> None:
    assert assistant.ask("How many sessions are there?").text.startswith("14 sessions:")
    speakers = assistant.ask("Who are all the presenters?")
    assert speakers.text.startswith("25 speakers in 12 sessions:")
    assert "Becky Weiss" in speakers.text
    levels = assistant.ask("Which levels are there?")
    assert levels.text.startswith("2 levels (200 and 300) in 14 sessions:")


def test_services_that_do_something_are_a_fact(assistant: Assistant) -> None:
    answer = assistant.ask("Which services help with monitoring and tracing?")
    assert "X-Ray" in answer.text
    assert " services in " not in answer.text


def test_a_long_list_is_counted_in_full_and_shown_in_part(assistant_over: AssistantOver) -> None:
    many = MOST_SHOWN + 20
    sessions = [
        Session(f"BEE{n:03d}", f"Hive number {n}", "Bees make honey in the hive.")
        for n in range(many)
    ]
    apiary = assistant_over([*sessions, Session("WAX001", "Candles", "Wax burns brightly.")])
    answer = apiary.ask("Which sessions mention honey?")
    assert answer.text.startswith(f"{many} sessions mention “honey”; the first {MOST_SHOWN}:")
    assert len(answer.citations) == MOST_SHOWN
    everything = apiary.ask("How many sessions are there?")
    assert everything.text.startswith(f"{many + 1} sessions; the first {MOST_SHOWN}:")
