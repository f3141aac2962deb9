"""What a model writes, cut anywhere, is read as the same sentences."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa.llm.sentences import MOST_CHARS, Written, sentences

SAID = (
    "A cell is a copy of a system [1]. It has 1,000 users at most (source 2). "
    "- **Shards** are parts.[1][3]\nDr. Ida Holt says that v2.5 is out! [2, 4] Is it? Yes."
)
READ = [
    Written("A cell is a copy of a system.", frozenset({1})),
    Written("It has 1,000 users at most.", frozenset({2})),
    Written("Shards are parts.", frozenset({1, 3})),
    Written("Dr. Ida Holt says that v2.5 is out!", frozenset({2, 4})),
    Written("Is it?", frozenset()),
    Written("Yes.", frozenset()),
]
TEXTS = st.text(alphabet="abc XYZ.!?[]()12,-*\n\u200b\u202eé", max_size=60)


def read(pieces: Sequence[str]) -> list[Written]:
    return [one for one in sentences(pieces) if one]


def cut(text: str, at: Sequence[int]) -> list[str]:
    """The text in pieces that end at these places; two of the same make an empty one."""
    ends = sorted(min(place, len(text)) for place in at)
    starts = [0, *ends]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]


def test_sentences_have_their_markers_and_no_decoration() -> None:
    assert read([SAID]) == READ


@settings(deadline=None)
@given(st.lists(st.integers(0, len(SAID)), max_size=12))
def test_wherever_it_is_cut_the_same_is_read(at: list[int]) -> None:
    assert read(cut(SAID, at)) == READ


def test_letter_by_letter_as_well() -> None:
    assert read([*SAID]) == READ


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=8))
def test_whatever_is_written_sentences_are_plain_lines_with_words(pieces: list[str]) -> None:
    for one in read(pieces):
        assert any(character.isalpha() for character in one.text)
        assert one.text == " ".join(one.text.split())
        assert not {*one.text} & {"\u200b", "\u202e"}


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=8))
def test_no_letter_is_made_up_or_moved(pieces: list[str]) -> None:
    def letters(text: str) -> str:
        return "".join(filter(str.isalpha, text))

    said = iter(letters("".join(pieces)))
    assert all(letter in said for letter in letters("".join(one.text for one in read(pieces))))


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=8))
def test_each_piece_gives_whoever_waits_a_turn(pieces: list[str]) -> None:
    assert sum(one is None for one in sentences(pieces)) == len(pieces)


def test_a_sentence_comes_as_soon_as_the_next_has_begun() -> None:
    steps = sentences(["One is it. ", "Two", " is it."])
    assert [next(steps), next(steps)] == [None, Written("One is it.", frozenset())]


@pytest.mark.parametrize("endless", ["and " * MOST_CHARS, "[" * 2 * MOST_CHARS])
def test_what_has_no_end_is_given_up(endless: str) -> None:
    taken = 0

    def pieces() -> "Sequence[str]":
        return [endless[at : at + 4] for at in range(0, len(endless), 4)]

    for one in sentences(pieces()):
        assert one is None
        taken += 1
    assert taken <= MOST_CHARS / 4 + 1
