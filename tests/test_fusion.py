"""What two arms say -> one score: worked numbers, ties, and what holds for any scores."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from sessionqa.fusion import FUSIONS, RRF_K, Fusion, convex, reciprocal_ranks
from sessionqa.settings import Fusion as FusionName

Two = tuple[NDArray[np.float64], NDArray[np.float64], float]

cosines = st.floats(-1, 1.0001)
bm25 = st.floats(0, 200)
shares = st.floats(0, 1)


@st.composite
def scored(draw: Callable[..., object]) -> Two:
    """Scores of up to 30 passages in either arm, and a weight."""
    n = draw(st.integers(0, 30))
    meaning = draw(arrays.arrays(np.float64, n, elements=cosines))
    words = draw(arrays.arrays(np.float64, n, elements=bm25))
    return meaning, words, draw(shares)  # type: ignore[return-value]


def of(*values: float) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def test_every_fusion_that_a_setting_names_is_there() -> None:
    from typing import get_args

    assert tuple(FUSIONS) == get_args(FusionName)


# Convex


def test_convex_by_hand() -> None:
    by_meaning, by_words = convex(of(0.5, 0.8, -0.2), of(10, 0, 5), 0.25)
    assert by_meaning.tolist() == pytest.approx([0.375, 0.6, 0])
    assert by_words.tolist() == pytest.approx([0.25, 0, 0.125])


def test_no_word_found_leaves_meaning_alone() -> None:
    by_meaning, by_words = convex(of(0.5, 0.8), of(0, 0), 0.25)
    assert by_meaning.tolist() == pytest.approx([0.375, 0.6])
    assert by_words.tolist() == [0, 0]


def test_a_cosine_that_rounding_made_too_great_counts_as_one() -> None:
    assert sum(convex(of(1.0000001), of(7), 0.3))[0] == pytest.approx(1)
    assert np.add(*convex(of(1.0000001), of(7), 0.3)).max() <= 1


def test_the_best_word_score_counts_in_full_however_small() -> None:
    assert convex(of(0), of(1e-3), 0.4)[1].tolist() == pytest.approx([0.4])


# Reciprocal ranks


def test_rrf_by_hand() -> None:
    by_meaning, by_words = reciprocal_ranks(of(0.5, 0.8, 0.1), of(3, 1, 2), 0.5)
    assert RRF_K == 60
    assert by_meaning.tolist() == pytest.approx([0.5 * 61 / 62, 0.5, 0.5 * 61 / 63])
    assert by_words.tolist() == pytest.approx([0.5, 0.5 * 61 / 63, 0.5 * 61 / 62])


def test_equal_scores_share_the_best_rank_and_the_next_comes_after_all_of_them() -> None:
    by_meaning, by_words = reciprocal_ranks(of(0.3, 0.9, 0.9, 0.1), of(0, 0, 0, 0), 0.5)
    assert by_meaning.tolist() == pytest.approx([0.5 * 61 / 63, 0.5, 0.5, 0.5 * 61 / 64])
    assert by_words.tolist() == pytest.approx([0.5] * 4)


def test_the_first_of_both_arms_gets_one() -> None:
    assert np.add(*reciprocal_ranks(of(0.2, 0.1), of(2, 1), 0.3)).tolist()[0] == pytest.approx(1)


# Any


@pytest.mark.parametrize("fuse", FUSIONS.values(), ids=FUSIONS)
class TestAnyFusion:
    def test_no_passages_give_no_scores(self, fuse: Fusion) -> None:
        by_meaning, by_words = fuse(of(), of(), 0.5)
        assert by_meaning.shape == by_words.shape == (0,)

    @given(scored())
    def test_scores_lie_between_0_and_1_and_each_share_within_its_weight(
        self, fuse: Fusion, given: Two
    ) -> None:
        by_meaning, by_words = fuse(*given)
        weight = given[2]
        assert by_meaning.shape == by_words.shape == given[0].shape
        assert ((by_meaning >= 0) & (by_meaning <= 1 - weight + 1e-12)).all()
        assert ((by_words >= 0) & (by_words <= weight + 1e-12)).all()
        assert (by_meaning + by_words <= 1 + 1e-12).all()

    @given(scored(), st.randoms())
    def test_the_order_of_passages_changes_no_score(
        self, fuse: Fusion, given: Two, random: object
    ) -> None:
        meaning, words, weight = given
        order = list(range(len(meaning)))
        random.shuffle(order)  # type: ignore[attr-defined]
        there = fuse(meaning, words, weight)
        back = fuse(meaning[order], words[order], weight)
        for one, other in zip(there, back, strict=True):
            assert np.array_equal(one[order], other)

    @given(scored())
    def test_nearer_in_both_arms_is_never_worse(self, fuse: Fusion, given: Two) -> None:
        meaning, words, weight = given
        assume(len(meaning) > 1)
        score = np.add(*fuse(meaning, words, weight))
        for one in range(len(score)):
            better = (meaning >= meaning[one]) & (words >= words[one])
            assert (score[better] >= score[one] - 1e-12).all()

    def test_a_weight_of_0_or_1_leaves_one_arm(self, fuse: Fusion) -> None:
        assert not fuse(of(0.5, 0.1), of(2, 1), 0)[1].any()
        assert not fuse(of(0.5, 0.1), of(2, 1), 1)[0].any()

    def test_what_is_given_is_not_written_to(self, fuse: Fusion) -> None:
        meaning, words = of(-0.5, 0.1), of(2, 1)
        for array in (meaning, words):
            array.setflags(write=False)
        fuse(meaning, words, 0.5)
        assert meaning.tolist() == [-0.5, 0.1]
