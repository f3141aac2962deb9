"""Question -> hits: both arms, one ranking, and the sessions that a question names."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sessionqa import Assistant, Hit, Session, Settings, retrieve
from sessionqa.chunk import is_heading
from sessionqa.encode import Vectors, passage_input
from sessionqa.fusion import RRF_K
from sessionqa.index.local import LocalIndex
from sessionqa.retrieve import (
    ASKING,
    DEPTH,
    MOST_SENTENCES,
    SENTENCES,
    SESSION,
    TOKENS,
    WHOLE,
    Retriever,
)
from sessionqa.sentences import sentence_spans
from sessionqa.terms import asked_stems, is_unasked, stems

QUESTION = "How are gray failures detected?"
CONFIGURATIONS: dict[str, dict[str, object]] = {
    "hybrid": {},
    "half": {"lexical_weight": 0.5},
    "without late interaction": {"late_interaction": False},
    "dense": {"lexical_weight": 0, "late_interaction": False},
    "late": {"lexical_weight": 0},
    "lexical": {"lexical_weight": 1},
    "rrf": {"fusion": "rrf", "lexical_weight": 0.5},
    "rrf without late interaction": {"fusion": "rrf", "late_interaction": False},
}


@pytest.fixture(scope="module")
def retriever(assistant: Assistant) -> Retriever:
    return Retriever(assistant.index, assistant.encoder, assistant.settings)


@pytest.fixture(scope="module")
def index(assistant: Assistant) -> LocalIndex:
    assert isinstance(assistant.index, LocalIndex)
    return assistant.index


@pytest.fixture(scope="module")
def retriever_with(assistant: Assistant) -> Callable[..., Retriever]:
    """A retriever over the shipped corpus with other settings."""

    def make(**changes: object) -> Retriever:
        settings = assistant.settings.with_(**changes)
        return Retriever(assistant.index, assistant.encoder, settings)

    return make


@pytest.fixture(scope="module")
def one_passage(assistant_over: Callable[..., Assistant]) -> Assistant:
    """A corpus of a session, which is a passage."""
    session = Session("GAR1", "Worms", "Worms eat kitchen scraps.")
    return assistant_over([session], chunking="document")


def passages_of(index: LocalIndex, *codes: str) -> list[str]:
    """All of them, or those of these sessions."""
    vector = np.ones(384, dtype=np.float32)
    return [id_ for id_, _ in index.dense(vector, 1000, codes or None)]


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage.id for hit in hits]


# Named sessions


def test_a_named_session_is_searched_alone(retriever: Retriever) -> None:
    for question in ("arc-310 on shuffle sharding", "What does Mike Hagen say of databases?"):
        hits = retriever.retrieve(question, 50)
        assert {hit.passage.session_code for hit in hits} == {"ARC310"}


def test_an_unknown_code_still_gives_the_closest_passages(retriever: Retriever) -> None:
    assert len(retriever.retrieve("ARC999 on gray failures", 5)) == 5


# Ranking


def test_the_passage_that_answers_comes_first(retriever: Retriever) -> None:
    for question, code in (
        ("differential observability", "ARC310"),
        ("scaling to ten million users", "ARC206"),
        ("Do modern cloud applications lock you in?", "ARC307"),
    ):
        assert retriever.retrieve(question, 1)[0].passage.session_code == code


def test_hits_are_ranked_with_what_each_arm_said(retriever: Retriever) -> None:
    hits = retriever.retrieve("How are gray failures detected?", 20)
    assert len(hits) == 20
    assert len({hit.passage.id for hit in hits}) == 20
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in hits)
    for hit in hits:
        assert hit.dense_rank or hit.lexical_rank
        assert hit.dense_score is not None
        assert (hit.lexical_rank is None) == (hit.lexical_score is None)
    by_rank = sorted((h for h in hits if h.dense_rank), key=lambda h: h.dense_rank or 0)
    assert [h.dense_score for h in by_rank] == sorted(
        (h.dense_score or 0 for h in by_rank), reverse=True
    )
    assert any(hit.lexical_rank == 1 for hit in hits)


def test_fewer_hits_are_the_beginning_of_more(retriever: Retriever) -> None:
    question = "How do cells reduce the area of impact?"
    assert retriever.retrieve(question, 3) == retriever.retrieve(question, 30)[:3]


def test_named_sessions_restrict_both_arms(retriever: Retriever) -> None:
    hits = retriever.retrieve("gray failures in ARC206 and arc 307", 100)
    assert {hit.passage.session_code for hit in hits} == {"ARC206", "ARC307"}


@pytest.mark.parametrize(
    "question",
    [
        " ",
        "?",
        "the of and",
        "🙂🙂",
        "堆肥",
        "\x00",
        "a" * 5000,
        '"(AND OR',
        "<script>",
        "\u202e",
        "1",
        "'; DROP TABLE passages; --",
        "title:x^2 +must -not [1 TO 2] {a} ~3 *",
        "\u201cquoted\u201d (and) [bracketed]",
        "word " * 10_000,
    ],
)
def test_odd_questions_still_give_hits_with_scores(retriever: Retriever, question: str) -> None:
    hits = retriever.retrieve(question, 4)
    assert len(hits) == 4
    assert all(0 <= hit.score <= 1 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(hit.by_meaning + hit.by_words == pytest.approx(hit.score) for hit in hits)


def test_no_score_is_above_one_for_a_passage_asked_word_for_word(
    retriever: Retriever, assistant: Assistant
) -> None:
    found = retriever.retrieve("x", 1000)
    scores = []
    for hit in found[:10]:
        text = passage_input(assistant.encoder, hit.passage.title, hit.passage.text)
        scores.append(retriever.retrieve(text, 1)[0].score)
    assert max(scores) <= 1


# Configurations


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_in_any_configuration_two_shares_make_the_score(
    retriever_with: Callable[..., Retriever], name: str
) -> None:
    changes = CONFIGURATIONS[name]
    hits = retriever_with(**changes).retrieve(QUESTION, 60)
    assert len(hits) == 60 or name == "lexical"
    weight = Settings().with_(**changes).lexical_weight
    for hit in hits:
        assert hit.by_meaning + hit.by_words == pytest.approx(hit.score, abs=1e-9)
        assert 0 <= hit.by_meaning <= 1 - weight + 1e-9
        assert 0 <= hit.by_words <= weight + 1e-9
        assert hit.session_score is not None
        late = changes.get("late_interaction", True)
        assert (hit.sentence_score is not None) == late
        assert late or hit.token_score is None
    keys = [(-hit.score, hit.passage.id) for hit in hits]
    assert keys == sorted(keys)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_same_question_gets_the_same_hits(
    retriever_with: Callable[..., Retriever], name: str
) -> None:
    changes = CONFIGURATIONS[name]
    one, other = (retriever_with(**changes).retrieve(QUESTION, 30) for _ in range(2))
    assert one == other


def test_dense_alone_is_the_order_of_the_cosines(
    retriever_with: Callable[..., Retriever], assistant: Assistant
) -> None:
    hits = retriever_with(**CONFIGURATIONS["dense"]).retrieve(QUESTION, 40)
    vector = assistant.encoder.encode_question(QUESTION)
    expected = assistant.index.dense(vector, 40)
    assert ids(hits) == [id_ for id_, _ in expected]
    assert [hit.dense_rank for hit in hits] == list(range(1, 41))
    scores = [score for _, score in expected]
    assert [hit.score for hit in hits] == pytest.approx(scores, abs=1e-5)
    assert [hit.dense_score for hit in hits] == pytest.approx(scores, abs=1e-5)
    assert all(hit.lexical_rank is None and hit.lexical_score is None for hit in hits)


def test_words_alone_are_those_of_the_passage_and_of_its_session(
    retriever_with: Callable[..., Retriever], assistant: Assistant
) -> None:
    lexical = retriever_with(lexical_weight=1)
    hits = lexical.retrieve(QUESTION, 500)
    stems = lexical.read(QUESTION).stems
    own = dict(assistant.index.lexical(stems, 500))
    assert set(ids(hits)) == own.keys()
    session = assistant.index.session_scores(stems, ids(hits))
    words = (1 - SESSION) * np.array([own[id_] for id_ in ids(hits)]) + SESSION * session
    assert [hit.score for hit in hits] == pytest.approx(words / words.max())
    assert {hit.dense_rank for hit in hits} == {None}


@pytest.mark.parametrize("question", ["the of and", "🙂", " ", "qzqzqz"])
def test_words_alone_find_nothing_for_a_question_without_any(
    retriever_with: Callable[..., Retriever], question: str
) -> None:
    for fusion in ("convex", "rrf"):
        assert retriever_with(lexical_weight=1, fusion=fusion).retrieve(question, 5) == []


def test_rrf_scores_are_of_the_ranks_in_either_arm(
    retriever_with: Callable[..., Retriever],
) -> None:
    rrf = retriever_with(fusion="rrf", lexical_weight=0.5)
    found = rrf.candidates(rrf.read(QUESTION), DEPTH, None)
    near = found.meaning.near
    ranks = [1 + sum(other > own for other in near) for own in near]
    assert found.by_meaning == pytest.approx([0.5 * (RRF_K + 1) / (RRF_K + rank) for rank in ranks])
    hits = rrf.retrieve(QUESTION, 20)
    assert ids(hits) == [found.ids[row] for row in found.ranked()[:20]]


def test_more_weight_of_words_favours_passages_with_the_words(
    retriever_with: Callable[..., Retriever],
) -> None:
    def found_by_words(weight: float) -> float:
        hits = retriever_with(lexical_weight=weight).retrieve(QUESTION, 20)
        return sum(hit.lexical_score or 0 for hit in hits)

    assert found_by_words(0) < found_by_words(0.5) <= found_by_words(1)


# Late interaction


def slowly(asked: Vectors, rows: Vectors, weights: Sequence[float] | None = None) -> float:
    """The mean over `asked` of the best product with any of `rows`, one at a time."""
    if not len(asked) or not len(rows):
        return 0.0
    weights = weights or [1.0] * len(asked)
    best = [max(float(one @ row) for row in rows) for one in asked]
    return sum(w * b for w, b in zip(weights, best, strict=True)) / sum(weights)


def weights_of(question: str, assistant: Assistant) -> list[float]:
    """The weight of each of a question's tokens, its words read one by one."""
    weights = []
    for word in re.findall(r"\w+|[^\w\s]", question):
        tokens, _ = assistant.encoder.question_tokens(word)
        asks = not word.isalnum() or is_unasked(word)
        weights += [ASKING if asks else 1.0] * len(tokens)
    return weights


