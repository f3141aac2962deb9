"""Outcomes -> the numbers behind the plots of a report: recall, scores, calibration, times."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from sessionqa import selective
from sessionqa.evaluate import Outcome
from sessionqa.selective import Reliability

DEPTH = 100


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

    Empty unless there are answers, to questions of both sorts.
    """
    answered = [(o.answer.confidence, not o.gold.refuse) for o in outcomes if o.answer]
    if len({answerable for _, answerable in answered}) < 2:
        return Reliability((), (), (), 0.0)
    return selective.reliability(*zip(*answered, strict=True))


def risk_coverage(outcomes: Sequence[Outcome]) -> tuple[list[float], list[float]]:
    """If only the surest questions are answered: their share of all, and the share wrong of them.

    For every number of them, whatever is refused as it is; empty without answers.
    """
    answered = [(o.answer.confidence, o.wrong) for o in outcomes if o.answer]
    if not answered:
        return [], []
    found = selective.risks(*zip(*answered, strict=True))
    return [k / len(found) for k in range(1, len(found) + 1)], found


def operating_point(outcomes: Sequence[Outcome]) -> tuple[float, float] | None:
    """The share of the questions that is answered as things are, and the share wrong of those.

    None if nothing is answered.
    """
    answered = [o for o in outcomes if o.answer]
    wrong = [o.wrong for o in answered if o.answer and not o.answer.refused]
    return (len(wrong) / len(answered), sum(wrong) / len(wrong)) if wrong else None


def latencies(outcomes: Iterable[Outcome]) -> tuple[list[float], list[float]]:
    """The time in ms that each share of the questions took at most; empty without times."""
    times = [o.latency for o in outcomes if o.latency > 0]
    shares = np.linspace(0, 1, 101)
    return (np.quantile(times, shares).tolist(), shares.tolist()) if times else ([], [])
