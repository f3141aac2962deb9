"""What two arms say of the same passages -> one score each."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
# Of the scores for meaning and for words, and the weight of words, each arm's share of the sum.
Fusion = Callable[[Scores, Scores, float], tuple[Scores, Scores]]

# The constant of reciprocal rank fusion, as its authors have it.
RRF_K = 60


def convex(meaning: Scores, words: Scores, weight: float) -> tuple[Scores, Scores]:
    """Each arm's share of a convex combination, shapes (n,); their sum is in [0, 1].

    Cosines stay as they are, from 0 up, since their size says how near the best is; BM25 scores
    are divided by the greatest (Bruch et al. 2023, "An Analysis of Fusion Functions for Hybrid
    Retrieval", who divide both). `weight`, from 0 to 1, is that of `words`.
    """
    best = words.max(initial=0.0)
    shares = words / best if best > 0 else np.zeros_like(words)
    return (1 - weight) * np.clip(meaning, 0.0, 1.0), weight * shares


def reciprocal_ranks(meaning: Scores, words: Scores, weight: float) -> tuple[Scores, Scores]:
    """The same of the reciprocals of the ranks in either arm (Cormack et al. 2009), weighted.

    Equal scores share the best rank of theirs; the first of both arms gets 1.
    """
    first = 1 + RRF_K
    return (
        (1 - weight) * first / (_ranks(meaning) + RRF_K),
        weight * first / (_ranks(words) + RRF_K),
    )


FUSIONS: Mapping[str, Fusion] = {"convex": convex, "rrf": reciprocal_ranks}


def _ranks(scores: Scores) -> Scores:
    """From 1 for the greatest."""
    return np.searchsorted(np.sort(-scores), -scores, side="left") + 1.0