@pytest.mark.parametrize(
    "question",
    [QUESTION, "Cells limit the impact. What is a cell? How many should there be?", "堆肥"],
)
def test_late_interaction_is_what_a_slow_and_obvious_way_gives(
    retriever: Retriever, index: LocalIndex, assistant: Assistant, question: str
) -> None:
    encoder = assistant.encoder
    parts = [question[start:end] for start, end in sentence_spans(question)]
    sentences = np.stack([encoder.encode_question(part) for part in parts])
    tokens = encoder.encode_with_tokens([question])
    asked = tokens.tokens / np.float32(127)
    weights = weights_of(question, assistant)
    assert len(weights) == len(asked)
    for hit in retriever.retrieve(question, 5):
        passage = hit.passage
        inside = index.sentences(passage.session_code, passage.start, passage.end)
        rows = index.sentence_vectors([sentence.row for sentence in inside])
        assert hit.sentence_score == pytest.approx(slowly(sentences, rows), abs=1e-5)
        read = encoder.encode_with_tokens([passage_input(encoder, passage.title, passage.text)])
        nearest = slowly(asked, read.tokens / np.float32(127), weights)
        assert hit.token_score == pytest.approx(nearest, abs=0.01)
        vector = encoder.encode_passages([passage_input(encoder, passage.title, passage.text)])[0]
        whole = float(vector @ encoder.encode_question(question))
        assert hit.dense_score == pytest.approx(whole, abs=1e-4)


