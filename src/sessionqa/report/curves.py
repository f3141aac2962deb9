"""Outcomes -> the numbers behind the plots of a report: recall, scores, calibration, times."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sessionqa.evaluate import Outcome, nuggets

DEPTH = 100
BINS = 10


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often questions of about the same confidence can be answered.

    For each bin that holds any, lowest confidence first: the mean confidence, the share of
    answerable questions, and the number of questions. `error` is the expected calibration error.
    """

    confidences: tuple[float, ...]
    shares: tuple[float, ...]
    counts: tuple[int, ...]
    error: float


def recall_curve(outcomes: Iterable[Outcome], depth: int = DEPTH) -> list[float]:
    """R@1, R@2, ... R@`depth`, as ir-measures has it, in the mean over the judged questions.

    That is the share of the relevant sessions that are among the first k. The curve ends where the
    longest ranking ends, and is empty if no question is judged.
    """
    judged = [o for o in outcomes if o.gold.sessions]
    depth = min(depth, max((len(o.ranking) for o in judged), default=0))
    found = np.zeros((len(judged), depth))
    for row, outcome in zip(found, judged, strict=True):
        relevant = set(outcome.gold.sessions)
        for rank, (code, _) in enumerate(outcome.ranking[:depth]):
            row[rank] = (code in relevant) / len(relevant)
    return [float(value) for value in found.cumsum(axis=1).mean(axis=0)] if depth else []


def scores_by_relevance(outcomes: Iterable[Outcome]) -> tuple[list[float], list[float]]:
    """The scores of the relevant sessions found, and of the others, over all judged questions."""
    relevant: list[float] = []
    others: list[float] = []
    for outcome in outcomes:
        wanted = set(outcome.gold.sessions)
        for code, score in outcome.ranking if wanted else ():
            if math.isfinite(score):
                (relevant if code in wanted else others).append(score)
    return relevant, others


def top_scores(outcomes: Iterable[Outcome]) -> tuple[list[float], list[float]]:
    """The best score of each question that the corpus answers, and of each that it does not."""
    answerable: list[float] = []
    unanswerable: list[float] = []
    for outcome in outcomes:
        if outcome.ranking and math.isfinite(outcome.ranking[0][1]):
            group = unanswerable if outcome.gold.refuse else answerable
            group.append(outcome.ranking[0][1])
    return answerable, unanswerable


def reliability(outcomes: Sequence[Outcome]) -> Reliability:
    """Confidence against what it predicts: that the corpus answers the question.

    In ten bins of equal width (Guo et al. 2017, "On Calibration of Modern Neural Networks"). Empty
    unless there are answers, to questions of both sorts.
    """
    answered = [(o.answer.confidence, not o.gold.refuse) for o in outcomes if o.answer]
    if len({answerable for _, answerable in answered}) < 2:
        return Reliability((), (), (), 0.0)
    confidences, answerable = np.array(answered, dtype=float).T
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    members = [bins == number for number in np.unique(bins)]
    means = tuple(float(confidences[chosen].mean()) for chosen in members)
    shares = tuple(float(answerable[chosen].mean()) for chosen in members)
    counts = tuple(int(chosen.sum()) for chosen in members)
    gaps = [n * abs(m - s) for m, s, n in zip(means, shares, counts, strict=True)]
    return Reliability(means, shares, counts, sum(gaps) / len(answered))


def risk_coverage(outcomes: Sequence[Outcome]) -> tuple[list[float], list[float]]:
    """If only the most confident answers are given: the share of questions answered, and of errors.

    After El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification". An
    answer is an error if the corpus has none, or if a gold fact is missing. What was refused is
    never given, so the curve ends at the share of the questions that were answered.
    """
    given = sorted(
        (-o.answer.confidence, o.gold.refuse or nuggets(o.gold, o.answer) < 1)
        for o in outcomes
        if o.answer and not o.answer.refused
    )
    numbers = np.arange(1, len(given) + 1)
    wrong = np.cumsum([wrong for _, wrong in given]) / numbers
    # Answers of equal confidence are given together or not at all.
    ends = [n for n in range(len(given)) if n + 1 == len(given) or given[n][0] < given[n + 1][0]]
    return [float(numbers[n] / len(outcomes)) for n in ends], [float(wrong[n]) for n in ends]


def latencies(outcomes: Iterable[Outcome]) -> tuple[list[float], list[float]]:
    """The time in ms that each share of the questions took at most; empty without times."""
    times = [o.latency for o in outcomes if o.latency > 0]
    shares = np.linspace(0, 1, 101)
    return (np.quantile(times, shares).tolist(), shares.tolist()) if times else ([], [])
