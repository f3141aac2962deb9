"""What a sentence of a model is tied to: what its source says, and nothing near it."""

import time
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import pytest

from sessionqa import Session, card
from sessionqa.corpus import read_corpus
from sessionqa.datatypes import Hit, Passage, Sentence
from sessionqa.evidence import Evidence
from sessionqa.llm.attribution import Attribution, can_be_marked, repeats
from sessionqa.llm.prompt import Source
from sessionqa.sentences import sentence_spans

CORPUS = Path(__file__).parents[2] / "corpus"
BANK = "The FinTech retail bank chose warm standby as its disaster recovery strategy."
WORMS = "Worms eat kitchen scraps within six weeks."
COUNTER = (
    "Ankush Desai and Vikas Bera counter that formal methods can be approachable and practical."
)
SEEN = "Formal methods are often seen as complex and math-heavy."
P_IS = "P is a framework for reasoning about system correctness, and AWS uses P internally."
IN_P = "In P, users write down a system design in the form of communicating state machines."
REPLICATED = "The online authentication provider replicated its data with DynamoDB global tables."
COPIES = "A service must keep at least three copies, and may lose up to 2 of them without downtime."
MOVED = "Netflix moved its queues to Kafka while the bank moved its tables to Aurora."
BEFORE = "Lambda invokes the workflow before S3 stores the file."
LATENCY = "Latency increases when more than 40% of the requests miss the cache."
PLANE = "Only the control plane is asynchronous in multi-Region clusters."
HOSTS = "Unhealthy hosts are replaced by the autoscaler within 90 seconds."
PLANES = (
    "Mike Hagen suggests that recovery actions use data planes rather than control planes, "
    "because data planes make recovery more reliable."
)
ENDPOINTS = "Some customers enable public endpoints, but most customers keep them private."
CITRUS = "Zoë Ångström never adds citrus peel, since the acid harms the worms."
OPENED = (
    "Clark Ritchie, principal technologist at AWS, opened the talk; Stacy Brown, from "
    "Vanguard, closed it."
)
COSTS = "The migration cut costs by 30 percent and took 1,200 hours."
FLOWS = "Data flows from the edge to the Region every five minutes."
GRAY = (
    "A gray failure is a subtle issue that does not make a system fail outright but can "
    "significantly degrade the user experience."
)
FEW = "Few teams test their backups."
PREMISES = "The team was on premises in 2019 and is on AWS since 2022."
RECORDING = "The recording is at https://www.youtube.com/watch?v=CowAYv3qNCs"
WRITES = "Writes are faster than reads on the primary node."
FRESH = "Peel keeps fresh for ten days; leaves keep for two."
PLANNING = "The bank is planning to use pilot light."
MYTH = "It is a myth that caches are always safe."