def test_words_that_only_ask_count_little_token_by_token(retriever: Retriever) -> None:
    """So that the wording of a question moves a passage less than what it asks about."""

    def near(question: str) -> dict[str, float]:
        hits = retriever.retrieve(question, 1000)
        return {hit.passage.id: hit.token_score or 0.0 for hit in hits}

    def moved(one: str, other: str) -> float:
        first, second = near(one), near(other)
        return float(np.mean([abs(score - second[id_]) for id_, score in first.items()]))

    plain = "What is shuffle sharding?"
    assert moved(plain, "Tell me, what is shuffle sharding?") < moved(
        plain, "What is shuffle sharding latency?"
    )


def test_what_is_near_is_the_weighted_mean_of_the_three(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieve, "LATE_TOP", 20)
    found = retriever.candidates(retriever.read(QUESTION), DEPTH, None)
    meaning = found.meaning
    assert np.isnan(meaning.tokens).any()
    assert meaning.near.max() > 0.3
    farthest = min(score for score in meaning.tokens if not np.isnan(score))
    for row, near in enumerate(meaning.near):
        tokens = farthest if np.isnan(meaning.tokens[row]) else meaning.tokens[row]
        total = WHOLE * meaning.whole[row] + SENTENCES * meaning.sentences[row] + TOKENS * tokens
        assert near == pytest.approx(total / (WHOLE + SENTENCES + TOKENS), abs=1e-6)


