"""The sessions that pass a filter, and how an engine that keeps their fields can find them too."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, Union


@dataclass(frozen=True, slots=True)
class Has:
    """Passes what has one of the values, as they are written, in a field of facets.FIELDS."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Passes what passes both parts, or one."""

    one: "Test"
    joint: Literal["and", "or"]
    other: "Test"


Test = Union[Has, Joined]  # noqa: UP007  of a name that is defined below its use


class Passing(frozenset[str]):
    """The codes of the sessions that pass, and by which of their fields they do.

    A corpus may have more of them than can be named to an engine. Two of these joined by `&` or `|`
    keep what they pass by; with any other set it is lost, and the codes are left.
    """

    __slots__ = ("by",)
    by: Test

    def __new__(cls, codes: Iterable[str], by: Test) -> "Passing":
        """`by` must pass these sessions and no others."""
        made = super().__new__(cls, codes)
        made.by = by
        return made

    def __and__(self, other: AbstractSet[Any]) -> frozenset[str]:
        codes = super().__and__(other)
        if not isinstance(other, Passing):
            return codes
        return Passing(codes, Joined(self.by, "and", other.by))

    def __or__(self, other: AbstractSet[Any]) -> frozenset[Any]:
        if not isinstance(other, Passing):
            return super().__or__(other)
        if not (self and other):
            # No engine is asked for one of no values.
            return self or other
        return Passing(super().__or__(other), Joined(self.by, "or", other.by))
