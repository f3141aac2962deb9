"""Sentences: exact spans, ended as the language of the line ends them."""

from itertools import pairwise

import pytest
import sentencex
from hypothesis import given
from hypothesis import strategies as st

from sessionqa.sentences import language_of, sentence_spans

SCRIPTS = [
    *"Ab.?! \n-#'\"1３９．,;:",
    *("- ", ". ", "e.g. ", "Dr. ", "z. B. ", "3. Mai ", "der ", "the ", "los ", "т. е. ", "π.χ. "),
    *("é", "e\u0301", "ß", "İ", "ж", "ς", "ا", "؟ ", "۔ ", "ש", "कि", "। ", "ไทย ", "한국"),
    *("茶", "の", "。", "！", "「", "」", "ﾃﾞ", "👩‍🌾", "👍🏽", "🇬🇷", "𝒜", "𠮷", "1️⃣"),
    *("\r\n", "\r", "\x85", "\u2028", "\u2029", "\u00a0", "\u200b", "\u202e", "\ufeff", "\x0c"),
]
TEXTS = st.lists(st.one_of(st.sampled_from(SCRIPTS), st.text(max_size=3)), max_size=50).map("".join)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def test_sentences_headings_and_items_are_told_apart() -> None:
    text = "# Worms\n\nThey eat peel. They sleep, e.g. at noon.\n\n- Dr. Leaf knows.\n\n- 堆肥 🙂"
    assert sentences(text) == [
        "# Worms",
        "They eat peel.",
        "They sleep, e.g. at noon.",
        "Dr. Leaf knows.",
        "堆肥 🙂",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "It costs 3.5 euro. | Dr. Leaf knows. | 👩‍🌾 grows it. | 𝒜𝒷 is maths.",
        "Der Turm ist z. B. alt. | Er kam am 3. Mai an. | Im 19. Jahrhundert war das Dorf arm.",
        "M. Dupont ouvre la porte. | Il dit : « Bonjour ! » | Est-ce le matin ?",
        "¿Quién es el rey? | El Sr. García. | ¡Hola! | La harina va a EE. UU. desde 1990.",
        "Il sig. Rossi vende una torre. | È della zia.",
        "Это т. е. хорошо. | Он живёт в г. Москва. | А. С. Пушкин писал.",
        "Τι είναι αυτό; | Είναι π.χ. καλό. | Ναι\u037e | Όχι.",
        "Dr. Yılmaz geldi. | Nasıl?",
        "ما هذا؟ | هذا كتاب. | ذهب الولد؛ ثم عاد.",
        "یہ کیا ہے؟ | یہ کتاب ہے۔ | وہ گیا۔",
        "מה זה? | זה ספר.",
        "यह क्या है? | वह ३.५ मीटर है। | वह गया॥",
        "นี่คือหนังสือ เขาไปแล้ว",
        "这是什么？|价格是3.5元。|他走了！",
        "これは何ですか？|「はい。」|３．５円です。",
        "이것은 무엇입니까? | 그는 갔다.",
    ],
)
def test_sentences_end_as_their_language_ends_them(text: str) -> None:
    expected = [sentence.strip() for sentence in text.split("|")]
    assert sentences(text.replace(" | ", " ").replace("|", "")) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029", "\x0c"])
def test_every_line_break_ends_a_sentence(end: str) -> None:
    assert sentences(f"one{end}{end}two{end}") == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("The tower is in Köln.", "en"),
        ("Der Turm steht in London.", "de"),
        ("La tour est dans le port.", "en"),
        ("Лампу чистят in English", "ru"),
        ("The word λόγος is Greek", "en"),
        ("", "en"),
        ("堆肥", "en"),
    ],
)
def test_the_rules_are_of_the_script_or_the_usual_words(line: str, language: str) -> None:
    assert language_of(line) == language


@given(TEXTS)
def test_spans_are_trimmed_in_order_and_leave_out_only_space_and_dashes(text: str) -> None:
    spans = sentence_spans(text)
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise([(0, 0), *spans]))
    seen = {at for start, end in spans for at in range(start, end)}
    missed = [at for at in range(len(text)) if at not in seen and not text[at].isspace()]
    assert [text[at : at + 2] for at in missed] == ["- "] * len(missed)


@given(TEXTS)
def test_a_sentence_ends_only_where_the_library_ends_one(text: str) -> None:
    ends = set()
    at = 0
    for line in text.splitlines():
        # The library says what the sentences are; where they stand is searched for in turn.
        for part in sentencex.segment(language_of(line), line):
            at = text.index(part, at) + len(part)
            ends.add(len(text[:at].rstrip()))
        ends.add(len(text[:at].rstrip()))
    assert {end for _, end in sentence_spans(text)} <= ends


def test_offsets_count_code_points_whatever_came_before() -> None:
    text = "👩‍🌾𠮷e\u0301 кот. 茶は熱い。𝒜𝒷! End."
    assert [text[start:end] for start, end in sentence_spans(text)] == [
        "👩‍🌾𠮷e\u0301 кот.",
        "茶は熱い。",
        "𝒜𝒷!",
        "End.",
    ]
