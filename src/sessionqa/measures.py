"""Measures of rankings by their standard names, as ir-measures parses and computes them."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sessionqa import installed
from sessionqa.errors import UsageError

if TYPE_CHECKING:
    from ir_measures import Measure

STANDARD = ("nDCG@10", "R@100", "RR", "Success@1", "Success@5", "Success@10")
# A ranking is so deep, or as deep as the measure's cutoff if that is more.
DEPTH = 100
MAX_CUTOFF = 1000

# By the id of the question: the grades of its documents; the documents found, best first.
Grades = Mapping[str, Mapping[str, int]]
Rankings = Mapping[str, Sequence[str]]


def named(name: str) -> str:
    """The standard form of a measure's name: `NDCG(cutoff=10)` is `nDCG@10`.

    Raises UsageError for one that ir-measures does not know or cannot compute here.
    """
    return str(_parsed(name))


def depth_for(names: Sequence[str]) -> int:
    """How deep a ranking has to be for these measures."""
    return max([DEPTH, *(int(_parsed(name).params.get("cutoff", 0)) for name in names)])


def values(names: Sequence[str], grades: Grades, found: Rankings) -> dict[str, dict[str, float]]:
    """Each measure's value on each question of `grades`; 0 where nothing was found for it."""
    import ir_measures

    wanted = {_parsed(name): name for name in names}
    by_name = {name: dict.fromkeys(grades, 0.0) for name in names}
    # trec_eval orders by score, and equal scores by id: a score for each rank keeps our order.
    run = {
        id_: {code: float(len(ranking) - rank) for rank, code in enumerate(ranking)}
        for id_, ranking in found.items()
        if id_ in grades and ranking
    }
    judged = {id_: dict(of_question) for id_, of_question in grades.items()}
    for metric in ir_measures.iter_calc(list(wanted), judged, run):
        if not math.isnan(metric.value):  # as it is where nothing was judged
            by_name[wanted[metric.measure]][metric.query_id] = float(metric.value)
    return by_name


def _parsed(name: str) -> "Measure":
    installed.need_for_scoring()
    import ir_measures

    providers = (
        ir_measures.pytrec_eval,
        ir_measures.msmarco,
        ir_measures.judged,
        ir_measures.accuracy,
        ir_measures.compat,
    )
    try:
        measure = ir_measures.parse_measure(name)
        cutoff, level = measure.params.get("cutoff", 1), measure.params.get("rel", 1)
        usable = any(provider.supports(measure) for provider in providers)
        if usable and type(cutoff) is type(level) is int and 0 < cutoff <= MAX_CUTOFF and level > 0:
            # A parameter of the wrong kind shows only when it is used.
            list(ir_measures.iter_calc([measure], {"q": {"a": 1}}, {"q": {"a": 1.0}}))
            return measure
    except Exception as error:
        raise _unknown(name) from error
    raise _unknown(name)


def _unknown(name: str) -> UsageError:
    return UsageError(
        f"{name} is no measure that can be computed here: write one as nDCG@10, R@100, P@5, "
        f"Success@5, AP, RR or RR@10, with a cutoff of at most {MAX_CUTOFF:,}"
    )
