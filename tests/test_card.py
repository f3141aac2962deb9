"""The card: metadata as sentences that can be searched, quoted and told apart."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Session, Speaker
from sessionqa.card import CARD_END, end_of, field, render

FULL = Session(
    code="GAR101",
    title="Composting on a balcony",
    text="",
    event="Garden Days",
    year=2024,
    track="GAR",
    level=100,
    speakers=(Speaker("Zoë Ångström", "head gardener"), Speaker("Bo Leaf")),
    services=("Worm bin", "Rain barrel"),
    url="https://example.org/v",
)

# As the corpus reader leaves them: no line breaks, no white space around.
MULTI_BYTE = st.one_of(
    st.sampled_from(["堆肥", "🙂", "👩‍🌾", "e\u0301", "ا", "#", "- ", "\u200b", "a", ".", "?"]),
    st.characters(codec="utf-8", exclude_categories=["Cc"]),
)
LINES = st.lists(MULTI_BYTE, min_size=1, max_size=12).map(lambda c: " ".join("".join(c).split()))
TEXTS = LINES.filter(bool)
CODES = st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=8)
SPEAKERS = st.builds(Speaker, TEXTS, st.one_of(st.just(""), TEXTS))
SESSIONS = st.builds(
    Session,
    code=CODES,
    title=TEXTS,
    text=st.just(""),
    event=st.one_of(st.just(""), TEXTS),
    year=st.one_of(st.none(), st.integers(1900, 2100)),
    track=st.one_of(st.just(""), TEXTS),
    level=st.one_of(st.none(), st.integers(0, 500)),
    speakers=st.lists(SPEAKERS, max_size=3).map(tuple),
    services=st.lists(TEXTS, max_size=3).map(tuple),
    url=st.one_of(st.just(""), TEXTS),
)


def test_a_full_card_reads_as_sentences() -> None:
    assert render(FULL).split("\n") == [
        "GAR101: Composting on a balcony.",
        "Presented by Zoë Ångström, head gardener; Bo Leaf.",
        "Level 100, track GAR, Garden Days 2024.",
        "Services and tools named: Worm bin, Rain barrel.",
        "Recording: https://example.org/v",
    ]


def test_the_least_card_is_one_sentence() -> None:
    assert render(Session("A1", "Why worms?", "")) == "A1: Why worms?"


@pytest.mark.parametrize("title", ["什么是茶？", "茶。", "चाय क्या है?", "चाय।", "ما الشاي؟"])
def test_a_title_keeps_the_stop_of_its_own_script(title: str) -> None:
    assert render(Session("A1", title, "")) == f"A1: {title}"


def test_a_level_of_zero_is_told() -> None:
    assert "Level 0." in render(Session("A1", "T", "", level=0))


def test_facts_begin_with_a_capital_whichever_is_known() -> None:
    assert render(Session("A1", "T", "", track="GAR")).endswith("\nTrack GAR.")
    assert render(Session("A1", "T", "", year=2024)).endswith("\n2024.")


def test_each_line_tells_its_field() -> None:
    lines = render(FULL).split("\n")
    assert [field(line, "GAR101") for line in lines] == [
        "title",
        "speakers",
        "facts",
        "services",
        "recording",
    ]


@given(SESSIONS, st.text(max_size=30))
def test_the_end_of_the_card_is_found_whatever_it_and_the_body_hold(
    session: Session, body: str
) -> None:
    card = render(session)
    assert CARD_END not in card
    assert end_of(card + CARD_END + body) == len(card)
    assert end_of(card) == len(card)


@given(SESSIONS)
def test_every_value_is_in_the_card_as_written(session: Session) -> None:
    card = render(session)
    values = [session.title, *session.services, session.url]
    values += [text for speaker in session.speakers for text in (speaker.name, speaker.role)]
    assert all(value in card for value in values)
    assert card.startswith(f"{session.code}: {session.title}")


@given(SESSIONS)
def test_a_line_for_each_known_kind_of_fact(session: Session) -> None:
    known = [
        session.speakers,
        (session.level is not None) or session.track or session.event or session.year,
        session.services,
        session.url,
    ]
    assert len(render(session).split("\n")) == 1 + sum(map(bool, known))
