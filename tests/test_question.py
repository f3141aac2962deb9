"""What a question asks for, by its wording."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa.question import enumerates, focus, one_of_several, read


@pytest.mark.parametrize(
    "question",
    [
        "Which sessions cover resilience?",
        "List all talks on cost.",
        "How many sessions mention chaos engineering?",
        "What should I watch about serverless?",
        "Show me all videos on multi-Region architectures",
        "sessions about containers?",
        "list every session with two speakers",
        "Is there a talk on cells?",
        "Any talks on cost?",
        "which ones mention queues",
        "Which speakers are from Vanguard?",
        "Who talks about game days? List the sessions.",
        "Which talk would you recommend for beginners?",
    ],
)
def test_a_list_of_sessions_is_asked_for(question: str) -> None:
    assert read(question).sessions


@pytest.mark.parametrize(
    "question",
    [
        "What is shuffle sharding?",
        "Who presented ARC310?",
        "How are gray failures detected?",
        "What does the talk on cells say about the error codes?",
        "Which of the two presenters of the cells talk named queues?",
        "Which database should I start with?",
        "",
    ],
)
def test_a_list_of_sessions_is_not_asked_for(question: str) -> None:
    assert not read(question).sessions


@pytest.mark.parametrize(
    "question",
    [
        "What should I watch to learn about cells?",
        "I like cells, which talk should I see?",
        "recommend me a talk on cells",
        "Which talk is for someone who runs a shop?",
        "What is the best session to start with?",
    ],
)
def test_a_recommendation_is_told_apart(question: str) -> None:
    assert read(question).recommend
    assert read(question).sessions


@pytest.mark.parametrize(
    "question",
    [
        "What does Mike Hagen recommend instead of control planes?",
        "Which database would you recommend?",
        "What can I see in the dashboard?",
        "Which sessions mention cells?",
    ],
)
def test_what_is_no_recommendation(question: str) -> None:
    assert not read(question).recommend


@pytest.mark.parametrize(
    "question",
    [
        "Give me a short summary of ARC310",
        "tl;dr of ARC310",
        "What are the main points of ARC310?",
        "What is the talk on cells about?",
        "Tell me about ARC310",
    ],
)
def test_a_summary_is_asked_for(question: str) -> None:
    assert read(question).summary


@pytest.mark.parametrize(
    "question",
    [
        "compare ARC310 and ARC309",
        "How do ARC310 and ARC309 differ?",
        "ARC310 vs ARC309",
        "Which of ARC310 and ARC309 is more advanced?",
        "Is ARC310 more advanced than ARC309?",
    ],
)
def test_a_comparison_is_asked_for(question: str) -> None:
    assert read(question).compare


@pytest.mark.parametrize("question", ["What is shuffle sharding?", "Who presented ARC310?"])
def test_a_fact_is_neither_a_summary_nor_a_comparison(question: str) -> None:
    assert not read(question).summary
    assert not read(question).compare


@pytest.mark.parametrize(
    ("question", "collection"),
    [
        ("Who are all the presenters?", "speaker"),
        ("How many speakers are there?", "speaker"),
        ("Which levels are there?", "level"),
        ("What AWS services are covered?", "service"),
        ("Which talks have speakers from Vanguard?", ""),
        ("Who is the speaker of ARC310?", ""),
    ],
)
def test_a_field_of_the_whole_collection_is_asked_for(question: str, collection: str) -> None:
    assert read(question).collection == collection


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ("Who presented ARC310?", "speakers"),
        ("Who's the speaker of the gray failures talk?", "speakers"),
        ("What is the title of ARC310?", "title"),
        ("What level is ARC310?", "facts"),
        ("How advanced is the session on cells?", "facts"),
        ("Which services does ARC310 name?", "services"),
        ("Where can I watch ARC310?", "recording"),
        ("Give me the YouTube link", "recording"),
        ("Link to ARC206", "recording"),
        ("LINK TO ARC206", "recording"),
        ("got a link?", "recording"),
        ("and its link?", "recording"),
        ("the link to ARC310's recording, please", "recording"),
        ("ARC310's link", "recording"),
    ],
)
def test_a_field_of_the_card_is_asked_for(question: str, field: str) -> None:
    assert field in read(question).fields


def test_a_question_of_substance_asks_for_no_field() -> None:
    assert read("How are gray failures detected?").fields == frozenset()


@pytest.mark.parametrize(
    "question",
    [
        "What is that style of architecture called?",
        "What did the speaker of the growth talk recommend starting with?",
        "What role does caching play?",
        "Which people are from Kansai Link?",
        "Which companies link their feeds?",
        "Which companies link to a map?",
        "How do they link to each other, and can a station link its depot?",
        "What is the link between cost and resilience?",
        "Before I start, what did the SaaS expert say we should measure?",
        "Costs are measured at which tenant-level?",
        "dr strategy - which one did they pick in the end",
        "How do I limit how many people get hurt by a fault?",
    ],
)
def test_a_word_of_the_card_alone_asks_for_no_field(question: str) -> None:
    assert read(question).fields == frozenset()


@pytest.mark.parametrize(
    ("question", "role"),
    [
        ("What is Lauren Don's job title?", True),
        ("Which role does Mike Hagen have?", True),
        ("What role does caching play?", False),
        ("Who presented ARC310?", False),
    ],
)
def test_a_role_is_asked_for(question: str, role: bool) -> None:
    assert read(question).role is role


def test_several_things_are_asked_for() -> None:
    asked = read("What are the benefits of cells?")
    assert asked.several
    assert "benefit" in asked.things
    assert not read("Explain gray failures").several


@pytest.mark.parametrize(
    ("question", "defined"),
    [
        ("What is zonal autoshift?", ("zonal", "autoshift")),
        ("What is the title of ARC315?", ()),
        ("Who presented ARC312?", ()),
    ],
)
def test_a_field_of_the_card_is_not_a_definition(question: str, defined: tuple[str, ...]) -> None:
    assert read(question).defined == defined


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A second benefit is speed.", True),
        ("Speed is also among the benefits.", True),
        ("The benefit is speed.", False),
        ("A second reason is speed.", False),
    ],
)
def test_one_of_several_things_says_so(text: str, expected: bool) -> None:
    assert one_of_several({"benefit"}, text) is expected


def test_several_things_in_a_row_are_seen() -> None:
    assert enumerates("It needs alarms, checks and outlier detection.")
    assert not enumerates("It needs alarms.")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("We run one Region. What does failover cost? Thanks a lot.", "What does failover cost?"),
        ("What is A? What is B?", "What is B?"),
        ("Tell me more. Explain cells", "Explain cells"),
        ("What is it? (shuffle sharding)", "What is it? (shuffle sharding)"),
        ("", ""),
    ],
)
def test_the_focus_is_the_sentence_that_asks(question: str, expected: str) -> None:
    assert focus(question) == expected


@given(st.text(max_size=60))
def test_any_text_can_be_read(question: str) -> None:
    assert focus(question) in question
    assert read(question) == read(question)


def test_a_long_question_is_read_at_once() -> None:
    started = time.process_time()
    read("who " * 2_000)
    assert time.process_time() - started < 0.2


@pytest.mark.parametrize(
    ("question", "post"),
    [
        ("Who is the CEO of AWS?", "ceo"),
        ("who was the executive director of the FinOps Foundation", "execut director"),
        ("Who is the speaker of ARC311?", ""),
        ("Who is the man behind cells?", ""),
        ("Who is the architect who presented ARC311?", ""),
        ("Who is Todd Golding?", ""),
        ("What is the CEO of AWS?", ""),
    ],
)
def test_a_post_is_what_somebody_has_to_be(question: str, post: str) -> None:
    assert read(question).post == frozenset(post.split())