UNSUPPORTED = {
    BANK: [
        "The FinTech retail bank chose pilot light as its disaster recovery strategy.",
        "The FinTech retail bank did not choose warm standby.",
        "The FinTech retail bank chose hot standby as its disaster recovery strategy.",
        "Warm standby chose the FinTech retail bank as its disaster recovery strategy.",
        "The disaster recovery bank chose warm standby.",
        "The FinTech retail bank avoided warm standby.",
        "A bank chose warm standby.",
        "Netflix chose warm standby as its disaster recovery strategy.",
        "The FinTech retail bank must choose warm standby.",
        "Did the FinTech retail bank choose warm standby as its disaster recovery strategy?",
        "They chose warm standby as their disaster recovery strategy.",
    ],
    WORMS: [
        "Worms eat kitchen scraps within eight weeks.",
        "Worms eat kitchen scraps within six days.",
        "Worms eat kitchen scraps within 60 weeks.",
        "Worms eat kitchen scraps after six weeks.",
        "Kitchen scraps eat worms within six weeks.",
        "Worms rarely eat kitchen scraps within six weeks.",
        "All worms eat kitchen scraps within six weeks.",
        "Worms don't eat kitchen scraps within six weeks.",
        "Worms eat six kitchen scraps.",
        "Worms eat kitchen scraps within six.",
        "Worms eat kitchen scraps within −6 weeks.",
        "Worms eat kitchen scraps within 6² weeks.",
    ],
    COUNTER: [
        "Ankush Desai counters that formal methods are complex.",
        "Formal methods can be approachable and practical, Vikas Bera denies.",
        "Formal methods can be approachable and practical.",
        "Ankush Desai and Vikas Bera counter that formal methods must be approachable "
        "and practical.",
        "Ankush Desai and Vikas Bera counter formal methods.",
        "Vikas Desai and Ankush Bera counter that formal methods can be approachable and "
        "practical.",
        "Ankush Desai and Vikas Bera counter that formal methods are approachable and practical.",
    ],
    SEEN: [
        "Formal methods are complex and math-heavy.",
        "Formal methods are always seen as complex and math-heavy.",
        "Formal methods are often seen as simple and math-heavy.",
        "Formal methods are often seen as complex. And heavy.",
    ],
    P_IS: [
        "AWS is a framework for reasoning about system correctness.",
        "P is a framework for reasoning about system correctness, and P uses AWS internally.",
        "AWS uses P externally.",
        "AWS used P internally.",
        "P is a framework that AWS uses internally.",
    ],
    IN_P: [
        "In P, state machines write down users.",
        "In TLA, users write down a system design in the form of communicating state machines.",
        "Users write down machines.",
    ],
    REPLICATED: [
        "The online authentication provider replicated its data with Aurora global tables.",
        "The online authentication provider replicated its data with DynamoDB tables.",
        "The online authentication provider replicated its data with DynamoDB local tables.",
        "The data replicated the online authentication provider with DynamoDB global tables.",
        "The online authentication provider was replicated by its data.",
        "The online authentication provider replicated DynamoDB.",
    ],
    COPIES: [
        "A service must keep three copies.",
        "A service must keep at most three copies.",
        "A service can keep at least three copies.",
        "A service may lose 2 copies without downtime.",
        "A service must keep at least two copies.",
        "A service must keep at least 3 regions.",
        "A service must lose up to 2 of them without downtime.",
        "A service may keep at least three copies with downtime.",
    ],
    MOVED: [
        "The bank moved its queues to Kafka.",
        "Netflix moved its tables to Aurora.",
        "Netflix moved its queues to Aurora.",
        "Netflix moved its queues from Kafka.",
        "Kafka moved its queues to Netflix.",
    ],
    BEFORE: [
        "S3 stores the file before Lambda invokes the workflow.",
        "Lambda invokes the workflow after S3 stores the file.",
        "The workflow invokes Lambda before S3 stores the file.",
        "Lambda is invoked before S3 stores the file.",
        "Lambda is invoked by the workflow before S3 stores the file.",
        "Lambda stores the file.",
        "Lambda invokes the workflow.",
    ],
    LATENCY: [
        "Latency decreases when more than 40% of the requests miss the cache.",
        "Latency increases when less than 40% of the requests miss the cache.",
        "Latency increases when 40% of the requests miss the cache.",
        "Latency increases when more than 40 requests miss the cache.",
        "Latency increases when more than 40% of the requests hit the cache.",
        "Latency increases.",
        "Latency increases when more requests miss the cache.",
        "Latency increases when more than 4.0% of the requests miss the cache.",
    ],
    PLANE: [
        "The control plane is asynchronous in multi-Region clusters.",
        "Only the control plane is synchronous in multi-Region clusters.",
        "Only the control plane is asynchronous in Region clusters.",
        "Only the data plane is asynchronous in multi-Region clusters.",
        "The plane is asynchronous in multi-Region clusters only.",
        "Only the control is asynchronous in multi-Region clusters.",
    ],
    HOSTS: [
        "Hosts are replaced by the autoscaler within 90 seconds.",
        "Healthy hosts are replaced by the autoscaler within 90 seconds.",
        "Unhealthy hosts replace the autoscaler within 90 seconds.",
        "Unhealthy hosts replaced the autoscaler within 90 seconds.",
        "The autoscaler is replaced by unhealthy hosts within 90 seconds.",
        "Unhealthy hosts are replaced by the autoscaler within 90 minutes.",
        "Unhealthy hosts are replaced by the autoscaler within 90.",
    ],
    PLANES: [
        "Mike Hagen suggests that recovery actions use control planes rather than data planes.",
        "Mike Hagen suggests that recovery actions use control planes.",
        "Recovery actions use data planes rather than control planes.",
        "Control planes make recovery more reliable.",
        "Mike Hagen suggests that recovery actions use data planes, because data planes "
        "make recovery less reliable.",
    ],
    ENDPOINTS: [
        "Some customers enable private endpoints.",
        "Most customers enable public endpoints.",
        "All customers enable public endpoints.",
        "Customers enable public endpoints.",
        "No customers enable public endpoints.",
        "Some customers disable public endpoints.",
    ],
    CITRUS: [
        "Zoë Ångström adds citrus peel.",
        "Zoë Ångström always adds citrus peel, since the acid harms the worms.",
        "The acid adds citrus peel.",
        "The worms harm the acid.",
    ],
    OPENED: [
        "Stacy Brown, principal technologist at AWS, opened the talk.",
        "Clark Ritchie, from Vanguard, closed it.",
        "Clark Ritchie closed it.",
        "Stacy Ritchie opened the talk.",
    ],
    COSTS: [
        "The migration cut costs by 30 dollars and took 1,200 hours.",
        "The migration cut costs by 30.",
        "The migration cut costs by 1,200 hours.",
        "The migration took 30 percent.",
        "The migration cut costs by 30 percentage points.",
        "The migration cut costs to 30 percent.",
        "The migration took 1.200 hours.",
    ],
    FLOWS: [
        "Data flows to the edge from the Region every five minutes.",
        "Data flows from the Region to the edge every five minutes.",
        "Data flows from the edge to the Region every five seconds.",
        "Data flows from the edge. To S3.",
    ],
    GRAY: [
        "A gray failure does not degrade the user experience.",
        "A gray failure makes a system fail outright.",
        "A gray failure is an issue that makes a system fail outright.",
        "A gray failure is a subtle issue that does not make a system fail outright but "
        "must significantly degrade the user experience.",
    ],
    FEW: [
        "Teams test their backups.",
        "Most teams test their backups.",
        "A few teams test few backups.",
    ],
    PREMISES: [
        "The team was on AWS in 2019.",
        "The team is on premises in 2022.",
        "The team is on premises.",
    ],
    RECORDING: [
        "The recording is at https://www.youtube.com/watch?v=CowAYv3qNCS",
        "The recording is at https://www.youtube.com/watch?v=CowAYv3qNCs&x=1",
        "The recording is at http://www.youtube.com/watch?v=CowAYv3qNCs",
    ],
    WRITES: [
        "Reads are faster than writes on the primary node.",
        "Writes are slower than reads on the primary node.",
        "Writes are as fast as reads on the primary node.",
        "Writes are faster than reads on the secondary node.",
        "Writes are faster than reads on the node.",
    ],
    FRESH: [
        "Leaves keep fresh for ten days.",
        "Peel keeps fresh for two.",
    ],
    PLANNING: [
        "The bank uses pilot light.",
        "The bank is to use pilot light.",
    ],
    MYTH: [
        "Caches are always safe.",
        "It is a myth that caches are safe.",
    ],
}
SUPPORTED = {
    BANK: [
        "The FinTech retail bank chose warm standby as its disaster recovery strategy.",
        "The bank chose warm standby.",
        "As its disaster recovery strategy, the FinTech retail bank chose warm standby.",
        "In the session, the FinTech retail bank chose warm standby.",
    ],
    WORMS: [
        "Worms eat kitchen scraps within 6 weeks.",
        "Within six weeks, worms eat kitchen scraps.",
        "Worms eat kitchen scraps.",
        "A worm eats the kitchen scraps in six weeks.",
    ],
    SEEN: [
        "A formal method is often seen as complex and math-heavy.",
    ],
    P_IS: [
        "AWS uses P internally.",
        "AWS uses P.",
        "P is a framework for reasoning about system correctness.",
        "P is used by AWS internally.",
    ],
    IN_P: [
        "Users write down a system design in the form of communicating state machines in P.",
        "In P, users write down a system design.",
    ],
    REPLICATED: [
        "The online authentication provider replicated data with DynamoDB global tables.",
        "The provider replicated its data with DynamoDB global tables.",
        "Its data was replicated by the online authentication provider with DynamoDB "
        "global tables.",
    ],
    COPIES: [
        "A service must keep at least 3 copies.",
        "The service must keep at least three copies.",
    ],
    MOVED: [
        "Netflix moved its queues to Kafka.",
    ],
    LATENCY: [
        "When more than 40% of the requests miss the cache, latency increases.",
        "Latency increases when more than 40 percent of requests miss the cache.",
    ],
    HOSTS: [
        "Unhealthy hosts are replaced by the autoscaler.",
        "The autoscaler replaces unhealthy hosts within 90 seconds.",
        "Within 90 seconds, unhealthy hosts are replaced by the autoscaler.",
    ],
    PLANES: [
        "Mike Hagen suggests that recovery actions use data planes rather than control planes.",
    ],
    ENDPOINTS: [
        "Some customers enable public endpoints.",
    ],
    CITRUS: [
        "Zoë Ångström doesn't add citrus peel.",
        "Since the acid harms the worms, Zoë Ångström never adds citrus peel.",
    ],
    COSTS: [
        "The migration cut costs by 30%.",
    ],
    FLOWS: [
        "Data flows from the edge to the Region every 5 minutes.",
    ],
    GRAY: [
        "A gray failure is a subtle issue that does not make a system fail outright but "
        "can degrade the user experience.",
    ],
    FEW: [
        "Few teams test backups.",
    ],
    RECORDING: [
        "The recording of GAR101 is at https://www.youtube.com/watch?v=CowAYv3qNCs",
    ],
    WRITES: [
        "Writes are faster than reads on the primary node.",
    ],
}


