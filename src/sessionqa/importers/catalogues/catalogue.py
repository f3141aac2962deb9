"""A catalogue of sessions, in CSV or JSON, -> Drafts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sessionqa.datatypes import Speaker
from sessionqa.errors import SourceError
from sessionqa.importers import prose
from sessionqa.importers.catalogues import cells
from sessionqa.importers.catalogues.columns import Choice, choose
from sessionqa.importers.catalogues.tables import Row, Table, read_table
from sessionqa.importers.decode import decode
from sessionqa.importers.drafts import Draft, Imported, Source, places
from sessionqa.importers.titles import coded, dated

# So many values of a column show what it holds.
_SAMPLE = 200


def read(source: Source, columns: Mapping[str, str] | None = None) -> Imported:
    """The sessions of a catalogue: CSV with any delimiter, JSON or JSON lines, a row for each.

    Which column holds what is told by their names and values, and the notes say what was taken
    for what. `columns` names the column of a field instead, {"title": "Session Name"}, the fields
    being those of `columns.FIELDS`; an empty name leaves the field out. Raises SourceError for a
    source that is no such table, or has no titles, and UsageError for a column that is not there.
    """
    try:
        return _read(source, columns or {})
    except RecursionError as error:
        raise SourceError(f"{source.name}: JSON that is nested too deeply") from error


def _read(source: Source, columns: Mapping[str, str]) -> Imported:
    decoded = decode(source)
    table = read_table(source, decoded.text)
    choice = choose(source, table.columns, lambda name: _sample(table, name), columns)
    if "title" not in choice.columns:
        raise SourceError(
            f"{source.name}: no column is known to hold titles: name it with --column title=NAME; "
            f"there are {', '.join(table.columns[:20])}"
        )
    rows, notes = _usable(table.rows, choice)
    if not rows:
        raise SourceError(
            f"{source.name}: no row has a title in the column {choice.columns['title'][0]!r}"
        )
    people = [value for row in rows for value in _values(row, choice, "speakers")]
    commas_part = cells.commas_part_people(people)
    return Imported(
        [_draft(row, choice, commas_part) for row in rows],
        (*decoded.notes, *table.notes, *choice.notes, *notes, *_unread(rows, choice)),
    )


def _sample(table: Table, name: str) -> Sequence[str]:
    """Some values of a column that are not empty."""
    texts = (cells.text_of(row.values.get(name)).strip() for row in table.rows)
    return list(islice(filter(None, texts), _SAMPLE))


def _usable(rows: Iterable[Row], choice: Choice) -> tuple[list[Row], list[str]]:
    """The rows with a title, each once, and a line on those left out."""
    usable: dict[str, Row] = {}
    untitled, repeated = [], []
    for row in rows:
        if not prose.plain(_text(row, choice, "title")):
            untitled.append(row.place)
        elif usable.setdefault(repr(row.values), row) is not row:
            repeated.append(row.place)
    notes = []
    if untitled:
        notes.append(f"rows without a title, left out: {len(untitled)} ({places(untitled)})")
    if repeated:
        notes.append(f"rows that repeat another, left out: {len(repeated)} ({places(repeated)})")
    return list(usable.values()), notes


def _unread(rows: Sequence[Row], choice: Choice) -> Iterable[str]:
    """A line on each field whose value could not be read in some rows."""
    for field, parse in (("level", cells.level_of), ("year", cells.year_of), ("url", _link)):
        found = [
            (row.place, text)
            for row in rows
            if (text := _text(row, choice, field).strip()) and not parse(text)
        ]
        if found:
            what = {"level": "number", "year": "year of four digits", "url": "http address"}[field]
            place, text = found[0]
            yield f"no {field} in {len(found)} rows: {text[:40]!r} in {place} has no {what}"


def _draft(row: Row, choice: Choice, commas_part: bool) -> Draft:
    def text(field: str) -> str:
        return prose.plain(_text(row, choice, field))

    code, title = text("code"), text("title")
    if not code:
        code, title = coded(title)
    event, year = _event(text("event"), cells.year_of(_text(row, choice, "year")))
    return Draft(
        title=title,
        body=prose.blocks(_text(row, choice, "abstract")),
        code=re.sub(r"\s+", "-", code),
        event=event,
        year=year,
        track=", ".join(cells.names_of(track)) if (track := _text(row, choice, "track")) else "",
        level=cells.level_of(text("level")),
        speakers=_speakers(_values(row, choice, "speakers"), commas_part),
        services=_distinct(map(cells.names_of, _values(row, choice, "services"))),
        url=_link(_text(row, choice, "url")),
        video_title=text("video title"),
    )


def _values(row: Row, choice: Choice, field: str) -> list[Any]:
    return [row.values.get(name) for name in choice.columns.get(field, ())]


def _text(row: Row, choice: Choice, field: str) -> str:
    """The text of a field that one column holds."""
    names = choice.columns.get(field)
    return cells.text_of(row.values.get(names[0])) if names else ""


def _event(event: str, year: int | None) -> tuple[str, int | None]:
    """The event without the year that its name may end with, and that year if there is no other."""
    name, own = dated(event)
    return name, year or own


def _link(text: str) -> str:
    found = re.match(r"\s*(https?://[^\s<>\"]+)", text)
    return found[1] if found else ""


def _speakers(values: Sequence[Any], commas_part: bool) -> tuple[Speaker, ...]:
    people: dict[str, Speaker] = {}
    for value in values:
        for one in cells.speakers_of(value, commas_part):
            people.setdefault(one.name, one)
    return tuple(people.values())


def _distinct(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))
