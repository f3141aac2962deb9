"""Which questions failed, how, and how badly: the worst first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sessionqa.evaluate import Evaluation, Outcome, missing_facts


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that went wrong, for reasons in words.

    `severity` adds up 1 - RR where sessions are judged, 1 - nuggets where the answer is, and 1
    each for a question that was wrongly answered or refused, and for citations that do not hold.
    `elsewhere` gives, for each other configuration, the rank of the first relevant session, 0 if
    it was not found.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    severity: float
    missing: tuple[tuple[str, ...], ...] = ()
    elsewhere: dict[str, int] = field(default_factory=dict)


def failures(evaluations: Sequence[Evaluation]) -> list[Failure]:
    """What failed in the first evaluation, the most severe first, else in the set's order."""
    if not evaluations:
        return []
    first, *others = evaluations
    ranks = {
        evaluation.configuration: {o.gold.id: first_rank(o) for o in evaluation.outcomes}
        for evaluation in others
    }
    found = []
    for outcome in first.outcomes:
        reasons = tuple(_reasons(outcome))
        if reasons:
            elsewhere = {
                name: by_id[outcome.gold.id]
                for name, by_id in ranks.items()
                if outcome.gold.sessions and outcome.gold.id in by_id
            }
            answer = outcome.answer
            missing = missing_facts(outcome.gold, answer) if answer else ()
            found.append(Failure(outcome, reasons, _severity(outcome), missing, elsewhere))
    return sorted(found, key=lambda failure: -failure.severity)


def first_rank(outcome: Outcome) -> int:
    """The rank of the first relevant session, from 1; 0 if none was found."""
    relevant = set(outcome.gold.sessions)
    ranked = enumerate(outcome.ranking, 1)
    return next((rank for rank, (code, _) in ranked if code in relevant), 0)


def _reasons(outcome: Outcome) -> Iterator[str]:
    gold, answer, rank = outcome.gold, outcome.answer, first_rank(outcome)
    if gold.sessions and rank == 0:
        yield "not found"
    elif gold.sessions and rank > 1:
        yield f"found at rank {rank}"
    if answer is None:
        return
    if gold.refuse and not answer.refused:
        yield "answered, though the corpus has no answer"
    elif answer.refused and not gold.refuse:
        yield "refused, though the corpus answers it"
    elif missing := missing_facts(gold, answer):
        yield f"{len(missing)} of {len(gold.answer_any)} facts missing"
    for check in outcome.checks:
        if not check.holds:
            yield f"[{check.number}] {check.verdict}: {check.finding}"


def _severity(outcome: Outcome) -> float:
    gold, answer, rank = outcome.gold, outcome.answer, first_rank(outcome)
    severity = 0.0
    if gold.sessions:
        severity += 1 - (1 / rank if rank else 0)
    if answer is not None:
        severity += answer.refused != gold.refuse
        severity += len(missing_facts(gold, answer)) / max(len(gold.answer_any), 1)
        severity += any(not check.holds for check in outcome.checks)
    return severity
