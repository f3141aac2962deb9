"""Answers that a model writes: what is shown of what it says, and what where it says nothing."""

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import pytest
from speaking import Speaker, speaking
from told import Says, Told, always, with_writer

from sessionqa import Answer, Assistant
from sessionqa.errors import SettingsError
from sessionqa.llm import open_llm
from sessionqa.llm.writer import MOST_SENTENCES, Writer
from sessionqa.quotes import UNSUPPORTED, pieces, places
from sessionqa.settings import Settings, Unsupported
from sessionqa.terminal import as_text
from sessionqa.ui import kept, page
from sessionqa.verify import verify

STEAM = "A crust needs steam during the first ten minutes of baking."
BROWNS = "Pia Vance measured how the Maillard reaction (MR) browns the crust above 140 degrees."
FALSE = "A crust needs steam during the first twenty minutes of baking."
QUESTION = "When does a crust need steam?"


def written(bakery: Assistant, *said: str, unsupported: Unsupported = "drop") -> Answer:
    return with_writer(bakery, Told(always(*said)), unsupported).ask(QUESTION)


@pytest.fixture(scope="module")
def quoted(bakery: Assistant) -> Answer:
    answer = bakery.ask(QUESTION)
    assert not answer.refused
    return answer


def assert_quotes(answer: Answer, quoted: Answer, note: str) -> None:
    """The answer is that of quotes, and says why."""
    assert (answer.text, answer.citations) == (quoted.text, quoted.citations)
    assert answer.answerer == quoted.answerer == "extractive"
    assert note in answer.note
    assert "\n" not in answer.note
    assert answer.writing is not None


def test_a_supported_sentence_is_shown_with_its_citation(bakery: Assistant) -> None:
    answer = written(bakery, "The crust needs steam during the first 10 minutes of baking. [1]")
    assert answer.text == "The crust needs steam during the first 10 minutes of baking. [1]"
    [citation] = answer.citations
    assert citation.quote == STEAM
    assert citation.session_code == "BR-31"
    assert answer.written
    assert answer.answerer == "llm:told"
    assert not answer.note
    assert answer.writing is not None
    assert (answer.writing.sentences, answer.writing.supported) == (1, 1)


def test_citations_are_stretches_of_their_sessions(bakery: Assistant) -> None:
    answer = written(bakery, f"{STEAM} {BROWNS}")
    assert [one.number for one in answer.citations] == [1, 2]
    for citation in answer.citations:
        session = bakery.session(citation.session_code)
        assert session.text[citation.start : citation.end] == citation.quote
        assert citation.sha256 == session.sha256


def test_sentences_come_one_by_one_each_once_it_is_whole(bakery: Assistant) -> None:
    said = ["A crust needs ", "steam during the first ten ", "minutes of baking. [1] ", "Pia", ""]
    said += [BROWNS.removeprefix("Pia"), " [1]"]
    steps = list(with_writer(bakery, Told(always(*said))).stream(QUESTION))
    texts = [step.text for step in steps]
    assert texts[0] == ""
    assert all(after.startswith(before) for before, after in pairwise(texts))
    assert f"{STEAM} [1]" in texts[:-1]
    assert texts[-1] == f"{STEAM} [1] {BROWNS} [2]"


def test_an_unsupported_sentence_is_dropped_and_the_others_stay(bakery: Assistant) -> None:
    answer = written(bakery, f"{FALSE} {STEAM} Bread is a myth.")
    assert answer.text == f"{STEAM} [1]"
    assert answer.writing is not None
    assert (answer.writing.sentences, answer.writing.supported) == (3, 1)


def test_or_it_is_marked_where_that_is_wanted(bakery: Assistant) -> None:
    answer = written(bakery, f"{FALSE} {STEAM} Bread is a myth.", unsupported="mark")
    assert answer.text == f"{FALSE} {UNSUPPORTED} {STEAM} [1] Bread is a myth. {UNSUPPORTED}"
    assert len(answer.citations) == 1