def test_tokens_are_compared_for_the_best_by_everything_else(
    retriever: Retriever, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieve, "LATE_TOP", 20)
    found = retriever.candidates(retriever.read(QUESTION), DEPTH, None)
    compared = ~np.isnan(found.meaning.tokens)
    assert len(found.ids) > compared.sum() == 20
    near = (WHOLE * found.meaning.whole + SENTENCES * found.meaning.sentences) / (WHOLE + SENTENCES)
    own = np.array([found.lexical.get(id_, 0.0) for id_ in found.ids])
    words = (1 - SESSION) * own + SESSION * found.session
    weight = assistant.settings.lexical_weight
    first = (1 - weight) * near.clip(0, 1) + weight * words / words.max()
    assert first[compared].min() >= first[~compared].max() - 1e-6


def test_without_late_interaction_the_cosine_alone_says_what_is_near(
    retriever_with: Callable[..., Retriever],
) -> None:
    plain = retriever_with(late_interaction=False)
    for hit in plain.retrieve(QUESTION, 10):
        assert hit.dense_score is not None
        weight = Settings().lexical_weight
        assert hit.by_meaning == pytest.approx((1 - weight) * max(hit.dense_score, 0), abs=1e-6)


# What is read of a question


def test_a_question_is_read_sentence_by_sentence(
    retriever: Retriever, assistant: Assistant
) -> None:
    read = retriever.read("Cells limit impact.\nWhat is a cell?")
    encode = assistant.encoder.encode_question
    assert read.sentences.shape == (2, 384)
    assert np.array_equal(read.sentences[0], encode("Cells limit impact."))
    assert np.array_equal(read.sentences[1], encode("What is a cell?"))
    assert np.array_equal(read.vector, encode("Cells limit impact.\nWhat is a cell?"))


def test_of_a_long_question_the_sentences_at_either_end_are_read(
    retriever: Retriever, assistant: Assistant
) -> None:
    parts = [f"Number {n} is a sentence." for n in range(40)]
    read = retriever.read(" ".join(parts))
    kept = [*parts[:MOST_SENTENCES], *parts[-MOST_SENTENCES:]]
    expected = np.stack([assistant.encoder.encode_question(part) for part in kept])
    assert np.array_equal(read.sentences, expected)


def test_a_word_that_is_repeated_counts_as_often(retriever: Retriever, index: LocalIndex) -> None:
    stems = Counter(retriever.read("sharding, sharding and sharding of a database").stems)
    assert (stems["shard"], stems["databas"]) == (3, 1)
    ids = passages_of(index)

    def of_passages(stems: Sequence[str]) -> dict[str, float]:
        return dict(index.lexical(stems, 500))

    def of_sessions(stems: Sequence[str]) -> dict[str, float]:
        return dict(zip(ids, index.session_scores(stems, ids).tolist(), strict=True))

    for search in (of_passages, of_sessions):
        shard, database = search(["shard"]), search(["databas"])
        both = search(["shard", "databas", "shard", "shard"])
        assert both.keys() == shard.keys() | database.keys()
        assert any(both.values())
        for id_, score in both.items():
            expected = 3 * shard.get(id_, 0) + database.get(id_, 0)
            assert score == pytest.approx(expected, rel=1e-4)