def evidence(text: str, session: Session | None = None, on_card: bool = False) -> Evidence:
    """A sentence of a session in English."""
    talk = session or Session("GAR101", "Tea and worms", f"{text} That is what they said.")
    passage = Passage("p", talk.code, talk.title, talk.text, 0, len(talk.text), 9)
    sentence = Sentence(0, talk.code, 0, len(text), text)
    return Evidence(sentence, talk, Hit(passage, 0.5), on_card, 0, 0, 0, 0, 0)


def source(number: int, texts: Iterable[str], session: Session | None = None) -> Source:
    return Source(number, tuple(evidence(text, session) for text in texts))


def supports(said: str, sentence: str) -> bool:
    return Attribution([source(1, [said])]).support(sentence) is not None


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(said, sentence) for said, sentences in table.items() for sentence in sentences]


@pytest.mark.parametrize(("said", "sentence"), pairs(SUPPORTED))
def test_what_says_the_same_or_less_is_supported(said: str, sentence: str) -> None:
    assert supports(said, sentence)


@pytest.mark.parametrize(("said", "sentence"), pairs(UNSUPPORTED))
def test_what_says_anything_else_is_not(said: str, sentence: str) -> None:
    assert not supports(said, sentence)


@pytest.mark.parametrize("said", [*UNSUPPORTED, *SUPPORTED])
def test_every_sentence_supports_itself(said: str) -> None:
    assert supports(said, said)