@pytest.mark.parametrize("unsupported", ["drop", "mark"])
@pytest.mark.parametrize(
    "said", ["", " \n", "[1]", "...", FALSE, "Not in the sources.", "1. 2. 3.", "x" * 5_000]
)
def test_where_nothing_is_supported_it_is_quoted_with_a_note(
    bakery: Assistant, quoted: Answer, said: str, unsupported: Unsupported
) -> None:
    answer = written(bakery, said, unsupported=unsupported)
    assert_quotes(answer, quoted, "what told wrote is not in the summaries")


def test_what_is_supported_but_beside_the_question_is_quoted_instead(
    bakery: Assistant, quoted: Answer
) -> None:
    answer = written(bakery, "Presented by Tom Reis.")
    assert_quotes(answer, quoted, "or says too little")


@pytest.mark.parametrize(
    "question",
    ["What is the capital of France?", "Which sessions are about rye?", "Who are the speakers?"],
)
def test_a_model_is_not_asked_where_there_is_nothing_to_write(
    bakery: Assistant, question: str
) -> None:
    llm = Told(always(STEAM))
    answer = with_writer(bakery, llm).ask(question)
    assert not llm.asked
    assert answer.text == bakery.ask(question).text
    assert answer.writing is None


def test_nor_where_quotes_are_asked_for(bakery: Assistant, quoted: Answer) -> None:
    llm = Told(always(STEAM))
    assert with_writer(bakery, llm).ask(QUESTION, quoted=True).text == quoted.text
    assert not llm.asked


def test_a_model_that_fails_leaves_the_quotes_and_its_reason(
    bakery: Assistant, quoted: Answer
) -> None:
    llm = Told(always(f"{STEAM} And"), problem="the model broke off: ask again")
    answer = with_writer(bakery, llm).ask(QUESTION)
    assert_quotes(answer, quoted, "Quotes instead: the model broke off: ask again.")


def test_and_is_asked_again_the_next_time(bakery: Assistant) -> None:
    llm = Told(always(f"{STEAM} "), problem="the model broke off: ask again")
    assistant = with_writer(bakery, llm)
    assert not assistant.ask(QUESTION).written
    llm.problem = ""
    assert assistant.ask(QUESTION).written
    assert assistant.ask(QUESTION).written
    assert len(llm.asked) == 2


@pytest.mark.parametrize(
    ("speaker", "note"),
    [
        (Speaker(status=500, body=b"{}"), "answered 500"),
        (Speaker(status=401, body=b"{}"), "SESSIONQA_LLM_KEY"),
        (Speaker(body=b"<html>"), "broke off"),
        (Speaker(body=b"data: 7\n\n"), "made no sense"),
        (Speaker([STEAM, " And "], breaks_off=True), "broke off"),
        (Speaker(["and "], pause=0.02, endless=True), "was not done after 1 s"),
    ],
    ids=["error", "key", "html", "senseless", "cut", "endless"],
)
def test_every_failure_of_a_server_leaves_the_quotes(
    bakery: Assistant, quoted: Answer, speaker: Speaker, note: str
) -> None:
    with speaking(speaker):
        name = f"openai:{speaker.url}#m"
        settings = bakery.settings.with_(llm=name, llm_seconds=1.0)
        writer = Writer(open_llm(name, settings), bakery.index, bakery.encoder, settings)
        *_, answer = writer.write(quoted)
    assert_quotes(answer, quoted, note)
    assert "Quotes instead" in answer.note


def test_a_server_that_is_gone_leaves_the_quotes(bakery: Assistant, quoted: Answer) -> None:
    with speaking(Speaker()) as speaker:
        llm = open_llm(f"openai:{speaker.url}#m", Settings())
    *_, answer = Writer(llm, bakery.index, bakery.encoder, bakery.settings).write(quoted)
    assert_quotes(answer, quoted, "cannot be reached")


def test_whoever_stops_reading_ends_the_work(bakery: Assistant) -> None:
    def endless(_: str) -> Iterator[str]:
        while True:
            yield "and "

    llm = Told(endless)
    with closing(with_writer(bakery, llm).stream(QUESTION)) as steps:
        next(steps)
        next(steps)
    assert llm.left
    assert llm.given < 5


