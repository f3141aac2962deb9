"""The assistant as a user has it: ask, search, sessions, session, open."""

import sys
import time
import unicodedata
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sessionqa import Answer, Assistant, SessionQAError, Settings, build_index, terms
from sessionqa.answer import ExtractiveAnswerer
from sessionqa.assistant import MAX_QUESTION_CHARS as LIMIT
from sessionqa.corpus import read_corpus
from sessionqa.datatypes import Hit
from sessionqa.encode import Encoder
from sessionqa.errors import IndexMissing, UsageError
from sessionqa.index import Index
from sessionqa.index.local import LocalIndex

WORDS = ("resilience", "observability", "Lambda", "downtime", "retries", "caching", "regions")
GRAY = "How are gray failures detected?"


def test_asking_gives_an_answer_with_hits_and_timings(assistant: Assistant) -> None:
    answer = assistant.ask(f"  {GRAY} ", k=3)
    assert answer.question == f"  {GRAY} "
    assert answer.standalone_question == GRAY
    assert len(answer.hits) == 3
    assert answer.hits[0].passage.session_code == "ARC310"
    assert answer.timings.keys() == {"retrieve_ms", "answer_ms"}
    assert all(milliseconds >= 0 for milliseconds in answer.timings.values())


def test_hits_are_as_many_as_the_settings_say_unless_told(assistant: Assistant) -> None:
    assert len(assistant.ask(GRAY).hits) == assistant.settings.top_k == 8
    assert len(assistant.search(GRAY)) == 8
    assert len(assistant.search(GRAY, k=2)) == 2
    assert len(assistant.ask("Which sessions cover resilience?", k=2).hits) == 2


def test_more_hits_than_there_are_gives_all(assistant: Assistant) -> None:
    total = assistant.index.manifest.counts["passages"]
    assert len(assistant.search("cost", k=10**6)) == total


def test_searching_is_what_asking_finds(assistant: Assistant) -> None:
    assert tuple(assistant.search(GRAY)) == assistant.ask(GRAY).hits


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0", "\u2003\r\n"])
def test_an_empty_question_is_refused_with_the_remedy(assistant: Assistant, blank: str) -> None:
    for use in (assistant.ask, assistant.search):
        with pytest.raises(UsageError, match="the question is empty: ask something"):
            use(blank)


def test_a_question_too_long_is_refused_and_the_longest_is_answered(assistant: Assistant) -> None:
    longest = GRAY.ljust(LIMIT)
    assert assistant.ask(longest).citations == assistant.ask(GRAY).citations
    for use in (assistant.ask, assistant.search):
        with pytest.raises(UsageError, match=rf"has {LIMIT + 1:,} characters: ask in {LIMIT:,}$"):
            use(f"{longest} ")


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_hit_is_refused(assistant: Assistant, k: int) -> None:
    for use in (assistant.ask, assistant.search):
        with pytest.raises(UsageError, match=f"k is {k}: ask for 1 hit or more"):
            use(GRAY, k)


def test_a_question_with_broken_bytes_of_the_command_line_is_refused(assistant: Assistant) -> None:
    broken = b"What is a caf\xe9 gray failure?".decode("utf-8", "surrogateescape")
    for use in (assistant.ask, assistant.search):
        with pytest.raises(UsageError, match="not text in UTF-8"):
            use(broken)
    with pytest.raises(UsageError, match="not text in UTF-8"):
        assistant.ask("Who presented it?", history=[broken])
    assert not assistant.ask("Who presented ARC310?", history=["", " "]).refused


def test_decomposed_letters_are_found(garden: Settings) -> None:
    build_index(garden)
    question = unicodedata.normalize("NFD", "Who is Zoë Ångström?")
    assert "head gardener" in Assistant.open(garden).ask(question).text


def test_many_turns_of_history_do_no_harm(assistant: Assistant) -> None:
    history = ["What is differential observability?", *["and who gave it?"] * 3000]
    assert assistant.ask("and who gave it?", history=history).question == "and who gave it?"


def test_answers_do_not_depend_on_how_many_ask_at_once(assistant: Assistant) -> None:
    terms.stem.cache_clear()
    questions = [f"Which sessions mention {word}?" for word in WORDS] * 4
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            together = [answer.text for answer in pool.map(assistant.ask, questions)]
    finally:
        sys.setswitchinterval(before)
    assert together == [assistant.ask(question).text for question in questions]


@pytest.mark.parametrize("k", [10**11, 10**19])
def test_more_hits_than_there_are_is_all_of_them(assistant: Assistant, k: int) -> None:
    assert len(assistant.search("resilience", k)) == assistant.index.manifest.counts["passages"]


