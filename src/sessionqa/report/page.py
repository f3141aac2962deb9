"""The whole page: what the template shows, put into words and numbers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sessionqa import __version__
from sessionqa.compare import Comparison
from sessionqa.errors import SessionQAError
from sessionqa.evaluate import LOWER_IS_BETTER, Evaluation
from sessionqa.gold import GoldQuestion, GoldSet
from sessionqa.report.failures import Failure, failures
from sessionqa.report.figures import figures

# So many failures are shown, the worst; of each so many sessions found; so much of what was left
# out of the set.
WORST = 200
FOUND = 5
LEFT_OUT = 100

# What a measure means, by its name without the @k.
MEANINGS = {
    "nDCG": "normalised discounted cumulative gain: the right sessions, the higher up the better",
    "R": "recall: the share of the relevant sessions among the first k",
    "P": "precision: the share of relevant sessions among the first k",
    "AP": "average precision: the mean of the precisions at the rank of each relevant session",
    "RR": "reciprocal rank: 1 / the rank of the first relevant session, 0 if it is not found",
    "Success": "1 if a relevant session is among the first k",
    "hit": "1 if a relevant session is among the first k",
    "nuggets": "the share of the gold facts that the answer states; 0 for a refusal",
    "correct": "1 if the answer states every gold fact",
    "citation_precision": "the share of citations that quote their session word for word",
    "citation_relevance": "the share of citations that point to a relevant session",
    "list_recall": "for lists, the share of the expected sessions that are cited",
    "list_precision": "for lists, the share of the cited sessions that are expected",
    "refusal_precision": "of the refusals, the share that is right",
    "refusal_recall": "of the questions that the corpus cannot answer, the share that is refused",
    "wrongly_refused": "of the questions that the corpus answers, the share that is refused",
    "answer_words": "the median number of words of an answer to a fact, typo or long question",
    "calibration_error": "expected calibration error: how far the confidence is, in the mean over "
    "ten bins, from the share of questions that the corpus answers",
    "AURC": "area under the risk-coverage curve: the share of wrong answers among the surest "
    "questions, in the mean over how many are answered",
    "latency_p50_ms": "half of the questions took no longer, in milliseconds",
    "latency_p95_ms": "95% of the questions took no longer, in milliseconds",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A score of one configuration as it is shown; `best` where the others are worse."""

    text: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class KindTable:
    """The measures of one configuration, but for its times, for each kind of question."""

    configuration: str
    measures: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def render(
    evaluations: Sequence[Evaluation],
    comparisons: Sequence[Comparison],
    gold: GoldSet,
    explain: Callable[[GoldQuestion], str],
    when: datetime,
) -> str:
    """The report as HTML: the same page for the same arguments."""
    failed = failures(evaluations)
    template = _environment().get_template("page.html.j2")
    return template.render(
        name=gold.name,
        when=when,
        version=__version__,
        counts=_counts(evaluations, gold),
        left_out=gold.left_out[:LEFT_OUT],
        left_out_in_all=len(gold.left_out),
        configurations=[evaluation.configuration for evaluation in evaluations],
        scores=_scores(evaluations),
        meanings=_meanings(evaluations),
        comparisons=comparisons,
        figures=figures(evaluations),
        kinds=[_kind_table(evaluation) for evaluation in evaluations],
        failed=[(failure, _explained(explain, failure)) for failure in failed[:WORST]],
        failed_in_all=len(failed),
        titles=_titles(evaluations, gold),
        most_found=FOUND,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["p"] = _p
    return environment


def _counts(evaluations: Sequence[Evaluation], gold: GoldSet) -> dict[str, int]:
    """What was evaluated, in numbers that are not 0."""
    counts = {
        "questions": len(gold.questions),
        "unanswerable": sum(question.refuse for question in gold.questions),
        "kinds": len({question.kind for question in gold.questions}),
        "documents": len(gold.sessions or ()),
        "configurations": len(evaluations) if len(evaluations) > 1 else 0,
        "left out": len(gold.left_out),
    }
    return {name: count for name, count in counts.items() if count}


def _scores(evaluations: Sequence[Evaluation]) -> dict[str, list[Cell]]:
    """Of each measure a cell for each configuration."""
    names = dict.fromkeys(name for evaluation in evaluations for name in evaluation.scores)
    return {name: _cells(name, evaluations) for name in names}


def _meanings(evaluations: Sequence[Evaluation]) -> dict[str, str]:
    """What the measures of the evaluations mean, as far as it is known."""
    names = dict.fromkeys(name for evaluation in evaluations for name in evaluation.scores)
    known = {name: MEANINGS.get(name.partition("@")[0], "") for name in names}
    return {name: meaning for name, meaning in known.items() if meaning}


def _cells(name: str, evaluations: Sequence[Evaluation]) -> list[Cell]:
    values = [evaluation.scores.get(name) for evaluation in evaluations]
    known = [value for value in values if value is not None]
    best = min(known) if _is_time(name) or name in LOWER_IS_BETTER else max(known)
    differ = min(known) < max(known)
    return [
        Cell(
            _shown(name, value),
            " to ".join(f"{end:.3f}" for end in evaluation.intervals.get(name, ())),
            differ and value == best,
        )
        for evaluation, value in zip(evaluations, values, strict=True)
    ]


def _kind_table(evaluation: Evaluation) -> KindTable:
    kinds = evaluation.by_kind
    measures = [
        name
        for name in evaluation.scores
        if any(name in scores for scores in kinds.values()) and not _is_time(name)
    ]
    rows = [
        (
            kind,
            f"{scores.get('questions', 0):,.0f}",
            *(_shown(name, scores.get(name)) for name in measures),
        )
        for kind, scores in kinds.items()
    ]
    return KindTable(evaluation.configuration, tuple(measures), tuple(rows))


def _is_time(measure: str) -> bool:
    return measure.endswith("_ms")


def _shown(measure: str, value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    plain = _is_time(measure) or measure == "answer_words"
    return f"{value:,.1f}" if plain else f"{value:.3f}"


def _p(value: float) -> str:
    """A p-value as papers print it."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _titles(evaluations: Sequence[Evaluation], gold: GoldSet) -> dict[str, str]:
    """The titles of the sessions by their codes, as far as hits and the set give them."""
    answers = [o.answer for evaluation in evaluations for o in evaluation.outcomes if o.answer]
    found = {h.passage.session_code: h.passage.title for answer in answers for h in answer.hits}
    return found | {session.code: session.title for session in gold.sessions or ()}


def _explained(explain: Callable[[GoldQuestion], str], failure: Failure) -> str:
    try:
        return explain(failure.outcome.gold).strip()
    except SessionQAError as error:
        return str(error)
