"""Evaluations -> figures: each a plot with its title, how to read it, and its words for the ear.

Where a figure compares configurations, a colour means one of them. Where it shows one alone, what
should score high has the accent and the rest is grey.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean, median
from typing import TypeVar

from sessionqa.evaluate import Evaluation, Outcome, interval
from sessionqa.report import curves, plots
from sessionqa.report.plots import Bar, Curve

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry of a legend: a name, and in figures what the plot shows of it.

    `colour` is the CSS variable of its colour, `dashes` are those of its line.
    """

    name: str
    colour: str
    dashes: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot: `note` is read below it, `alt` in its place, `svg` is the drawing."""

    title: str
    note: str
    alt: str
    svg: str
    legend: tuple[Mark, ...] = ()


def figures(evaluations: Sequence[Evaluation]) -> list[Figure]:
    """All figures that the evaluations have numbers for; the ids in their SVGs differ."""
    drawn = chain(
        _recall(evaluations),
        _kinds(evaluations),
        _reliability(evaluations),
        _risk(evaluations),
        _latency(evaluations),
        chain.from_iterable(map(_spreads, evaluations)),
    )
    return [replace(f, svg=_with_ids(f.svg, f"plot{n}-")) for n, f in enumerate(drawn, 1)]


def _recall(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    def ranks_and_recall(outcomes: Sequence[Outcome]) -> Curve:
        recall = curves.recall_curve(outcomes)
        return list(range(1, len(recall) + 1)), recall

    found = _each(evaluations, ranks_and_recall)
    if not any(len(ranks) > 1 for ranks, _ in found.values()):
        return
    lowest = min(recall[0] for _, recall in found.values() if recall)
    yield _compared(
        "Recall at k",
        "The share of the relevant sessions that are among the first k, in the mean over the "
        "questions that have any.",
        "recall",
        {
            name: ", ".join(f"{recall[k - 1]:.3f} at {k}" for k in (1, 5, 10, 100) if k in ranks)
            for name, (ranks, recall) in found.items()
        },
        plots.lines(
            list(found.values()),
            "k",
            "R@k",
            within=(min(math.floor(10 * lowest), 9) / 10, 1),
            log=True,
        ),
    )


def _kinds(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    """Bars of the first evaluation's first measure, for each kind that has a value."""
    measure = next((name for e in evaluations[:1] for name in e.measures), "")
    samples = {e.configuration: _by_kind(e, measure) for e in evaluations}
    kinds = list(dict.fromkeys(chain.from_iterable(samples.values())))
    if len(kinds) < 2:
        return
    bars = [[_bar(of_kind.get(kind, [])) for kind in kinds] for of_kind in samples.values()]
    said = {
        name: ", ".join(f"{kind} {fmean(values):.3f}" for kind, values in of_kind.items())
        for name, of_kind in samples.items()
    }
    marks = [Mark(name, _colour(n)) for n, name in enumerate(samples)]
    yield Figure(
        f"{measure} by kind of question",
        "The mean over the questions of a kind, with its 95% bootstrap interval.",
        f"{measure} by kind of question. {_spoken(said)}",
        plots.bars(kinds, bars, measure),
        tuple(marks) if len(marks) > 1 else (),
    )


def _spreads(evaluation: Evaluation) -> Iterator[Figure]:
    """How well one configuration's scores tell apart what they should."""
    relevant, others = curves.scores_by_relevance(evaluation.outcomes)
    yield from _spread(
        f"Scores of sessions, {evaluation.configuration}",
        "Every session found for a question that has relevant ones, by its best passage. The "
        "less the two overlap, the more a score says by itself.",
        {"relevant": relevant, "not relevant": others},
    )
    answerable, unanswerable = curves.top_scores(evaluation.outcomes)
    yield from _spread(
        f"Best score of a question, {evaluation.configuration}",
        "The first session found. Where the two overlap, no threshold on this score alone knows "
        "what to refuse.",
        {"answerable": answerable, "unanswerable": unanswerable},
    )


