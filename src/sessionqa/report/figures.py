"""Evaluations -> figures: each a plot with its title, how to read it, and its words for the ear.

Where a figure compares configurations, a colour means one of them. Where it shows one alone, what
should score high has the accent and the rest is grey.
"""

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
    """An entry of a legend: a name, the CSS variable of its colour, the dashes of its line."""

    name: str
    colour: str
    dashes: str = ""


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
        chain.from_iterable(map(_spreads, evaluations)),
        _reliability(evaluations),
        _risk(evaluations),
        _latency(evaluations),
    )
    return [replace(f, svg=_with_ids(f.svg, f"plot{n}-")) for n, f in enumerate(drawn, 1)]


def _recall(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    def ranks_and_recall(outcomes: Sequence[Outcome]) -> Curve:
        recall = curves.recall_curve(outcomes)
        return list(range(1, len(recall) + 1)), recall

    found = _each(evaluations, ranks_and_recall)
    if not any(len(ranks) > 1 for ranks, _ in found.values()):
        return
    said = {
        name: ", ".join(f"{recall[k - 1]:.3f} at {k}" for k in (1, 5, 10, 100) if k in ranks)
        for name, (ranks, recall) in found.items()
    }
    yield Figure(
        "Recall at k",
        "The share of the relevant sessions that are among the first k, in the mean over the "
        "questions that have any.",
        f"Recall. {_said(said)}",
        plots.lines(list(found.values()), "k", "R@k", log=True),
        _legend(found),
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
    yield Figure(
        f"{measure} by kind of question",
        "The mean over the questions of a kind, with its 95% bootstrap interval.",
        f"{measure} by kind. {_said(said)}",
        plots.bars(kinds, bars, measure),
        _legend(samples, dashed=False),
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
    said = {name: f"{len(g):,} with median {median(g):.3f}" for name, g in groups.items()}
    names = [f"{name} ({len(group):,})" for name, group in groups.items()]
    yield Figure(
        title,
        note,
        f"{title}. {_said(said)}",
        plots.histograms(list(groups.values()), "score", "share of its group"),
        tuple(map(Mark, names, ("series-1", "other"))),
    )


def _reliability(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    found = _each(evaluations, curves.reliability)
    errors = {name: f"{made.error:.3f}" for name, made in found.items() if made.counts}
    if not errors:
        return
    error = f"Expected calibration error: {_said(errors)}"
    yield Figure(
        "Calibration of the confidence",
        "Of the questions with about the same confidence, the share that the corpus answers. The "
        f"larger a dot, the more questions; the dashed line is perfect. {error}",
        f"Reliability diagram. {error}",
        plots.lines(
            [(made.confidences, made.shares) for made in found.values()],
            "confidence",
            "share answerable",
            diagonal=True,
            weights=[[n / max(made.counts) for n in made.counts] for made in found.values()],
        ),
        _legend({name: found[name].counts for name in found}),
    )


def _risk(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    found = _each(evaluations, curves.risk_coverage)
    said = {
        name: f"{risks[-1]:.1%} of the answers wrong, {shares[-1]:.1%} of the questions answered"
        for name, (shares, risks) in found.items()
        if shares
    }
    if not said:
        return
    yield Figure(
        "Risk and coverage",
        "If only the most confident answers were given: how many of those are wrong, since the "
        f"corpus has no answer or a gold fact is missing. With all: {_said(said)}",
        f"Share of wrong answers by share of questions answered. With all: {_said(said)}",
        plots.lines(list(found.values()), "share of questions answered", "share wrong"),
        _legend(found),
    )


def _latency(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    found = _each(evaluations, curves.latencies)
    said = {
        name: f"half within {times[50]:,.1f} ms, 95% within {times[95]:,.1f} ms"
        for name, (times, _) in found.items()
        if times
    }
    if not said:
        return
    yield Figure(
        "Time of a question",
        f"The share of the questions that took no longer: {_said(said)}",
        f"Share of questions by time. {_said(said)}",
        plots.lines(list(found.values()), "ms", "share of questions", log=True),
        _legend(found),
    )


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


def _said(by_configuration: Mapping[str, str]) -> str:
    """In a sentence: "0.9 at 1.", or "dense: 0.8 at 1; hybrid: 0.9 at 1." where there are more."""
    if len(by_configuration) == 1:
        return f"{next(iter(by_configuration.values()))}."
    return "; ".join(f"{name}: {text}" for name, text in by_configuration.items()) + "."


def _legend(found: Mapping[str, object], dashed: bool = True) -> tuple[Mark, ...]:
    """A mark for each configuration, unless there is only one."""
    marks = [
        Mark(
            name,
            f"series-{n % plots.COLOURS + 1}",
            " ".join(map(str, plots.DASHES[n % len(plots.DASHES)])) if dashed else "",
        )
        for n, name in enumerate(found)
    ]
    return tuple(marks) if len(marks) > 1 else ()


def _with_ids(svg: str, prefix: str) -> str:
    """The same drawing with ids, and references to them, that begin with `prefix`."""
    return re.sub(r'( id="| href="#|url\(#)', rf"\g<1>{prefix}", svg)
