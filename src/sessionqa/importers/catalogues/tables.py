"""CSV and JSON -> a Table: named columns and rows whose values are texts, lists or objects."""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sessionqa.errors import SourceError
from sessionqa.importers.catalogues import columns
from sessionqa.importers.drafts import Source, places
from sessionqa.importers.text import one_line

MAX_ROWS = 200_000
# More than any export has: each is looked at in every row.
MAX_COLUMNS = 500
# A cell may hold the whole transcript of a day.
MAX_CELL_CHARS = 10 * 2**20
# A list of sessions stands no deeper than this in a file of JSON.
MAX_LIST_DEPTH = 6

_DELIMITERS = ",;\t|"
# So many rows tell which delimiter it is.
_SAMPLE = 200
# Excel says so in a line of its own.
_NAMED_DELIMITER = re.compile(r"sep=([;,\t|:^~])\n", re.IGNORECASE)
# A cell that ends what the reader is given, unless a quotation mark before it was not closed.
_END = "\x00end"


@dataclass(frozen=True, slots=True)
class Row:
    """The values of one session by their columns' names; `place` says where, as "line 7"."""

    place: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a catalogue, the names of their columns, and what there is to tell of them."""

    columns: Sequence[str]
    rows: Sequence[Row]
    notes: tuple[str, ...] = ()


def read_table(source: Source, text: str) -> Table:
    """The rows of a file in CSV with any delimiter, in JSON or in JSON lines.

    Raises SourceError, with the line, if it is none of these, or has no row or too many of them
    or of columns.
    """
    table = _of_json(source, text) if _is_json(source, text) else _of_csv(source, text)
    _check_columns(source, len(table.columns))
    if not table.rows:
        raise SourceError(f"{source.name} has no row: give a line of column names, then sessions")
    return table


def names_columns(line: str) -> bool:
    """Whether a line names columns, as the first one of CSV does: two that are known."""
    return any(columns.known(line.split(delimiter)) > 1 for delimiter in _DELIMITERS)


def _is_json(source: Source, text: str) -> bool:
    return text.lstrip()[:1] in {"[", "{"} or "json" in source.media


# CSV


def _of_csv(source: Source, text: str) -> Table:
    named = _NAMED_DELIMITER.match(text)
    body, skipped = (text[named.end() :], 1) if named else (text, 0)
    delimiter = named[1] if named else _delimiter(body)
    records = _records(source, body, delimiter, skipped)
    first = next(records, None)
    if first is None:
        raise SourceError(f"{source.name} has no row: give a line of column names, then sessions")
    _check_columns(source, len(first[1]))
    headed = columns.is_header(first[1])
    names = _distinct(first[1] if headed else [""] * len(first[1]))
    rows, overlong = [], []
    for line, cells in records if headed else _again(first, records):
        if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            overlong.append(line)
        rows.append(Row(f"line {line}", dict(zip(names, cells, strict=False))))
        _check_count(source, len(rows))
    notes = () if headed else ("the first line holds a session, and no column names",)
    return Table(names, rows, (*notes, *_overlong(overlong)))


def _again(
    first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _overlong(lines: Sequence[int]) -> Iterator[str]:
    if lines:
        yield (
            f"rows with cells beyond the last column, which were left out: {len(lines)} "
            f"({places([f'line {line}' for line in lines])}): is a quotation mark missing there?"
        )


def _delimiter(text: str) -> str:
    """The one by which the first row has most names that we know, and the others its length."""

    def fits(delimiter: str) -> tuple[int, float, int]:
        records = csv.reader(iter(sample), delimiter=delimiter)
        rows: list[list[str]] = []
        with suppress(csv.Error):  # what is wrong is told when all of it is read
            rows += (row for row in islice(records, _SAMPLE) if any(map(str.strip, row)))
        if not rows or len(rows[0]) == 1:
            return (columns.known(rows[0]) if rows else 0, 0.0, 1)
        width = len(rows[0])
        return columns.known(rows[0]), sum(len(row) == width for row in rows) / len(rows), width

    sample = text[: 2**20].splitlines(keepends=True)
    return max(_DELIMITERS, key=fits)


def _records(
    source: Source, text: str, delimiter: str, skipped: int
) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the number of the line where it begins.

    `skipped` is the number of lines before `text`.
    """
    limit = csv.field_size_limit(MAX_CELL_CHARS)
    try:
        lines = [*(line + "\n" for line in text.removesuffix("\n").split("\n")), _END]
        reader = csv.reader(lines, delimiter=delimiter)
        line = 1 + skipped
        for cells in reader:
            if reader.line_num == len(lines):
                if cells != [_END]:
                    raise SourceError(
                        f"{source.name}:{line}: a quotation mark opens in this row and is never "
                        "closed: close it, or double it if it belongs to the text"
                    )
                return
            if any(map(str.strip, cells)):
                yield line, cells
            line = reader.line_num + 1 + skipped
    except csv.Error as error:
        raise SourceError(f"{source.name}:{line}: not CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _distinct(header: Sequence[str]) -> list[str]:
    """Names for all columns: a number for an empty one, and for the second of one name."""
    names: dict[str, None] = {}
    for number, cell in enumerate(header, 1):
        name = base = one_line(cell) or f"column {number}"
        again = 2
        while name in names:
            name, again = f"{base} ({again})", again + 1
        names[name] = None
    return list(names)


# JSON


def _of_json(source: Source, text: str) -> Table:
    try:
        return _listed(source, _parsed(text))
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith("{") or error.msg != "Extra data":
            raise SourceError(
                f"{source.name}:{error.lineno}: not JSON: {error.msg} at column {error.colno}"
            ) from error
    return _of_lines(source, text)


def _parsed(text: str) -> Any:
    """The value, its numbers as they are written: a code may be 1e3, and NaN is no value."""
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=lambda _: None)


