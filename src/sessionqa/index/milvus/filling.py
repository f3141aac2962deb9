"""Sessions -> a build in Milvus: new collections, or those that are live brought up to date.

Nothing that a reader of the live build may want is touched before another build is live. Rows
have stable keys, so that what is written twice is there once.
"""

import itertools
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.errors import IndexDamaged, IndexMissing, IndexUnusable
from sessionqa.index import FORMAT_VERSION, Manifest
from sessionqa.index.builds import sealed
from sessionqa.index.cut import Placed, Report
from sessionqa.index.dense import is_exact
from sessionqa.index.inputs import (
    chunking_of,
    confidence,
    corpus_fingerprint,
    inputs_of,
    made_by,
)
from sessionqa.index.milvus import entries, schema, tables
from sessionqa.index.milvus.encoding import NOTHING, Encoding, Known, Made, known_of
from sessionqa.index.milvus.entries import Opened
from sessionqa.index.milvus.live import BUILD, Live, live_build, versions_of
from sessionqa.index.milvus.milvus import MilvusIndex
from sessionqa.index.milvus.records import (
    Records,
    rows_before,
    rows_of,
    stale_parts,
)
from sessionqa.index.milvus.server import Row, Server
from sessionqa.index.room import passages_of
from sessionqa.settings import Settings

if TYPE_CHECKING:
    from sessionqa.index.spread import Workers

# What a build that was broken off had begun: a file among what this machine keeps.
MAKING = "making.json"
# So many sessions are encoded and written at a time: what is lost when it is broken off.
BATCH = 64
# After so many seconds everybody has seen that another build is live.
HANDED_OVER = 3.0
# Of so many records what stands of them is read at a time.
NAMED = 200
# With more rows than this to be passed over, collections are made anew.
MOST_DEAD = 1_000


def write_build(
    server: Server,
    settings: Settings,
    sessions: Sequence[Session],
    encoder: Encoder,
    report: Report,
    force: bool = False,
    workers: "Workers | None" = None,
) -> Manifest:
    """Builds an index of `sessions` and makes it the live one.

    The collections that are live are brought up to date where that is possible, unless it is to be
    by `force` from nothing. `workers` cut and encode, if they are given. Raises IndexUnusable for
    sessions that Milvus does not take, as `Server` does, and as `Workers.run` does; the build
    before stays live then.
    """
    for session in sessions:
        schema.check(session)
    live = None
    # Whatever else is wrong, a server that is slow say, is no reason to make everything anew.
    with suppress(IndexMissing, IndexDamaged):
        live = live_build(server)
    filling = _Filling(server, settings, sessions, encoder, report, workers)
    if live and not force and filling.fits(live):
        return filling.update(live)
    return filling.build(live, force)


def builds_of(server: Server) -> list[str]:
    """The collections of passages of the index's builds, whole or not, the latest first."""
    alias = server.address.alias
    found = (one for one in server.collections() if schema.is_build(one, alias))
    return sorted(found, key=schema.number_of, reverse=True)


def hand_over(server: Server, collections: Sequence[str]) -> None:
    """Lets builds that are live no more go, once those who read them have gone over.

    Loaded again when somebody goes back to them, they cost disk alone until then.
    """
    time.sleep(HANDED_OVER)
    for one in collections:
        server.release(schema.records_of(one))
        server.release(one)


