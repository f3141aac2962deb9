"""The index in Milvus against the one in a folder: the same of everything that answers need."""

from operator import and_, or_
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Assistant, Session, Settings, build_index
from sessionqa.filters import Filter, parse
from sessionqa.index.local import LocalIndex
from sessionqa.index.milvus import schema
from sessionqa.index.milvus.milvus import MilvusIndex
from sessionqa.index.milvus.server import Server
from sessionqa.index.stores import store_of

QUESTIONS = [
    "What is shuffle sharding?",
    "How does one detect a gray failure?",
    "cells and their routers, in which talk",
    "retry storms retry storms backoff",
    "¿Qué es la resiliencia?",
]


@pytest.fixture(scope="module")
def in_milvus(milvus_server: str, shipped: Settings) -> Settings:
    settings = shipped.with_(index=f"milvus:{milvus_server}/shipped")
    build_index(settings)
    return settings


@pytest.fixture(scope="module")
def both(in_milvus: Settings, assistant: Assistant) -> tuple[LocalIndex, MilvusIndex]:
    opened = Assistant.open(in_milvus).index
    assert isinstance(opened, MilvusIndex)
    assert isinstance(assistant.index, LocalIndex)
    return assistant.index, opened


def close(one: list[tuple[str, float]], other: list[tuple[str, float]], within: float) -> bool:
    """The same passages in the same order, but for those whose scores are as good as equal."""
    scores = dict(other)
    return {id_ for id_, _ in one} == scores.keys() and all(
        abs(score - scores[id_]) < within for id_, score in one
    )


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_dense_arm_finds_the_same(
    both: tuple[LocalIndex, MilvusIndex], assistant: Assistant, question: str
) -> None:
    local, milvus = both
    vector = assistant.encoder.encode_question(question)
    assert close(local.dense(vector, 63), milvus.dense(vector, 63), 1e-5)
    assert [i for i, _ in local.dense(vector, 10)] == [i for i, _ in milvus.dense(vector, 10)]
    for sessions in ({"ARC310", "ARC206"}, {"ARC310"}, set()):
        assert close(local.dense(vector, 9, sessions), milvus.dense(vector, 9, sessions), 1e-5)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_lexical_arm_scores_much_the_same(
    both: tuple[LocalIndex, MilvusIndex], assistant: Assistant, question: str
) -> None:
    """The engines round the lengths of texts differently."""
    local, milvus = both
    stems = assistant.retriever.read(question).stems
    for sessions in (None, {"ARC310", "ARC206"}):
        mine, theirs = local.lexical(stems, 63, sessions), milvus.lexical(stems, 63, sessions)
        assert {i for i, _ in mine} == {i for i, _ in theirs}
        assert all(abs(score - dict(theirs)[i]) < 0.15 * score for i, score in mine)
        having = milvus.having(stems, 63, sessions)
        assert {i for i, _ in local.having(stems, 63, sessions)} == {i for i, _ in having}


def test_late_interaction_and_vectors_are_the_same(
    both: tuple[LocalIndex, MilvusIndex], assistant: Assistant
) -> None:
    local, milvus = both
    encoder = assistant.encoder
    vector = encoder.encode_question(QUESTIONS[0])
    ids = [id_ for id_, _ in local.dense(vector, 40)]
    tokens, spans = encoder.question_tokens(QUESTIONS[0])
    weights = np.ones(len(spans))
    asked = np.stack([vector, encoder.encode_question(QUESTIONS[1])])
    for name, arguments in {
        "cosines": (ids, vector),
        "sentence_similarities": (ids, asked),
        "token_similarities": (ids, tokens, weights),
        "passage_tokens": (ids[0],),
        "session_vectors": (["ARC310", "ARC206", "ARC310"],),
    }.items():
        mine, theirs = getattr(local, name)(*arguments), getattr(milvus, name)(*arguments)
        np.testing.assert_allclose(theirs, mine, atol=2e-3, err_msg=name)
    stems = assistant.retriever.read(QUESTIONS[2]).stems
    mine, theirs = local.session_scores(stems, ids), milvus.session_scores(stems, ids)
    np.testing.assert_allclose(theirs, mine, rtol=0.15)


