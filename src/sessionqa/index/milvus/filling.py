"""Sessions -> a build in Milvus: new collections, or those that are live brought up to date.

Nothing that a reader of the live build may want is touched before another build is live. Rows
have stable keys, so that what is written twice is there once.
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from sessionqa.datatypes import Session
from sessionqa.encode import Encoder, Vectors, passage_input
from sessionqa.errors import IndexDamaged, IndexUnusable
from sessionqa.index import FORMAT_VERSION, Manifest
from sessionqa.index.builds import REBUILD, sealed, unsealed
from sessionqa.index.cut import Pieces, Report, cut
from sessionqa.index.dense import is_exact
from sessionqa.index.inputs import chunking_of, confidence, corpus_fingerprint, inputs_of
from sessionqa.index.milvus import collections as schema
from sessionqa.index.milvus import entries, tables
from sessionqa.index.milvus.entries import Encoded, Opened
from sessionqa.index.milvus.milvus import MilvusIndex
from sessionqa.index.milvus.records import (
    Records,
    all_rows,
    rows_before,
    rows_of,
    stale_parts,
)
from sessionqa.index.milvus.server import Row, Server
from sessionqa.index.room import passages_of
from sessionqa.settings import Settings

BUILD = "build"
# What a build that was broken off had begun: a file among what this machine keeps.
MAKING = "making.json"
# So many sessions are encoded and written at a time: what is lost when it is broken off.
BATCH = 64
# With more rows than this to be passed over, collections are made anew.
MOST_DEAD = 5_000


@dataclass(frozen=True, slots=True)
class Known:
    """What an encoder has made of some texts, by what it read of them."""

    passages: Mapping[str, Encoded] = field(default_factory=dict)
    sentences: Mapping[str, Vectors | entries.Halves] = field(default_factory=dict)


NOTHING = Known()

# Each session with its place in the corpus.
Placed = tuple[int, Session]
Stamps = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Live:
    """The build that is live: its collection, its manifest, and which rows are of others only."""

    collection: str
    manifest: Manifest
    dead: tuple[str, ...]
    keeps_sentences: bool
    exact: bool

    def opened(self, server: Server) -> MilvusIndex:
        """The build, for reading."""
        return MilvusIndex(server, self.collection, self.manifest, self.dead, self.keeps_sentences)


def live_build(server: Server, collection: str | None = None) -> Live:
    """The build that the alias names, or that of a collection.

    Raises IndexMissing, IndexDamaged, or IndexUnusable if the server does not answer.
    """
    place = f"{server.address}"
    collection = collection or server.target()
    if collection is None:
        raise server.missing("no alias of that name")
    if schema.records_of(collection) not in server.collections():
        raise IndexDamaged(f"{place} names a collection of others, or one not whole: {REBUILD}")
    # One that was opened anew, or let go of by somebody, is not searched before.
    for name in (collection, schema.records_of(collection)):
        server.load(name)
    versions = _versions(server, collection)
    if not versions:
        raise IndexDamaged(f"{place} names a collection of others, or one not whole: {REBUILD}")
    records = Records(server, schema.records_of(collection), versions[0][0])
    record = records.one(BUILD)
    manifest = unsealed(record["manifest"], place)
    dim = _dim_of(server.described(collection))
    if dim != manifest.encoder["dim"]:
        raise IndexDamaged(
            f"{place} has vectors of length {dim}, and {manifest.encoder['name']} makes some of "
            f"{manifest.encoder['dim']}: {REBUILD}"
        )
    dead, kept, exact = (record[name] for name in ("dead", "keeps_sentences", "exact"))
    return Live(collection, manifest, tuple(dead), kept, exact)


def pointer(server: Server) -> tuple[str | None, int]:
    """Differs once another build is live."""
    collection = server.target()
    versions = _versions(server, collection) if collection else []
    return collection, versions[0][0] if versions else 0


def _versions(server: Server, collection: str) -> list[Any]:
    records = Records(server, schema.records_of(collection), 0)
    return records.versions([BUILD]).get(BUILD, [])


def _dim_of(described: Mapping[str, Any]) -> int:
    named = {field["name"]: field for field in described["fields"]}
    return int(named.get("vector", {}).get("params", {}).get("dim", 0))


def write_build(
    server: Server,
    settings: Settings,
    sessions: Sequence[Session],
    stamps: Stamps,
    encoder: Encoder,
    report: Report,
    force: bool = False,
) -> Manifest:
    """Builds an index of `sessions` and makes it the live one.

    The collections that are live are brought up to date where that is possible, unless it is to be
    by `force` from nothing. Raises IndexUnusable as `Server` does; the build before stays live
    then.
    """
    live = None
    with suppress(IndexUnusable):
        live = live_build(server)
    filling = _Filling(server, settings, sessions, stamps, encoder, report)
    if live and not force and filling.fits(live):
        return filling.update(live)
    return filling.build(live)


class _Filling:
    """One build being made."""

    def __init__(
        self,
        server: Server,
        settings: Settings,
        sessions: Sequence[Session],
        stamps: Stamps,
        encoder: Encoder,
        report: Report,
    ) -> None:
        self._server = server
        self._settings = settings
        self._sessions = sessions
        self._stamps = stamps
        self._encoder = encoder
        self._report = report
        about = passages_of(sessions, settings)
        self._keeps_sentences = about <= settings.sentence_vectors_up_to
        self._exact = is_exact(about)
        self._making = settings.index / MAKING
        self._stale: list[str] = []

    def fits(self, live: Live) -> bool:
        """Whether what is live was made by the same encoder and cut by the same settings."""
        made_by = live.manifest.encoder
        return (
            made_by["fingerprint"] == self._encoder.fingerprint
            and made_by["token_dim"] == self._encoder.token_dim
            and live.manifest.chunking == chunking_of(self._settings)
            and live.keeps_sentences == self._keeps_sentences
            and live.exact == self._exact
        )

    def build(self, live: Live | None) -> Manifest:
        """Fills new collections and has the alias name them."""
        number = live.manifest.number + 1 if live else 1
        name, number, resumed = self._begun(number)
        collection = schema.name_of(self._server.address.alias, name)
        if not resumed:
            self._create(collection)
        made = tables.Tables()
        counts = {"sessions": 0, "passages": 0, "sentences": 0}
        known = Records(self._server, schema.records_of(collection), number)
        for batch in _batches(list(enumerate(self._sessions)), BATCH):
            done = self._done(batch, known) if resumed else {}
            left = [one for one in batch if one[1].code not in done]
            for opened in [*done.values(), *self._filled(collection, number, left)]:
                made.add(opened)
                _count(counts, opened)
            self._report("encoding and writing", counts["sessions"], len(self._sessions))
        self._put(collection, all_rows(dict(made.changed(lambda _: {})), number))
        manifest = self._manifest(name, number, counts)
        self._publish(collection, manifest, (), [])
        self._server.point_to(collection)
        self._making.unlink(missing_ok=True)
        self._remove_old(collection)
        return manifest

    def update(self, live: Live) -> Manifest:
        """Writes what differs beside what is live, and has readers see it from one moment on."""
        server, collection, number = self._server, live.collection, live.manifest.number + 1
        self._tidy(live)
        index = live.opened(server)
        listed = {code: (path, digest) for code, path, digest, *_ in index.listed()}
        placed = list(enumerate(self._sessions))
        now = {session.code for session in self._sessions}
        new = [(at, one) for at, one in placed if _differs(one, listed.get(one.code))]
        gone = [code for code in listed if code not in now]
        old = index.opened_sessions([*gone, *(one.code for _, one in new if one.code in listed)])
        dead = [entries.row_key(one.id, own.since) for own in old for one in own.passages]
        if len(dead) > MOST_DEAD:
            return self.build(live)
        made = tables.Tables()
        counts = dict(live.manifest.counts)
        for own in old:
            made.add(own, -1)
            _count(counts, own, -1)
        records = Records(server, schema.records_of(collection), live.manifest.number)
        self._put(collection, self._versioned(_taken_away(gone), records, number))
        known = _known(index, old, self._encoder)
        for batch in _batches(new, BATCH):
            for opened in self._filled(collection, number, batch, known, records):
                made.add(opened)
                _count(counts, opened)
        changed = made.changed(records.of)
        self._put(collection, self._versioned(changed, records, number))
        manifest = self._manifest(live.manifest.build, number, counts)
        self._publish(collection, manifest, dead, _versions(server, collection))
        return manifest

    def _begun(self, number: int) -> tuple[str, int, bool]:
        """The name and number of the build, and whether one that was broken off goes on."""
        inputs = self._inputs()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        with suppress(OSError, ValueError, KeyError, TypeError):
            begun = json.loads(self._making.read_text(encoding="utf-8"))
            collection = schema.name_of(self._server.address.alias, str(begun["build"]))
            there = schema.records_of(collection) in self._server.collections()
            if there and begun["inputs"] == inputs:
                for name in (collection, schema.records_of(collection)):
                    self._server.load(name)
                return str(begun["build"]), int(begun["number"]), True
            self._drop(collection)
        record = {"inputs": inputs, "build": name, "number": number}
        self._making.write_text(json.dumps(record), encoding="utf-8")
        return name, number, False

    def _create(self, collection: str) -> None:
        from pymilvus import MilvusClient

        self._server.create(
            collection,
            schema.passages_schema(MilvusClient, self._encoder.dim),
            schema.passages_indexes(MilvusClient, self._exact),
        )
        self._server.create(
            schema.records_of(collection),
            schema.records_schema(MilvusClient),
            schema.records_indexes(MilvusClient),
        )

    def _done(self, batch: Sequence[Placed], known: Records) -> dict[str, Opened]:
        """Those of a batch that a build which was broken off has written."""
        found = known.fresh(entries.session_key(session.code) for _, session in batch)
        opened = map(entries.opened, found.values())
        return {one.session.code: one for one in opened}

    def _filled(
        self,
        collection: str,
        number: int,
        batch: Sequence[Placed],
        known: Known = NOTHING,
        records: Records | None = None,
    ) -> list[Opened]:
        """Encodes and writes these sessions; of `known` inputs nothing is encoded again."""
        made = encoded(batch, number, self._encoder, self._settings, self._keeps_sentences, known)
        rows = [row for opened, own in made for row in entries.passage_rows(opened, own)]
        values = [pair for opened, own in made for pair in entries.records_of(opened, own)]
        self._server.put(collection, rows)
        # A session's own record comes last: what has one is there as a whole.
        values.sort(key=lambda pair: pair[0].startswith("session:"))
        self._put(collection, self._versioned(values, records, number))
        return [opened for opened, _ in made]

    def _versioned(
        self, values: Iterable[tuple[str, Any]], records: Records | None, number: int
    ) -> Iterator[Row]:
        """The rows of records, beside what `records` has of them."""
        for part in _batches(list(values), 500):
            before = records.versions([key for key, _ in part]) if records else {}
            for key, value in part:
                self._stale += stale_parts(key, before.get(key, []), number)
                yield from rows_of(key, value, number, before.get(key, []))

    def _put(self, collection: str, rows: Iterable[Row]) -> None:
        for part in _batches(list(rows), 2_000):
            self._server.put(schema.records_of(collection), part)

    def _publish(
        self, collection: str, manifest: Manifest, dead: Sequence[str], before: Sequence[Any]
    ) -> None:
        """Writes a build's own record, once everything else is there and whole."""
        server = self._server
        for name in (collection, schema.records_of(collection)):
            server.settle(name)
        there, wanted = server.count(collection), manifest.counts["passages"] + len(dead)
        if there != wanted:
            raise IndexUnusable(
                f"{server.address} has {there:,} rows of {wanted:,} that were written: see the "
                "server's log, then run `sessionqa index` again"
            )
        record = {
            "manifest": sealed(manifest).decode(),
            "dead": list(dead),
            "keeps_sentences": self._keeps_sentences,
            "exact": self._exact,
        }
        self._put(collection, rows_of(BUILD, record, manifest.number, before))
        server.settle(schema.records_of(collection))
        server.remove(schema.records_of(collection), self._stale)

    def _tidy(self, live: Live) -> None:
        """Removes what an update left that was broken off, and what no reader may want any more."""
        server, collection = self._server, live.collection
        records = schema.records_of(collection)
        newer = f"since > {live.manifest.number}"
        server.remove_where(collection, newer)
        put, removed = rows_before(server.find(records, newer, ["key", "data"]))
        server.put(records, put)
        server.remove(records, removed)
        server.remove(collection, live.dead)
        made = (entries.vectors_key, entries.tokens_key)
        gone = [make(key) for key in live.dead for make in made]
        server.remove(records, gone)

    def _manifest(self, name: str, number: int, counts: dict[str, int]) -> Manifest:
        settings, encoder = self._settings, self._encoder
        return Manifest(
            format=FORMAT_VERSION,
            build=name,
            number=number,
            inputs=self._inputs(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            corpus={
                "path": str(settings.corpus.resolve()),
                "fingerprint": corpus_fingerprint(self._sessions),
                "stamps": dict(self._stamps),
            },
            encoder={
                "name": settings.model,
                "fingerprint": encoder.fingerprint,
                "dim": encoder.dim,
                "token_dim": encoder.token_dim,
                "max_tokens": encoder.max_tokens,
                "backend": encoder.backend,
            },
            chunking=chunking_of(settings),
            counts=counts,
            confidence=confidence(),
            files={},
        )

    def _inputs(self) -> str:
        corpus = corpus_fingerprint(self._sessions)
        return inputs_of(corpus, self._encoder.fingerprint, self._settings)

    def _remove_old(self, live: str) -> None:
        alias, server = self._server.address.alias, self._server
        others = [one for one in server.collections() if schema.is_build(one, alias) and one < live]
        for one in sorted(others, reverse=True)[self._settings.keep_builds :]:
            self._drop(one)

    def _drop(self, collection: str) -> None:
        for name in (schema.records_of(collection), collection):
            self._server.drop(name)


def encoded(
    batch: Sequence[Placed],
    number: int,
    encoder: Encoder,
    settings: Settings,
    with_sentences: bool,
    known: Known = NOTHING,
) -> list[tuple[Opened, list[Encoded]]]:
    """Each session cut, as of build `number`, and what the encoder makes of its passages.

    Of inputs that are `known` nothing is encoded again.
    """
    sessions = [session for _, session in batch]
    made = cut(sessions, encoder, settings, {}, lambda *_: None)
    passages = _passages(made.passage_inputs, encoder, known.passages)
    inputs = [
        passage_input(encoder, session.title, text)
        for session, text in made.sentence_texts(sessions)
        if with_sentences
    ]
    sentences = _sentences(inputs, encoder, known.sentences)
    found = []
    for (place, session), (own, spans) in zip(batch, made.of_session, strict=True):
        held = [(begin - spans[0], end - spans[0]) for begin, end in made.held[slice(*own)]]
        pieces = Pieces(made.passages[slice(*own)], made.sentences[slice(*spans)], held)
        every = [
            replace(
                passages[made.passage_inputs[row]],
                sentences=sentences[slice(*made.held[row])],
            )
            for row in range(*own)
        ]
        found.append((entries.of_pieces(session, pieces, number, place), every))
    return found


def _passages(
    texts: Sequence[str], encoder: Encoder, known: Mapping[str, Encoded]
) -> dict[str, Encoded]:
    """What the encoder makes of each text, without its sentences."""
    none = np.zeros((0, encoder.dim), dtype=np.float16)
    found = {text: known[text] for text in texts if text in known}
    left = [text for text in dict.fromkeys(texts) if text not in known]
    if left:
        made = encoder.encode_with_tokens(left)
        tokens = np.split(made.tokens, np.cumsum(made.lengths)[:-1])
        for text, vector, own in zip(left, made.vectors, tokens, strict=True):
            found[text] = Encoded(vector, none, own)
    return found


def _sentences(
    texts: Sequence[str], encoder: Encoder, known: Mapping[str, Vectors | entries.Halves]
) -> entries.Halves:
    """The vectors of the texts, shape (len(texts), dim)."""
    found = np.zeros((len(texts), encoder.dim), dtype=np.float16)
    left = [row for row, text in enumerate(texts) if text not in known]
    if left:
        found[left] = encoder.encode_passages([texts[row] for row in left])
    for row, text in enumerate(texts):
        if text in known:
            found[row] = known[text]
    return found


def _known(index: MilvusIndex, old: Sequence[Opened], encoder: Encoder) -> Known:
    """What an earlier build has of these sessions."""
    made = iter(index.encoded([passage.id for own in old for passage in own.passages]))
    passages: dict[str, Encoded] = {}
    sentences: dict[str, entries.Halves] = {}
    for own in old:
        texts = list(own.sentence_texts())
        title = own.session.title
        for passage, held in zip(own.passages, own.held, strict=True):
            encoded = next(made)
            passages[passage_input(encoder, title, passage.text)] = encoded
            # Where vectors of sentences are not kept there is none for a text.
            for text, vector in zip(texts[slice(*held)], encoded.sentences, strict=False):
                sentences[passage_input(encoder, title, text)] = vector
    return Known(passages, sentences)


def _differs(session: Session, listed: tuple[str, str] | None) -> bool:
    """Whether it is not as it was; without a checksum nobody knows."""
    return not session.sha256 or listed != (session.path, session.sha256)


def _taken_away(codes: Sequence[str]) -> list[tuple[str, Any]]:
    keys = [make(code) for code in codes for make in (entries.session_key, entries.counts_key)]
    return [(key, None) for key in keys]


def _count(counts: dict[str, int], opened: Opened, times: int = 1) -> None:
    counts["sessions"] += times
    counts["passages"] += times * len(opened.passages)
    counts["sentences"] += times * len(opened.sentences)


def _batches(values: Sequence[Any], size: int) -> Iterator[Any]:
    for at in range(0, len(values), size):
        yield values[at : at + size]
