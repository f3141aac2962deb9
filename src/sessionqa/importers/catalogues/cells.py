"""The value of a cell -> what a session has: people, numbers, names."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sessionqa.datatypes import Speaker
from sessionqa.importers import people, prose
from sessionqa.importers.text import one_line
from sessionqa.importers.titles import YEAR

# What an object is called, and what its text may stand under, the likeliest first.
_NAMED = ("name", "fullName", "full_name", "displayName", "title", "label", "value", "text", "url")
_FIRST = ("firstName", "first_name", "firstname", "givenName")
_LAST = ("lastName", "last_name", "lastname", "familyName", "surname")
_POSITION = ("role", "jobTitle", "job_title", "title", "position", "tagLine")
_COMPANY = ("company", "companyName", "company_name", "organization", "organisation", "affiliation")

_LEVEL = re.compile(r"(?<![0-9])([1-9][0-9]{0,3})(?![0-9])")
_YEAR = re.compile(rf"(?<![0-9])({YEAR})(?:(?:0[1-9]|1[0-2])[0-3][0-9])?(?![0-9])")
_BETWEEN = re.compile(r"\s*[;|\n•·]\s*|\s+/\s+")
_AND = re.compile(r"\s+(?:and|und|et|y|e|&|with|mit|avec|con)\s+|\s*&\s*")
_ASIDE = re.compile(r"(?P<name>[^(]*\S)\s*\((?P<role>[^()]+)\)|(?P<n>.*?\S)\s+[-–—]\s+(?P<r>\S.*)")


def text_of(value: Any) -> str:
    """The value as a text: that of an object is its name, that of a list its texts, each a line."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(text_of, value)))
    if isinstance(value, dict):
        return next((text_of(value[name]) for name in _NAMED if value.get(name)), "")
    return "" if value is None or isinstance(value, bool) else str(value)


def level_of(value: Any) -> int | None:
    """The number in a level, as 300 in "300 - Advanced"."""
    found = _LEVEL.search(text_of(value))
    return int(found[1]) if found else None


def year_of(value: Any) -> int | None:
    """The year in a date of any form that writes all four digits of it."""
    found = _YEAR.search(text_of(value))
    return int(found[1]) if found else None


def names_of(value: Any) -> tuple[str, ...]:
    """The entries of a list, or of a text with semicolons, bars, lines or else commas between."""
    text = prose.bare(text_of(value))
    parts = _BETWEEN.split(text)
    if len(parts) == 1 and not isinstance(value, list):
        parts = text.split(",")
    return tuple(dict.fromkeys(filter(None, map(one_line, parts))))


def commas_part_people(values: Iterable[Any]) -> bool:
    """Whether commas may part the people in these cells: not if semicolons do around commas."""
    parted = (parts for value in values if len(parts := _BETWEEN.split(text_of(value))) > 1)
    return not any("," in part for parts in parted for part in parts)


def speakers_of(value: Any, commas_part: bool = True) -> tuple[Speaker, ...]:
    """The people in a list, an object, or a text such as "Ada Bell, Acme; Cy Dunn (Acme)".

    If `commas_part`, all of "Ada Bell, Cy Dunn" are people where all look like their names; else,
    and in a list, what follows a comma is a role.
    """
    found: dict[str, Speaker] = {}
    for person in _people(value, commas_part):
        if person.name:
            found.setdefault(person.name, person)
    return tuple(found.values())


def _people(value: Any, commas_part: bool) -> Iterator[Speaker]:
    if isinstance(value, list):
        for each in value:
            yield from _people(each, commas_part=False)
    elif isinstance(value, dict):
        yield _person(value)
    else:
        for part in _BETWEEN.split(prose.bare(text_of(value))):
            yield from _written(one_line(part), commas_part)


def _person(record: Mapping[str, Any]) -> Speaker:
    name = " ".join(filter(None, (_first(record, _FIRST), _first(record, _LAST))))
    named = name or _first(record, ("name", "fullName", "full_name", "displayName"))
    position = _first(record, _POSITION)
    if not named:  # then the title is what it is called
        return Speaker(position, _first(record, _COMPANY))
    return Speaker(named, ", ".join(filter(None, (position, _first(record, _COMPANY)))))


def _first(record: Mapping[str, Any], names: Iterable[str]) -> str:
    return next((found for name in names if (found := prose.plain(text_of(record.get(name))))), "")


def _written(part: str, commas_part: bool) -> Iterator[Speaker]:
    listed = part.split(",") if commas_part else [part]
    names = [name for one in listed for name in _AND.split(one.strip()) if name]
    if all(map(people.is_name, names)):
        yield from map(Speaker, names)
    else:
        yield _with_role(part)


def _with_role(part: str) -> Speaker:
    name, comma, role = map(str.strip, part.partition(","))
    if comma and role:
        family_first = " " not in name and " " not in role and people.is_name(f"{role} {name}")
        return (
            Speaker(f"{role} {name}")
            if family_first and not role.isupper()
            else Speaker(name, role)
        )
    if found := _ASIDE.fullmatch(name):
        return Speaker(found["name"] or found["n"], found["role"] or found["r"])
    return Speaker(name)
