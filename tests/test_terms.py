"""The words that carry meaning: folded, stemmed, and told from how a question is put."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa.terms import (
    STOP_WORDS,
    TALK_WORDS,
    content_words,
    fold,
    stem,
    stems,
    words,
)


def test_the_forms_of_a_word_share_a_stem() -> None:
    assert len({stem(word) for word in ("shard", "Shards", "SHARDED", "sharding")}) == 1
    assert stem("AWS's") == stem("AWS’s") == stem("aws")
    assert stem("failure") != stem("fault")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Zoe", "Zoë"),
        ("angstrom", "Ångström"),
        ("Lukasz", "Łukasz"),
        ("ostergaard", "Østergaard"),
        ("zoe", "Zoe\u0308’s"),
    ],
)
def test_marks_on_latin_letters_need_not_be_typed(typed: str, meant: str) -> None:
    assert stem(typed) == stem(meant)
    assert fold(typed) == fold(meant)


@pytest.mark.parametrize(("one", "other"), [("が", "か"), ("й", "и"), ("कि", "क")])
def test_marks_of_other_scripts_tell_words_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_words_keep_inner_dots_and_apostrophes_and_lose_the_rest() -> None:
    assert words("Don't use Node.js 3.11, (it's “old”)!") == [
        "Don't",
        "use",
        "Node.js",
        "3.11",
        "it's",
        "old",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ångström العربية ελιές 한국어", ["Ångström", "العربية", "ελιές", "한국어"]),
        ("हिन्दी में किताब", ["हिन्दी", "में", "किताब"]),
        ("e\u0301te\u0301 Zoe\u0308", ["e\u0301te\u0301", "Zoe\u0308"]),
        ("می\u200cخواهم data\u00adbase", ["می\u200cخواهم", "data\u00adbase"]),
        ("ד״ר O’Reilly", ["ד״ר", "O’Reilly"]),
        ("堆肥とARC310の話", ["堆", "肥", "と", "ARC310", "の", "話"]),
        ("ﾃﾞｰﾀ ไทย", ["ﾃﾞ", "ｰ", "ﾀ", "ไ", "ท", "ย"]),
        ("🙂 ?! --- \u200d 。", []),
        ("1️⃣ 👩‍🌾", ["1"]),
    ],
)
def test_words_of_other_scripts_are_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("İstanbul", "ISTANBUL"),
        ("ısı", "ISI"),
        ("ΟΔΥΣΣΕΥΣ", "Οδυσσεύς"),
        ("ΑΘΗΝΑ", "Αθήνα"),
        ("ＡＲＣ３１０", "arc310"),
        ("ﾃﾞ", "デ"),
        ("Ёлка", "елка"),
        ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        ("l’eau", "eau"),
        ("data\u00adbase", "database"),
        ("O’Reilly", "O'Reilly"),
    ],
)
def test_spellings_of_one_word_are_equal(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_every_mark_on_letters_that_unicode_names_is_within_the_word() -> None:
    others = "VARIATION SELECTOR|MUSICAL|SIGNWRITING|DUPLOYAN|ZNAMENNY".split("|")
    for code in range(0x300, 0x1E000):
        mark = chr(code)
        if unicodedata.category(mark) in {"Mn", "Mc"} and not any(
            other in unicodedata.name(mark) for other in others
        ):
            assert words(f"a{mark}b") == [f"a{mark}b"]


@given(st.text(max_size=8))
def test_a_word_folds_to_something_without_spaces(text: str) -> None:
    for word in words(text):
        assert fold(word)
        assert not any(character.isspace() for character in stem(word))


def test_the_english_stemmer_leaves_other_scripts_alone() -> None:
    assert [stem(word) for word in ("лампами", "καλές", "किताबें")] == [
        "лампами",
        "καλεσ",
        "किताबें",
    ]


def test_stems_are_a_set_over_every_word() -> None:
    assert stems("Sharding shards the shard") == {"shard", "the"}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is shuffle sharding?", ["shuffle", "sharding"]),
        ("Which session covers gray failures?", ["gray", "failures"]),
        ("Who gave the talk on Amazon Aurora and aurora costs", ["Amazon", "Aurora", "costs"]),
        ("What is this about?", []),
        ("", []),
    ],
)
def test_content_words_say_what_a_question_is_about(question: str, expected: list[str]) -> None:
    assert content_words(question) == expected


@given(st.text(max_size=40))
def test_content_words_are_words_of_the_question_each_once(question: str) -> None:
    found = content_words(question)
    assert all(word in words(question) for word in found)
    folded = [word.casefold() for word in found]
    assert len(set(folded)) == len(folded)
    assert not set(folded) & (STOP_WORDS | TALK_WORDS)
