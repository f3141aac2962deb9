"""Sentences and passages: exact spans, nothing left out, nothing over a limit."""

import string
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa import Assistant, Passage, Session
from sessionqa.card import CARD_END
from sessionqa.chunk import (
    Fits,
    count_tokens,
    is_heading,
    passages,
    units,
    whole,
)
from sessionqa.encode import passage_input
from sessionqa.sentences import Span

BITS = [
    *string.ascii_letters[:4],
    *"XYZ.!?;:,-# \n\t\"'()019",
    *("- ", "# ", "\n\n", ". ", "Dr. ", "e.g. ", "...", "…", "\r", "\x85"),
    *(
        "é",
        "e\u0301",
        "堆",
        "肥",
        "。",
        "？",
        "👩‍🌾",
        "🙂",
        "\u2028",
        "\u00a0",
        "ا",
        "\u202e",
        "\u200b",
    ),
]
TEXTS = st.lists(st.one_of(st.sampled_from(BITS), st.text(max_size=3)), max_size=50).map("".join)
WORDS = st.sampled_from(["worm", "compost", "堆肥", "🙂", "e\u0301te\u0301", "tea", "peel"])
SENTENCES = st.lists(WORDS, min_size=1, max_size=12).map(lambda w: f"{' '.join(w).capitalize()}.")
BLOCKS = st.one_of(SENTENCES, SENTENCES.map(lambda s: f"## {s[:-1]}"), SENTENCES.map("- {}".format))
DOCUMENTS = st.lists(BLOCKS, min_size=1, max_size=12).map("\n\n".join)


def up_to(characters: int) -> Fits:
    return lambda _, text: len(text) <= characters


def anything(_title: str, _text: str) -> bool:
    return True


def cut(session: Session, budget: int, overlap: int, fits: Fits = anything) -> list[Passage]:
    return passages(session, units(session, budget, fits), budget, overlap, fits)


def assert_covers(text: str, spans: Sequence[Span]) -> None:
    """Every character of `text` is in a span, but white space and the dashes of lists."""
    seen = {at for start, end in spans for at in range(start, end)}
    missed = [at for at in range(len(text)) if at not in seen and not text[at].isspace()]
    assert [text[at : at + 2] for at in missed] == ["- "] * len(missed)


# Headings


def test_only_what_begins_with_a_number_sign_is_a_heading() -> None:
    assert is_heading("## Worms")
    assert not is_heading("Worms are number #1.")


def test_a_sentence_that_begins_with_a_number_sign_is_not_a_heading() -> None:
    assert not is_heading("#1 on the list is cost.")


# Units and passages


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.integers(16, 40), st.integers(0, 15), st.integers(1, 60))
def test_any_text_is_cut_within_the_limits_with_nothing_left_out(
    text: str, budget: int, overlap: int, limit: int
) -> None:
    session = Session("C1", "Title", text)
    cut_units = units(session, budget, up_to(limit))
    made = passages(session, cut_units, budget, overlap, up_to(limit))
    assert_covers(text, cut_units)
    assert_covers(text, [(passage.start, passage.end) for passage in made])
    for passage in made:
        assert text[passage.start : passage.end] == passage.text
        assert passage.tokens == count_tokens(passage.text) <= budget
        assert len(passage.text) <= limit
    assert len({passage.id for passage in made}) == len(made)


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS, st.integers(16, 60), st.integers(0, 15))
def test_a_heading_goes_with_what_follows_where_both_fit(
    text: str, budget: int, overlap: int
) -> None:
    session = Session("C1", "Title", f"C1: Title.{CARD_END}{text}")
    spans = units(session, budget, anything)
    for passage in passages(session, spans, budget, overlap, anything):
        ends = next(at for at, span in enumerate(spans) if span[1] == passage.end)
        start, end = spans[ends]
        if not is_heading(session.text[start:end]) or ends + 1 == len(spans):
            continue
        after = spans[ends + 1]
        if not is_heading(session.text[slice(*after)]):
            assert count_tokens(session.text[start : after[1]]) > budget


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS, st.integers(16, 60), st.integers(0, 15))
def test_neighbours_share_at_most_the_overlap(text: str, budget: int, overlap: int) -> None:
    session = Session("C1", "Title", f"C1: Title.{CARD_END}{text}")
    made = cut(session, budget, overlap)
    for first, second in pairwise(made):
        assert first.start < second.start
        assert count_tokens(session.text[second.start : first.end]) <= overlap


def test_neighbours_share_whole_sentences() -> None:
    body = " ".join(f"Sentence {name} is here." for name in "ABCDEFGH")
    session = Session("C1", "T", f"C1: T.{CARD_END}{body}")
    made = [passage.text for passage in cut(session, 16, 6)][1:]
    assert made[0].endswith("Sentence C is here.")
    assert made[1].startswith("Sentence C is here. Sentence D is here.")
    assert all(text.startswith("Sentence") and text.endswith("here.") for text in made)