def test_a_model_that_repeats_itself_is_stopped(bakery: Assistant) -> None:
    def again(_: str) -> Iterator[str]:
        while True:
            yield f"{STEAM} [1] "

    llm = Told(again)
    answer = with_writer(bakery, llm).ask(QUESTION)
    assert answer.text == f"{STEAM} [1]"
    assert llm.left
    assert llm.given < 5


def test_so_is_one_that_goes_on_and_on(bakery: Assistant) -> None:
    def more(_: str) -> Iterator[str]:
        yield f"{STEAM} "
        for number in range(1000):
            yield f"Bread number {number} is a myth. "

    llm = Told(more)
    answer = with_writer(bakery, llm, "mark").ask(QUESTION)
    assert answer.text.count(UNSUPPORTED) == MOST_SENTENCES - 1
    assert llm.given < MOST_SENTENCES + 4


@pytest.mark.parametrize(
    "marker", ["", " [1]", " [99]", " [0]", " [1][2]", " [1, 7]", " (source 4)", "[1]", " [١]"]
)
def test_a_marker_of_the_models_is_never_taken_for_ours(bakery: Assistant, marker: str) -> None:
    answer = written(bakery, f"{STEAM}{marker} {BROWNS}{marker}")
    assert answer.text == f"{STEAM} [1] {BROWNS} [2]"
    assert [one.quote for one in answer.citations] == [STEAM, BROWNS]


@pytest.mark.parametrize(
    "fake", ["[[1]1]", "[*1*]", "［1］", "[1.]", "[^1]", "【1】", "[\u200b1]x"]
)
def test_nor_is_a_fake_of_one_shown(bakery: Assistant, fake: str) -> None:
    answer = written(bakery, f"Bread is a myth {fake}. {STEAM}", unsupported="mark")
    shown = [answer.text[place.start : place.end] for place in places(answer)]
    assert shown == [STEAM]
    assert answer.text.count("1]") == 1


def test_what_decorates_the_words_is_left_out(bakery: Assistant) -> None:
    answer = written(bakery, f"- **{STEAM[:7]}**{STEAM[7:]}\n# {BROWNS}\n")
    assert answer.text == f"{STEAM} [1] {BROWNS} [2]"


def test_what_cannot_be_seen_is_left_out(bakery: Assistant) -> None:
    hidden = "\u202e\u200b\u2066\U000e0041\x1b\x07\ufeff"
    assert written(bakery, f"A{hidden} crust{STEAM[7:]}{hidden}").text == f"{STEAM} [1]"


def test_each_sentence_is_found_where_it_stands(bakery: Assistant) -> None:
    answer = written(bakery, f"{FALSE} {STEAM} Bread is a myth. {BROWNS}", unsupported="mark")
    shown = [answer.text[place.start : place.end] for place in places(answer)]
    assert shown == [STEAM, BROWNS]
    assert not any(place.quoted for place in places(answer))
    assert "".join(pieces(answer)) == answer.text


@pytest.mark.parametrize("unsupported", ["drop", "mark"])
def test_its_citations_are_verified_as_those_of_quotes(
    bakery: Assistant, unsupported: Unsupported
) -> None:
    answer = written(bakery, f"{FALSE} {STEAM} {BROWNS}", unsupported=unsupported)
    checks = verify(answer, bakery.index.session)
    assert len(checks) == 2
    assert all(check.holds for check in checks)


def test_it_survives_in_the_browser(bakery: Assistant) -> None:
    answer = written(bakery, f"{STEAM} {BROWNS}")
    [again] = kept.read(kept.kept((answer,)))
    assert again.text == answer.text
    assert again.citations == answer.citations
    assert again.writing == answer.writing
    assert again.written


@pytest.mark.parametrize("unsupported", ["drop", "mark"])
def test_html_that_a_model_writes_is_never_one(bakery: Assistant, unsupported: Unsupported) -> None:
    said = f'<img src=x onerror=alert(1)> <script>alert("x")</script> burns. {STEAM}'
    answer = written(bakery, said, unsupported=unsupported)
    shown = page.answer(answer, 0, answer.text)
    assert "<img" not in shown
    assert "<script" not in shown
    assert f"{STEAM} " in shown
    assert 'href="#source-0-1">[1]</a>' in shown