class _Filling:
    """One build being made."""

    def __init__(
        self,
        server: Server,
        settings: Settings,
        sessions: Sequence[Session],
        encoder: Encoder,
        report: Report,
        workers: "Workers | None",
    ) -> None:
        self._workers = workers
        self._server = server
        self._settings = settings
        self._sessions = sessions
        self._encoder = encoder
        self._report = report
        about = passages_of(sessions, settings)
        self._keeps_sentences = about <= settings.sentence_vectors_up_to
        self._exact = is_exact(about)
        self._making = settings.index / MAKING
        # The keys of records that have become of no use, and of parts of values of long ago.
        self._gone: dict[str, None] = {}
        self._stale: list[str] = []
        self._before: MilvusIndex | None = None

    def fits(self, live: Live) -> bool:
        """Whether what is live was made by the same encoder and cut by the same settings."""
        return (
            self._is_of_encoder(live)
            and live.manifest.chunking == chunking_of(self._settings)
            and live.keeps_sentences == self._keeps_sentences
            and live.exact == self._exact
        )

    def _is_of_encoder(self, live: Live) -> bool:
        by, encoder = live.manifest.encoder, self._encoder
        return (by["fingerprint"], by["token_dim"]) == (encoder.fingerprint, encoder.token_dim)

    def build(self, live: Live | None, force: bool = False) -> Manifest:
        """Fills new collections and has the alias name them.

        What the same encoder has made for the build that is live it makes again only by `force`.
        """
        server = self._server
        self._check_name()
        if live and not force and self._is_of_encoder(live):
            self._before = live.opened(server)
        number = live.manifest.number + 1 if live else 1
        name, number, resumed = self._begun(number)
        collection = schema.name_of(server.address.alias, name)
        # What is there already stays as it is.
        self._create(collection)
        if resumed:
            for one in (collection, schema.records_of(collection)):
                server.load(one)
        made = tables.Tables()
        counts = {"sessions": 0, "passages": 0, "sentences": 0}
        done = self._done(collection, number) if resumed else {}
        left = [one for one in enumerate(self._sessions) if one[1].code not in done]
        work = self._work(number)
        for opened in itertools.chain(done.values(), self._filled(collection, left, work)):
            made.add(opened)
            _count(counts, opened)
        self._put(collection, self._versioned(made.changed(lambda _: {}), None, number))
        manifest = self._manifest(name, number, counts)
        self._publish(collection, manifest, (), [])
        self._server.point_to(collection)
        self._making.unlink(missing_ok=True)
        self._remove_old(collection)
        return manifest

    def _check_name(self) -> None:
        """Raises IndexUnusable if the alias is, or names, a collection of somebody else's."""
        server, alias = self._server, self._server.address.alias
        others = alias if alias in server.collections() else server.target()
        if others and not schema.is_build(others, alias):
            raise IndexUnusable(
                f"{server.address} has the name of {others}, a collection that is no index: "
                "name another one"
            )

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
        work = self._work(number, known_of(index, old, self._encoder))
        for opened in self._filled(collection, new, work, records):
            made.add(opened)
            _count(counts, opened)
        changed = made.changed(records.of)
        self._put(collection, self._versioned(changed, records, number))
        name = schema.updated(live.manifest.build, number)
        manifest = self._manifest(name, number, counts)
        self._publish(collection, manifest, dead, versions_of(server, collection))
        return manifest

    def _begun(self, number: int) -> tuple[str, int, bool]:
        """The name and number of the build, and whether one that was broken off goes on."""
        inputs = self._inputs()
        begun = self._broken_off()
        if begun:
            collection = schema.name_of(self._server.address.alias, str(begun["build"]))
            both = (collection, schema.records_of(collection))
            if begun["inputs"] == inputs and set(both) <= set(self._server.collections()):
                return str(begun["build"]), int(begun["number"]), True
            self._drop(collection)
        number = max([number, *(schema.number_of(one) + 1 for one in builds_of(self._server))])
        name = schema.build_name(datetime.now(UTC), number)
        record = {"inputs": inputs, "build": name, "number": number}
        self._making.write_text(json.dumps(record), encoding="utf-8")
        return name, number, False

    def _broken_off(self) -> dict[str, Any] | None:
        """What this machine has begun and not ended; nothing if just its note was left."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            begun: dict[str, Any] = json.loads(self._making.read_text(encoding="utf-8"))
            collection = schema.name_of(self._server.address.alias, str(begun["build"]))
            return begun if collection != self._server.target() else None
        return None

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

    def _done(self, collection: str, number: int) -> dict[str, Opened]:
        """The sessions that a build which was broken off has written, by their codes."""
        records = Records(self._server, schema.records_of(collection), number)
        found: dict[str, Opened] = {}
        for batch in _batches(self._sessions, BATCH):
            there = records.fresh(entries.session_key(session.code) for session in batch)
            found.update((one.session.code, one) for one in map(entries.opened, there.values()))
        return found

    def _filled(
        self,
        collection: str,
        sessions: Sequence[Placed],
        work: Encoding,
        records: Records | None = None,
    ) -> Iterator[Opened]:
        """Encodes and writes these sessions, beside what `records` has of them."""
        done = 0
        for made in self._encoded(sessions, work):
            self._write(collection, made, work.number, records)
            done += len(made)
            self._report("encoding and writing", done, len(sessions))
            yield from (opened for opened, _ in made)

    def _work(self, number: int, known: Known = NOTHING) -> Encoding:
        settings = self._workers.settings if self._workers else self._settings
        return Encoding(number, settings, self._keeps_sentences, known)

    def _encoded(self, sessions: Sequence[Placed], work: Encoding) -> Iterator[Made]:
        """What is made of the sessions, a batch at a time, in any order."""
        if self._workers:
            from sessionqa.index import spread

            yield from self._workers.run(self._encoder, spread.batches(sessions), work)
            return
        for batch in _batches(sessions, BATCH):
            yield self._with_known(work, batch)(self._encoder, batch)

    def _with_known(self, work: Encoding, batch: Sequence[Placed]) -> Encoding:
        """The work on a batch, with what an earlier build in other collections has of it."""
        if self._before is None:
            return work
        old = self._before.opened_sessions([session.code for _, session in batch])
        return replace(work, known=known_of(self._before, old, self._encoder))

    def _write(self, collection: str, made: Made, number: int, records: Records | None) -> None:
        """Writes sessions; twice is as good as once."""
        rows = [row for opened, own in made for row in entries.passage_rows(opened, own)]
        values = [pair for opened, own in made for pair in entries.records_of(opened, own)]
        self._server.put(collection, rows)
        # A session's own record comes last: what has one is there as a whole.
        values.sort(key=lambda pair: pair[0].startswith("session:"))
        self._put(collection, self._versioned(values, records, number))

    def _versioned(
        self, values: Iterable[tuple[str, Any]], records: Records | None, number: int
    ) -> Iterator[Row]:
        """The rows of records, beside what `records` has of them."""
        for part in _batches(list(values), 500):
            before = records.versions([key for key, _ in part]) if records else {}
            for key, value in part:
                self._gone.pop(key, None)
                if value is None:
                    self._gone[key] = None
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
            "left": [*self._stale, *self._left(collection, manifest.number, dead)],
            "keeps_sentences": self._keeps_sentences,
            "exact": self._exact,
        }
        self._put(collection, rows_of(BUILD, record, manifest.number, before))
        server.settle(schema.records_of(collection))

    def _left(self, collection: str, number: int, dead: Sequence[str]) -> Iterator[str]:
        """The keys of the records' rows that no build from the one of this number on has."""
        made = (entries.vectors_key, entries.tokens_key)
        keys = [*self._gone, *(make(key) for key in dead for make in made)]
        records = Records(self._server, schema.records_of(collection), number)
        for part in _batches(keys, NAMED):
            yield from records.names(part)

    def _tidy(self, live: Live) -> None:
        """Removes what an update left that was broken off, and what no reader may want any more."""
        server, collection = self._server, live.collection
        records = schema.records_of(collection)
        newer = f"since > {live.manifest.number}"
        server.remove_where(collection, newer)
        for rows in server.pages(records, newer, ["key", "data"]):
            put, removed = rows_before(rows)
            server.put(records, put)
            server.remove(records, removed)
        server.remove(collection, live.dead)
        server.remove(records, live.left)

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
                "stamps": {},
            },
            encoder=made_by(settings, encoder),
            chunking=chunking_of(settings),
            counts=counts,
            confidence=confidence(),
            files={},
        )

    def _inputs(self) -> str:
        corpus = corpus_fingerprint(self._sessions)
        return inputs_of(corpus, self._encoder.fingerprint, self._settings)

    def _remove_old(self, live: str) -> None:
        others = [one for one in builds_of(self._server) if one != live]
        kept = [one for one in others if self._is_whole(one)][: self._settings.keep_builds]
        if others:
            hand_over(self._server, kept)
        for one in others:
            if one not in kept:
                self._drop(one)

    def _is_whole(self, collection: str) -> bool:
        """Whether a build was ended: it has its own record then."""
        with suppress(IndexMissing):
            return bool(versions_of(self._server, collection))
        return False

    def _drop(self, collection: str) -> None:
        for name in (schema.records_of(collection), collection):
            self._server.drop(name)


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
