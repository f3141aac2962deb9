"""How sure an answer is: a logistic regression over features that hold for any corpus."""

import math
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Features:
    """What the best evidence looks like. All lie in [0, 1], but cosines in [-1, 1].

    Rarity is the inverse sentence frequency of the question's words, so that a share of it says
    how much of what the question is about was found.
    """

    passage: float  # cosine of the question and the nearest passage
    sentence: float  # cosine of the question and the nearest sentence
    covered: float  # share of the rarity in the best sentence, its title and code
    passage_covered: float  # the same in the best passage
    unknown_name: float  # 1 if the corpus lacks a word of it that is capitalised or has a digit
    length: float  # number of words that say what the question is about, out of twenty
    field: float  # 1 if the best sentence is the line of the card that was asked for
    fits: float  # 0 if it asks for a person or a number and the best sentences have none


def probability(features: Features, calibration: dict[str, Any]) -> float:
    """The probability that the corpus answers, by the coefficients of the manifest."""
    total = float(calibration["intercept"])
    for field in fields(features):
        total += float(calibration["coefficients"][field.name]) * getattr(features, field.name)
    return round(1 / (1 + math.exp(-total)), 4)
