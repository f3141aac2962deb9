"""A follow-up is read with what came before; a whole question is left as it is."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import followup
from sessionqa.conversation import standalone, topic_of
from sessionqa.mentions import named_codes

SHARDING = "What is shuffle sharding?"
LIST = "Which sessions mention chaos engineering?"
CITED = {
    SHARDING: ["ARC306"],
    LIST: ["ARC312", "ARC315", "ARC316"],
    "Who is Todd Golding?": ["ARC311"],
    "How does Prime Video get ready for big events?": ["ARC316"],
    "Which sessions mention FinOps?": ["ARC319", "ARC311"],
}
CODES = ("ARC306", "ARC310", "ARC311", "ARC312", "ARC315", "ARC316", "ARC319")


class Known:
    """What is known of earlier questions, by a table; the codes are those of a real corpus."""

    def __init__(self, cited: Mapping[str, Sequence[str]] = CITED) -> None:
        self._cited = cited
        self.asked: list[str] = []

    def mended(self, question: str) -> str:
        return question

    def codes(self, question: str) -> list[str]:
        rows = [("session", code.casefold(), code) for code in CODES] + [
            ("shape of codes", "aaa000", ""),
            ("letters of codes", "arc", ""),
        ]
        known, unknown = named_codes(
            question,
            lambda field, folded: [
                (value, value, code)
                for name, value, code in rows
                if name == field and value in folded
            ],
        )
        return [*known, *unknown]

    def cited(self, question: str) -> Sequence[str]:
        self.asked.append(question)
        return self._cited.get(question, [])


def read(question: str, *history: str) -> str:
    return standalone(question, history, Known())


@pytest.mark.parametrize(
    ("question", "earlier", "read_as"),
    [
        # of the session that was answered from
        ("who presented it?", SHARDING, "Who presented ARC306?"),
        ("Who gave that talk?", SHARDING, "Who gave ARC306?"),
        ("got a link?", SHARDING, "Got a link for ARC306?"),
        ("which level is it?", SHARDING, "Which level is ARC306?"),
        ("summarise it", SHARDING, "Summarise ARC306."),
        ("what does it say about cost?", SHARDING, "What does ARC306 say about cost?"),
        (
            "who presented them?",
            "Which sessions mention FinOps?",
            "Who presented ARC319 and ARC311?",
        ),
        ("the other speaker?", "Who is Todd Golding?", "The other speaker in ARC311?"),
        ("anything about cost in there?", SHARDING, "Anything about cost in ARC306?"),
        # of the topic
        ("How does that work?", SHARDING, "How does shuffle sharding work?"),
        ("what are its limits?", SHARDING, "What are shuffle sharding's limits?"),
        (
            "Which database does he use?",
            "Who is Todd Golding?",
            "Which database does Todd Golding use?",
        ),
        ("tell me more", SHARDING, "Tell me more about shuffle sharding."),
        ("Tell me more", "Who presented ARC310?", "Tell me more about ARC310."),
        # of something in the session
        ("what about cost?", SHARDING, "What about cost in ARC306?"),
        ("And the benefits?", SHARDING, "And the benefits in ARC306?"),
        (
            "what did she say about cost",
            "How does Prime Video get ready for big events?",
            "What did she say about cost in ARC316?",
        ),
        # the earlier question again
        ("why?", SHARDING, "What is shuffle sharding, and why?"),
        ("and ARC311?", "Who presented ARC306?", "Who presented ARC311?"),
        ("and ARC999?", "Who presented ARC306?", "Who presented ARC999?"),
        ("and ARC310?", SHARDING, "What is shuffle sharding in ARC310?"),
        ("and RPO?", "What does RTO stand for?", "What does RPO stand for?"),
        ("and Mike Gallo?", "Who is Todd Golding?", "Who is Mike Gallo?"),
        ("and game days?", LIST, "Which sessions mention game days?"),
        # a place in a list
        ("who presented the second one?", LIST, "Who presented ARC315?"),
        ("got a link to the last one?", LIST, "Got a link to ARC316?"),
        ("what about the 1st?", LIST, "Which sessions mention chaos engineering in ARC312?"),
        ("Which of them is short?", LIST, "Which of ARC312, ARC315 and ARC316 is short?"),
        # nothing is known but the words
        ("who presented it?", "What is a service mesh?", "Who presented a service mesh?"),
        ("is it true?", "How do worms eat scraps?", "Is it true? (worms eat scraps)"),
    ],
)
def test_a_follow_up_is_a_whole_question(question: str, earlier: str, read_as: str) -> None:
    assert read(question, earlier) == read_as


@pytest.mark.parametrize(
    ("history", "question", "read_as"),
    [
        ([LIST, "who presented the second one?"], "and the first one?", "Who presented ARC312?"),
        ([SHARDING, "Who presented it?"], "how does it work?", "How does shuffle sharding work?"),
        ([SHARDING, "Who presented it?"], "which level is it?", "Which level is ARC306?"),
        ([SHARDING, "and ARC310?", "who gave it?"], "got a link?", "Got a link for ARC310?"),
        ([SHARDING, "how long is it?"], "who gave it?", "Who gave ARC306?"),
        ([SHARDING, "Who presented ARC310?"], "which level is it?", "Which level is ARC310?"),
        ([SHARDING, "", "  "], "who presented it?", "Who presented ARC306?"),
    ],
)
def test_a_thread_of_turns_is_followed(history: list[str], question: str, read_as: str) -> None:
    assert standalone(question, [turn for turn in history if turn.strip()], Known()) == read_as


@pytest.mark.parametrize(
    "question",
    [
        "How are gray failures detected?",
        "Which database does Sky Hart advise teams to begin with?",
        "Who presented ARC310?",
        "What is ARC999 about?",
        "ARC310?",
        "FinOps?",
        "What is FinOps?",
        "Is it worth testing a plan regularly?",
        "Is it true that queues grow?",
        "How long does it take to recover a region?",
        "How much does it cost to be down for an hour?",
        "What is it that makes gray failures hard to detect?",
        "Why does Vanguard change its tools?",
        "How does a bank test its plans?",
        "If a host fails, how do I find it?",
        "Clark Ritchie - what is he at AWS?",
        "Recovery-oriented computing: what's the idea?",
        "bank strategy - which one did they pick in the end",
        "the talk on autoshift",
        "What does the talk about cells say on regions?",
        "What was the first picture released by ABC?",
        "How seriously should engineers take the figures they look at?",
        "And what is blast radius?",
        "Which session is about gray failures?",
        "thanks!",
        "???",
        "堆肥?",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    memory = Known()
    assert standalone(question, [SHARDING, LIST], memory) == question
    assert memory.asked == []


@pytest.mark.parametrize("question", ["Who presented it?", "Why?", "", "堆肥?"])
def test_without_history_nothing_is_added(question: str) -> None:
    assert standalone(question, [], Known()) == question


def test_the_last_topic_counts() -> None:
    found = read("Why does that happen?", SHARDING, "What is a gray failure?")
    assert found == "Why does a gray failure happen?"


def test_a_refused_question_lends_no_session_of_an_earlier_one() -> None:
    found = read("who presented it?", SHARDING, "What is a service mesh?")
    assert "ARC306" not in found
    assert "service mesh" in found


def test_earlier_questions_are_asked_only_where_it_matters() -> None:
    memory = Known()
    standalone("and the benefits?", ["Who presented ARC310?", "which level is it?"], memory)
    assert memory.asked == []
    standalone("and the benefits?", ["How do worms eat?", SHARDING], memory)
    assert memory.asked == [SHARDING]


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        (SHARDING, "shuffle sharding"),
        ("What is a gray failure?", "a gray failure"),
        ("What does zonal autoshift do?", "zonal autoshift"),
        ("Who is Lauren Don?", "Lauren Don"),
        ("Which sessions mention chaos engineering?", "chaos engineering"),
        ("What does Zoë sell?", ""),
        ("How are gray failures detected?", ""),
        ("Which metrics does Prime Video have?", ""),
        ("Who presented it?", ""),
    ],
)
def test_the_topic_is_a_phrase_without_a_verb(question: str, topic: str) -> None:
    assert topic_of(question, []) == topic


texts = st.text(max_size=40) | st.lists(
    st.sampled_from(
        "and who presented it the second one what about ARC310 why its ? ( : more 堆肥".split()
    ),
    max_size=8,
).map(" ".join)


@given(texts, st.lists(texts.filter(str.strip), max_size=4))
def test_any_text_is_read_as_some_question(question: str, history: list[str]) -> None:
    found = read(question, *history)
    if not followup.leans(question) and not Known().codes(question):
        assert found == question
    assert bool(found.strip()) >= bool(question.strip())


@given(texts)
def test_a_question_alone_is_never_changed(question: str) -> None:
    assert read(question) == question


@given(st.text(max_size=60))
def test_pointers_stand_apart_and_inside(question: str) -> None:
    end = 0
    for pointer in followup.pointers(question):
        assert end <= pointer.start < pointer.end <= len(question)
        end = pointer.end


def test_a_long_question_is_never_taken_for_a_follow_up() -> None:
    pasted = "Who presented it? " * 5000
    assert read(pasted, SHARDING) == pasted


@pytest.mark.parametrize(
    "question",
    ["What should I watch to learn about cost?", "Any other talk on queues?"],
)
def test_a_list_with_a_topic_of_its_own_is_no_follow_up(question: str) -> None:
    assert read(question, SHARDING) == question


def test_more_of_a_question_without_sessions_or_topic_is_more_of_the_question() -> None:
    assert read("more", "0\x080") == "Tell me more about 0\x080."
