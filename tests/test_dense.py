"""Many vectors in clusters: what exact search finds is found, whatever the filter."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sessionqa import Assistant, Settings
from sessionqa.encode import Vectors
from sessionqa.errors import IndexDamaged
from sessionqa.index import dense
from sessionqa.index.build import write_build
from sessionqa.index.builds import current_build
from sessionqa.index.dense import VECTORS, Dense, open_dense
from sessionqa.index.local import LocalIndex
from sessionqa.index.publish import only_builder
from sessionqa.sentence_vectors import vectors_of

QUESTIONS = (
    "What is shuffle sharding?",
    "How are gray failures detected?",
    "Which database did the bank choose?",
    "Who presented the session on resilience?",
    "How much does it cost to recover in another region?",
    "What should be measured before an architecture is changed?",
    "Why do teams move from a monolith to events?",
    "level 400 sessions on serverless",
)


@pytest.fixture(scope="module")
def real(assistant: Assistant) -> Vectors:
    """The vectors of windows of eight words of the shipped corpus, in its order."""
    words = [word for session in assistant.index.sessions() for word in session.text.split()]
    windows = [" ".join(words[at : at + 8]) for at in range(0, len(words), 5)]
    return assistant.encoder.encode_passages(windows)


@pytest.fixture(scope="module")
def asked(assistant: Assistant) -> list[Vectors]:
    return [assistant.encoder.encode_question(question) for question in QUESTIONS]


@pytest.fixture
def _clustered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few count as many, so that a small corpus is put into clusters and searched by codes."""
    monkeypatch.setattr(dense, "EXACT_UP_TO", 10)
    monkeypatch.setattr(dense, "SCANNED_UP_TO", 10)
    monkeypatch.setattr(dense, "CLUSTERS_OF_A_MILLION", 1000)
    monkeypatch.setattr(dense, "PROBED", 16)


@pytest.fixture
def arm(_clustered: None, tmp_path: Path, real: Vectors) -> Dense:
    told: list[tuple[int, int]] = []
    blocks = np.array_split(real, 7)
    dense.write(tmp_path, blocks, len(real), 384, lambda done, of: told.append((done, of)))
    assert told[0] == (0, len(real))
    assert told[-1] == (len(real), len(real))
    assert (tmp_path / VECTORS).exists()
    return open_dense(tmp_path)


def recall(arm: Dense, real: Vectors, asked: list[Vectors], rows: np.ndarray | None) -> float:
    """The share of the ten best, by exact search over these rows, that are found."""
    allowed = np.arange(len(real)) if rows is None else rows
    shares = []
    for vector in asked:
        best = np.sort(real[allowed] @ vector)[::-1][:10]
        found = arm.search(vector, 10, rows)
        assert len(found) == min(10, len(allowed))
        assert {row for row, _ in found} <= set(allowed.tolist())
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)
        assert np.allclose(scores, [real[row] @ vector for row, _ in found], atol=1e-3)
        shares.append(np.mean([score >= best[-1] - 1e-3 for score in scores]))
    return float(np.mean(shares))


def test_what_is_nearest_is_found(arm: Dense, real: Vectors, asked: list[Vectors]) -> None:
    assert len(arm) == len(real) > 1_000
    assert recall(arm, real, asked, None) >= 0.97


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("place", [0.0, 0.4, 1.0])
def test_a_filter_costs_no_result(
    arm: Dense, real: Vectors, asked: list[Vectors], share: float, place: float
) -> None:
    # Neighbours in the corpus: of one session, or few, and near to few questions.
    count = max(1, round(share * len(real)))
    first = int(place * (len(real) - count))
    assert recall(arm, real, asked, np.arange(first, first + count)) >= 0.97