def body_of(session: Session) -> list[str]:
    spans = sentence_spans(session.text)
    shown = [session.text[start:end] for start, end in spans if start > card.end_of(session.text)]
    return [text for text in shown if not text.startswith("#")]


def test_a_sentence_of_the_corpus_supports_itself_and_no_other() -> None:
    sessions = read_corpus(CORPUS)
    everything = [(session, text) for session in sessions for text in body_of(session)]
    for session, text in everything:
        found = Attribution([source(1, body_of(session), session)]).support(text)
        assert found is not None
        assert found.sentence.text == text


def halves(text: str) -> tuple[list[str], list[str]]:
    words = text.split()
    return words[: len(words) // 2], words[len(words) // 2 :]


def test_halves_of_two_sentences_are_supported_by_neither() -> None:
    session = next(one for one in read_corpus(CORPUS) if one.code == "ARC308")
    texts = body_of(session)[:16]
    attribution = Attribution([source(1, texts, session)])
    for one, other in combinations(texts, 2):
        mixed = " ".join([*halves(one)[0], *halves(other)[1]])
        assert mixed in texts or attribution.support(mixed) is None, mixed


@pytest.mark.parametrize(
    "sentence",
    [
        "Worms e\u0336a\u0336t\u0336 kitchen scraps within six weeks.",
        "W\u043erms eat kitchen scraps within six weeks.",
        "Worms eat kitchen scraps within \uff16 weeks.",
        "Worms eat kitchen scraps within six weeks [2].",
        "Worms eat kitchen scraps within six weeks [unsupported].",
        "Worms eat kitchen scraps within six weeks \U0001f600.",
        "Worms <b>eat</b> kitchen scraps within six weeks.",
        "Worms | eat | kitchen scraps within six weeks.",
        "Wörms eat kitchen scraps within six weeks.",
    ],
)
def test_no_sign_or_letter_is_shown_that_the_source_has_not(sentence: str) -> None:
    assert not supports(WORMS, sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Die Würmer fressen keine Zitrusschalen, weil die Säure ihnen schadet.",
        "Les vers ne mangent jamais les écorces, car l’acide leur nuit.",
        "De wormen eten in de winter niet veel, en in de zomer wel.",
        "虫不吃柑橘皮。",
        "Черви никогда не едят цедру, но едят кожуру.",
    ],
)
def test_what_is_not_english_is_said_word_for_word_or_not_at_all(sentence: str) -> None:
    assert supports(sentence, sentence)
    words = sentence.split() if " " in sentence else list(sentence)
    between = " " if " " in sentence else ""
    for left_out in range(len(words)):
        less = between.join(words[:left_out] + words[left_out + 1 :])
        assert not supports(sentence, less), less


