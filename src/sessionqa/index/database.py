"""Sessions, passages, sentences and the tables to look them up by, as one SQLite file."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, astuple, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from sessionqa import terms
from sessionqa.datatypes import Passage, Session
from sessionqa.facets import facets_of
from sessionqa.index import vocabulary
from sessionqa.index.cut import Cut

# A session's passages and sentences are those from its first row of them to before its last.
SCHEMA = """
CREATE TABLE sessions (ordinal INTEGER PRIMARY KEY, folded TEXT UNIQUE, code TEXT, title TEXT,
    event TEXT, year INTEGER, track TEXT, level INTEGER, speakers TEXT, services TEXT, url TEXT,
    path TEXT, sha256 TEXT, text TEXT, marks TEXT);
CREATE TABLE codes (code TEXT PRIMARY KEY, ordinal INTEGER, first_passage INTEGER,
    last_passage INTEGER, first_sentence INTEGER, last_sentence INTEGER) WITHOUT ROWID;
CREATE TABLE facets (field TEXT, folded TEXT, value TEXT, code TEXT,
    PRIMARY KEY (field, folded, value, code)) WITHOUT ROWID;
CREATE TABLE facet_values (field TEXT, folded TEXT, value TEXT,
    PRIMARY KEY (field, folded)) WITHOUT ROWID;
CREATE TABLE ids (row INTEGER PRIMARY KEY, id TEXT UNIQUE);
CREATE TABLE passages (row INTEGER PRIMARY KEY, session_code TEXT, title TEXT, text TEXT,
    start INTEGER, end INTEGER, tokens INTEGER, seconds INTEGER, page INTEGER);
CREATE TABLE stems (stem TEXT PRIMARY KEY, sentences INTEGER) WITHOUT ROWID;
"""


def write(path: Path, sessions: Sequence[Session], cut: Cut) -> None:
    """Writes the file of these sessions, which were `cut`."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMA)
        _write_sessions(db, sessions)
        _insert(
            db,
            "codes",
            (
                (session.code, ordinal, *passages, *sentences)
                for ordinal, (session, (passages, sentences)) in enumerate(
                    zip(sessions, cut.of_session, strict=True)
                )
            ),
        )
        _insert(db, "ids", enumerate(passage.id for passage in cut.passages))
        _insert(
            db,
            "passages",
            ((row, *_of_passage(one)) for row, one in enumerate(cut.passages)),
        )
        counts: Counter[str] = Counter()
        for _, text in cut.sentence_texts(sessions):
            counts.update({terms.stem(word) for word in terms.words(text)})
        _insert(db, "stems", sorted(counts.items()))
        vocabulary.write(db, sessions)


def _write_sessions(db: sqlite3.Connection, sessions: Sequence[Session]) -> None:
    _insert(db, "sessions", (_row(ordinal, session) for ordinal, session in enumerate(sessions)))
    db.executemany(
        "INSERT OR IGNORE INTO facets VALUES (?, ?, ?, ?)",
        (astuple(facet) for session in sessions for facet in facets_of(session)),
    )
    db.execute(
        "INSERT INTO facet_values "
        "SELECT field, folded, min(value) FROM facets GROUP BY field, folded"
    )


def _insert(db: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = len(db.execute(f"PRAGMA table_info({table})").fetchall())
    marks = ",".join("?" * columns)
    db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


# A tenth of the time of `astuple`, which copies each value.
_of_passage = attrgetter(*(field.name for field in fields(Passage) if field.name != "id"))


def _row(ordinal: int, session: Session) -> tuple[Any, ...]:
    return (
        ordinal,
        session.code.casefold(),
        session.code,
        session.title,
        session.event,
        session.year,
        session.track,
        session.level,
        json.dumps([asdict(speaker) for speaker in session.speakers], ensure_ascii=False),
        json.dumps(session.services, ensure_ascii=False),
        session.url,
        session.path,
        session.sha256,
        session.text,
        json.dumps([astuple(mark) for mark in session.marks]),
    )
