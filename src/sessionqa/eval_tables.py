"""An evaluation as text for the terminal, and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sessionqa.compare import Comparison
from sessionqa.evaluate import Evaluation

KIND_COLUMNS = (
    *("hit@1", "hit@3", "nuggets", "correct"),
    *("refusal_recall", "wrongly_refused", "answer_words"),
)


def as_text(evaluations: Sequence[Evaluation], comparisons: Sequence[Comparison]) -> str:
    """The scores of the first evaluation, all of them side by side, and the scores by kind."""
    first = evaluations[0]
    parts = [_scores(first)]
    if len(evaluations) > 1:
        parts += [_side_by_side(evaluations), _compared(comparisons)]
    if any(outcome.answer for outcome in first.outcomes):
        parts.append(_by_kind(first.by_kind))
    return "\n\n".join(parts)


def as_json(
    evaluations: Sequence[Evaluation], comparisons: Sequence[Comparison], left_out: Sequence[str]
) -> dict[str, Any]:
    """The object that `sessionqa eval --json` prints; docs/evaluation.md describes it."""
    first = evaluations[0]
    made: dict[str, Any] = {"questions": len(first.outcomes), **_scored(first)}
    if len(evaluations) > 1:
        made["configurations"] = {e.configuration: _scored(e) for e in evaluations}
        made["comparisons"] = [asdict(comparison) for comparison in comparisons]
    return made | {"left_out": len(left_out), "left_out_lines": list(left_out)}


def _scored(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "scores": dict(evaluation.scores),
        "intervals": dict(evaluation.intervals),
        "by_kind": {kind: dict(scores) for kind, scores in evaluation.by_kind.items()},
    }


def _scores(evaluation: Evaluation) -> str:
    rows = [f"{len(evaluation.outcomes)} questions"]
    for name, value in evaluation.scores.items():
        low_high = evaluation.intervals.get(name)
        spread = f"  ({low_high[0]:.3f} to {low_high[1]:.3f})" if low_high else ""
        rows.append(f"  {name:20}{value:8.3f}{spread}")
    return "\n".join(rows)


def _side_by_side(evaluations: Sequence[Evaluation]) -> str:
    """A row for each configuration, a column for each score that any of them has."""
    columns = list(dict.fromkeys(name for e in evaluations for name in e.scores))
    width = _width(evaluations)
    rows = [f"{'configuration':{width}}" + "".join(f"{c:>{_of(c)}}" for c in columns)]
    for evaluation in evaluations:
        cells = (_cell(evaluation.scores, column, _of(column)) for column in columns)
        rows.append(f"{evaluation.configuration:{width}}{''.join(cells)}")
    return "\n".join(rows)


def _compared(comparisons: Sequence[Comparison]) -> str:
    """Wins, losses and ties per question, and what chance says to the difference."""
    if not comparisons:
        return "no measure has a value for the same questions in two configurations"
    width = max(len(c.second) for c in comparisons) + 2
    named = max(len(c.measure) for c in comparisons) + 2
    rows = [
        f"against {comparisons[0].first}, by a paired randomisation test, Holm-corrected over "
        f"{len(comparisons)} comparisons",
        f"{'':{width}}{'measure':{named}}{'wins':>6}{'losses':>8}{'ties':>7}{'difference':>12}"
        f"{'p':>9}{'corrected':>11}",
    ]
    rows += [
        f"{c.second:{width}}{c.measure:{named}}{c.wins:6}{c.losses:8}{c.ties:7}"
        f"{c.difference:+12.4f}{c.p:9.4f}{c.p_corrected:11.4f}"
        for c in comparisons
    ]
    return "\n".join(rows)


def _by_kind(by_kind: Mapping[str, Mapping[str, float]]) -> str:
    rows = [f"{'kind':14}{'n':>5}" + "".join(f"{c:>{_of(c)}}" for c in KIND_COLUMNS)]
    for kind, part in by_kind.items():
        cells = (_cell(part, column, _of(column)) for column in KIND_COLUMNS)
        rows.append(f"{kind:14}{part['questions']:5}{''.join(cells)}")
    return "\n".join(rows)


def _width(evaluations: Sequence[Evaluation]) -> int:
    return max(len("configuration"), *(len(e.configuration) for e in evaluations))


def _of(column: str) -> int:
    return max(len(column), 8) + 2


def _cell(scores: Mapping[str, float], name: str, width: int) -> str:
    return f"{scores[name]:{width}.3f}" if name in scores else f"{'-':>{width}}"
