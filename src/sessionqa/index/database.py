"""Sessions, passages, sentences and the tables to look them up by, as one SQLite file."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from sessionqa import terms
from sessionqa.datatypes import Session
from sessionqa.facets import facets_of
from sessionqa.index import vocabulary
from sessionqa.index.cut import Cut, Rows
from sessionqa.index.encoding import key_of

# `key` names what the encoder read. A passage holds sentences and tokens from its first row of
# them to before its last.
SCHEMA = """
CREATE TABLE sessions (ordinal INTEGER PRIMARY KEY, folded TEXT UNIQUE, code TEXT, title TEXT,
    event TEXT, year INTEGER, track TEXT, level INTEGER, speakers TEXT, services TEXT, url TEXT,
    path TEXT, sha256 TEXT, text TEXT);
CREATE TABLE facets (field TEXT, folded TEXT, value TEXT, code TEXT,
    PRIMARY KEY (field, folded, value, code)) WITHOUT ROWID;
CREATE TABLE facet_values (field TEXT, folded TEXT, value TEXT,
    PRIMARY KEY (field, folded)) WITHOUT ROWID;
CREATE TABLE passages (row INTEGER PRIMARY KEY, id TEXT UNIQUE, session_code TEXT, title TEXT,
    text TEXT, start INTEGER, end INTEGER, tokens INTEGER, key TEXT,
    first_sentence INTEGER, last_sentence INTEGER, first_token INTEGER, last_token INTEGER);
CREATE INDEX passages_of_session ON passages (session_code);
CREATE TABLE sentences (row INTEGER PRIMARY KEY, session_code TEXT, start INTEGER, end INTEGER,
    text TEXT, key TEXT);
CREATE INDEX sentences_of_session ON sentences (session_code, start);
CREATE TABLE stems (stem TEXT PRIMARY KEY, sentences INTEGER) WITHOUT ROWID;
"""


def write(path: Path, sessions: Sequence[Session], cut: Cut, tokens: Sequence[Rows]) -> None:
    """Writes the file; `tokens` are the rows of each passage's tokens."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMA)
        _write_sessions(db, sessions)
        _insert(
            db,
            "passages",
            [
                (row, *astuple(passage), key_of(text), *sentences, *own)
                for row, (passage, text, sentences, own) in enumerate(
                    zip(cut.passages, cut.passage_inputs, cut.held, tokens, strict=True)
                )
            ],
        )
        _insert(
            db,
            "sentences",
            [
                (row, *sentence, key_of(text))
                for row, (sentence, text) in enumerate(
                    zip(cut.sentences, cut.sentence_inputs, strict=True)
                )
            ],
        )
        counts: Counter[str] = Counter()
        for _, _, _, text in cut.sentences:
            counts.update(terms.stems(text))
        _insert(db, "stems", sorted(counts.items()))
        vocabulary.write(db, sessions)


def _write_sessions(db: sqlite3.Connection, sessions: Sequence[Session]) -> None:
    _insert(db, "sessions", [_row(ordinal, session) for ordinal, session in enumerate(sessions)])
    db.executemany(
        "INSERT OR IGNORE INTO facets VALUES (?, ?, ?, ?)",
        (astuple(facet) for session in sessions for facet in facets_of(session)),
    )
    db.execute(
        "INSERT INTO facet_values "
        "SELECT field, folded, min(value) FROM facets GROUP BY field, folded"
    )


def _insert(db: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        marks = ",".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


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
    )
