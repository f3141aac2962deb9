"""The index in a folder, opened for reading: FAISS for vectors, SQLite for everything else."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sessionqa.datatypes import Passage, Sentence, Session, Speaker
from sessionqa.encode import STEPS, Tokens, Vectors
from sessionqa.errors import IndexDamaged, IndexMissing, first_line
from sessionqa.exports import sha256_of
from sessionqa.index import FORMAT_VERSION, Abbreviation, KnownWord, Manifest, Ranked, Weights

CURRENT = "CURRENT"
BUILDS = "builds"
ENCODERS = "encoder"
RERANKERS = "reranker"
MANIFEST = "manifest.json"
DATABASE = "passages.sqlite"
VECTORS = "vectors.faiss"
SENTENCES = "sentences.npy"
TOKENS = "tokens.int8"
PASSAGE_WORDS = "lexical/passages"
SESSION_WORDS = "lexical/sessions"
# SQLite takes so many values in one statement everywhere.
MAX_VALUES = 500
# So many of the most usual words with one beginning, or one ending, may be meant by a misspelt one.
MOST_ALIKE = 1000
# No build has a longer name, and a file system refuses to look for one of any length.
MAX_NAME = 100

REBUILD = "run `sessionqa index` to build it again"


class LocalIndex:
    """One build, read-only: a folder without write permission serves as well."""

    def __init__(self, folder: Path, build: Path, manifest: Manifest) -> None:
        import faiss

        from sessionqa.index.lexical import LexicalArm

        self.folder = folder
        self.manifest = manifest
        self._faiss = faiss
        try:
            # Read by Python: FAISS cannot open every path on Windows.
            packed = np.frombuffer((build / VECTORS).read_bytes(), dtype=np.uint8)
            self._vectors = faiss.deserialize_index(packed)
            self._sentences = np.load(build / SENTENCES, mmap_mode="r", allow_pickle=False)
            self._tokens = _read_tokens(build / TOKENS, manifest.encoder["token_dim"])
            self._lexical = LexicalArm(build / PASSAGE_WORDS)
            self._lexical_sessions = LexicalArm(build / SESSION_WORDS)
            self._db = sqlite3.connect(
                f"{(build / DATABASE).resolve().as_uri()}?mode=ro&immutable=1",
                uri=True,
                check_same_thread=False,
            )
            rows = self._db.execute("SELECT count(*) FROM passages").fetchone()[0]
        except (RuntimeError, ValueError, OSError, sqlite3.Error) as error:
            raise IndexDamaged(
                f"{build} cannot be read ({first_line(error)}): {REBUILD}"
            ) from error
        if not self._vectors.ntotal == rows == manifest.counts["passages"]:
            raise IndexDamaged(
                f"{build} has {self._vectors.ntotal} vectors for {rows} passages: {REBUILD}"
            )

    @classmethod
    def open(cls, folder: Path, verify: bool = False) -> Self:
        """Opens the live build below `folder`; `verify` reads every file against its checksum.

        Raises IndexMissing if nothing was built there, IndexDamaged if it must not be trusted.
        """
        build = current_build(folder)
        manifest = read_manifest(build)
        _check_files(build, manifest, verify)
        return cls(folder, build, manifest)

    @property
    def encoder_folder(self) -> Path:
        """Where the encoder that made the vectors lies."""
        return self.folder / ENCODERS / str(self.manifest.encoder["fingerprint"])

    def close(self) -> None:
        """Lets go of the files; the index is of no use any more."""
        self._db.close()
        self._sentences = np.zeros((0, self._vectors.d), dtype=np.float16)
        self._tokens = np.zeros((0, self._tokens.shape[1]), dtype=np.int8)
        self._lexical.close()
        self._lexical_sessions.close()

    def dense(self, vector: Vectors, k: int, sessions: Collection[str] | None = None) -> Ranked:
        """See Index. A filter scans the rows that pass, exactly."""
        if sessions is None:
            parameters = None
        else:
            rows = self._rows_of(sessions)
            selector = self._faiss.IDSelectorBatch(np.asarray(rows, dtype=np.int64))
            parameters = self._faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        scores, found = self._vectors.search(
            vector.reshape(1, -1), min(k, self._vectors.ntotal), params=parameters
        )
        ranked = [
            (int(row), float(s)) for row, s in zip(found[0], scores[0], strict=True) if row >= 0
        ]
        return self._with_ids(ranked)

    def lexical(
        self, stems: Sequence[str], k: int, sessions: Collection[str] | None = None
    ) -> Ranked:
        """See Index."""
        # The engine takes memory for as many as it is asked for.
        return self._with_ids(self._lexical.search(stems, min(k, self._vectors.ntotal), sessions))

    def having(
        self, stems: Sequence[str], k: int, sessions: Collection[str] | None = None
    ) -> Ranked:
        """See Index."""
        return self._with_ids(self._lexical.having(stems, min(k, self._vectors.ntotal), sessions))

    def session_scores(self, stems: Sequence[str], ids: Sequence[str]) -> Vectors:
        """See Index."""
        codes = self.codes(ids)
        wanted = sorted(set(codes))
        found = dict(self._lexical_sessions.search(stems, max(len(wanted), 1), wanted))
        query = "SELECT ordinal, code FROM sessions WHERE ordinal IN"
        scores = {code: found[row] for row, code in self._select(query, list(found))}
        return np.array([scores.get(code, 0.0) for code in codes], dtype=np.float32)

    def similarities(
        self, ids: Sequence[str], vector: Vectors, sentences: Vectors
    ) -> tuple[Vectors, Vectors]:
        """See Index."""
        if not ids:
            return np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32)
        places = np.array(self._of_passages("row, first_sentence, last_sentence", ids))
        whole = self._vectors.reconstruct_batch(places[:, 0]) @ vector
        nearest = _nearest(sentences, self._sentences, places[:, 1:])
        return np.asarray(whole, dtype=np.float32), nearest

    def token_similarities(self, ids: Sequence[str], tokens: Vectors, weights: Weights) -> Vectors:
        """See Index."""
        if not ids:
            return np.zeros(0, dtype=np.float32)
        places = np.array(self._of_passages("first_token, last_token", ids))
        return _nearest(tokens / np.float32(STEPS), self._tokens, places, weights)

    def passage_tokens(self, passage_id: str) -> Vectors:
        """See Index."""
        ((first, last),) = self._of_passages("first_token, last_token", [passage_id])
        return np.asarray(self._tokens[first:last], dtype=np.float32) / np.float32(STEPS)

    def codes(self, ids: Sequence[str]) -> list[str]:
        """See Index."""
        return [code for (code,) in self._of_passages("session_code", ids)]

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """See Index. Raises KeyError for an id that the index does not have."""
        columns = "id, session_code, title, text, start, end, tokens"
        return [Passage(*row) for row in self._of_passages(columns, ids)]

    def sessions(self, codes: Collection[str] | None = None) -> list[Session]:
        """See Index."""
        query = f"SELECT ordinal, {SESSION_COLUMNS} FROM sessions"
        if codes is None:
            rows: Iterable[tuple[Any, ...]] = self._db.execute(query)
        else:
            rows = self._select(f"{query} WHERE folded IN", [code.casefold() for code in codes])
        return [_session(row[1:]) for row in sorted(rows)]

    def session(self, code: str) -> Session | None:
        """See Index."""
        query = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE folded = ?"
        row = self._db.execute(query, (code.casefold(),)).fetchone()
        return _session(row) if row else None

    def facets(self, field: str, folded: Collection[str]) -> list[tuple[str, str, str]]:
        """See Index."""
        query = "SELECT folded, value, code FROM facets WHERE field = ? AND folded IN"
        return list(self._select(query, list(folded), field))

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
        query = (
            "SELECT row, session_code, start, end, text FROM sentences "
            "WHERE session_code = ? AND start >= ? AND end <= ? ORDER BY row"
        )
        return [Sentence(*row) for row in self._db.execute(query, (code, start, end))]

    def holding(self, sentence: Sentence) -> str:
        """See Index."""
        query = (
            "SELECT id FROM passages WHERE session_code = ? AND start <= ? AND end >= ? "
            "ORDER BY row LIMIT 1"
        )
        place = (sentence.session_code, sentence.start, sentence.end)
        row = self._db.execute(query, place).fetchone()
        return str(row[0]) if row else ""

    def sentence_vectors(self, rows: Sequence[int]) -> Vectors:
        """See Index."""
        return np.asarray(self._sentences[np.asarray(rows, dtype=np.int64)], dtype=np.float32)

    def sentence_counts(self, stems: Iterable[str]) -> dict[str, int]:
        """See Index."""
        return dict(self._select("SELECT stem, sentences FROM stems WHERE stem IN", list(stems)))

    def known_words(self, stems: Iterable[str]) -> dict[str, KnownWord]:
        """See Index."""
        query = "SELECT stem, word, written, uses, min(rank) FROM words WHERE stem IN"
        rows = self._select(query, list(dict.fromkeys(stems)), ending="GROUP BY stem")
        return {stem: KnownWord(word, written, count) for stem, word, written, count, _ in rows}

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

    def passage_rows(self) -> dict[str, int]:
        """The row of each passage by the key of what the encoder read: for the next build."""
        return dict(self._db.execute("SELECT key, row FROM passages"))

    def sentence_rows(self) -> dict[str, int]:
        """The same for sentences."""
        return dict(self._db.execute("SELECT key, row FROM sentences"))

    def encoded(self, row: int) -> tuple[Vectors, Tokens]:
        """The vector of a passage, and those of its tokens."""
        query = "SELECT first_token, last_token FROM passages WHERE row = ?"
        first, last = self._db.execute(query, (row,)).fetchone()
        vector = np.asarray(self._vectors.reconstruct(row), dtype=np.float32)
        return vector, np.array(self._tokens[first:last])

    def _of_passages(self, columns: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        """What these passages have in the columns, in their order. Raises KeyError."""
        query = f"SELECT id, {columns} FROM passages WHERE id IN"
        found = {row[0]: row[1:] for row in self._select(query, ids)}
        return [found[id_] for id_ in ids]

    def _with_ids(self, ranked: list[tuple[int, float]]) -> Ranked:
        rows = [row for row, _ in ranked]
        ids = dict(self._select("SELECT row, id FROM passages WHERE row IN", rows))
        return [(ids[row], score) for row, score in ranked]

    def _rows_of(self, sessions: Collection[str]) -> list[int]:
        # In order, many are found three times as fast.
        rows = self._select("SELECT row FROM passages WHERE session_code IN", sorted(sessions))
        return [row[0] for row in rows]

    def _select(
        self, query: str, values: Sequence[Any], *before: Any, ending: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        """`query` ends in IN; `values` are bound, after `before`, in as many as it takes."""
        for at in range(0, len(values), MAX_VALUES):
            part = values[at : at + MAX_VALUES]
            marks = ",".join("?" * len(part))
            yield from self._db.execute(f"{query} ({marks}) {ending}", (*before, *part))


def _read_tokens(path: Path, dim: int) -> Tokens:
    """The rows of a file, read as they are needed; a file of none cannot be mapped."""
    if not path.stat().st_size:
        return np.zeros((0, dim), dtype=np.int8)
    return np.memmap(path, dtype=np.int8, mode="r").reshape(-1, dim)


def _nearest(
    asked: Vectors, rows: NDArray[Any], places: NDArray[np.int64], weights: Weights | None = None
) -> Vectors:
    """For each run of `rows` the mean, over those asked for, of the greatest product with any.

    `places` has the first row of each run and the one after its last, shape (n, 2); an empty run
    gives 0.
    """
    nearest = np.zeros(len(places), dtype=np.float32)
    lengths = places[:, 1] - places[:, 0]
    full = np.flatnonzero(lengths)
    if not len(full) or not len(asked):
        return nearest
    ends = np.cumsum(lengths[full])
    within = np.arange(ends[-1]) - np.repeat(ends - lengths[full], lengths[full])
    chosen = rows[np.repeat(places[full, 0], lengths[full]) + within].astype(np.float32)
    products = chosen @ asked.T
    best = np.maximum.reduceat(products, ends - lengths[full], axis=0)
    nearest[full] = np.average(best, axis=1, weights=weights)
    return nearest


SESSION_COLUMNS = (
    "code, title, event, year, track, level, speakers, services, url, path, sha256, text"
)


def _session(row: tuple[Any, ...]) -> Session:
    record = dict(zip(SESSION_COLUMNS.split(", "), row, strict=True))
    record["speakers"] = tuple(Speaker(**speaker) for speaker in json.loads(record["speakers"]))
    record["services"] = tuple(json.loads(record["services"]))
    return Session(**record)


def current_build(folder: Path) -> Path:
    """The folder of the live build. Raises IndexMissing or IndexDamaged."""
    try:
        name = (folder / CURRENT).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexMissing(
            f"there is no index in {folder}: run `sessionqa index`, with the same --corpus and "
            "--index if you gave any"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexDamaged(
            f"{folder / CURRENT} cannot be read ({first_line(error)}): {REBUILD}"
        ) from error
    build = folder / BUILDS / name
    if not 0 < len(name) < MAX_NAME or Path(name).name != name or not build.is_dir():
        raise IndexDamaged(f"{folder / CURRENT} names a build that is not there: {REBUILD}")
    return build


def read_manifest(build: Path) -> Manifest:
    """The manifest of a build. Raises IndexDamaged for one that is broken or of another format."""
    path = build / MANIFEST
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["format"]
        if version == FORMAT_VERSION:
            return Manifest(**record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(f"{path} cannot be read ({first_line(error)}): {REBUILD}") from error
    raise IndexDamaged(
        f"{path} has format {version}, and this sessionqa reads {FORMAT_VERSION}: {REBUILD}"
    )


def _check_files(build: Path, manifest: Manifest, verify: bool) -> None:
    for name, expected in manifest.files.items():
        path = build / name
        if not path.is_file():
            raise IndexDamaged(f"{path} is missing: {REBUILD}")
        if path.stat().st_size != expected["size"]:
            raise IndexDamaged(
                f"{path} has {path.stat().st_size} bytes instead of {expected['size']}: {REBUILD}"
            )
        if verify and sha256_of(path) != expected["sha256"]:
            raise IndexDamaged(f"{path} is not what was built, by its checksum: {REBUILD}")
