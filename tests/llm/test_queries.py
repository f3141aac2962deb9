"""What a model makes of a question before it is searched, and that nothing depends on it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from speaking import Speaker, speaking

from sessionqa import Assistant, Settings
from sessionqa.datatypes import Hit
from sessionqa.errors import SettingsError
from sessionqa.llm import open_llm
from sessionqa.llm.queries import Queries, merged

QUESTION = "How do I get rid of kitchen waste?"


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    with speaking(Speaker()) as one:
        yield one


def queries(speaker: Speaker, kind: str, **more: Any) -> Queries:
    name = f"openai:{speaker.url}#m"
    settings = Settings(llm=name, llm_query=kind, **more)  # type: ignore[arg-type]
    return Queries(open_llm(name, settings), settings)


def test_phrasings_are_the_lines_without_their_marks(speaker: Speaker) -> None:
    speaker.pieces = [f"1. {QUESTION}\n", "2. Who eats scraps?\n- Who eats", " scraps?\n\n* Worms?"]
    assert queries(speaker, "phrasings").others(QUESTION) == ("Who eats scraps?", "Worms?")
    assert speaker.asked[0]["messages"][1]["content"] == QUESTION


def test_a_passage_is_one_line(speaker: Speaker) -> None:
    speaker.pieces = ["Worms eat\n", "kitchen scraps."]
    of = queries(speaker, "passage")
    assert of.others(QUESTION) == ("Worms eat kitchen scraps.",)
    # A question is worded once.
    assert of.others(QUESTION)
    assert len(speaker.asked) == 1


def test_a_follow_up_gets_what_it_leaves_unsaid(speaker: Speaker) -> None:
    speaker.pieces = ["What do the worms of Zoë Ångström eat?"]
    history = ["Who is Zoë Ångström?"]
    written = queries(speaker, "standalone").standalone("What do her worms eat?", history)
    assert written == "What do the worms of Zoë Ångström eat?"
    shown = speaker.asked[0]["messages"][1]["content"]
    assert shown == "Earlier: Who is Zoë Ångström?\nLast: What do her worms eat?"


@pytest.mark.parametrize(
    "written", ["What does Bo Leaf eat?", "What do 7 worms eat?", "Worms eat scraps.", ""]
)
def test_a_follow_up_with_something_new_in_it_is_not_taken(speaker: Speaker, written: str) -> None:
    speaker.pieces = [written]
    of = queries(speaker, "standalone")
    assert of.standalone("What do her worms eat?", ["Who is Zoë Ångström?"]) == ""


def test_a_question_without_earlier_ones_is_left_alone(speaker: Speaker) -> None:
    assert queries(speaker, "standalone").standalone(QUESTION, []) == ""
    assert queries(speaker, "standalone").others(QUESTION) == ()
    assert not speaker.asked


def test_instructions_can_be_the_users_own(speaker: Speaker, tmp_path: Path) -> None:
    (tmp_path / "passage.txt").write_text("Write like a gardener.")
    queries(speaker, "passage", llm_templates=str(tmp_path)).others(QUESTION)
    assert speaker.asked[0]["messages"][0]["content"] == "Write like a gardener."


def test_instructions_that_cannot_be_read_are_told(speaker: Speaker, tmp_path: Path) -> None:
    (tmp_path / "passage.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        queries(speaker, "passage", llm_templates=str(tmp_path))


def test_to_word_queries_takes_a_model() -> None:
    with pytest.raises(SettingsError, match="name the model for it"):
        Settings(llm_query="passage")


def test_what_is_near_another_phrasing_is_found_too(speaker: Speaker, planted: Settings) -> None:
    speaker.pieces = ["Tea is brewed with mint and lemon balm, which grow in any pot."]
    name = f"openai:{speaker.url}#m"
    plain = Assistant.open(planted)
    helped = Assistant.open(planted.with_(llm=name, llm_query="passage"))
    question = "Which drink can I make myself?"
    scores = [
        {hit.passage.id: hit.score for hit in assistant.retrieve(question, 2)}
        for assistant in (plain, helped)
    ]
    assert all(scores[1][id_] >= score for id_, score in scores[0].items())
    assert max(scores[1].values()) > max(scores[0].values())


def test_a_model_that_fails_changes_nothing(speaker: Speaker, planted: Settings) -> None:
    speaker.status, speaker.body = 500, b"{}"
    name = f"openai:{speaker.url}#m"
    helped = Assistant.open(planted.with_(llm=name, llm_query="phrasings"))
    question = "What do worms eat?"
    assert helped.retrieve(question, 2) == Assistant.open(planted).retrieve(question, 2)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1))), st.integers(0, 9))
def test_each_passage_is_there_once_by_its_better_score(
    found: list[tuple[int, float]], cut: int
) -> None:
    hits = [_hit(number, score) for number, score in found]
    first, others = hits[:cut], hits[cut:]
    both = merged(first, others)
    scores = [hit.score for hit in both]
    assert scores == sorted(scores, reverse=True)
    assert len({hit.passage.id for hit in both}) == len(both) <= len(first)
    for hit in both:
        assert hit.score == max(one.score for one in hits if one.passage.id == hit.passage.id)


def _hit(number: int, score: float) -> Hit:
    from sessionqa.datatypes import Passage

    passage = Passage(
        id=f"A#{number}", session_code="A", title="A", start=0, end=1, text="a", tokens=1
    )
    return replace(Hit(passage=passage, score=score))