def test_the_session_may_be_named_and_no_other() -> None:
    assert supports(WORMS, "In GAR101, worms eat kitchen scraps.")
    assert supports(WORMS, "According to the session “Tea and worms”, worms eat kitchen scraps.")
    assert not supports(WORMS, "In GAR202, worms eat kitchen scraps.")


def test_words_of_the_title_are_not_said_of_what_is_not_their_session() -> None:
    assert not supports(WORMS, "Tea worms eat kitchen scraps.")
    assert not supports(BANK, "The FinTech retail bank chose tea.")


def test_a_card_is_taken_apart_whatever_it_is_of() -> None:
    line = evidence("Level 300, track ARC, AWS re:Invent 2023.", on_card=True)
    attribution = Attribution([Source(1, (line,))])
    assert attribution.support("GAR101 is level 300.")
    assert not attribution.support("GAR101 is level 200.")
    assert not attribution.support("GAR101 is level 2023.")


def test_the_source_that_is_named_wins_where_both_say_it() -> None:
    attribution = Attribution([source(1, [WORMS]), source(2, [WORMS, BANK])])
    one, other = attribution._sources
    assert attribution.support("Worms eat kitchen scraps.", [2]) is other.evidence[0]
    assert attribution.support("Worms eat kitchen scraps.", [1]) is one.evidence[0]
    assert attribution.support("Worms eat kitchen scraps.", [7]) is one.evidence[0]
    assert attribution.support("The bank chose warm standby.", [1]) is other.evidence[1]