def test_texts_and_what_is_looked_up_are_the_same(both: tuple[LocalIndex, MilvusIndex]) -> None:
    local, milvus = both
    assert milvus.sessions() == local.sessions()
    assert milvus.sessions(["arc310", "ARC206", "NONE1"]) == local.sessions(["ARC206", "ARC310"])
    assert milvus.session("arc310") == local.session("ARC310")
    assert milvus.session("NONE1") is None
    assert milvus.digests() == local.digests()
    for session in local.sessions():
        every = local.sentences(session.code, 0, len(session.text))
        found = milvus.sentences(session.code, 0, len(session.text))
        assert [one.text for one in found] == [one.text for one in every]
        assert [milvus.holding(one) for one in found] == [local.holding(one) for one in every]
        rows = milvus.sentence_vectors([one.row for one in found])
        assert rows is not None
        np.testing.assert_allclose(
            rows, local.sentence_vectors([one.row for one in every]), atol=2e-3
        )
        part = milvus.sentences(session.code, 100, 400)
        assert [one.text for one in part] == [
            one.text for one in local.sentences(session.code, 100, 400)
        ]
    none = milvus.sentence_vectors([])
    assert none is not None
    assert none.shape == milvus.session_vectors([]).shape == (0, 384)
    ids = [id_ for id_, _ in local.dense(np.ones(384, dtype=np.float32), 63)]
    assert milvus.passages(ids) == local.passages(ids)
    assert milvus.codes(ids) == local.codes(ids)
    with pytest.raises(KeyError):
        milvus.passages([ids[0][:-1] + "0"])


def test_words_and_facets_are_the_same(both: tuple[LocalIndex, MilvusIndex]) -> None:
    local, milvus = both
    stems = ["cell", "shard", "retri", "az", "nothing-like-it", "dynamodb", "zone", "the"]
    assert milvus.sentence_counts(stems) == local.sentence_counts(stems)
    assert milvus.known_words(stems) == local.known_words(stems)
    for word in ("shrading", "resilence", "dynmodb", "xx", "availabilty"):
        assert milvus.words_like(word, 2) == local.words_like(word, 2)
    keys = ["az", "availabl zone", "rto", "slo"]
    assert set(milvus.abbreviations(keys)) == set(local.abbreviations(keys))
    for field in ("session", "track", "level", "year", "speaker", "service", "event"):
        values = local.values(field)
        assert milvus.values(field) == values
        facets = milvus.facets(field, list(values))
        assert sorted(facets) == sorted(local.facets(field, list(values)))
    assert milvus.values("speaker", ["mike"]) == local.values("speaker", ["mike"])


def test_answers_are_the_same(in_milvus: Settings, assistant: Assistant) -> None:
    other = Assistant.open(in_milvus)
    asked = [
        "Who presented ARC310?",
        "Which sessions cover DynamoDB?",
        "What is shufle shrading?",
        "Who is the CEO of AWS?",
        "Compare ARC310 and ARC206",
        "How do cells limit the blast radius?",
    ]
    for question in asked:
        mine, theirs = assistant.ask(question), other.ask(question)
        assert theirs.text == mine.text, question
        assert [(one.session_code, one.quote) for one in theirs.citations] == [
            (one.session_code, one.quote) for one in mine.citations
        ]
    filter = parse("level>=300 and speaker=Hagen")
    assert {hit.passage.session_code for hit in other.search("failure", 5, filter)} == {"ARC310"}


@pytest.mark.parametrize(("grace", "level"), [(60.0, "Strong"), (0.0, "Bounded")])
def test_what_was_written_long_ago_is_read_without_waiting(
    in_milvus: Settings, monkeypatch: pytest.MonkeyPatch, grace: float, level: str
) -> None:
    monkeypatch.setattr("sessionqa.index.milvus.milvus.GRACE", grace)
    other = Assistant.open(in_milvus)
    used: list[tuple[str, str]] = []
    call = Server._call

    def noting(self: Server, method: str, slow: bool = False, **arguments: Any) -> Any:
        if method in {"query", "search"}:
            used.append((arguments["consistency_level"], arguments["filter"]))
        return call(self, method, slow, **arguments)

    monkeypatch.setattr(Server, "_call", noting)
    assert "blast radius" in other.ask("How do cells limit the blast radius?").text
    # Which build is live is asked as it is now, whenever it is.
    assert {told for told, filter in used if filter != 'key in ["build"]'} == {level}
    assert {told for told, filter in used if filter == 'key in ["build"]'} <= {"Strong"}