def test_a_follow_up_takes_its_topic_from_history(assistant: Assistant) -> None:
    alone = assistant.ask("Who presented it?")
    answer = assistant.ask("Who presented it?", history=["What is differential observability?"])
    assert answer.standalone_question == "Who presented ARC310?"
    assert answer.question == "Who presented it?"
    assert answer.topic_added
    assert "Mike Hagen" in answer.text
    assert alone.standalone_question == "Who presented it?"


def test_a_place_in_a_list_is_that_of_the_sessions_shown(assistant: Assistant) -> None:
    history = ["Which sessions mention chaos engineering?"]
    shown = [c.session_code for c in assistant.ask(history[0]).citations]
    order = list(dict.fromkeys(shown))
    assert len(order) > 1
    for place, code in (("first", order[0]), ("second", order[1]), ("last", order[-1])):
        answer = assistant.ask(f"who presented the {place} one?", history=history)
        assert answer.standalone_question == f"Who presented {code}?"
        assert {citation.session_code for citation in answer.citations} == {code}


def test_a_follow_up_is_read_within_the_filter(assistant: Assistant) -> None:
    history = ["Which sessions mention resilience?"]
    filter = "session=ARC308 or session=ARC310"
    for question in ("who presented the first one?", "who presented the last one?"):
        read = assistant.understood(question, history, filter).question
        assert read in ("Who presented ARC308?", "Who presented ARC310?")
        assert not assistant.ask(question, history=history, filter=filter).refused


def test_a_conversation_asks_each_question_once(shipped: Settings) -> None:
    assistant = Assistant.open(shipped)
    counted = _Counting(assistant.index, assistant.encoder)
    chat = Assistant(assistant.index, assistant.encoder, counted, shipped)
    history: list[str] = []
    for question in ("What is shuffle sharding?", "why?", "who presented it?", "got a link?"):
        chat.ask(question, history=history)
        history.append(question)
    assert len(counted.asked) == len(history)


