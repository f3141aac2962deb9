"""Configurations on the same questions: who wins, by how much, and is it more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sessionqa.errors import UsageError
from sessionqa.evaluate import LOWER_IS_BETTER, Evaluation, Values
from sessionqa.settings import Settings, parsed

# Configurations with a name, each as the settings that it changes.
PRESETS = {
    "dense": "lexical_weight=0,late_interaction=false",
    "late": "lexical_weight=0",
    "lexical": "lexical_weight=1",
    "hybrid": "",
    "rrf": "fusion=rrf,lexical_weight=0.5",
}
# Settings that an index is made by, or that an evaluation does not read.
FIXED = (
    *("corpus", "index", "model", "backend", "chunking", "chunk_tokens", "chunk_overlap"),
    *("feedback", "host", "port"),
)
RESAMPLES = 10_000
# Bounds the memory of a test: so many resamples at a time.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """`second` against `first` by one measure, over the questions that both have a value for.

    `wins` counts the questions where `second` is better; `difference` is its mean less the
    first's. `p` is two-sided, `p_corrected` after Holm over all comparisons made.
    """

    measure: str
    first: str
    second: str
    wins: int
    losses: int
    ties: int
    difference: float
    p: float
    p_corrected: float


def configured(settings: Settings, text: str) -> Settings:
    """`settings` as a preset or `setting=value[,setting=value]` changes them.

    Raises UsageError or SettingsError; also for a setting that another index would be needed for.
    """
    if text not in PRESETS and "=" not in text:
        raise UsageError(
            f"{text} is no configuration: name one of {', '.join(PRESETS)}, "
            "or write setting=value[,setting=value]"
        )
    changes = parsed(PRESETS.get(text, text), "--compare")
    for name in changes:
        if name in FIXED:
            raise UsageError(
                f"{text}: {name} cannot be compared on one index: run `sessionqa eval` once for "
                "each, with another --index"
            )
    return settings.with_(**changes)


def comparisons(evaluations: Sequence[Evaluation]) -> list[Comparison]:
    """Each evaluation but the first against the first, by every measure of both.

    A measure that is defined for other questions in one of them, as the precision of what was
    answered is, cannot be paired and is left out.
    """
    if not evaluations:
        return []
    first, *others = evaluations
    made = [
        _compared(measure, first, other)
        for other in others
        for measure, values in first.measures.items()
        if values and values.keys() == other.measures.get(measure, {}).keys()
    ]
    corrected = holm([comparison.p for comparison in made])
    return [replace(c, p_corrected=p) for c, p in zip(made, corrected, strict=True)]


def randomisation_p(differences: Sequence[float]) -> float:
    """The two-sided p of a paired randomisation test on differences per question, always the same.

    Under the null hypothesis each difference may as well have the other sign (Smucker et al.
    2007, "A Comparison of Statistical Significance Tests for Information Retrieval
    Evaluation"). Ties have no sign to change, and one difference alone proves nothing.
    """
    from scipy.stats import permutation_test

    untied = np.asarray([d for d in differences if d], dtype=np.float64)
    if len(untied) < 2:
        return 1.0
    tested = permutation_test(
        (untied,),
        np.sum,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        vectorized=True,
        batch=BATCH,
        rng=np.random.default_rng(0),
    )
    return float(tested.pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values corrected for that many tests (Holm 1979), in their order."""
    corrected = [0.0] * len(ps)
    highest = 0.0
    for done, at in enumerate(sorted(range(len(ps)), key=lambda at: ps[at])):
        highest = max(highest, min(1.0, ps[at] * (len(ps) - done)))
        corrected[at] = highest
    return corrected


def _compared(measure: str, first: Evaluation, second: Evaluation) -> Comparison:
    differences = _differences(first.measures[measure], second.measures[measure])
    better = -1 if measure in LOWER_IS_BETTER else 1
    p = randomisation_p(differences)
    return Comparison(
        measure=measure,
        first=first.configuration,
        second=second.configuration,
        wins=sum(d * better > 0 for d in differences),
        losses=sum(d * better < 0 for d in differences),
        ties=differences.count(0),
        difference=float(np.mean(differences)),
        p=p,
        p_corrected=p,
    )


def _differences(first: Values, second: Values) -> list[float]:
    return [second[id_] - value for id_, value in first.items()]