def _of_lines(source: Source, text: str) -> Table:
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = _parsed(line)
        except json.JSONDecodeError as error:
            raise SourceError(
                f"{source.name}:{number}: not JSON: {error.msg} at column {error.colno}"
            ) from error
        except RecursionError as error:
            raise SourceError(f"{source.name}:{number}: nested too deeply") from error
        if not isinstance(value, dict):
            raise SourceError(f"{source.name}:{number}: a line of JSON lines must be an object")
        rows.append(Row(f"line {number}", _flat(value)))
        _check_count(source, len(rows))
    return _table(source, rows)


def _listed(source: Source, value: Any) -> Table:
    """The objects of that list in `value` whose names are most like a session's.

    Without such a list, an object may be a session itself.
    """
    lists = _lists(value)
    if not lists:
        raise SourceError(f"{source.name} holds no list of objects: give one for each session")

    def likeness(path: Path) -> tuple[bool, bool, int, int]:
        fields = _fields(lists[path])
        # The file's own title, of an event perhaps, is at the top.
        return "title" in fields, path != (), len(fields), -len(path)

    objects = lists[max(lists, key=likeness)]
    _check_count(source, len(objects))
    return _table(source, [Row(f"object {n}", _flat(each)) for n, each in enumerate(objects, 1)])


Path = tuple[str, ...]


def _lists(value: Any) -> dict[Path, list[Any]]:
    """The objects in `value` by where they stand; those of `days[].sessions` are one list."""
    found: dict[Path, list[Any]] = {}

    def look(inside: Any, path: Path) -> None:
        if isinstance(inside, list):
            for each in inside:
                if isinstance(each, dict):
                    found.setdefault(path, []).append(each)
                    look_into(each, path)
        elif isinstance(inside, dict):
            look_into(inside, path)

    def look_into(record: dict[str, Any], path: Path) -> None:
        for name, each in record.items():
            # The speakers and tags of a session have names and titles too.
            if len(path) < MAX_LIST_DEPTH and columns.field_of(name) not in columns.SEVERAL:
                look(each, (*path, name))

    if isinstance(value, dict):
        found[()] = [value]
    look(value, ())
    return found


def _fields(objects: Sequence[dict[str, Any]]) -> set[str | None]:
    names = {name for each in objects[:_SAMPLE] for name in _flat(each)}
    return {columns.field_of(name) for name in names} - {None}


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of `record`, with those of objects in it as `outer.inner`.

    A list of names and values, as of attributes, becomes a value for each name.
    """
    values: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and columns.field_of(name) not in columns.SEVERAL:
            values |= _flat(value, f"{prefix}{one_line(name)}.")
        elif isinstance(value, list) and value and all(map(_is_attribute, value)):
            for each in value:
                values.setdefault(one_line(each["name"]), []).append(each["value"])
        else:
            values[prefix + one_line(name)] = value
    return values


def _is_attribute(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and "value" in value


def _table(source: Source, rows: Sequence[Row]) -> Table:
    names = dict.fromkeys(name for row in rows for name in row.values)
    _check_columns(source, len(names))
    return Table(list(names), rows)


def _check_columns(source: Source, count: int) -> None:
    if count > MAX_COLUMNS:
        raise SourceError(
            f"{source.name} has {count:,} columns, more than {MAX_COLUMNS:,}: leave out those "
            "that say nothing of the sessions"
        )


def _check_count(source: Source, count: int) -> None:
    if count > MAX_ROWS:
        raise SourceError(f"{source.name} has more than {MAX_ROWS:,} rows: split it")
