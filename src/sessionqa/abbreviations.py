"""Short forms and the long forms that the corpus introduces them for: "availability zone (AZ)".

Found by the algorithm of Schwartz and Hearst (2003), "A Simple Algorithm for Identifying
Abbreviation Definitions in Biomedical Text".
"""

import re
from collections.abc import Iterator, Sequence

from sessionqa import terms
from sessionqa.datatypes import Session
from sessionqa.index import Abbreviation, Index
from sessionqa.patterns import lazily

# What is in brackets is a short form if it has no more letters than this, and a capital.
MOST_LETTERS = 10
# A question with more words than this was pasted, not typed.
MOST_WORDS = 100
# A long form has at most so many words.
LONGEST = 8

_BRACKETS = lazily(r"\(([^()\n]{2,120})\)")
_SHORT = lazily(r"[^\W_][\w./&-]*")
_SENTENCE_END = lazily(r"[.?!;:]\s")
# The initials of so many capitalised words make a name's short form.
FEWEST_INITIALS = 3


def expand(question: str, index: Index) -> tuple[str, ...]:
    """The long forms of the short forms in `question`, and the other way round.

    A short form counts as it is introduced, or in lower case unless the corpus has it as a word.
    """
    words = terms.words(question)
    if len(words) > MOST_WORDS:
        return ()
    stems = [terms.stem(word) for word in words]
    spans = {
        " ".join(stems[at : at + length])
        for length in range(2, LONGEST + 1)
        for at in range(len(stems) - length + 1)
    }
    asked = {form for word in words for form in _forms(word)}
    found = index.abbreviations([*map(short_key, asked), *spans])
    forms: dict[str, str] = {}
    for entry in found:
        if long_key(entry.long) in spans:
            if entry.introduced:
                forms[short_key(entry.short)] = entry.short
        elif any(_means(form, entry.short, index) for form in asked):
            forms[long_key(entry.long)] = entry.long
    return tuple(form for form in forms.values() if not _stands_in(form, stems))


def of_session(session: Session) -> list[Abbreviation]:
    """What a session introduces: in its text, and by the initials of a service's name."""
    introduced = dict.fromkeys(definitions(session.text))
    others = dict.fromkeys(_initials_of(session.services))
    return [
        *(Abbreviation(short, long, session.code, True) for short, long in introduced),
        *(
            Abbreviation(short, long, session.code, False)
            for short, long in others
            if (short, long) not in introduced
        ),
    ]


def definitions(text: str) -> Iterator[tuple[str, str]]:
    """Each "long form (SHORT)" and "SHORT (long form)" of `text`, as (short, long)."""
    for match in _BRACKETS.finditer(text):
        inside = match.group(1).strip()
        before = _SENTENCE_END.split(text[max(0, match.start() - 200) : match.start()])[-1]
        before = before.rpartition("\n")[2].rstrip()
        if _is_short(inside):
            # As many words as the short form has letters, and five more, or twice as many.
            most = min(len(inside) + 5, 2 * len(inside))
            long = _long_form(inside, " ".join(before.split(" ")[-most:]))
            short = inside
        else:
            short = before.rpartition(" ")[2]
            long = _long_form(short, inside) if _is_short(short) else None
        if long:
            yield short, long


def short_key(short: str) -> str:
    """What a short form is looked up by: "AZs" and "az" have the same."""
    return _singular(short).casefold()


def long_key(long: str) -> str:
    """What a long form is looked up by: the stems of its words."""
    return " ".join(terms.stem(word) for word in terms.words(long))


def _is_short(text: str) -> bool:
    return (
        2 <= len(text) <= MOST_LETTERS
        and _SHORT.fullmatch(text) is not None
        and any(character.isupper() for character in text)
    )


def _long_form(short: str, text: str) -> str | None:
    """The end of `text` that has the letters of `short` in order, the first beginning a word."""
    at = len(text)
    for place in range(len(short) - 1, -1, -1):
        letter = short[place].casefold()
        if not letter.isalnum():
            continue
        at -= 1
        while at >= 0 and (
            text[at].casefold() != letter or (place == 0 and at > 0 and text[at - 1].isalnum())
        ):
            at -= 1
        if at < 0:
            return None
    long = text[at:].strip()
    words = terms.words(long)
    fits = len(long) > len(short) and 1 < len(words) <= LONGEST and short not in words
    return long if fits else None


def _initials_of(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The initials of the last three or more words of a name, if all are capitalised."""
    for name in names:
        words = name.split()
        for start in range(len(words) - FEWEST_INITIALS + 1):
            rest = words[start:]
            if all(word[0].isupper() for word in rest) and not rest[0].isupper():
                yield "".join(word[0] for word in rest), " ".join(rest)


def _singular(short: str) -> str:
    return short[:-1] if len(short) > 2 and short[-1] == "s" and short[-2].isupper() else short


def _forms(word: str) -> tuple[str, ...]:
    """`word` and, if it may be a plural or a possessive, what it is one of."""
    bare = re.sub("['’]s$", "", word)
    return (bare, bare[:-1]) if len(bare) > 2 and bare[-1] == "s" else (bare,)


def _means(form: str, short: str, index: Index) -> bool:
    short = _singular(short)
    if form == short:
        return True
    if form != short.casefold() or form in terms.UNASKED:
        return False
    known = index.known_words([terms.stem(form)]).get(terms.stem(form))
    return known is None or not known.written.islower()


def _stands_in(form: str, stems: Sequence[str]) -> bool:
    return f" {long_key(form)} " in f" {' '.join(stems)} "