def test_the_order_of_words_changes_nothing_for_the_lexical_arm(
    retriever_with: Callable[..., Retriever],
) -> None:
    lexical = retriever_with(lexical_weight=1)
    one = lexical.retrieve("gray failures in a database", 20)
    other = lexical.retrieve("a database in failures gray", 20)
    assert ids(one) == ids(other)


@pytest.mark.parametrize(
    "wrapped", ['"{}"', "({})", "[{}]", "+{}", "{} AND OR NOT", "title:{}", "{}~2", "*{}*", "{} 🙂"]
)
def test_marks_and_operators_find_what_the_word_finds(
    retriever_with: Callable[..., Retriever], wrapped: str
) -> None:
    lexical = retriever_with(lexical_weight=1)
    plain = ids(lexical.retrieve("shuffle", 50))
    assert plain
    assert set(plain) <= set(ids(lexical.retrieve(wrapped.format("shuffle"), 500)))


# Filters


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_only_the_sessions_given_are_searched(
    retriever_with: Callable[..., Retriever], name: str, index: LocalIndex
) -> None:
    chosen = retriever_with(**CONFIGURATIONS[name])
    question = "How does a failure of a database scale?"
    everything = chosen.retrieve(question, 500)
    hits = chosen.retrieve(question, 500, ["ARC206", "ARC310"])
    assert chosen.retrieve(question, 500, []) == []
    within = {hit.passage.id for hit in everything} & set(passages_of(index, "ARC206", "ARC310"))
    assert set(ids(hits)) == within
    assert {hit.passage.session_code for hit in hits} == {"ARC206", "ARC310"}


def test_a_name_narrows_what_is_given_unless_nothing_would_be_left(retriever: Retriever) -> None:
    question = "gray failures in ARC310"
    both = retriever.retrieve(question, 500, ["ARC206", "ARC310"])
    assert {hit.passage.session_code for hit in both} == {"ARC310"}
    other = retriever.retrieve(question, 500, ["ARC206"])
    assert {hit.passage.session_code for hit in other} == {"ARC206"}


# Small and large


def test_k_beyond_the_corpus_gives_every_passage_once(
    retriever: Retriever, index: LocalIndex
) -> None:
    hits = retriever.retrieve(QUESTION, 10**6)
    assert len(hits) == len(set(ids(hits))) == index.manifest.counts["passages"]
    assert sum(hit.token_score is not None for hit in hits) == min(len(hits), retrieve.LATE_TOP)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("question", ["What do worms eat?", "the", "worms worms", "?"])
def test_a_corpus_of_one_passage(one_passage: Assistant, name: str, question: str) -> None:
    settings = one_passage.settings.with_(**CONFIGURATIONS[name])
    hits = Retriever(one_passage.index, one_passage.encoder, settings).retrieve(question, 5)
    if name == "lexical" and "worms" not in question:
        assert hits == []
        return
    assert [hit.passage.session_code for hit in hits] == ["GAR1"]
    assert 0 <= hits[0].score <= 1
    assert np.isfinite([hits[0].by_meaning, hits[0].by_words]).all()
    if settings.fusion == "rrf":
        assert hits[0].score == pytest.approx(1)


def test_a_heading_counts_as_no_sentence(index: LocalIndex) -> None:
    sentences = [s for session in index.sessions() for s in index.sentences(session.code, 0, 10**6)]
    assert sentences
    assert not [s for s in sentences if is_heading(s.text)]


@pytest.mark.parametrize(
    ("question", "widened"),
    [
        ("What does RTO stand for?", True),
        ("RTO, quorum, cell, bulkhead and backup", False),
    ],
)
def test_only_a_short_question_is_widened_by_its_abbreviations(
    retriever: Retriever, question: str, widened: bool
) -> None:
    added = Counter(retriever.read(question).stems) - Counter(asked_stems(question))
    assert set(added) == (stems("Recovery Time Objective") if widened else set())
