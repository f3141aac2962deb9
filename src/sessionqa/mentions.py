"""Question -> the sessions that it names, by code in any spelling or by a speaker's full name."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from sessionqa import terms
from sessionqa.datatypes import Session
from sessionqa.facets import LETTERS, OPENING, SHAPE, fold, letters, shape, squeezed
from sessionqa.patterns import lazily

# Index.facets, or what does the same.
Lookup = Callable[[str, Collection[str]], list[tuple[str, str, str]]]


# A token of letters and digits, with what people put between them: ARC310, arc 310, ARC-310-R1.
# No space need stand between it and a script that has none: 请介绍ARC310的内容.
def _code_pattern(unspaced: str) -> re.Pattern[str]:
    letter = rf"[^\W\d_{unspaced}]"
    name = rf"(?<![^\W{unspaced}]){letter}+" + (rf"|\b[{unspaced}]+" if unspaced else "")
    return lazily(rf"(?:{name})[ \-_]?\d+(?:[\-_]?{letter}+\d*)?(?![^\W{unspaced}])")


_CODE, _PLAIN_CODE = _code_pattern(terms.UNSPACED), _code_pattern("")
# What the page's button asks. Here alone a code may be an ordinary word, such as "keynote".
_ASKED_ABOUT = lazily(r"^\W*what(?:['’]s| is) (?P<code>[^\s?!]+) about\W*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A known code, and where a question writes it in some spelling."""

    start: int
    end: int
    code: str


def named_sessions(question: str, lookup: Lookup) -> list[str]:
    """The codes of the sessions that a question names, by code or else by a speaker's full name.

    So that what one speaker said is not answered with what another one said.
    """
    known, _ = named_codes(question, lookup)
    if known:
        return known
    said = f" {' '.join(terms.words(fold(question)))} ".replace("'s ", " ").replace("’s ", " ")
    words = said.split()
    pairs = {" ".join(pair) for pair in pairwise(words)}
    named = {code for _, name, code in lookup(OPENING, pairs) if f" {name} " in said}
    return sorted(named)


def named_roles(question: str, sessions: Iterable[Session]) -> list[str]:
    """The roles of the speakers whom a question names, empty for one of whom none is known."""
    asked = terms.stems(question)
    people = {speaker for session in sessions for speaker in session.speakers}
    return [person.role for person in people if terms.stems(person.name) <= asked]


def named_codes(question: str, lookup: Lookup) -> tuple[list[str], list[str]]:
    """The session codes that a question names in any spelling: known ones, and unknown ones.

    A name counts as an unknown code only if some known code has its shape: as many letters, then
    as many digits. Written with a space it must look like one: "ARC 999", not "the 100".
    In "What is X about?" a known code of any form is one.
    """
    if whole := _asked_about(question, lookup):
        return [whole.code], []
    named = {text: squeezed(text) for text in _codes_in(question).findall(question)}
    codes = _codes(named.values(), lookup)
    known = dict.fromkeys(codes[spelling] for spelling in named.values() if spelling in codes)
    strange = {text: spelling for text, spelling in named.items() if spelling not in codes}
    shapes = _known(SHAPE, map(shape, strange.values()), lookup)
    beginnings = _known(LETTERS, map(letters, strange.values()), lookup)
    unknown = []
    for text, spelling in strange.items():
        shouted = text.isupper() and not question.isupper()
        alike = " " not in text or shouted or letters(spelling) in beginnings
        if alike and shape(spelling) in shapes and len(spelling) > 3:
            unknown.append(text)
    return list(known), unknown


def with_codes(question: str, lookup: Lookup) -> str:
    """`question` with the codes that it names spelt as the corpus spells them."""
    if whole := _asked_about(question, lookup):
        return question[: whole.start] + whole.code + question[whole.end :]
    pattern = _codes_in(question)
    codes = _codes(map(squeezed, pattern.findall(question)), lookup)
    return pattern.sub(lambda match: codes.get(squeezed(match[0]), match[0]), question)


def _asked_about(question: str, lookup: Lookup) -> _Asked | None:
    """The session that a question of the form "What is CODE about?" asks about, if any."""
    found = _ASKED_ABOUT.match(question)
    if not found:
        return None
    code = _codes([squeezed(found["code"])], lookup).get(squeezed(found["code"]))
    return _Asked(*found.span("code"), code) if code else None


def _codes_in(question: str) -> re.Pattern[str]:
    """What finds codes in `question`; the simple one, where it will do, is the quicker one."""
    return _PLAIN_CODE if terms.is_plain(question) else _CODE


def _codes(spellings: Iterable[str], lookup: Lookup) -> dict[str, str]:
    """The known code of each squeezed spelling that is one."""
    return {spelling: code for spelling, _, code in lookup("session", set(spellings))}


def _known(field: str, folded: Iterable[str], lookup: Lookup) -> set[str]:
    return {found for found, _, _ in lookup(field, set(folded))}