def test_who_wrote_it_is_told_everywhere(bakery: Assistant) -> None:
    answer = written(bakery, STEAM)
    assert "Written by told" in page.answer(answer, 0, answer.text)
    assert "(written by told" in as_text(answer, bakery.session)
    assert answer.to_dict()["answerer"] == "llm:told"


def test_why_it_is_quoted_is_told_everywhere(bakery: Assistant) -> None:
    answer = written(bakery, FALSE)
    assert "what told wrote is not in the summaries" in page.answer(answer, 0, answer.text)
    assert "what told wrote is not in the summaries" in as_text(answer, bakery.session)


def test_the_prompt_keeps_to_its_budget(bakery: Assistant) -> None:
    for budget in (150, 300, 1500):
        llm = Told(always(STEAM), prompt_tokens=budget)
        with_writer(bakery, llm).ask(QUESTION)
        for messages in llm.asked:
            assert sum(llm.count_tokens(one["content"]) for one in messages) <= budget


def test_the_prompt_has_the_question_and_what_would_be_quoted(bakery: Assistant) -> None:
    llm = Told(always(STEAM))
    with_writer(bakery, llm).ask(QUESTION)
    [[system, *_, user], *_] = llm.asked
    assert (system["role"], user["role"]) == ("system", "user")
    assert QUESTION in user["content"]
    assert STEAM in user["content"]


def test_templates_that_cannot_be_used_are_told_at_once(bakery: Assistant) -> None:
    settings = bakery.settings.with_(llm_templates="/nowhere")
    says: Says = always(STEAM)
    with pytest.raises(SettingsError, match="put both there, or leave it out"):
        Writer(Told(says), bakery.index, bakery.encoder, settings)


BANK = "Which disaster recovery strategy did the bank choose?"
CHOICE = "The FinTech retail bank chose warm standby as its disaster recovery strategy."


def small(*said: str) -> Told:
    """A model that may read little."""
    return Told(always(*said), prompt_tokens=600)


def test_what_a_small_model_leaves_out_is_quoted_behind_it(assistant: Assistant) -> None:
    quoted = assistant.ask(BANK)
    assert quoted.citations[0].quote == CHOICE
    llm = small(CHOICE)
    answer = with_writer(assistant, llm).ask(BANK)
    behind = [one.quote for one in quoted.citations[1:]]
    assert behind
    assert answer.text.startswith(f"{CHOICE} [1]\n\nFrom the summaries: “{behind[0]}” [2]")
    assert [one.quote for one in answer.citations] == [CHOICE, *behind]
    assert answer.writing is not None
    assert answer.writing.quotes == len(behind)
    assert len(llm.asked) == 1
    assert all(check.holds for check in verify(answer, assistant.index.session))
    assert [one.citation for one in places(answer)] == list(answer.citations)
    assert "“" in page.answer(answer, 0, answer.text)


def test_a_small_model_is_asked_again_for_what_answers_best(assistant: Assistant) -> None:
    said = iter(["Bread is a myth.", CHOICE])
    llm = Told(lambda _: [next(said)], prompt_tokens=600)
    answer = with_writer(assistant, llm).ask(BANK)
    assert answer.text.startswith(f"{CHOICE} [1]")
    assert len(llm.asked) == 2
    shown = [messages[-1]["content"] for messages in llm.asked]
    assert len(shown[1]) < len(shown[0])


def test_a_small_model_that_does_not_say_it_is_not_asked_for_ever(assistant: Assistant) -> None:
    llm = small("Bread is a myth.")
    answer = with_writer(assistant, llm).ask(BANK)
    assert answer.answerer == "extractive"
    assert len(llm.asked) == 2


def test_a_larger_model_may_be_brief(assistant: Assistant) -> None:
    answer = with_writer(assistant, Told(always(CHOICE))).ask(BANK)
    assert answer.text == f"{CHOICE} [1]"
