"""Which sessions to look in: `level=300 and (service=DynamoDB or speaker="Mike Hagen")`."""

import operator
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from sessionqa import terms
from sessionqa.errors import UsageError
from sessionqa.facets import FIELDS, NUMBERS, fold, folded
from sessionqa.index import Index
from sessionqa.index.passing import Has, Passing

MAX_CHARS = 10_000
MAX_DEPTH = 50
# A message shows so much of what was given.
MAX_SHOWN = 80
# So many known values are named where an unknown one was given.
NEAREST = 3

# What numbers can be compared by, beside =.
_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_BARE = r"""[^\s()<>="'][^\s()<>="]*"""
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign>[<>]=?|=)"""
    rf"""|(?P<bracket>[()])|(?P<bare>{_BARE})|(?P<odd>\S))""",
    re.DOTALL,
)
_JOINTS = frozenset({"and", "or"})


class Filter(ABC):
    """Says which sessions pass. Combine with `&` and `|`; `parse` reads what `str` gives."""

    __slots__ = ()

    @abstractmethod
    def select(self, index: Index) -> frozenset[str]:
        """The codes of the sessions that pass: a Passing.

        Raises UsageError for a value that no session has, with the nearest that some have.
        """

    def __and__(self, other: "Filter") -> "Filter":
        return AllOf((*_parts(AllOf, self), *_parts(AllOf, other)))

    def __or__(self, other: "Filter") -> "Filter":
        return AnyOf((*_parts(AnyOf, self), *_parts(AnyOf, other)))


@dataclass(frozen=True, slots=True)
class Condition(Filter):
    """One field compared with a value: `level >= 300`.

    Raises UsageError for an unknown field, and for a comparison or value that it cannot have.
    """

    field: str
    sign: str
    value: str

    def __post_init__(self) -> None:
        field = self.field.casefold()
        value = unicodedata.normalize("NFC", " ".join(self.value.split()))
        if field not in FIELDS:
            known = f"{', '.join(FIELDS[:-1])} or {FIELDS[-1]}"
            raise UsageError(f'there is no field "{self.field[:MAX_SHOWN]}": filter by {known}')
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise UsageError("the filter is not text in UTF-8: check the terminal's encoding")
        if not value:
            raise UsageError(f'the filter has no value for {field}: give one, as in {field}="..."')
        signs = ["=", *_COMPARE] if field in NUMBERS else ["="]
        if self.sign not in signs:
            raise UsageError(f"{field} cannot be compared by {self.sign}: use {' '.join(signs)}")
        if field in NUMBERS:
            if not re.fullmatch("[0-9]{1,9}", value):
                raise UsageError(
                    f'{field} is "{value[:MAX_SHOWN]}" in the filter: give a whole number'
                )
            value = str(int(value))
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "value", value)

    def select(self, index: Index) -> frozenset[str]:
        """See Filter. A value is one in any case, or else every one that has all its words."""
        return _passing(self, index)

    def __str__(self) -> str:
        plain = re.fullmatch(_BARE, self.value) and self.value.casefold() not in _JOINTS
        quoted = '"' + re.sub(r'(["\\])', r"\\\1", self.value) + '"'
        return f"{self.field}{self.sign}{self.value if plain else quoted}"


@dataclass(frozen=True, slots=True)
class AllOf(Filter):
    """What passes every part passes."""

    parts: tuple[Filter, ...]

    def select(self, index: Index) -> frozenset[str]:
        """See Filter."""
        return reduce(operator.and_, (part.select(index) for part in self.parts))

    def __str__(self) -> str:
        return " and ".join(f"({p})" if isinstance(p, AnyOf) else str(p) for p in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf(Filter):
    """What passes one part passes."""

    parts: tuple[Filter, ...]

    def select(self, index: Index) -> frozenset[str]:
        """See Filter."""
        return reduce(operator.or_, (part.select(index) for part in self.parts))

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


def _parts(kind: type[AllOf | AnyOf], filter: Filter) -> tuple[Filter, ...]:
    return filter.parts if isinstance(filter, kind) else (filter,)


def where(**wanted: str | int | Iterable[str | int]) -> Filter:
    """The sessions that have these values: `where(level=300, speaker=["Mike Hagen", "Bo Leaf"])`.

    Of several values for a field one is enough; every field must pass.
    """
    fields = []
    for field, given in wanted.items():
        values = [given] if isinstance(given, str | int) else list(given)
        conditions = [Condition(field, "=", str(value)) for value in values or [""]]
        fields.append(AnyOf(tuple(conditions)) if len(conditions) > 1 else conditions[0])
    if not fields:
        raise UsageError("the filter is empty: give a field and a value, as in where(level=300)")
    return reduce(operator.and_, fields)


def parse(text: str) -> Filter:
    """The filter that `text` spells. Raises UsageError, with the place, if it spells none."""
    if not text.strip():
        raise UsageError("the filter is empty: give one, such as level>=300")
    if len(text) > MAX_CHARS:
        raise UsageError(f"the filter has {len(text):,} characters: use {MAX_CHARS:,}")
    return _Reader(text).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int

    @property
    def joint(self) -> str:
        """The word "and" or "or" if it is that, unquoted; else nothing."""
        word = self.text.casefold()
        return word if self.kind == "bare" and word in _JOINTS else ""


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        yield _Token(kind, match[kind], match.start(kind) + 1)
    yield _Token("end", "the end", len(text) + 1)


class _Reader:
    """Reads any = all (or all)*, all = one (and one)*, one = field sign value | ( any )."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._depth = 0

    def whole(self) -> Filter:
        found = self._any()
        if self._next.kind != "end":
            raise self._wrong('"and", "or" or the end', "; quote a value that has spaces")
        return found

    def _any(self) -> Filter:
        found = self._all()
        while self._next.joint == "or":
            self._take()
            found = found | self._all()
        return found

    def _all(self) -> Filter:
        found = self._one()
        while self._next.joint == "and":
            self._take()
            found = found & self._one()
        return found

    def _one(self) -> Filter:
        if self._next.text == "(":
            return self._bracketed()
        if self._next.kind != "bare" or self._next.joint:
            raise self._wrong("a field or a bracket")
        field = self._take().text
        if self._next.kind != "sign":
            raise self._wrong("=, >=, <=, > or <")
        sign = self._take().text
        if self._next.kind not in {"bare", "quoted"} or self._next.joint:
            raise self._wrong("a value")
        token = self._take()
        quoted = token.kind == "quoted"
        value = re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL) if quoted else token.text
        return Condition(field, sign, value)

    def _bracketed(self) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UsageError(f"the filter has over {MAX_DEPTH} brackets in brackets: use fewer")
        self._take()
        found = self._any()
        if self._next.text != ")":
            raise self._wrong('")", "and" or "or"', "; quote a value that has spaces")
        self._take()
        self._depth -= 1
        return found

    def _take(self) -> _Token:
        token, self._next = self._next, next(self._tokens, self._next)
        return token

    def _wrong(self, expected: str, remedy: str = "") -> UsageError:
        token = self._next
        if token.text in {'"', "'"}:
            remedy = f"; close the quotes that {token.text} opens"
        shown = " ".join(token.text.split())[:MAX_SHOWN]
        shown = shown if token.kind == "end" else f"`{shown}`"
        return UsageError(
            f"the filter has {shown} at character {token.place}, where {expected} should be"
            f'{remedy} (such as: level>=300 and speaker="Mike Hagen")'
        )


