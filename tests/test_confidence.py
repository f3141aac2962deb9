"""The probability that the corpus answers."""

import json
import math
from dataclasses import fields, replace
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa.confidence import Features, probability

NAMES = [field.name for field in fields(Features)]
NOTHING = Features(**dict.fromkeys(NAMES, 0.0))


def calibration(intercept: float, **coefficients: float) -> dict[str, object]:
    return {"intercept": intercept, "coefficients": {**dict.fromkeys(NAMES, 0.0), **coefficients}}


@pytest.fixture(scope="module")
def shipped_calibration() -> dict[str, object]:
    text = resources.files("sessionqa").joinpath("confidence.json").read_text(encoding="utf-8")
    found: dict[str, object] = json.loads(text)
    return found


def test_a_worked_example() -> None:
    features = replace(NOTHING, score=0.5, aligned=1.0)
    expected = 1 / (1 + math.exp(-(-1 + 2 * 0.5 + 3 * 1.0)))
    assert probability(features, calibration(-1, score=2, aligned=3)) == round(expected, 4)
    assert probability(NOTHING, calibration(0)) == 0.5


def test_the_shipped_calibration_has_a_coefficient_for_each_feature(
    shipped_calibration: dict[str, dict[str, float]],
) -> None:
    assert set(shipped_calibration["coefficients"]) == set(NAMES)


def test_nothing_found_is_no_answer_and_all_found_is_one(
    shipped_calibration: dict[str, object],
) -> None:
    assert probability(NOTHING, shipped_calibration) < 0.1
    everything = replace(Features(**dict.fromkeys(NAMES, 1.0)), names_missing=0.0, negated=0.0)
    assert probability(everything, shipped_calibration) > 0.95


# Words that stand in the best sentence say little where its score is known, and the less the more
# of them do: that is how questions are asked that look answerable and are not.
AGAINST = {"own", "names_missing", "negated"}


@given(st.sampled_from(NAMES), st.floats(0, 0.9))
def test_better_evidence_never_lowers_and_what_speaks_against_it_never_raises(
    name: str, value: float
) -> None:
    text = resources.files("sessionqa").joinpath("confidence.json").read_text(encoding="utf-8")
    lower, higher = (
        probability(replace(NOTHING, **{name: at}), json.loads(text)) for at in (value, value + 0.1)
    )
    assert 0 <= lower <= 1
    assert lower >= higher if name in AGAINST else lower <= higher


def test_a_calibration_that_lacks_a_feature_is_an_error() -> None:
    with pytest.raises(KeyError, match="score"):
        probability(NOTHING, {"intercept": 0.0, "coefficients": {}})