def test_without_overlap_no_sentence_is_in_two_passages() -> None:
    body = " ".join(f"Sentence {name} is here." for name in "ABCDEFGH")
    made = cut(Session("C1", "T", f"C1: T.{CARD_END}{body}"), 16, 0)
    assert all(first.end < second.start for first, second in pairwise(made))


def test_no_passage_lies_within_its_neighbour() -> None:
    # The overlap does not fit together with the long sentence after it.
    body = f"Worms eat a lot of peel. Mint is green. Tea {'is very ' * 13}good."
    made = cut(Session("C1", "T", f"C1: T.{CARD_END}{body}"), 32, 8)
    inside = [
        b.text for a in made for b in made if a is not b and a.start <= b.start and b.end <= a.end
    ]
    assert inside == []


def test_the_card_stands_by_itself() -> None:
    card = "C1: Title.\nPresented by Bo Leaf."
    made = cut(Session("C1", "Title", f"{card}{CARD_END}Short body."), 160, 40)
    assert [passage.text for passage in made] == [card, "Short body."]


def test_a_sentence_over_the_limit_is_cut_between_words() -> None:
    text = "word " * 60 + "end."
    made = units(Session("C1", "T", text), 16, anything)
    assert len(made) > 1
    assert all(set(text[start:end].split()) <= {"word", "end."} for start, end in made)


@pytest.mark.parametrize("whole_character", ["e\u0301", "👩‍🌾", "👍🏽", "कि", "1️⃣", "ﾃﾞ"])
def test_a_long_run_is_not_cut_within_what_is_read_as_one_character(whole_character: str) -> None:
    text = whole_character * 30
    made = units(Session("C1", "T", text), 16, anything)
    assert len(made) > 1
    for start, end in made:
        assert text[start:end] == whole_character * ((end - start) // len(whole_character))


def test_a_long_sentence_without_spaces_is_cut_after_a_clause() -> None:
    text = "春天下雨，秋天很冷，农民喝茶，孩子读书，老人看花，鸟儿飞走，风吹竹叶。"
    made = units(Session("C1", "T", text), 24, anything)
    assert len(made) > 1
    assert all(text[end - 1] in "，。" for _, end in made)


def test_ids_depend_on_session_and_text_alone() -> None:
    before = Session("C1", "T", f"C1: T.{CARD_END}## A\n\nFirst part.\n\n## B\n\nSecond part.")
    after = Session("C1", "Other", f"C1: T.{CARD_END}## New\n\nMore.\n\n{before.text[8:]}")
    ids = {passage.text: passage.id for passage in cut(before, 16, 0)}
    again = {passage.text: passage.id for passage in cut(after, 16, 0)}
    kept = ids.keys() & again.keys()
    assert kept
    assert all(ids[text] == again[text] for text in kept)
    other = cut(Session("C2", "T", before.text), 16, 0)
    assert set(ids.values()).isdisjoint(passage.id for passage in other)


def test_the_same_text_twice_in_a_session_has_two_ids() -> None:
    session = Session("C1", "T", f"C1: T.{CARD_END}Same {'words ' * 12}.\n\nSame {'words ' * 12}.")
    made = cut(session, 16, 0)
    assert made[1].text == made[2].text
    assert made[2].id == f"{made[1].id}-2"


def test_whole_makes_one_passage_of_everything() -> None:
    session = Session("C1", "T", f"C1: T.{CARD_END}{'Long text. ' * 300}End.")
    (passage,) = whole(session)
    assert (passage.start, passage.end, passage.text) == (0, len(session.text), session.text)
    assert passage.tokens == count_tokens(session.text)


def test_text_that_looks_like_a_special_token_is_text() -> None:
    assert count_tokens("<|endoftext|>") > 1


def test_no_passage_or_sentence_that_ships_is_cut_off_by_the_encoder(assistant: Assistant) -> None:
    encoder = assistant.encoder
    for session in assistant.sessions():
        found = assistant.index.sentences(session.code, 0, len(session.text))
        quotable = [sentence.text for sentence in found]
        searched = [passage.text for passage in cut(session, 160, 40, fits_of(assistant))]
        assert len(quotable) > len(searched) > 1
        for read in (*quotable, *searched):
            text = passage_input(encoder, session.title, read)
            assert encoder.count_pieces(text) <= encoder.max_tokens
    assert encoder.max_tokens == 256


def fits_of(assistant: Assistant) -> Fits:
    encoder = assistant.encoder
    limit = encoder.max_tokens
    return lambda title, text: encoder.count_pieces(passage_input(encoder, title, text)) <= limit