def _passing(condition: Condition, index: Index) -> Passing:
    field, form = condition.field, folded(condition.field, condition.value)
    if condition.sign != "=":
        compare, limit = _COMPARE[condition.sign], int(form)
        forms = [known for known in index.values(field) if compare(int(known), limit)]
        return _having(field, index.facets(field, forms))
    # One service is written in several ways; everything else is what it is called, if it is.
    exact = [] if field == "service" else index.facets(field, [form])
    if field == "session":
        exact = [row for row in exact if fold(row[2]) == fold(condition.value)] or exact
    found = exact or index.facets(field, _holding(field, form, index))
    if not found:
        raise UsageError(_unknown(condition, index))
    return _having(field, found)


def _having(field: str, rows: Sequence[tuple[str, str, str]]) -> Passing:
    """The sessions of these facets, which are all that there are of these values."""
    values = sorted({value for _, value, _ in rows})
    return Passing((code for _, _, code in rows), Has(field, tuple(values)))


def _holding(field: str, form: str, index: Index) -> list[str]:
    """The folded forms of the names that have all the words of `form`."""
    if field in NUMBERS or field == "session":
        return []
    words = set(terms.words(form))
    return [
        known
        for known in index.values(field, words or {form})
        if known == form or (words and words <= set(terms.words(known)))
    ]


def _unknown(condition: Condition, index: Index) -> str:
    field, value = condition.field, condition.value
    known = index.values(field)
    shown = f'no {field} "{value[:MAX_SHOWN]}"'
    if not known:
        return f"{shown}: no session here has a {field}"
    if field in NUMBERS:
        nearest = sorted(known, key=lambda form: abs(int(form) - int(value)))[:NEAREST]
        return f"{shown}; the nearest: {', '.join(sorted(nearest, key=int))}"
    from rapidfuzz import fuzz, process

    found = process.extract(folded(field, value), known.keys(), scorer=fuzz.WRatio, limit=NEAREST)
    return f"{shown}; the nearest: {', '.join(known[form] for form, _, _ in found)}"
