"""Configurations by name or by setting, and tests of their difference against worked numbers."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from sessionqa import Settings
from sessionqa.compare import comparisons, configured, holm, randomisation_p
from sessionqa.errors import SessionQAError, SettingsError, UsageError
from sessionqa.evaluate import Evaluation


def evaluation(name: str, **measures: list[float]) -> Evaluation:
    """One whose questions are numbered."""
    by_id = {m: {f"q{n}": v for n, v in enumerate(values)} for m, values in measures.items()}
    return Evaluation(name, (), by_id, {}, {}, {})


# --- configurations


def test_presets_and_settings() -> None:
    base = Settings(lexical_weight=0.4, top_k=9)
    dense = base.with_(lexical_weight=0, late_interaction=False)
    assert configured(base, "dense") == dense
    assert configured(base, "late") == base.with_(lexical_weight=0)
    assert configured(base, "late").late_interaction
    assert configured(base, "lexical") == base.with_(lexical_weight=1)
    assert configured(base, "rrf") == base.with_(fusion="rrf", lexical_weight=0.5)
    assert configured(base, "hybrid") == base
    changed = configured(base, "lexical_weight=0.5, top_k=20")
    assert changed == base.with_(lexical_weight=0.5, top_k=20)
    changed = configured(base, "fusion='rrf', late_interaction=false")
    assert changed == base.with_(fusion="rrf", late_interaction=False)


@pytest.mark.parametrize(
    ("text", "error", "complaint"),
    [
        (
            "denser",
            UsageError,
            "denser is no configuration: name one of dense, late, lexical, hybrid, rrf",
        ),
        ("fusion=sum", SettingsError, "fusion is 'sum': choose one of convex, rrf"),
        ("late_interaction=yes", SettingsError, "late_interaction is 'yes': give true or false"),
        ("late_interaction=1", SettingsError, "late_interaction is 1: give true or false"),
        ("lexical_wait=1", SettingsError, "did you mean lexical_weight"),
        ("lexical_weight=much", SettingsError, "lexical_weight is 'much': give a number"),
        ("lexical_weight=2", SettingsError, "give a share from 0 to 1"),
        ("lexical_weight=0.5,top_k", SettingsError, "'top_k' is no setting"),
        ("top_k=0.5", SettingsError, "top_k is 0.5: give a whole number"),
        ("chunk_tokens=90", UsageError, "chunk_tokens cannot be compared on one index"),
        ("model=other", UsageError, "model cannot be compared on one index"),
    ],
)
def test_an_unusable_configuration_is_refused(
    text: str, error: type[SessionQAError], complaint: str
) -> None:
    with pytest.raises(error, match=complaint) as raised:
        configured(Settings(index=Path("index")), text)
    assert raised.value.exit_code == 2


# --- the test


def test_wins_losses_and_ties_are_of_the_second() -> None:
    one, two = evaluation("one", RR=[1, 0, 0.5, 0]), evaluation("two", RR=[1, 1, 0.25, 0.5])
    [made] = comparisons([one, two])
    assert (made.measure, made.first, made.second) == ("RR", "one", "two")
    assert (made.wins, made.losses, made.ties) == (2, 1, 1)
    assert made.difference == pytest.approx((0 + 1 - 0.25 + 0.5) / 4)
    assert made.p == made.p_corrected


def test_less_wins_where_lower_is_better() -> None:
    one = evaluation("one", wrongly_refused=[1, 1, 0, 0])
    two = evaluation("two", wrongly_refused=[0, 0, 1, 0])
    [made] = comparisons([one, two])
    assert (made.wins, made.losses, made.ties) == (2, 1, 1)
    assert made.difference == -1 / 4


def test_p_is_exact_where_all_signs_can_be_tried() -> None:
    differences = [1.0, -0.25, 0.5, 0.75]
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True))
            for signs in product((1, -1), repeat=4)]  # fmt: skip
    extreme = sum(abs(total) >= abs(sum(differences)) - 1e-12 for total in sums) / len(sums)
    assert extreme == 4 / 16
    assert randomisation_p(differences) == pytest.approx(extreme)


def test_ties_change_no_p() -> None:
    differences = list(np.random.default_rng(1).normal(0.1, 1, 60))
    assert randomisation_p(differences) == randomisation_p([0.0, *differences, 0.0])


def test_p_is_near_that_of_the_t_test_and_always_the_same() -> None:
    from scipy.stats import ttest_1samp

    differences = list(np.random.default_rng(0).normal(0.15, 1, 200))
    p = randomisation_p(differences)
    assert p == randomisation_p(differences)
    assert p == pytest.approx(ttest_1samp(differences, 0).pvalue, abs=0.015)


@pytest.mark.parametrize("differences", [[], [0.0, 0.0], [1.0], [1.0, 0.0]])
def test_nothing_to_tell_apart_has_p_1(differences: list[float]) -> None:
    assert randomisation_p(differences) == 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_every_configuration_is_compared_with_the_first_by_what_both_measure() -> None:
    made = comparisons(
        [
            evaluation("one", RR=[0, 1], AP=[0, 1], citation_precision=[1.0]),
            evaluation("two", RR=[1, 1], citation_precision=[1.0, 0.5]),
            evaluation("three", RR=[1, 1], AP=[1, 1], citation_precision=[]),
        ]
    )
    assert [(c.second, c.measure) for c in made] == [
        ("two", "RR"),
        ("three", "RR"),
        ("three", "AP"),
    ]
    assert comparisons([]) == comparisons([evaluation("one", RR=[1])]) == []


def test_p_values_are_corrected_over_all_comparisons() -> None:
    rng = np.random.default_rng(3)
    first = evaluation("one", RR=list(rng.random(40)), AP=list(rng.random(40)))
    others = [evaluation(f"{n}", RR=list(rng.random(40)), AP=list(rng.random(40))) for n in "ab"]
    made = comparisons([first, *others])
    assert [c.p_corrected for c in made] == holm([c.p for c in made])
