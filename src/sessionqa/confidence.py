"""How sure an answer is: a logistic regression over features that hold for any corpus."""

import math
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Features:
    """What the best evidence looks like. All but the score lie in [0, 1]; see the support module.

    Rarity is the inverse sentence frequency of the question's words, so that a share of it says
    how much of what the question is about was found.
    """

    score: float  # of the best sentence, by which it was ranked
    own: float  # share of the rarity in the best sentence itself
    aligned: float  # the question's word that is farthest from the best sentences: how near
    absent: float  # the farthest word that the session lacks: how near its passages; 1 if none
    names_missing: float  # share of the question's names that the best sentence lacks; see there
    fits: float  # how far it has a person, a year, a number where one is asked for
    negated: float  # own squared if the question denies something and the best sentence does not
    length: float  # number of words that say what the question is about, out of twenty
    field: float  # 1 if the best sentence is the line of the card that was asked for


def probability(features: Features, calibration: dict[str, Any]) -> float:
    """The probability that the corpus answers, by the coefficients of the manifest."""
    total = float(calibration["intercept"])
    for field in fields(features):
        total += float(calibration["coefficients"][field.name]) * getattr(features, field.name)
    return round(1 / (1 + math.exp(-total)), 4)
