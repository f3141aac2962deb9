"""The map and the counts, of any corpus; and the sessions to browse."""

import re

import numpy as np
import pytest

from sessionqa import Assistant, Session
from sessionqa.ui import listed, pictures


def test_sessions_alike_lie_near_each_other(bakery: Assistant) -> None:
    corpus = pictures.Corpus.of(bakery)
    assert [one.code for one in corpus.sessions] == [one.code for one in bakery.sessions()]
    assert corpus.places.shape == (len(corpus.sessions), 2)
    assert corpus.places.min() >= 0
    assert corpus.places.max() <= 1
    vectors = bakery.index.session_vectors([one.code for one in corpus.sessions])
    far = np.linalg.norm(corpus.places[:, None] - corpus.places[None], axis=-1)
    above = np.triu_indices(len(vectors), 1)
    assert np.corrcoef((vectors @ vectors.T)[above], far[above])[0, 1] < -0.3


def test_session_vectors_are_means_of_passages(assistant: Assistant) -> None:
    codes = ["ARC310", "ARC206", "ARC310"]
    vectors = assistant.index.session_vectors(codes)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.array_equal(vectors[0], vectors[2])
    near = dict(assistant.index.dense(vectors[1], 5))
    assert set(assistant.index.codes(list(near))) == {"ARC206"}
    assert assistant.index.session_vectors([]).shape[0] == 0
    with pytest.raises(KeyError):
        assistant.index.session_vectors(["ARC999"])


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_map_of_few_sessions(count: int) -> None:
    sessions = [Session(f"S{n}", f"Title {n}", "Text.") for n in range(count)]
    random = np.random.default_rng(0).standard_normal((count, 4)).astype(np.float32)
    svg = pictures.mapped(pictures.Corpus(sessions, pictures._placed(random)), {"S1"})
    assert svg.count("<circle") == count
    assert svg.count(" lit") == (count > 1)
    assert "nan" not in svg


@pytest.fixture(scope="module")
def crowd() -> pictures.Corpus:
    """More sessions than there is room for their codes, some of them long."""
    codes = [f"TRK{n}" if n % 3 else f"what-we-learned-of-rails-{n}" for n in range(90)]
    places = np.random.default_rng(3).random((90, 2)).astype(np.float32)
    return pictures.Corpus([Session(code, "Rails", "Text.") for code in codes], places)


def test_long_codes_are_cut_on_the_map_and_whole_in_what_is_asked(crowd: pictures.Corpus) -> None:
    svg = pictures.mapped(crowd, set())
    shown = re.findall(r">([^<>]*)</text>", svg)
    assert max(map(len, shown)) == pictures.MOST_LETTERS
    assert "what-we-lea…" in shown
    assert 'data-ask="what-we-learned-of-rails-0"' in svg


@pytest.mark.parametrize("font", [pictures.FONT, pictures.FONT_NARROW])
def test_codes_that_are_shown_overlap_no_other(crowd: pictures.Corpus, font: int) -> None:
    lit = {crowd.sessions[at].code for at in (7, 8, 40)}
    narrow = font == pictures.FONT_NARROW
    labels = pictures._labels(crowd, lit)
    kinds = ("always",) if narrow else ("always", "wide")
    boxes = [label.box(font) for label in labels if label.shown in kinds]
    assert len(boxes) > (15 if narrow else 40)
    for n, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert right <= pictures.WIDTH
        for other in boxes[n + 1 :]:
            assert other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
    assert labels[7].shown == "always"


def test_equal_vectors_are_placed_too() -> None:
    places = pictures._placed(np.ones((5, 4), dtype=np.float32))
    assert np.isfinite(places).all()


def test_counts_are_of_levels_and_services() -> None:
    sessions = [
        Session("A", "a", "a", level=300, services=("S3", "S3", "EC2")),
        Session("B", "b", "b", level=200, services=("S3",)),
        Session("C", "c", "c"),
    ]
    text = re.sub("<[^>]+>", " ", pictures.counted(sessions))
    words = text.split()
    assert words == (
        "Sessions by level Level 200 1 Level 300 1 Sessions by service S3 2 EC2 1".split()
    )
    assert pictures.counted(sessions[2:]) == ""


def codes(html: str) -> list[str]:
    return re.findall(r'<summary><span class="code">([^<]+)', html)


def test_sessions_are_browsed_by_all_words_in_an_order(bakery: Assistant) -> None:
    every = [one.code for one in bakery.sessions()]
    assert codes(listed.browsed(bakery, "", "Code")) == sorted(every)
    known = bakery.sessions()[0]
    found = codes(listed.browsed(bakery, known.title.upper(), "Title"))
    assert found == [known.code]
    assert codes(listed.browsed(bakery, "no such words at all", "Level")) == []
    assert set(codes(listed.browsed(bakery, "bread", "Nearest in meaning"))) <= set(every)
    assert codes(listed.browsed(bakery, "", "an order of nobody")) == sorted(every)