class _Counting(ExtractiveAnswerer):
    """Remembers what it was asked."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        super().__init__(index, encoder)
        self.asked: list[str] = []

    def answer(
        self, question: str, hits: Sequence[Hit], within: Collection[str] | None = None
    ) -> Answer:
        self.asked.append(question)
        return super().answer(question, hits, within)


def test_a_question_asked_again_is_not_worked_out_again(shipped: Settings) -> None:
    opened = Assistant.open(shipped)
    counted = _Counting(opened.index, opened.encoder)
    chat = Assistant(opened.index, opened.encoder, counted, shipped)
    first, again = chat.ask(GRAY), chat.ask(GRAY)
    assert counted.asked == [GRAY]
    assert replace(again, timings=first.timings) == first
    assert again.timings["answer_ms"] == 0
    others: list[dict[str, Any]] = [{"k": 3}, {"history": ["Who?"]}, {"filter": "level>=300"}]
    for other in others:
        chat.ask(GRAY, **other)
    assert len(counted.asked) == 1 + len(others)


def test_an_open_assistant_answers_from_a_new_build(
    planted: Settings, write_session: Callable[..., Path]
) -> None:
    assistant = Assistant.open(planted)
    question = "How hot is the water for tea?"
    assert "eighty degrees" in assistant.ask(question).text
    write_session("GAR202", "Tea from your own garden", "Water for tea has seventy degrees.")
    build_index(planted)
    assert "seventy degrees" in assistant.ask(question).text
    assert "seventy" in assistant.search(question, 1)[0].passage.text
    write_session("GAR303", "Bees", "Bees sleep in the afternoon.")
    build_index(planted)
    assert "Bees sleep" in assistant.ask("When do bees sleep?").text
    assert assistant.live().live() is assistant.live()


@pytest.mark.parametrize("current", ["", "nowhere", "damaged"])
def test_a_live_build_that_cannot_be_opened_is_passed_over(planted: Settings, current: str) -> None:
    assistant = Assistant.open(planted)
    before = assistant.ask("What do worms eat?")
    (planted.index / "builds" / "damaged").mkdir()
    (planted.index / "CURRENT").write_text(current)
    assert assistant.live() is assistant
    assert assistant.ask("What do worms eat?").citations == before.citations
    assert not assistant.ask("What is citrus peel?").refused


def test_a_code_spelt_otherwise_is_no_other_question(assistant: Assistant) -> None:
    for question in (
        "who presented arc 310?",
        "Who presented ARC-310?",
        "What is zonal autoshfit?",
    ):
        answer = assistant.ask(question, history=["What is FinOps?"])
        assert not answer.refused
        assert not answer.topic_added


@pytest.mark.parametrize("turn", ["it " * 26_000, "堆肥" * 40_000, "who presented it? " * 4_000])
def test_long_turns_before_a_question_cost_no_more_than_seconds(
    turn: str, assistant: Assistant
) -> None:
    started = time.perf_counter()
    assistant.ask("who presented it?", history=[turn] * 20)
    assert time.perf_counter() - started < 20


def test_a_question_that_stands_alone_ignores_history(assistant: Assistant) -> None:
    other = ["What is shuffle sharding?", "Do modern cloud applications lock you in?"]
    assert assistant.ask(GRAY, history=other).citations == assistant.ask(GRAY).citations


def test_a_misspelt_question_is_answered_like_the_right_one(assistant: Assistant) -> None:
    right = "What is differential observability?"
    answer = assistant.ask("What is diferential observabilty?")
    assert answer.standalone_question == right
    assert answer.citations == assistant.ask(right).citations


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("What level is ARC310?", "Level 300"),
        ("what level is arc 310", "Level 300"),
        ("Who presented ARC-310?", "Mike Hagen"),
        ("What is the title of arc310?", "Detecting and mitigating gray failures"),
        ("Where can I watch ARC310?", "LzIZ-dEzgEw"),
    ],
)
def test_questions_about_the_session_itself_are_answered_from_its_card(
    assistant: Assistant, question: str, fact: str
) -> None:
    answer = assistant.ask(question)
    assert not answer.refused
    assert fact in answer.text
    assert {citation.session_code for citation in answer.citations} == {"ARC310"}


def test_the_sessions_are_those_of_the_corpus(assistant: Assistant, shipped: Settings) -> None:
    assert assistant.sessions() == read_corpus(shipped.corpus)


@pytest.mark.parametrize("code", ["ARC310", "arc310", " Arc310 "])
def test_a_session_is_found_by_its_code_in_any_case(assistant: Assistant, code: str) -> None:
    assert assistant.session(code).title == "Detecting and mitigating gray failures"


@pytest.mark.parametrize(
    ("code", "nearest"), [("ARC31", "ARC31"), ("arc318", "ARC31"), ("ACR310", "ARC310")]
)
def test_an_unknown_session_is_refused_with_the_nearest(
    assistant: Assistant, code: str, nearest: str
) -> None:
    with pytest.raises(UsageError, match=rf"no session {code}; did you mean .*{nearest}.*\?"):
        assistant.session(code)


@pytest.mark.parametrize("code", ["", "zebra", "🙂", "'; DROP TABLE sessions; --"])
def test_a_code_like_no_other_is_refused(assistant: Assistant, code: str) -> None:
    with pytest.raises(UsageError, match=r"there is no session .*`sessionqa sessions` lists them"):
        assistant.session(code)
    assert len(assistant.sessions()) == 14


def test_a_question_reads_no_session_but_those_that_are_found(assistant: Assistant) -> None:
    index = LocalIndex.open(assistant.settings.index)
    statements: list[str] = []
    index._db.set_trace_callback(statements.append)
    answerer = ExtractiveAnswerer(index, assistant.encoder)
    opened = Assistant(index, assistant.encoder, answerer, assistant.settings)
    for question in (GRAY, "What is ARC310 about?", "Who is Mike Hagen?", "Which is ARC999?"):
        opened.ask(question, filter="level>=200")
    read = [statement for statement in statements if "FROM sessions" in statement]
    assert read
    assert [statement for statement in read if "WHERE" not in statement] == []


def test_opening_a_missing_index_names_the_remedy(tmp_path: Path, garden: Settings) -> None:
    with pytest.raises(IndexMissing, match="run `sessionqa index`"):
        Assistant.open(garden)
    with pytest.raises(IndexMissing, match="run `sessionqa index`"):
        Assistant.open(corpus=garden.corpus, index=tmp_path / "none")
    assert not garden.index.exists()


def test_the_index_of_the_included_corpus_is_built_unasked(garden: Settings) -> None:
    assistant = Assistant.open(garden.with_(included=True))
    assert [session.code for session in assistant.sessions()] == ["GAR101", "GAR202"]
    assert "kitchen scraps" in assistant.ask("What do worms eat?").text


def test_building_an_unusable_corpus_makes_no_index(garden: Settings, tmp_path: Path) -> None:
    with pytest.raises(SessionQAError, match="does not exist"):
        build_index(garden.with_(corpus=tmp_path / "nowhere"))
    assert not garden.index.exists()


def test_progress_is_told_from_nothing_to_all(garden: Settings) -> None:
    told: list[tuple[str, int, int]] = []
    build_index(garden, lambda stage, done, of: told.append((stage, done, of)))
    assert {stage for stage, _, _ in told} >= {
        "cutting sessions",
        "encoding passages",
        "encoding sentences",
    }
    last = {stage: (done, of) for stage, done, of in told if of > 1}
    assert all(done == of for done, of in last.values())
