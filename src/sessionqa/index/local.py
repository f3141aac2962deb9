"""The index in a folder, opened for reading: vectors, words (tantivy) and texts (SQLite)."""

import json
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sessionqa.datatypes import Mark, Passage, Sentence, Session, Speaker
from sessionqa.encode import STEPS, Vectors
from sessionqa.errors import IndexDamaged, first_line
from sessionqa.index import Abbreviation, KnownWord, Manifest, Ranked, Weights
from sessionqa.index import places as at
from sessionqa.index.builds import (
    REBUILD,
    check_files,
    current_build,
    encoder_folder,
    read_manifest,
)
from sessionqa.index.dense import open_dense
from sessionqa.index.nearest import nearest
from sessionqa.index.rows import RowFile, floats
from sessionqa.remembered import Remembered

DATABASE = "passages.sqlite"
SENTENCES = "sentences.npy"
TOKENS = "tokens.npy"
PASSAGE_KEYS = "passage_keys.npy"
SENTENCE_KEYS = "sentence_keys.npy"
PASSAGE_WORDS = "lexical/passages"
SESSION_WORDS = "lexical/sessions"
# SQLite takes so many values in one statement everywhere.
MAX_VALUES = 500
STATEMENTS = (1, 8, 32, 128, MAX_VALUES)
# So many of the most usual words with one beginning, or one ending, may be meant by a misspelt one.
MOST_ALIKE = 1000
# So many sessions and passages are remembered, since one question asks for the same ones several
# times; so many passages' ids; and which passages so many filters let pass. The words of questions
# recur, and what a question names is looked up for each step of its answer.
KEPT_SESSIONS, KEPT_PASSAGES, KEPT_IDS, KEPT_FILTERS = 64, 512, 20_000, 4
KEPT_WORDS, KEPT_FACETS = 4096, 256

Value = TypeVar("Value")


