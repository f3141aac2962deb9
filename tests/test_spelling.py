"""Misspelt words are mended from the corpus; whatever exists is left alone."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa import Assistant, Session, Settings
from sessionqa.datatypes import Correction
from sessionqa.spelling import correct


def mended(question: str, assistant: Assistant) -> str:
    return correct(question, assistant.index, assistant.encoder).question


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("What is shufle shardnig?", "What is shuffle sharding?"),
        ("Diferential observibility", "Differential observability"),
        ("zonal autoshfit", "zonal autoshift"),
        ("what does arora offer", "what does Aurora offer"),
        ("hsuffle, dhuffle", "shuffle, shuffle"),
        ("sesion waht hwo", "session what how"),
        ("DynmoDB", "DynamoDB"),
        ("WHAT IS SHUFLE SHARDING", "WHAT IS SHUFFLE SHARDING"),
    ],
)
def test_a_misspelt_word_becomes_the_nearest_of_the_corpus(
    assistant: Assistant, question: str, read: str
) -> None:
    assert mended(question, assistant).casefold() == read.casefold()


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("what did Mike Hagan say", "what did Mike Hagen say"),
        ("Hagan's talk", "Hagen's talk"),
        ("tod golding", "Todd golding"),
        ("johm fermnta", "John Fermenta"),
        ("cell basd design", "cell based design"),
    ],
)
def test_a_word_is_known_by_the_one_beside_it(
    assistant: Assistant, question: str, read: str
) -> None:
    assert mended(question, assistant) == read


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("dynamo db tables", "DynamoDB tables"),
        ("cloud watch", "CloudWatch"),
        ("auto shift", "autoshift"),
        ("ec 2", "EC2"),
        ("work loads", "workloads"),
        ("multiregion design", "multi-region design"),
        ("shufflesharding", "shuffle sharding"),
        ("Route53", "Route 53"),
        ("xray", "X-Ray"),
    ],
)
def test_words_are_joined_and_split_as_the_corpus_has_them(
    assistant: Assistant, question: str, read: str
) -> None:
    assert mended(question, assistant).casefold() == read.casefold()


@pytest.mark.parametrize(
    "question",
    [
        "What is shuffle sharding?",
        "Who is Mike Hagen, and what are shards, sharded or a sharder?",
        "multi-Region and multi region, availability zones along a long road",
        "How many kangaroos live in Australia?",
        "How do I bake bread with sourdough in Paris?",
        "Does Netflix run Kafka on Kubernetes?",
        "Is it synchronized, overt, vegan, a beep or a chown of the nvme?",
        "Who led the boats found at sea?",
        "Does ARC31O exist, or EC2x9, or SIDS or s3?",
        "Wie funktioniert die Verfügbarkeitszone der Anwendungsarchitektur?",
        "堆肥 とは 🙂",
        "qqqqqqqqqq zzzzzzzz",
        "???",
        "",
    ],
)
def test_what_is_right_or_beyond_help_is_left_alone(assistant: Assistant, question: str) -> None:
    found = correct(question, assistant.index, assistant.encoder)
    assert found.question == question
    assert found.corrections == ()


@pytest.fixture(scope="module")
def trams(assistant_over: Callable[[Sequence[Session]], Assistant]) -> Assistant:
    text = "A tram has to brake and to scale hills. Its contents are simulated, and shorter."
    return assistant_over([Session("R1", "Brakes", text)])


@pytest.mark.parametrize(
    "question", ["How do I bake bread?", "Who bakes?", "Did we shorten it?", "I stipulate that"]
)
def test_a_word_that_the_encoder_knows_in_its_forms_alone_is_ordinary(
    trams: Assistant, question: str
) -> None:
    """It has "baked", "shortened" and "stipulated" as one piece each, and not what they are of."""
    assert correct(question, trams.index, trams.encoder).corrections == ()


@pytest.mark.parametrize(
    ("question", "read"), [("brak", "brake"), ("braek", "brake"), ("scal it", "scale it")]
)
def test_what_shares_its_forms_with_another_word_is_not(
    trams: Assistant, question: str, read: str
) -> None:
    """ "scaled" is of "scale"."""
    assert mended(question, trams) == read


def test_a_pasted_text_is_left_alone(assistant: Assistant) -> None:
    question = "shufle " * 101
    assert mended(question, assistant) == question


def test_only_whole_words_are_replaced_and_the_rest_stays(assistant: Assistant) -> None:
    found = correct("Is the (gatewa) the  API gateway?", assistant.index, assistant.encoder)
    assert found.question == "Is the (Gateway) the  API gateway?"
    assert found.corrections == (Correction("gatewa", "Gateway"),)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_word_of_the_corpus_is_ever_changed(assistant: Assistant, data: st.DataObject) -> None:
    sentences = assistant.index.sentences("ARC310", 0, 10**6)
    sentence = data.draw(st.sampled_from(sentences))
    assert mended(sentence.text, assistant) == sentence.text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_as_itself_but_for_what_is_told(assistant: Assistant, text: str) -> None:
    found = correct(text, assistant.index, assistant.encoder)
    assert (found.question == text) == (not found.corrections)


def test_an_answer_says_what_was_corrected(assistant: Assistant) -> None:
    answer = assistant.ask("What is zonal autoshfit?")
    assert answer.corrections == (Correction("autoshfit", "autoshift"),)
    assert answer.to_dict()["corrections"] == [{"written": "autoshfit", "read": "autoshift"}]
    assert not answer.topic_added
    assert answer.citations[0].session_code == "ARC309"


def test_marks_that_were_not_typed_are_no_mistake(planted: Settings) -> None:
    assistant = Assistant.open(planted)
    assert mended("Zoe Angstrom keeps worms", assistant) == "Zoe Angstrom keeps worms"
    hits = assistant.search("angstroms talk")
    assert hits[0].passage.session_code == "GAR101"
    [best] = [hit for hit in hits if hit.lexical_rank == 1]
    assert best.passage.session_code == "GAR101"