def test_a_filter_that_leaves_the_farthest_finds_them(
    arm: Dense, real: Vectors, asked: list[Vectors]
) -> None:
    for vector in asked:
        far = np.sort(np.argsort(real @ vector)[: len(real) // 10])
        assert recall(arm, real, [vector], far) >= 0.97


@pytest.mark.usefixtures("_clustered")
def test_a_text_that_recurs_hides_no_other(
    real: Vectors,
    asked: list[Vectors],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So many clusters that many hold nothing but copies, whose codes would be near anything.
    both = np.concatenate([real, np.repeat(real[:100], 40, axis=0)])
    monkeypatch.setattr(dense, "CLUSTERS_OF_A_MILLION", 6000)
    monkeypatch.setattr(dense, "PROBED", 1000)
    dense.write(tmp_path, [both], len(both), 384, lambda *_: None)
    assert recall(open_dense(tmp_path), both, asked, None) >= 0.97


def test_many_are_ranked_exactly(
    arm: Dense, real: Vectors, asked: list[Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "RANKED_UP_TO", 20)
    found = arm.search(asked[0], len(real))
    assert sorted(row for row, _ in found) == list(range(len(real)))
    assert [score for _, score in found] == sorted((s for _, s in found), reverse=True)


def test_nothing_passes_a_filter_of_none(arm: Dense, asked: list[Vectors]) -> None:
    assert arm.search(asked[0], 10, np.zeros(0, dtype=np.int64)) == []


def test_threads_find_the_same(arm: Dense, asked: list[Vectors]) -> None:
    expected = [arm.search(vector, 10) for vector in asked]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(lambda vector: arm.search(vector, 10), asked)) == expected


def test_written_twice_it_is_the_same(
    arm: Dense, real: Vectors, asked: list[Vectors], tmp_path: Path
) -> None:
    again = tmp_path / "again"
    again.mkdir()
    dense.write(again, [real], len(real), 384, lambda *_: None)
    assert open_dense(again).search(asked[0], 50) == arm.search(asked[0], 50)


# A whole index


def built(settings: Settings, assistant: Assistant, **changes: object) -> LocalIndex:
    settings = settings.with_(**changes)
    with only_builder(settings.index):
        sessions = assistant.index.sessions()
        write_build(settings, sessions, {}, assistant.encoder, None, lambda *_: None)
    return LocalIndex.open(settings.index, verify=True)


@pytest.fixture
def large(_clustered: None, assistant: Assistant, tmp_path: Path) -> LocalIndex:
    """The shipped corpus as a large one is kept: in clusters, without vectors of sentences."""
    settings = Settings(index=tmp_path / "index", sentence_vectors_up_to=0)
    return built(settings, assistant)


def test_a_large_index_finds_and_scores_as_a_small_one(
    large: LocalIndex, assistant: Assistant, asked: list[Vectors]
) -> None:
    for vector in asked:
        small = dict(assistant.index.dense(vector, 10))
        found = dict(large.dense(vector, 10))
        assert len(small.keys() & found.keys()) >= 9
        for id_ in small.keys() & found.keys():
            assert found[id_] == pytest.approx(small[id_], abs=1e-3)


def test_sentences_without_vectors_are_read_when_they_are_wanted(
    large: LocalIndex, assistant: Assistant
) -> None:
    sentences = large.sentences("ARC310", 0, 3000)
    assert large.sentence_vectors([sentence.row for sentence in sentences]) is None
    kept = vectors_of(assistant.index, assistant.encoder, sentences)
    assert np.allclose(vectors_of(large, assistant.encoder, sentences), kept, atol=2e-3)
    assert vectors_of(large, assistant.encoder, []).shape == (0, 384)
    ids = [id_ for id_, _ in large.dense(kept[0], 5)]
    assert np.isnan(large.sentence_similarities(ids, kept[:1])).all()
    assert large.cosines(ids, kept[0]).tolist() == pytest.approx(
        [score for _, score in large.dense(kept[0], 5)], abs=1e-3
    )


def test_a_large_index_answers(large: LocalIndex, assistant: Assistant) -> None:
    settings = Settings(index=large.folder)
    opened = Assistant(large, assistant.encoder, assistant._answerer, settings)
    for question in QUESTIONS[:2]:
        hits = opened.retrieve(question, 8)
        expected = assistant.retrieve(question, 8)
        assert hits[0].passage.session_code == expected[0].passage.session_code


@pytest.mark.parametrize("filler", [b"x", b"\0"])
def test_damaged_clusters_are_noticed(large: LocalIndex, filler: bytes) -> None:
    path = current_build(large.folder) / "vectors.faiss"
    path.write_bytes(filler * path.stat().st_size)
    with pytest.raises(IndexDamaged, match="run `sessionqa index`"):
        LocalIndex.open(large.folder)
