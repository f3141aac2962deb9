"""The index in Milvus, opened for reading: one build, as it was when it was opened."""

import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from math import log1p
from operator import attrgetter
from threading import Lock
from typing import Any

import numpy as np

from sessionqa.datatypes import Passage, Sentence, Session
from sessionqa.encode import STEPS, Vectors
from sessionqa.index import Abbreviation, KnownWord, Manifest, Ranked, Weights
from sessionqa.index.milvus import entries, schema, tables
from sessionqa.index.milvus.entries import Opened
from sessionqa.index.milvus.records import Records
from sessionqa.index.milvus.server import Server
from sessionqa.index.nearest import nearest
from sessionqa.index.passing import Passing
from sessionqa.index.rows import floats
from sessionqa.index.vocabulary import words_of
from sessionqa.remembered import Remembered

# Seconds after it was opened, when it was live, all of a build is there for reads that do not wait:
# twice as long as Milvus says (`common.gracefulTime`).
GRACE = 10.0
# Milvus finds so many at most.
MOST_FOUND = 16_384
# So many of the most usual words with one beginning, or one ending, may be meant by a misspelt one.
MOST_ALIKE = 1000
KEPT_SESSIONS, KEPT_KEYS = 1_000, 100_000
# So many passages that a filter leaves are compared one by one.
SCANNED = 2_000
# A passage's id: the code of its session, the checksum of its text, and which of several it is.
_ID = re.compile(r"(.*)-[0-9a-f]{12}(?:-\d+)?", re.DOTALL)


