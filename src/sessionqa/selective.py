"""Confidences against what came of them: calibration, and risk if only the surest are answered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often what was given about the same confidence came true.

    For each bin that holds any, lowest confidence first: the mean confidence, the share that came
    true, and their number. `error` is the expected calibration error, in [0, 1].
    """

    confidences: tuple[float, ...]
    shares: tuple[float, ...]
    counts: tuple[int, ...]
    error: float


def reliability(confidences: Sequence[float], came_true: Sequence[bool]) -> Reliability:
    """Over ten bins of equal width; empty, with an error of 0, without confidences.

    error = sum over bins of (n_bin / n) * |share that came true - mean confidence| (Naeini et al.
    2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning").
    """
    given, true = np.asarray(confidences, dtype=float), np.asarray(came_true, dtype=float)
    bins = np.minimum((given * BINS).astype(int), BINS - 1)
    members = [bins == number for number in np.unique(bins)]
    means = tuple(float(given[chosen].mean()) for chosen in members)
    shares = tuple(float(true[chosen].mean()) for chosen in members)
    counts = tuple(int(chosen.sum()) for chosen in members)
    gaps = [n * abs(m - s) for m, s, n in zip(means, shares, counts, strict=True)]
    return Reliability(means, shares, counts, sum(gaps) / max(len(given), 1))


def risks(confidences: Sequence[float], wrong: Sequence[bool]) -> list[float]:
    """The share that is wrong among the k surest, for k = 1, 2, ... n: the risk at coverage k / n.

    The risk-coverage curve of El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective
    Classification". Equal confidences have no order: of these the share that is wrong is taken for
    each, the mean over all their orders.
    """
    _, places, counts = np.unique(
        -np.asarray(confidences, dtype=float), return_inverse=True, return_counts=True
    )
    shares = np.bincount(places, weights=np.asarray(wrong, dtype=float)) / counts
    expected = np.repeat(shares, counts)
    return [float(risk) for risk in np.cumsum(expected) / np.arange(1, len(expected) + 1)]


def area(confidences: Sequence[float], wrong: Sequence[bool]) -> float:
    """The area under the risk-coverage curve, the lower the better; at least one is given.

    AURC = 1/n * sum over k = 1 ... n of (1/k * how many of the k surest are wrong), the mean of the
    selective risk (Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks")
    over every coverage, as Geifman, Uziel and El-Yaniv 2019 take it.
    """
    return float(np.mean(risks(confidences, wrong)))
