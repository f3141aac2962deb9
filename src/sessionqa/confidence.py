"""How sure an answer is: a logistic regression over features that hold for any corpus."""

import math
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Features:
    """What the best evidence looks like; every value is in [0, 1], or [-1, 1] for cosines."""

    passage: float  # cosine of the question and the best passage
    sentence: float  # cosine of the question and the best sentence
    covered: float  # share of the question's rarity found in the best sentence and its title
    session: float  # the same, in the whole session
    unknown: float  # share of the question's rarity that no sentence of the corpus has


def probability(features: Features, calibration: dict[str, Any]) -> float:
    """The probability that the corpus answers, by the coefficients of the manifest."""
    coefficients = calibration["coefficients"]
    total = float(calibration["intercept"])
    for field in fields(features):
        total += float(coefficients[field.name]) * getattr(features, field.name)
    return 1 / (1 + math.exp(-total))