class MilvusIndex:
    """One build. Safe among threads."""

    def __init__(
        self,
        server: Server,
        collection: str,
        manifest: Manifest,
        dead: Sequence[str],
        keeps_sentences: bool,
        exact: bool,
    ) -> None:
        """`dead` are the keys of rows that are of earlier builds only.

        `exact` says whether a search compares every vector.
        """
        self.manifest = manifest
        self.keeps_sentences = keeps_sentences
        self._exact = exact
        self._server = server
        self._collection = collection
        self._settles = time.monotonic() + GRACE
        records = schema.records_of(collection)
        self._records = Records(server, records, manifest.number, self._settled)
        self._live = f"since <= {manifest.number}"
        if dead:
            self._live += f" and not ({schema.one_of('key', dead)})"
        self._dim = int(manifest.encoder["dim"])
        self._token_dim = int(manifest.encoder["token_dim"])
        self._opened = Remembered[tuple[Opened, ...]](KEPT_SESSIONS)
        self._keys = Remembered[str](KEPT_KEYS)
        self._numbered = _Numbered()

    def dense(self, vector: Vectors, k: int, sessions: Collection[str] | None = None) -> Ranked:
        """See Index."""
        if sessions is not None and not self._exact:
            few = self._passages_of(sessions)
            if few is not None:
                # A graph that is searched with a filter may miss some.
                ranked = zip(few, self.cosines(few, vector).tolist(), strict=True)
                return sorted(ranked, key=_best_first)[:k]
        query = np.asarray(vector, dtype=np.float32).tolist()
        params = {"ef": max(schema.LEAST_EF, k)}
        return self._search("vector", query, k, self._within(sessions), params)

    def lexical(
        self, stems: Sequence[str], k: int, sessions: Collection[str] | None = None
    ) -> Ranked:
        """See Index."""
        return self._by_words(stems, k, self._within(sessions))

    def having(
        self, stems: Sequence[str], k: int, sessions: Collection[str] | None = None
    ) -> Ranked:
        """See Index."""
        filter = self._within(sessions)
        if not stems or filter is None:
            return []
        return self._by_words(stems, k, f"{filter} and {schema.having_all(stems)}")

    def session_scores(self, stems: Sequence[str], ids: Sequence[str]) -> Vectors:
        """See Index. By the same formula as the engine's, over the whole corpus."""
        codes = self.codes(ids)
        keys = {code: entries.counts_key(code) for code in dict.fromkeys(codes)}
        counts = self._records.of(keys.values())
        idf = self._idf_of_sessions(stems)
        scores = {code: self._bm25(counts.get(key, {}), stems, idf) for code, key in keys.items()}
        return np.array([scores[code] for code in codes], dtype=np.float32)

    def cosines(self, ids: Sequence[str], vector: Vectors) -> Vectors:
        """See Index."""
        if not ids:
            return np.zeros(0, dtype=np.float32)
        found: Vectors = np.stack([own for own, _ in self._vectors(ids)]) @ vector
        return found

    def sentence_similarities(self, ids: Sequence[str], sentences: Vectors) -> Vectors:
        """See Index."""
        if not self.keeps_sentences or not ids:
            return np.full(len(ids), np.nan, dtype=np.float32)
        rows = [own for _, own in self._vectors(ids)]
        return _nearest(sentences, rows)

    def token_similarities(self, ids: Sequence[str], tokens: Vectors, weights: Weights) -> Vectors:
        """See Index."""
        if not ids:
            return np.zeros(0, dtype=np.float32)
        return _nearest(tokens / np.float32(STEPS), self._tokens(ids), weights)

    def passage_tokens(self, passage_id: str) -> Vectors:
        """See Index."""
        return np.asarray(self._tokens([passage_id])[0], dtype=np.float32) / np.float32(STEPS)

    def codes(self, ids: Sequence[str]) -> list[str]:
        """See Index."""
        return [_code_of(id_) for id_ in ids]

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """See Index. Raises KeyError for an id that the index does not have."""
        opened = self._sessions_of(ids)
        return [opened[id_].passages[opened[id_].numbers[id_]] for id_ in ids]

    def sessions(self, codes: Collection[str] | None = None) -> list[Session]:
        """See Index."""
        if codes is None:
            codes = [code for code, *_ in self.listed()]
        found = sorted(self._open(codes).values(), key=attrgetter("order"))
        return [opened.session for opened in found]

    def session(self, code: str) -> Session | None:
        """See Index."""
        found = self._open([code]).get(code.casefold())
        return found.session if found else None

    def session_vectors(self, codes: Sequence[str]) -> Vectors:
        """See Index."""
        if not codes:
            return np.zeros((0, self._dim), dtype=np.float32)
        opened = self._open(codes)
        ids = {code: [one.id for one in opened[code.casefold()].passages] for code in codes}
        vectors = self._vectors([id_ for own in ids.values() for id_ in own])
        of = dict(zip((id_ for own in ids.values() for id_ in own), vectors, strict=True))
        means = np.stack([np.mean([of[id_][0] for id_ in ids[code]], axis=0) for code in codes])
        unit: Vectors = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return unit

    def facets(self, field: str, folded: Collection[str]) -> list[tuple[str, str, str]]:
        """See Index."""
        keys = {tables.facet_key(field, form): form for form in folded}
        found = self._records.of(keys)
        return [(keys[key], value, code) for key, rows in found.items() for value, code, _ in rows]

    def values(self, field: str, containing: Collection[str] = ()) -> dict[str, str]:
        """See Index."""
        found: dict[str, str] = {}
        for form, value, _ in self._records.one(tables.values_key(field)) or []:
            if all(part in form for part in containing):
                found[form] = min(value, found.get(form, value))
        return found

    def digests(self) -> dict[str, str]:
        """See Index."""
        return {path: sha256 for _, path, sha256, *_ in self.listed()}

    def sentences(self, code: str, start: int, end: int) -> list[Sentence]:
        """See Index."""
        opened = self._open([code]).get(code.casefold())
        if opened is None or opened.session.code != code:
            return []
        spans = opened.sentences
        # They do not overlap: both where they start and where they end ascends.
        first = bisect_left(spans, start, key=lambda span: span[0])
        last = bisect_right(spans, end, first, key=lambda span: span[1])
        before, text = self._numbered.first(code, len(spans)), opened.session.text
        return [
            Sentence(before + number, code, *spans[number], text[slice(*spans[number])])
            for number in range(first, last)
        ]

    def holding(self, sentence: Sentence) -> str:
        """See Index."""
        opened = self._open([sentence.session_code]).get(sentence.session_code.casefold())
        for passage in opened.passages if opened else ():
            if passage.start <= sentence.start and sentence.end <= passage.end:
                return passage.id
        return ""

    def sentence_vectors(self, rows: Sequence[int]) -> Vectors | None:
        """See Index."""
        if not self.keeps_sentences:
            return None
        if not rows:
            return np.zeros((0, self._dim), dtype=np.float32)
        places = [self._numbered.place(row) for row in rows]
        opened = self._open({code for code, _ in places})
        found = []
        for code, number in places:
            own = opened[code.casefold()]
            of = next(at for at, (first, last) in enumerate(own.held) if first <= number < last)
            found.append((own.passages[of].id, number - own.held[of][0]))
        vectors = dict(zip(ids := [id_ for id_, _ in found], self._vectors(ids), strict=True))
        return floats(np.stack([vectors[id_][1][number] for id_, number in found]))

    def sentence_counts(self, stems: Iterable[str]) -> dict[str, int]:
        """See Index."""
        return {stem: found[0] for stem, found in self._words(stems).items() if found[0]}

    def known_words(self, stems: Iterable[str]) -> dict[str, KnownWord]:
        """See Index."""
        found = {}
        for stem, (_, _, written) in self._words(stems).items():
            uses = {form: count for form, count, _ in written}
            found[stem] = words_of(uses, {form: count for form, _, count in written})[0]
        return found

    def words_like(self, word: str, edits: int) -> list[str]:
        """See Index."""
        lengths = range(max(0, len(word) - edits), len(word) + edits + 1)
        found: dict[str, None] = {}
        for end, letters in (("head", word[:2]), ("tail", word[-2:])):
            keys = [tables.like_key(end, letters, length) for length in lengths]
            alike = [pair for pairs in self._records.of(keys).values() for pair in pairs]
            usual = sorted(alike, key=lambda pair: (-pair[1], pair[0]))[:MOST_ALIKE]
            found.update((word, None) for word, _ in usual)
        return list(found)

    def abbreviations(self, keys: Iterable[str]) -> list[Abbreviation]:
        """See Index."""
        wanted = list(dict.fromkeys(keys))
        read = [*map(tables.short_key, wanted), *map(tables.long_key, wanted)]
        found = {tuple(row[:4]): None for rows in self._records.of(read).values() for row in rows}
        return [
            Abbreviation(short, long, code, bool(introduced))
            for short, long, code, introduced in found
        ]

    def listed(self) -> Iterator[tuple[str, str, str]]:
        """The code, the path and the checksum of each session."""
        for rows in self._records.fresh(tables.shard_keys()).values():
            yield from ((code, path, sha256) for code, path, sha256, *_ in rows)

    def count_rows(self) -> int:
        """How many rows of passages it finds."""
        return self._server.count(self._collection, self._live)

    def opened_sessions(self, codes: Collection[str]) -> list[Opened]:
        """The sessions of these codes, with what they were cut into."""
        return list(self._open(codes).values())

    def encoded(self, ids: Sequence[str]) -> list[entries.Encoded]:
        """What the encoder made of these passages."""
        both = zip(self._vectors(ids), self._tokens(ids), strict=True)
        return [entries.Encoded(vector, own, tokens) for (vector, own), tokens in both]

    def close(self) -> None:
        """See Index. The connection is the store's, which others may go on with."""

    def _settled(self) -> bool:
        """Whether every row of this build was written so long ago that nobody waits for it."""
        return time.monotonic() > self._settles

    def _within(self, sessions: Collection[str] | None) -> str | None:
        """The filter of this build's passages, of these sessions; None if there are none such."""
        if sessions is None:
            return self._live
        if not sessions:
            return None
        if isinstance(sessions, Passing):
            return f"{self._live} and {schema.passes(sessions.by)}"
        return f"{self._live} and {schema.one_of('session', sorted(sessions))}"

    def _passages_of(self, sessions: Collection[str]) -> list[str] | None:
        """The ids of the passages of these sessions; None if they are too many to compare."""
        counts = self.manifest.counts
        if len(sessions) * counts["passages"] > SCANNED * counts["sessions"]:
            # On average they have too many: none is opened to see.
            return None
        opened = self._open(sessions).values()
        found = [one.id for own in opened if own.session.code in sessions for one in own.passages]
        return found if len(found) <= SCANNED else None

    def _by_words(self, stems: Sequence[str], k: int, filter: str | None) -> Ranked:
        if not stems:
            return []
        text = " ".join(map(schema.token, stems))
        found = self._search("words", text, k, filter, {})
        # Milvus Lite gives BM25 as a distance: the same number, less than zero.
        return sorted(((id_, abs(score)) for id_, score in found), key=_best_first)

    def _search(
        self, field: str, query: Any, k: int, filter: str | None, params: dict[str, Any]
    ) -> Ranked:
        if filter is None:
            return []
        most = min(k, MOST_FOUND, max(1, self.manifest.counts["passages"]))
        hits = self._server.search(
            self._collection, field, query, most, filter, ["key"], params, self._settled()
        )
        found = []
        for hit in hits:
            key = str(hit["key"])
            self._keys.keep(entries.id_of(key), key)
            found.append((entries.id_of(key), float(hit["distance"])))
        return sorted(found, key=_best_first)

    def _open(self, codes: Collection[str]) -> dict[str, Opened]:
        """The sessions of these codes by their folded codes, those that there are."""
        keys = {code.casefold(): entries.session_key(code) for code in codes}
        found = {folded: self._opened.get(folded) for folded in keys}
        unknown = [folded for folded, value in found.items() if value is None]
        records = self._records.fresh(keys[folded] for folded in unknown)
        for folded in unknown:
            record = records.get(keys[folded])
            found[folded] = (entries.opened(record),) if record else ()
            self._opened.keep(folded, found[folded] or ())
        return {folded: value[0] for folded, value in found.items() if value}

    def _sessions_of(self, ids: Sequence[str]) -> dict[str, Opened]:
        """The session of each passage. Raises KeyError for one that the index does not have."""
        opened = self._open({_code_of(id_) for id_ in ids})
        found = {id_: opened[_code_of(id_).casefold()] for id_ in ids}
        for id_, own in found.items():
            if id_ not in own.numbers:
                raise KeyError(id_)
        return found

    def _keys_of(self, ids: Sequence[str]) -> list[str]:
        """The keys of the passages' rows. Raises KeyError."""
        known = {id_: self._keys.get(id_) for id_ in ids}
        unknown = [id_ for id_, key in known.items() if key is None]
        for id_, opened in self._sessions_of(unknown).items():
            known[id_] = entries.row_key(id_, opened.since)
            self._keys.keep(id_, known[id_] or "")
        return [key for id_ in ids if (key := known[id_])]

    def _vectors(self, ids: Sequence[str]) -> list[tuple[Vectors, entries.Halves]]:
        """The vector of each passage, and those of its sentences."""
        keys = list(map(entries.vectors_key, self._keys_of(ids)))
        raw = self._records.raw(keys)
        return [entries.vectors_of(raw[key], self._dim) for key in keys]

    def _tokens(self, ids: Sequence[str]) -> list[Any]:
        """The vectors of the tokens of each passage."""
        keys = list(map(entries.tokens_key, self._keys_of(ids)))
        raw = self._records.raw(keys) if self._token_dim else {}
        width = self._token_dim
        return [entries.tokens_of_passage(raw.get(key, b""), width) for key in keys]

    def _words(self, stems: Iterable[str]) -> dict[str, Any]:
        keys = {tables.word_key(stem): stem for stem in stems}
        return {keys[key]: value for key, value in self._records.of(keys).items()}

    def _idf_of_sessions(self, stems: Sequence[str]) -> dict[str, float]:
        total = self._statistics["sessions"]
        return {
            stem: log1p((total - found[1] + 0.5) / (found[1] + 0.5))
            for stem, found in self._words(stems).items()
        }

    @property
    def _statistics(self) -> dict[str, int]:
        found: dict[str, int] = self._records.one(tables.STATISTICS)
        return found

    def _bm25(self, counts: dict[str, int], stems: Sequence[str], idf: dict[str, float]) -> float:
        """Robertson and Zaragoza 2009, with the parameters of the engine's."""
        told = self._statistics
        k1, b = schema.BM25["bm25_k1"], schema.BM25["bm25_b"]
        length = sum(counts.values()) * told["sessions"] / max(1, told["words"])
        score = 0.0
        for stem in stems:
            count = counts.get(stem, 0)
            score += idf.get(stem, 0.0) * count * (k1 + 1) / (count + k1 * (1 - b + b * length))
        return score


class _Numbered:
    """Numbers for sentences: a session's follow one another, from the first time it was seen."""

    def __init__(self) -> None:
        self._firsts: dict[str, int] = {}
        self._codes: list[tuple[int, str]] = []
        self._next = 0
        self._lock = Lock()

    def first(self, code: str, count: int) -> int:
        """The number of a session's first sentence, of which there are `count`."""
        with self._lock:
            if code not in self._firsts:
                self._firsts[code] = self._next
                self._codes.append((self._next, code))
                self._next += count
            return self._firsts[code]

    def place(self, number: int) -> tuple[str, int]:
        """The session of a sentence, and which of its sentences it is."""
        first, code = self._codes[bisect_right(self._codes, number, key=lambda one: one[0]) - 1]
        return code, number - first


def _best_first(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


def _code_of(passage_id: str) -> str:
    found = _ID.fullmatch(passage_id)
    if not found:
        raise KeyError(passage_id)
    return found[1]


def _nearest(asked: Vectors, rows: Sequence[Any], weights: Weights | None = None) -> Vectors:
    lengths = np.array([len(own) for own in rows], dtype=np.int64)
    return nearest(asked, np.concatenate(rows), lengths, weights)
