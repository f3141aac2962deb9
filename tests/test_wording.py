"""Quotes are understandable by themselves, told apart from what leads in, and to the point."""

import re
from collections.abc import Callable
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Answer, Assistant, Session, Settings, build_index, card, kinds
from sessionqa.datatypes import Citation, Speaker
from sessionqa.quotes import places
from sessionqa.reply import Paragraph, Reply
from sessionqa.ui import page
from sessionqa.verify import verify
from sessionqa.wording import Wording

HARVEST = Path(__file__).parent / "corpora" / "harvest"
# Questions of every kind that is worded in its own way.
ASKED = (
    "How many plants of maize are needed?",
    "How long does it take to get rid of the jelly on tomato seeds?",
    "How long do the mushrooms hang in the dark?",
    "Why doesn't she boil the straw?",
    "What rule of thumb is there for storing seed?",
    "How often does Tolliver repeat the spade test?",
    "Who presented the session on oyster mushrooms?",
    "Who runs Fennick Hollow Farm?",
    "What is HV21 about?",
    "Compare HV21 and HV23",
    "Which sessions mention straw?",
    "What should I watch to learn about mushrooms?",
    "Who won the world cup in 2018?",
)


@pytest.fixture(scope="module")
def harvest(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    settings = Settings(corpus=HARVEST, index=tmp_path_factory.mktemp("harvest") / "index")
    build_index(settings)
    return Assistant.open(settings)


@pytest.fixture(scope="module")
def answers(harvest: Assistant) -> dict[str, Answer]:
    return {question: harvest.ask(question) for question in ASKED}


def emphasis(answer: Answer) -> list[str]:
    return [answer.text[slice(*p.emphasis)] for p in places(answer) if p.emphasis]


# What leads in


def test_who_he_is_stands_before_the_quote_and_not_in_it(answers: dict[str, Answer]) -> None:
    answer = answers["What rule of thumb is there for storing seed?"]
    assert answer.text.startswith("HV21, Ivo Castellane: “He has a rule of thumb for storing")
    assert answer.citations[0].quote.startswith("He has")


def test_a_speaker_is_named_once_for_several_quotes(answers: dict[str, Answer]) -> None:
    answer = answers["How long do the mushrooms hang in the dark?"]
    assert answer.text.count("Hedda Quorn") == 1
    assert answer.text.startswith("HV23, Hedda Quorn: “She ")


def test_a_list_that_names_the_speaker_does_not_name_her_again(answers: dict[str, Answer]) -> None:
    text = answers["Which sessions mention straw?"].text
    assert "HV23 Oyster mushrooms from a cellar (Hedda Quorn): “She " in text


def test_a_sentence_that_leans_on_the_one_before_is_quoted_with_it(
    answers: dict[str, Answer],
) -> None:
    answer = answers["How long does it take to get rid of the jelly on tomato seeds?"]
    quotes = [c.quote for c in answer.citations if c.quote.endswith("This takes three days.")]
    assert len(quotes) == 1
    assert quotes[0].startswith("To get rid of it, he leaves the pulp")
    assert answer.text.count("This takes three days.") == 1


def test_no_quote_repeats_another_and_its_passage_holds_it(
    answers: dict[str, Answer], harvest: Assistant
) -> None:
    for answer in answers.values():
        found = harvest.index.passages([c.passage_id for c in answer.citations])
        for citation, passage in zip(answer.citations, found, strict=True):
            assert passage.start <= citation.start < citation.end <= passage.end
        spans = sorted((c.session_code, c.start, c.end) for c in answer.citations)
        for before, after in pairwise(spans):
            assert before[0] != after[0] or before[2] <= after[1]


TWO = "Ann Lee and Bo Ray work on tides."


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("Ann Lee opened. Bo Ray measured the tides with care. He found the moon.", "Bo Ray:"),
        ("Ann Lee opened with a chart of all the tides. She found the moon.", "Ann Lee:"),
        # Two are named in one sentence, or in between somebody else is spoken of.
        (f"{TWO} He found the moon.", ""),
        ("Ann Lee met a keeper, and told of it. She liked him. He found the moon.", ""),
        ("Ann Lee told of it. A keeper who came by laughed. She found the moon.", ""),
        ("A keeper opened the door of a tower by the old harbour. He found the moon.", ""),
        # What it is about is in the heading, or else in the title.
        ("## Charts\n\nThese show the moon.", "on “Charts”:"),
        ("It shows the moon.", "on “Tides and the moon”:"),
        ("It is important to see the moon.", ""),
        ("This talk shows the moon.", ""),
        ("The moon draws what he calls a bulge.", ""),
    ],
)
def test_the_lead_says_who_or_what_is_meant_where_it_is_clear(
    text: str, lead: str, assistant_over: Callable[..., Assistant]
) -> None:
    speakers = (Speaker("Ann Lee"), Speaker("Bo Ray"))
    session = Session("TD1", "Tides and the moon", text, speakers=speakers)
    assert shown_last(assistant_over([session]), "TD1") == f"TD1{', ' if lead else ':'}{lead}"


def shown_last(assistant: Assistant, code: str) -> str:
    """What stands before the quote of the last sentence, where that alone is quoted."""
    index = assistant.index
    session = assistant.session(code)
    sentence = index.sentences(code, card.end_of(session.text), len(session.text))[-1]
    citation = Citation(1, code, session.title, "", sentence.start, sentence.end, sentence.text)
    reply = Reply("", (Paragraph(f"{code}:", (sentence,)),), 1.0)
    text = Wording(index).text(reply, [citation])
    assert text.endswith(f"“{sentence.text}” [1]")
    return text.partition(" “" + sentence.text)[0]


