"""TREC run files: `QUESTION Q0 SESSION RANK SCORE NAME`, a line for each session found."""

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sessionqa.errors import UsageError
from sessionqa.evaluate import Outcome
from sessionqa.gold import GoldQuestion
from sessionqa.gold.lines import Unusable, numbered, shown

# Scores are written so apart at least, and trec_eval, which sorts by them, keeps the order.
STEP = 1e-6


def write(path: Path, name: str, outcomes: Iterable[Outcome]) -> None:
    """Writes the rankings of `outcomes` as the run `name`.

    Raises UsageError for an id with white space, which would break the columns, or a file that
    cannot be written.
    """
    lines = [line for outcome in outcomes for line in _lines(outcome, name)]
    try:
        path.write_text("".join(lines), encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"the run {path} cannot be written: {error.strerror}") from error


def check_ids(ids: Iterable[str]) -> None:
    """Raises UsageError for an id that a run file cannot hold."""
    for id_ in ids:
        if re.search(r"\s", id_):
            raise UsageError(
                f"a run file cannot hold the id {id_!r}, which has white space: leave out --run-out"
            )


def read(path: Path, questions: Sequence[GoldQuestion], left_out: list[str]) -> list[Outcome]:
    """An outcome for every question, with the ranking that the run has for it, if any.

    Sessions are ordered by score, equal ones by rank. Unusable lines are added to `left_out`;
    lines of other questions are passed over. Raises UsageError for a run of none of them.
    """
    found: dict[str, dict[str, tuple[float, int]]] = {q.id: {} for q in questions}
    for place, line in numbered(path, left_out):
        try:
            question, code, rank, score = _parsed(line)
            if question in found and code in found[question]:
                raise Unusable(f"question {question} has the session {code} before")
        except Unusable as error:
            left_out.append(f"{place}: {error}")
            continue
        if question in found:
            found[question][code] = (-score, rank)
    if not any(found.values()):
        raise UsageError(f"{path} ranks sessions for none of the questions: name their run")
    return [Outcome(question, _ranking(found[question.id]), None, 0.0) for question in questions]


def _lines(outcome: Outcome, name: str) -> Iterable[str]:
    check_ids([outcome.gold.id, *outcome.ranked_sessions])
    last = math.inf
    for rank, (code, score) in enumerate(outcome.ranking, 1):
        last = round(min(score, last - STEP), 6)
        yield f"{outcome.gold.id} Q0 {code} {rank} {last:.6f} {name}\n"


def _parsed(line: str) -> tuple[str, str, int, float]:
    fields = line.split()
    if len(fields) != 6:
        raise Unusable(f"{len(fields)} columns instead of 6 (QUESTION Q0 SESSION RANK SCORE NAME)")
    question, _, code, rank, score, _ = fields
    try:
        number, value = int(rank), float(score)
    except ValueError:
        raise Unusable(f"rank and score are {shown(rank)} and {shown(score)}: no numbers") from None
    if not math.isfinite(value):
        raise Unusable(f"the score is {score}")
    return question, code, number, value


def _ranking(found: dict[str, tuple[float, int]]) -> tuple[tuple[str, float], ...]:
    best_first = sorted(found, key=lambda code: found[code])
    return tuple((code, -found[code][0]) for code in best_first)