def test_of_many_vectors_a_filter_costs_no_result(
    shipped: Settings, assistant: Assistant, milvus_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if there were too many to compare one by one: the engine searches a graph."""
    monkeypatch.setattr("sessionqa.index.milvus.filling.is_exact", lambda _: False)
    settings = shipped.with_(index=f"milvus:{milvus_server}/graph")
    build_index(settings)
    milvus = Assistant.open(settings).index
    for question in QUESTIONS:
        vector = assistant.encoder.encode_question(question)
        assert close(assistant.index.dense(vector, 10), milvus.dense(vector, 10), 1e-5)
        for sessions in ({"ARC310"}, {"ARC310", "ARC206", "NONE"}, set()):
            mine = assistant.index.dense(vector, 9, sessions)
            assert close(mine, milvus.dense(vector, 9, sessions), 1e-5)


CONDITIONS = [
    "level>=300",
    "level<400",
    "level>900",
    "year=2023",
    "track=ARC",
    'event="AWS re:Invent"',
    "speaker=Hagen",
    "speaker=mike",
    "service=DynamoDB",
    'service="Amazon EC2"',
    "session=arc-310",
    "session=ARC206",
]
FILTERS = st.recursive(
    st.sampled_from(CONDITIONS).map(parse),
    lambda inner: st.builds(and_, inner, inner) | st.builds(or_, inner, inner),
    max_leaves=6,
)


@given(filter=FILTERS)
@hypothesis.settings(deadline=None, max_examples=60)
def test_a_filter_is_put_to_the_engine_by_the_fields_of_its_rows(
    both: tuple[LocalIndex, MilvusIndex], filter: Filter
) -> None:
    local, milvus = both
    passing = filter.select(milvus)
    assert passing == filter.select(local)
    vector = np.ones(384, dtype=np.float32) / np.float32(np.sqrt(384))
    for find in (
        lambda index: index.dense(vector, 63, passing),
        lambda index: index.lexical(["cell", "region"], 63, passing),
        lambda index: index.having(["region"], 63, passing),
    ):
        assert {id_ for id_, _ in find(milvus)} == {id_ for id_, _ in find(local)}, str(filter)


def test_no_session_is_named_to_the_engine_where_its_fields_will_do(
    both: tuple[LocalIndex, MilvusIndex],
) -> None:
    """A million codes are more than it takes in a call."""
    _, milvus = both
    chosen = parse("year=2023 and (speaker=Hagen or level>=300)").select(milvus)
    told = schema.passes(chosen.by)
    fields = 'array_contains_any(speakers, ["Mike Hagen"]) or level in [300]'
    assert told == f"(year in [2023] and ({fields}))"


def test_an_index_in_a_file_answers_without_a_server(garden: Settings, tmp_path: Path) -> None:
    settings = garden.with_(index=f"milvus:{tmp_path / 'talks.db'}")
    build_index(settings)
    answer = Assistant.open(settings).ask("What do worms eat?")
    assert "kitchen scraps" in answer.text


def test_a_session_of_any_length_is_kept_whole(milvus_server: str, tmp_path: Path) -> None:
    """Longer than a row of Milvus's may be, with a code that its filters have to quote."""
    text = " ".join(f"Sentence number {n} tells of rivers and bridges." for n in range(3000))
    odd = """O'"\\1ß"""
    settings = Settings(corpus=tmp_path, index=f"milvus:{milvus_server}/long")
    build_index(settings, sessions=[Session(odd, "A long talk", text), Session("B", "b", "Bees.")])
    index = store_of(settings).open(store_of(settings).live(), verify=True)
    session = index.session(odd)
    assert session is not None
    assert session.text == text
    assert index.sentences(odd, 0, len(text))[-1].end == len(text)
    vector = np.ones(384, dtype=np.float32) / np.float32(np.sqrt(384))
    assert {index.codes([id_])[0] for id_, _ in index.dense(vector, 5, [odd])} == {odd}