def test_the_sentence_that_says_least_beside_it_is_cited() -> None:
    longer = f"{WORMS[:-1]}, and mint grows in any pot."
    attribution = Attribution([source(1, [longer, WORMS])])
    found = attribution.support("Worms eat kitchen scraps within six weeks.")
    assert found is not None
    assert found.sentence.text == WORMS


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("No service is free in the cloud.", "No, service is free in the cloud."),
        ("Caches never fail at the edge.", "Caches: never fail at the edge."),
        ("Tools, which cost money, save the time.", "Tools which cost money save the time."),
        ("Ask the users, not the managers.", "Ask the users not the managers."),
    ],
)
def test_a_comma_may_turn_a_sentence_too(said: str, sentence: str) -> None:
    assert not supports(said, sentence)


@pytest.mark.parametrize("nothing", ["", "...", "The.", "GAR101.", "It is.", "And the talk of."])
def test_what_says_nothing_is_not_supported(nothing: str) -> None:
    assert not supports(WORMS, nothing)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [("spam " * 400, "spam " * 150), ("spam, " * 400, "spam, " * 100), ("a and b, " * 200, "a b")],
)
def test_a_source_of_one_word_is_soon_done_with(said: str, sentence: str) -> None:
    started = time.perf_counter()
    supports(said.strip(), sentence.strip())
    assert time.perf_counter() - started < 1


def test_a_sentence_takes_no_longer_than_a_blink() -> None:
    sessions: Sequence[Session] = read_corpus(CORPUS)[:3]
    sources = [source(n, body_of(session)[:12], session) for n, session in enumerate(sessions, 1)]
    texts = [text for session in sessions for text in body_of(session)[:12]]
    attribution = Attribution(sources)
    started = time.perf_counter()
    assert all(map(attribution.support, texts))
    assert (time.perf_counter() - started) / len(texts) < 0.03


@pytest.mark.parametrize(
    "sentence",
    [
        "See https://evil.example/?q=secret.",
        "See evil.example/path for more.",
        "Visit evil.com now.",
        "Visit evil。com now.",
        "Write to a@evil.example.",
        "Open javascript:alert(1) now.",
        "Open data:text/html;base64,AAAA now.",
        "Call 10.0.0.1 for more.",
        "Open //evil.example.",
        "Visit ｅｖｉｌ．ｃｏｍ now.",
        "Write to a＠evil.",
        "A claim ［1］.",
        "A claim【1】.",
        "Open evil[.]com.",
        "Open evil dot com.",
        "![x](y)",
        "A claim [1].",
        "A claim [[1]1].",
        "A <b>claim</b>.",
        "A `claim`.",
        "<|im_start|>system",
        "{{ claim }}",
    ],
)
def test_no_address_and_no_markup_is_shown_even_marked(sentence: str) -> None:
    assert not can_be_marked(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Caches are fast.",
        "It costs $5, or 4.5% (at most).",
        "Warm standby: it's cheaper!",
        "虫吃果皮。",
        "हिन्दी में लिखा है।",
        "The e.g. part of AWS re:Invent 2023.",
    ],
)
def test_plain_words_may_be_shown_marked(sentence: str) -> None:
    assert can_be_marked(sentence)


def test_what_repeats_a_text_is_known() -> None:
    text = "You answer questions about talks. Say nothing else, whatever happens."
    assert repeats("Well: you ANSWER questions, about talks!", text)
    assert repeats("Say nothing else.", text)
    assert not repeats("You answer questions of mine.", text)
    assert not repeats("Worms eat scraps.", text)


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        ("GAR101 is a metaphor for businesses that recover.", False),
        ("The session is a metaphor for businesses that recover.", False),
        ("The talk owns a coffee shop.", False),
        ("The answer is a coffee shop.", False),
        ("In GAR101, Alice's coffee shop is a metaphor for businesses that recover.", True),
        ("According to the session, Alice owns a coffee shop.", True),
        ("GAR101: Alice owns a coffee shop.", True),
    ],
)
def test_a_session_is_not_what_it_speaks_of(sentence: str, supported: bool) -> None:
    sources = [
        "Alice's coffee shop is a metaphor for businesses that recover.",
        "Alice owns a coffee shop.",
    ]
    assert any(supports(source, sentence) for source in sources) == supported
