"""The words and the abbreviations of a corpus, for mending and widening questions."""

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from sessionqa import abbreviations, terms
from sessionqa.datatypes import Session
from sessionqa.index import KnownWord

# `rank` is 1 for the most usual word. The indexes hold all that a look-up reads.
SCHEMA = """
CREATE TABLE words (rank INTEGER PRIMARY KEY, word TEXT, stem TEXT, written TEXT, uses INTEGER,
    head TEXT, tail TEXT);
CREATE TABLE abbreviations (short TEXT, long TEXT, session_code TEXT,
    introduced INTEGER, short_key TEXT, long_key TEXT);
"""
# Made once every row is there, which is faster.
INDEXES = """
CREATE INDEX words_of_stem ON words (stem, rank);
CREATE INDEX words_by_head ON words (head, rank, word);
CREATE INDEX words_by_tail ON words (tail, rank, word);
CREATE INDEX abbreviations_by_short ON abbreviations (short_key);
CREATE INDEX abbreviations_by_long ON abbreviations (long_key);
"""

# A word that is so often in lower case is not a name.
LOWER_SHARE = 0.25
# The word that begins a sentence or a line has a capital letter for that reason.
_OPENING = re.compile(rf"(?:^|[.?!:]\s+|\n)\W{{0,3}}({terms.word_pattern().pattern})")


def write(db: sqlite3.Connection, sessions: Sequence[Session]) -> None:
    """Makes the tables of SCHEMA and fills them from every word of the sessions' texts."""
    db.executescript(SCHEMA)
    everywhere: Counter[str] = Counter()
    opening: Counter[str] = Counter()
    for session in sessions:
        count_forms(session.text, everywhere, opening)
    db.executemany(
        "INSERT INTO words VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (rank, word, terms.stem(word), one.written, one.uses, word[:2], word[-2:])
            for rank, one in enumerate(words_of(everywhere, opening), 1)
            for word in [one.word]
        ),
    )
    db.executemany(
        "INSERT INTO abbreviations VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                entry.short,
                entry.long,
                entry.session_code,
                entry.introduced,
                abbreviations.short_key(entry.short),
                abbreviations.long_key(entry.long),
            )
            for session in sessions
            for entry in abbreviations.of_session(session)
        ),
    )
    db.executescript(INDEXES)


def count_forms(text: str, everywhere: Counter[str], opening: Counter[str]) -> None:
    """Counts how often each word stands in a text as it is written, and in how many openings."""
    everywhere.update(terms.words(text))
    opening.update(_OPENING.findall(text))


def words_of(everywhere: Mapping[str, int], opening: Mapping[str, int]) -> list[KnownWord]:
    """Each folded word, how it is mostly written, and how often, the most usual first.

    Of forms as `count_forms` counts them.
    """
    uses: Counter[str] = Counter()
    inside: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for form, count in everywhere.items():
        at_start = opening.get(form, 0) if form == form.capitalize() else 0
        uses[terms.fold(form)] += count
        inside[terms.fold(form)][terms.bare(form)] += count - at_start
    usual = sorted(uses.items(), key=lambda pair: (-pair[1], pair[0]))
    return [KnownWord(word, _usual(inside[word]), count) for word, count in usual]


def _usual(forms: Counter[str]) -> str:
    """How a word is written inside sentences; in lower case if it often is."""
    form = max(sorted(forms), key=forms.__getitem__)
    lower = form.lower()
    return lower if forms[lower] >= LOWER_SHARE * forms.total() else form
