"""Question -> the sessions that it names, by code or by a speaker's full name."""

from collections.abc import Callable, Sequence

import pytest

from sessionqa import Assistant, Session, Speaker
from sessionqa.mentions import Lookup, named_codes, named_sessions, with_codes

SESSIONS = [
    Session("ARC310", "Gray failures", "Text.", speakers=(Speaker("Mike Hagen"),)),
    Session("ARC206", "Ten million users", "Text.", speakers=(Speaker("Zoë Ångström"),)),
    Session("ARC310-R1", "Gray failures again", "Text.", speakers=(Speaker("J. de la Cruz"),)),
    Session("KEY001", "Lock-in", "Text.", speakers=(Speaker("Cher"),)),
    Session("TEA001", "お茶", "Text.", speakers=(Speaker("田中 花子"),)),
]


@pytest.fixture(scope="module")
def lookup(assistant_over: Callable[[Sequence[Session]], Assistant]) -> Lookup:
    return assistant_over(SESSIONS).index.facets


@pytest.mark.parametrize(
    "spelling", ["ARC310", "arc310", "Arc 310", "arc-310", "ARC_310", "(ARC310)?", "ARC310's"]
)
def test_a_code_is_known_in_any_spelling(lookup: Lookup, spelling: str) -> None:
    assert named_codes(f"what is {spelling} on", lookup) == (["ARC310"], [])


@pytest.mark.parametrize("question", ["请介绍ARC310的内容", "ARC310について", "ＡＲＣ３１０?"])
def test_a_code_needs_no_space_beside_a_script_that_has_none(lookup: Lookup, question: str) -> None:
    assert named_codes(question, lookup) == (["ARC310"], [])


def test_an_unknown_code_is_told_there_as_well(lookup: Lookup) -> None:
    assert named_codes("请介绍ARC999的内容", lookup) == ([], ["ARC999"])


def test_a_code_inside_a_word_is_none(lookup: Lookup) -> None:
    assert named_codes("xARC310 ARC3100", lookup) == ([], [])


def test_several_codes_are_named_in_order_and_once(lookup: Lookup) -> None:
    question = "Compare arc 206 with ARC310, and ARC-206 with key001"
    assert named_codes(question, lookup) == (["ARC206", "ARC310", "KEY001"], [])


def test_a_longer_code_is_not_taken_for_its_beginning(lookup: Lookup) -> None:
    assert named_codes("about ARC310-R1", lookup) == (["ARC310-R1"], [])


def test_a_code_of_the_right_shape_is_unknown(lookup: Lookup) -> None:
    assert named_codes("What is ARC999 about?", lookup) == ([], ["ARC999"])
    assert named_codes("What is SEC 101 about?", lookup) == ([], ["SEC 101"])


@pytest.mark.parametrize(
    "question",
    ["EC2 and S3 and IPv6", "in 2023", "10 million users", "HTTP2 or Route 53", "🙂", ""],
)
def test_other_names_with_digits_are_no_codes(lookup: Lookup, question: str) -> None:
    assert named_codes(question, lookup) == ([], [])


def test_a_session_is_named_by_code_or_by_a_speakers_full_name(lookup: Lookup) -> None:
    assert named_sessions("What did MIKE HAGEN say?", lookup) == ["ARC310"]
    assert named_sessions("zoë ångström's advice", lookup) == ["ARC206"]
    assert named_sessions("What did Mike say?", lookup) == []
    assert named_sessions("Is Cher there?", lookup) == []
    assert named_sessions("Mike Hagenbeck", lookup) == []


@pytest.mark.parametrize(
    "question",
    ["What are the 100 accounts used for?", "Are there any 400 level talks?", "get 100 users"],
)
def test_a_word_and_a_number_are_no_code(lookup: Lookup, question: str) -> None:
    assert named_codes(question, lookup) == ([], [])


def test_a_name_is_found_where_no_spaces_are_written(lookup: Lookup) -> None:
    assert named_sessions("田中花子さんは何を話しましたか", lookup) == ["TEA001"]
    assert named_sessions("花子田中", lookup) == []


def test_a_name_of_many_words_is_found_by_all_of_them(lookup: Lookup) -> None:
    assert named_sessions("What does J. de la Cruz’s talk say?", lookup) == ["ARC310-R1"]
    assert named_sessions("What does J. de la Vega say?", lookup) == []


def test_codes_are_spelt_as_the_corpus_spells_them(lookup: Lookup) -> None:
    assert with_codes("arc-310 or Arc 206? EC2!", lookup) == "ARC310 or ARC206? EC2!"
    assert with_codes("arc310r1", lookup) == "ARC310-R1"


def test_a_pasted_text_is_searched_for_names_too(lookup: Lookup) -> None:
    pasted = " ".join(f"word{n} and" for n in range(5000))
    assert named_sessions(f"{pasted} mike hagen {pasted}", lookup) == ["ARC310"]


@pytest.fixture(scope="module")
def titled(assistant_over: Callable[[Sequence[Session]], Assistant]) -> Assistant:
    """Sessions whose codes are those of files: words, and words in a row."""
    return assistant_over(
        [
            Session("keynote", "Rails of tomorrow", "Trams will run on batteries by night."),
            Session("grain-2024", "Storing grain", "A keynote speaker dried the grain in May."),
            Session("wet-leaves", "Braking on leaves", "Leaves lengthen the way of a tram."),
        ]
    )


@pytest.mark.parametrize("asked", ["What is {} about?", "what's {} about", "What is {} about?!"])
@pytest.mark.parametrize("code", ["keynote", "Keynote", "wet-leaves", "grain-2024"])
def test_the_question_of_the_button_takes_any_code(
    titled: Assistant, asked: str, code: str
) -> None:
    question = asked.format(code)
    assert named_codes(question, titled.index.facets) == ([code.casefold()], [])
    assert with_codes(question, titled.index.facets) == asked.format(code.casefold())


@pytest.mark.parametrize(
    "question",
    ["Who gave a keynote?", "What is a keynote about?", "What is storage about?", "Keynote"],
)
def test_an_ordinary_word_is_a_code_nowhere_else(titled: Assistant, question: str) -> None:
    assert named_codes(question, titled.index.facets) == ([], [])
    assert with_codes(question, titled.index.facets) == question


@pytest.mark.parametrize("earlier", [[], ["What is grain-2024 about?"], ["What dries grain?"]])
def test_what_is_asked_by_the_button_is_answered_of_that_session(
    titled: Assistant, earlier: list[str]
) -> None:
    answer = titled.ask("What is keynote about?", history=earlier)
    assert (answer.standalone_question, answer.refused) == ("What is keynote about?", False)
    assert {citation.session_code for citation in answer.citations} == {"keynote"}
