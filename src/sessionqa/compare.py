"""Two configurations on the same questions: who wins, by how much, and is it more than chance."""

from dataclasses import dataclass


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