def test_a_long_sentence_is_not_put_in_front(assistant_over: Callable[..., Assistant]) -> None:
    long = "The moon draws the water of the sea " + "and of every other sea " * 8 + "on earth."
    text = f"{long} This takes twelve hours."
    assistant = assistant_over([Session("TD2", "Tides", text)])
    answer = assistant.ask("What takes twelve hours?")
    assert "on “Tides”: “This takes twelve hours.” [1]" in answer.text


# What is emphasised


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How many plants of maize are needed?", "200"),
        ("How long does it take to get rid of the jelly on tomato seeds?", "three days"),
        ("How often does Tolliver repeat the spade test?", "every autumn"),
        ("Who presented the session on oyster mushrooms?", "Hedda Quorn"),
        ("Who runs Fennick Hollow Farm?", "Maren Tolliver"),
    ],
)
def test_what_answers_is_emphasised(question: str, words: str, answers: dict[str, Answer]) -> None:
    assert emphasis(answers[question]) == [words]


@pytest.mark.parametrize(
    "question",
    [
        "Why doesn't she boil the straw?",
        "What rule of thumb is there for storing seed?",
        "What is HV21 about?",
        "Compare HV21 and HV23",
        "Which sessions mention straw?",
        "Who won the world cup in 2018?",
    ],
)
def test_nothing_is_emphasised_where_no_span_answers(
    question: str, answers: dict[str, Answer]
) -> None:
    assert emphasis(answers[question]) == []


@pytest.mark.parametrize(
    ("question", "text", "words"),
    [
        (
            "How many users are there?",
            "ARC206 is for 10 million users and 3 teams.",
            "10 million users",
        ),
        ("How many lessons are there?", "The talk gave five key lessons.", "five key lessons"),
        ("How long does it take?", "That takes two to three weeks.", "two to three weeks"),
        ("How long does a run last?", "A run lasts an hour.", "an hour"),
        ("How much does it cost?", "Downtime costs $300,000 an hour.", "$300,000"),
        ("Which percentage is saved?", "It saves 99.95% of them.", "99.95%"),
        ("In which year was it?", "It began in 2016.", "2016"),
        ("When does it open?", "It opens on 4 March 2024.", "4 March 2024"),
        (
            "Which database should I use?",
            "Begin with an Aurora Serverless database.",
            "Aurora Serverless",
        ),
        ("Who founded it?", "It was founded by Ada Kiln and Tom Reis.", "Ada Kiln and Tom Reis"),
    ],
)
def test_a_span_is_whole(question: str, text: str, words: str) -> None:
    found = kinds.spans(kinds.wanted(question), text)
    assert [text[slice(*span)] for span in found] == [words]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Does it hold 200 plants?", "It holds 200 plants."),
        ("How many of the 14 sprout?", "If fewer than 14 sprout, the batch is not lent."),
        ("Who is Ada Kiln?", "Ada Kiln is a baker."),
        ("Which services help?", "They do help in the end."),
        ("What is it?", "AWS Lambda is a service."),
    ],
)
def test_what_the_question_has_or_does_not_ask_for_is_no_span(question: str, text: str) -> None:
    assert kinds.spans(kinds.wanted(question), text) == []


QUESTIONS = ("Who is it?", "How many are there?", "Which name?", "When?", "How long?", "How often?")


@given(st.sampled_from(QUESTIONS), st.text(max_size=80), st.lists(st.text(max_size=5), max_size=2))
def test_spans_are_stretches_of_any_text(question: str, text: str, people: list[str]) -> None:
    at = 0
    for start, end in kinds.spans(kinds.wanted(question), text, people):
        assert at <= start < end <= len(text)
        at = end


# What every answer keeps


def test_every_citation_holds_and_stands_before_its_number(
    answers: dict[str, Answer], harvest: Assistant
) -> None:
    for answer in answers.values():
        assert all(check.holds for check in verify(answer, harvest.index.session))
        shown = places(answer)
        assert [place.citation for place in shown] == list(answer.citations)
        for place in shown:
            assert answer.text[place.start : place.end] == place.citation.quote
            number = f"” [{place.citation.number}]"
            assert answer.text[place.end : place.marked] == number


def test_emphasis_lies_inside_its_citation_and_is_in_the_json(answers: dict[str, Answer]) -> None:
    emphasised = [c for a in answers.values() for c in a.citations if c.emphasis]
    assert emphasised
    for citation in emphasised:
        assert citation.emphasis
        start, end = citation.emphasis
        assert citation.start <= start < end <= citation.end
    for answer in answers.values():
        assert sum(c.emphasis is not None for c in answer.citations) <= 1
        assert all("emphasis" in citation for citation in answer.to_dict()["citations"])


def test_the_page_shows_the_text_of_the_answer(answers: dict[str, Answer]) -> None:
    for answer in answers.values():
        html = page.answer(answer, 0, answer.text)
        assert html.count("<strong>") == len(emphasis(answer))
        bare = unescape(re.sub(r"<[^>]+>", " ", html))
        missing = [word for word in re.findall(r"\w+", answer.text) if word not in bare]
        assert missing == []


def test_a_list_is_a_list_on_the_page(answers: dict[str, Answer]) -> None:
    answer = answers["Which sessions mention straw?"]
    html = page.answer(answer, 0, answer.text)
    assert html.count("<li>") == len({c.session_code for c in answer.citations}) > 1
    assert '<span class="title">Oyster mushrooms from a cellar</span>' in html


def test_an_answer_grows_by_whole_quotes(answers: dict[str, Answer]) -> None:
    for answer in answers.values():
        steps = page.growing(answer)
        assert steps[-1] == answer.text
        assert len(steps) == max(1, len(answer.citations))
        for step in steps[:-1]:
            assert step.endswith("]")
            assert page.answer(answer, 0, step)