class LocalIndex:
    """One build, read-only: a folder without write permission serves as well."""

    def __init__(self, folder: Path, build: Path, manifest: Manifest) -> None:
        from sessionqa.index.lexical import LexicalArm

        self.folder = folder
        self.manifest = manifest
        try:
            self._dense = open_dense(build)
            self._places = at.Places(build)
            self._sentences = RowFile(build / SENTENCES)
            self._tokens = RowFile(build / TOKENS)
            self._lexical = LexicalArm(build / PASSAGE_WORDS)
            self._lexical_sessions = LexicalArm(build / SESSION_WORDS)
            self._db = open_database(build)
            rows = self._db.execute("SELECT max(row) + 1 FROM ids").fetchone()[0] or 0
        except (RuntimeError, ValueError, OSError, EOFError, sqlite3.Error) as error:
            raise IndexDamaged(
                f"{build} cannot be read ({first_line(error)}): {REBUILD}"
            ) from error
        if not len(self._dense) == len(self._places) == rows == manifest.counts["passages"]:
            raise IndexDamaged(
                f"{build} has {len(self._dense)} vectors for {rows} passages: {REBUILD}"
            )
        self._sessions = Remembered[tuple[int, Session]](KEPT_SESSIONS)
        self._passages = Remembered[Passage](KEPT_PASSAGES)
        self._facets = Remembered[list[tuple[str, str, str]]](KEPT_FACETS)
        self._counts = Remembered[tuple[int, ...]](KEPT_WORDS)
        self._words = Remembered[tuple[KnownWord, ...]](KEPT_WORDS)
        self._ranges = lru_cache(KEPT_SESSIONS)(self._read_ranges)
        self._split = lru_cache(KEPT_SESSIONS)(self._read_sentences)
        self._passing = lru_cache(KEPT_FILTERS)(self._read_passing)
        self._known = _Known()

    @classmethod
    def open(cls, folder: Path, verify: bool = False) -> Self:
        """Opens the live build below `folder`; `verify` reads every file against its checksum.

        Raises IndexMissing if nothing was built there, IndexDamaged if it must not be trusted.
        """
        build = current_build(folder)
        return cls.open_build(folder, build, read_manifest(build), verify)

    @classmethod
    def open_build(
        cls, folder: Path, build: Path, manifest: Manifest, verify: bool = False
    ) -> Self:
        """Opens a build below `folder`, live or not. Raises IndexDamaged likewise."""
        check_files(build, manifest, verify)
        return cls(folder, build, manifest)

    @property
    def encoder_folder(self) -> Path:
        """Where the encoder that made the vectors lies."""
        return encoder_folder(self.folder, self.manifest)

    def close(self) -> None:
        """Lets go of the files; the index is of no use any more."""
        self._db.close()
        self._dense.close()
        self._places.close()
        self._sentences.close()
        self._tokens.close()
        self._lexical.close()
        self._lexical_sessions.close()

    def dense(self, vector: Vectors, k: int, sessions: Collection[str] | None = None) -> Ranked:
        """See Index."""
        rows = None if sessions is None else self._passing(frozenset(sessions)).rows
        return self._with_ids(self._dense.search(vector, min(k, len(self._dense)), rows))

    def lexical(
        self, stems: Sequence[str], k: int, sessions: Collection[str] | None = None
    ) -> Ranked:
        """See Index."""
        within = None if sessions is None else self._passing(frozenset(sessions))
        # The engine takes memory for as many as it is asked for.
        return self._with_ids(self._lexical.search(stems, min(k, len(self._dense)), within))

    def having(
        self, stems: Sequence[str], k: int, sessions: Collection[str] | None = None
    ) -> Ranked:
        """See Index."""
        within = None if sessions is None else self._passing(frozenset(sessions))
        return self._with_ids(self._lexical.having(stems, min(k, len(self._dense)), within))

    def session_scores(self, stems: Sequence[str], ids: Sequence[str]) -> Vectors:
        """See Index."""
        ordinals = self._of_passages(ids)[:, at.SESSION].tolist()
        wanted = np.unique(np.array(ordinals, dtype=np.int64))
        within = at.Within(wanted, wanted)
        found = dict(self._lexical_sessions.search(stems, max(len(wanted), 1), within))
        return np.array([found.get(ordinal, 0.0) for ordinal in ordinals], dtype=np.float32)

    def cosines(self, ids: Sequence[str], vector: Vectors) -> Vectors:
        """See Index."""
        if not ids:
            return np.zeros(0, dtype=np.float32)
        found: Vectors = self._dense.vectors(np.array(self._rows_of(ids))) @ vector
        return found

    def sentence_similarities(self, ids: Sequence[str], sentences: Vectors) -> Vectors:
        """See Index."""
        if not self.keeps_sentences:
            return np.full(len(ids), np.nan, dtype=np.float32)
        held = self._of_passages(ids)[:, [at.FIRST_SENTENCE, at.LAST_SENTENCE]]
        return _nearest(sentences, self._sentences, held)

    def token_similarities(self, ids: Sequence[str], tokens: Vectors, weights: Weights) -> Vectors:
        """See Index."""
        held = self._of_passages(ids)[:, [at.FIRST_TOKEN, at.LAST_TOKEN]]
        return _nearest(tokens / np.float32(STEPS), self._tokens, held, weights)

    def passage_tokens(self, passage_id: str) -> Vectors:
        """See Index."""
        held = self._of_passages([passage_id])[:, [at.FIRST_TOKEN, at.LAST_TOKEN]]
        return np.asarray(self._tokens.runs(held), dtype=np.float32) / np.float32(STEPS)

    def codes(self, ids: Sequence[str]) -> list[str]:
        """See Index."""
        ordinals = self._of_passages(ids)[:, at.SESSION].tolist()
        query = "SELECT ordinal, code FROM sessions WHERE ordinal IN"
        found = dict(self._select(query, sorted(set(ordinals))))
        return [found[ordinal] for ordinal in ordinals]

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """See Index. Raises KeyError for an id that the index does not have."""
        found = {id_: self._passages.get(id_) for id_ in ids}
        unknown = [id_ for id_, known in found.items() if known is None]
        rows = dict(zip(self._rows_of(unknown), unknown, strict=True))
        query = f"SELECT row, {PASSAGE_COLUMNS} FROM passages WHERE row IN"
        for row, *values in self._select(query, list(rows)):
            passage = Passage(rows[row], *values)
            found[passage.id] = passage
            self._passages.keep(passage.id, passage)
        return [one for id_ in ids if (one := found[id_]) is not None]

    def sessions(self, codes: Collection[str] | None = None) -> list[Session]:
        """See Index."""
        query = f"SELECT ordinal, {SESSION_COLUMNS} FROM sessions"
        if codes is None:
            return [session_of(row[1:]) for row in sorted(self._db.execute(query))]
        known = {code.casefold(): self._sessions.get(code.casefold()) for code in codes}
        unknown = [folded for folded, found in known.items() if found is None]
        for ordinal, *columns in self._select(f"{query} WHERE folded IN", unknown):
            session = session_of(tuple(columns))
            known[session.code.casefold()] = (ordinal, session)
            self._sessions.keep(session.code.casefold(), (ordinal, session))
        found = [one for one in known.values() if one is not None]
        return [session for _, session in sorted(found, key=itemgetter(0))]

    def session(self, code: str) -> Session | None:
        """See Index."""
        known = self._sessions.get(code.casefold())
        return known[1] if known else next(iter(self.sessions([code])), None)

    def session_vectors(self, codes: Sequence[str]) -> Vectors:
        """See Index."""
        query = "SELECT code, first_passage, last_passage FROM codes WHERE code IN"
        found = {code: places for code, *places in self._select(query, list(dict.fromkeys(codes)))}
        held = np.array([found[code] for code in codes], dtype=np.int64).reshape(-1, 2)
        vectors = self._dense.vectors(_within(held))
        lengths = held[:, 1] - held[:, 0]
        means = np.add.reduceat(vectors, np.cumsum(lengths) - lengths, axis=0)
        unit: Vectors = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return unit

    def facets(self, field: str, folded: Collection[str]) -> list[tuple[str, str, str]]:
        """See Index."""
        query = "SELECT folded, value, code FROM facets WHERE field = ? AND folded IN"
        asked = (field, frozenset(folded))
        found = self._facets.get(asked)
        if found is None:
            found = list(self._select(query, list(folded), field))
            self._facets.keep(asked, found)
        return found

    def values(self, field: str, containing: Collection[str] = ()) -> dict[str, str]:
        """See Index."""
        query = "SELECT folded, value FROM facet_values WHERE field = ?"
        within = " AND instr(folded, ?)" * len(containing)
        return dict(self._db.execute(query + within, (field, *containing)))

    def digests(self) -> dict[str, str]:
        """See Index."""
        return dict(self._db.execute("SELECT path, sha256 FROM sessions"))

    def sentences(self, code: str, start: int, end: int) -> list[Sentence]:
        """See Index."""
        # Sentences do not overlap: both where they start and where they end ascends.
        every = self._split(code)
        first = bisect_left(every, start, key=attrgetter("start"))
        return every[first : bisect_right(every, end, first, key=attrgetter("end"))]

    def holding(self, sentence: Sentence) -> str:
        """See Index."""
        first, last, _, _ = self._ranges(sentence.session_code)
        held = self._places.between(first, last)
        fitting = (held[:, at.START] <= sentence.start) & (held[:, at.END] >= sentence.end)
        found = np.flatnonzero(fitting)[:1].tolist()
        return self._ids_of([first + found[0]])[0] if found else ""

    def sentence_vectors(self, rows: Sequence[int]) -> Vectors | None:
        """See Index."""
        if not self.keeps_sentences:
            return None
        return floats(self._sentences.take(np.array(rows, dtype=np.int64)))

    def sentence_counts(self, stems: Iterable[str]) -> dict[str, int]:
        """See Index."""

        def read(unknown: list[str]) -> dict[str, int]:
            return dict(self._select("SELECT stem, sentences FROM stems WHERE stem IN", unknown))

        return _remembered(self._counts, stems, read)

    def known_words(self, stems: Iterable[str]) -> dict[str, KnownWord]:
        """See Index."""
        query = "SELECT stem, word, written, uses, min(rank) FROM words WHERE stem IN"

        def read(unknown: list[str]) -> dict[str, KnownWord]:
            rows = self._select(query, unknown, ending="GROUP BY stem")
            return {stem: KnownWord(word, written, uses) for stem, word, written, uses, _ in rows}

        return _remembered(self._words, stems, read)

    def words_like(self, word: str, edits: int) -> list[str]:
        """See Index."""
        lengths = (len(word) - edits, len(word) + edits, MOST_ALIKE)
        found: dict[str, None] = {}
        for end, letters in (("head", word[:2]), ("tail", word[-2:])):
            query = (
                f"SELECT word FROM words WHERE {end} = ? AND length(word) BETWEEN ? AND ? "
                "ORDER BY rank LIMIT ?"
            )
            found.update((row[0], None) for row in self._db.execute(query, (letters, *lengths)))
        return list(found)

    def abbreviations(self, keys: Iterable[str]) -> list[Abbreviation]:
        """See Index."""
        wanted = list(dict.fromkeys(keys))
        columns = "short, long, session_code, introduced"
        found = {
            row: None
            for key in ("short_key", "long_key")
            for row in self._select(f"SELECT {columns} FROM abbreviations WHERE {key} IN", wanted)
        }
        return [
            Abbreviation(short, long, code, bool(introduced))
            for short, long, code, introduced in found
        ]

    @property
    def keeps_sentences(self) -> bool:
        """See Index."""
        return len(self._sentences) == self._places.sentences

    def _read_ranges(self, code: str) -> tuple[int, int, int, int]:
        """The first row and the one after the last, of a session's passages and its sentences."""
        columns = "first_passage, last_passage, first_sentence, last_sentence"
        query = f"SELECT {columns} FROM codes WHERE code = ?"
        found: tuple[int, int, int, int] = self._db.execute(query, (code,)).fetchone() or (0,) * 4
        return found

    def _read_sentences(self, code: str) -> list[Sentence]:
        """Every sentence of a session, in order."""
        session = self.session(code)
        if session is None or session.code != code:
            return []
        _, _, first, last = self._ranges(code)
        spans = self._places.spans(first, last).tolist()
        return [
            Sentence(row, code, start, end, session.text[start:end])
            for row, (start, end) in enumerate(spans, first)
        ]

    def _read_passing(self, sessions: frozenset[str]) -> at.Within:
        # In order, many are found three times as fast.
        query = "SELECT ordinal, first_passage, last_passage FROM codes WHERE code IN"
        found = np.array(sorted(self._select(query, sorted(sessions))), dtype=np.int64)
        found = found.reshape(-1, 3)
        return at.Within(found[:, 0], _within(found[:, 1:]))

    def _of_passages(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The columns of `places` of these passages, in their order. Raises KeyError."""
        return self._places.of(self._rows_of(ids))

    def _rows_of(self, ids: Sequence[str]) -> list[int]:
        """The rows of these passages, in their order. Raises KeyError."""
        known = self._known
        unknown = [id_ for id_ in ids if id_ not in known.rows]
        if unknown:
            known.keep(dict(self._select("SELECT row, id FROM ids WHERE id IN", unknown)))
        return [known.rows[id_] for id_ in ids]

    def _ids_of(self, rows: Sequence[int]) -> list[str]:
        if len(self._known.ids) > KEPT_IDS:
            self._known = _Known()
        known = self._known
        unknown = [row for row in rows if row not in known.ids]
        if unknown:
            # In order, neighbours are found on one page.
            unknown.sort()
            known.keep(dict(self._select("SELECT row, id FROM ids WHERE row IN", unknown)))
        return [known.ids[row] for row in rows]

    def _with_ids(self, ranked: list[tuple[int, float]]) -> Ranked:
        ids = self._ids_of([row for row, _ in ranked])
        return [(id_, score) for id_, (_, score) in zip(ids, ranked, strict=True)]

    def _select(
        self, query: str, values: Sequence[Any], *before: Any, ending: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        """`query` ends in IN; `values` are bound, after `before`, in as many as it takes."""
        for first in range(0, len(values), MAX_VALUES):
            part = list(values[first : first + MAX_VALUES])
            # Filled up with its last value: few kinds of statements, each prepared once.
            size = next(size for size in STATEMENTS if size >= len(part))
            part += part[-1:] * (size - len(part))
            marks = ",".join("?" * size)
            found = self._db.execute(f"{query} ({marks}) {ending}", (*before, *part))
            # All at once: a statement that is being read cannot be used by another thread.
            yield from found.fetchall()


def _remembered(
    kept: Remembered[tuple[Value, ...]],
    stems: Iterable[str],
    read: Callable[[list[str]], dict[str, Value]],
) -> dict[str, Value]:
    """What is known of these stems; `read` tells of those that nothing is kept for.

    That there is nothing to know of a stem is kept as well, as ().
    """
    known = {stem: kept.get(stem) for stem in dict.fromkeys(stems)}
    unknown = [stem for stem, found in known.items() if found is None]
    told = read(unknown)
    for stem in unknown:
        known[stem] = (told[stem],) if stem in told else ()
        kept.keep(stem, known[stem] or ())
    return {stem: found[0] for stem, found in known.items() if found}


class _Known:
    """Passages' ids by their rows and back: what an arm has found is asked for again at once.

    Nothing is taken out, or another thread could miss what it has just seen.
    """

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self.rows: dict[str, int] = {}

    def keep(self, found: dict[int, str]) -> None:
        """Adds these."""
        self.ids.update(found)
        self.rows.update(zip(found.values(), found, strict=True))


def _within(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of all runs; `places` has the first of each and the one after its last."""
    lengths = places[:, 1] - places[:, 0]
    before = np.cumsum(lengths) - lengths
    rows: NDArray[np.int64] = np.arange(lengths.sum()) + np.repeat(places[:, 0] - before, lengths)
    return rows


def _nearest(
    asked: Vectors, rows: RowFile, places: NDArray[np.int64], weights: Weights | None = None
) -> Vectors:
    """`nearest` of runs of `rows`, each from its first row to before its last, shape (n, 2)."""
    lengths = places[:, 1] - places[:, 0]
    # In the order of the file, neighbours are one run.
    order = np.argsort(places[:, 0], kind="stable")
    order = order[lengths[order] > 0]
    found = np.zeros(len(places), dtype=np.float32)
    found[order] = nearest(asked, rows.runs(places[order]), lengths[order], weights)
    return found


PASSAGE_COLUMNS = "session_code, title, text, start, end, tokens, seconds, page"
SESSION_COLUMNS = (
    "code, title, event, year, track, level, speakers, services, url, path, sha256, text, marks"
)


def open_database(build: Path) -> sqlite3.Connection:
    """The texts of a build, to be read only, by any thread. Raises sqlite3.Error."""
    address = f"{(build / DATABASE).resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def session_of(row: tuple[Any, ...]) -> Session:
    """The session of a row of SESSION_COLUMNS."""
    record = dict(zip(SESSION_COLUMNS.split(", "), row, strict=True))
    record["speakers"] = tuple(Speaker(**speaker) for speaker in json.loads(record["speakers"]))
    record["services"] = tuple(json.loads(record["services"]))
    record["marks"] = tuple(Mark(*mark) for mark in json.loads(record["marks"]))
    return Session(**record)