def _spread(title: str, note: str, groups: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    if not all(groups.values()):
        return
    said = {name: f"{len(g):,}, median {median(g):.3f}" for name, g in groups.items()}
    yield Figure(
        title,
        note,
        f"{title}. {_spoken(said)}",
        plots.histograms(list(groups.values()), "score", "share of its group"),
        tuple(
            Mark(name, colour, said=said[name])
            for name, colour in zip(groups, ("series-1", "other"), strict=True)
        ),
    )


def _reliability(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    found = _each(evaluations, curves.reliability)
    if not any(made.counts for made in found.values()):
        return
    yield _compared(
        "Calibration of the confidence",
        "Of the questions with about the same confidence, the share that the corpus answers. The "
        "larger a dot, the more questions; the dashed line is perfect.",
        "expected calibration error",
        {name: f"{made.error:.3f}" if made.counts else "" for name, made in found.items()},
        plots.lines(
            [(made.confidences, made.shares) for made in found.values()],
            "confidence",
            "share answerable",
            diagonal=True,
            weights=[[n / max(made.counts) for n in made.counts] for made in found.values()],
        ),
    )


def _risk(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    found = _each(evaluations, curves.risk_coverage)
    points = _each(evaluations, curves.operating_point)
    highest = max((risk for _, risks in found.values() for risk in risks), default=None)
    if highest is None:
        return
    yield _compared(
        "Risk and coverage",
        "If only the questions with the highest confidence were answered: how many of the answers "
        "are wrong, since the corpus has none or a gold fact is missing. The dot is where the "
        "refusals as they are put it.",
        "area under the curve; at the dot, the share answered and the share wrong of that",
        {
            e.configuration: _at_the_dot(e.scores["AURC"], points[e.configuration])
            if found[e.configuration][1]
            else ""
            for e in evaluations
        },
        plots.lines(
            list(found.values()),
            "coverage: share of questions answered",
            "risk: share wrong",
            within=(0, max(math.ceil(10 * highest), 1) / 10),
            dots=list(points.values()),
        ),
    )


def _at_the_dot(area: float, point: tuple[float, float] | None) -> str:
    where = f"{point[0]:.1%} answered, {point[1]:.1%} wrong" if point else "none answered"
    return f"{area:.3f}; {where}"


def _latency(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    found = _each(evaluations, curves.latencies)
    if not any(times for times, _ in found.values()):
        return
    yield _compared(
        "Time of a question",
        "The share of the questions that took no longer.",
        "median and 95th percentile",
        {
            name: f"{times[50]:,.1f} and {times[95]:,.1f} ms" if times else ""
            for name, (times, _) in found.items()
        },
        plots.lines(list(found.values()), "ms", "share of questions", log=True),
    )


def _compared(title: str, note: str, measured: str, said: Mapping[str, str], svg: str) -> Figure:
    """A figure with a line for each configuration of `said`, which is empty where it has none.

    What was `measured` is said in the legend, or for a single configuration, which needs none, at
    the end of the note.
    """
    marks = [
        Mark(name, _colour(n), " ".join(map(str, plots.DASHES[n % len(plots.DASHES)])), text)
        for n, (name, text) in enumerate(said.items())
        if text
    ]
    alt = f"{title}; {measured}: {_spoken(said)}"
    if len(said) == 1:
        return Figure(title, f"{note} {measured.capitalize()}: {marks[0].said}.", alt, svg)
    return Figure(title, f"{note} In the legend: {measured}.", alt, svg, tuple(marks))


def _each(
    evaluations: Sequence[Evaluation], measured: Callable[[Sequence[Outcome]], T]
) -> dict[str, T]:
    return {e.configuration: measured(e.outcomes) for e in evaluations}


def _by_kind(evaluation: Evaluation, measure: str) -> dict[str, list[float]]:
    """The values of a measure, by kind, in the order of the questions."""
    by_id = evaluation.measures.get(measure, {})
    values: dict[str, list[float]] = {}
    for outcome in evaluation.outcomes:
        if outcome.gold.id in by_id:
            values.setdefault(outcome.gold.kind, []).append(by_id[outcome.gold.id])
    return values


def _bar(values: Sequence[float]) -> Bar | None:
    return (fmean(values), *interval(values)) if values else None


def _spoken(said: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in said.items() if text) + "."


def _colour(n: int) -> str:
    return f"series-{n % plots.COLOURS + 1}"


def _with_ids(svg: str, prefix: str) -> str:
    """The same drawing with ids, and references to them, that begin with `prefix`."""
    return re.sub(r'( id="| href="#|url\(#)', rf"\g<1>{prefix}", svg)
