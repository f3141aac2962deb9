"""The store that Milvus is: builds in collections, the live one named by an alias."""

import json
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.errors import IndexDamaged, IndexMissing, IndexUnusable
from sessionqa.index import Manifest
from sessionqa.index.builds import REBUILD
from sessionqa.index.milvus import filling, schema
from sessionqa.index.milvus.address import parse
from sessionqa.index.milvus.live import Live, live_build, pointer
from sessionqa.index.milvus.milvus import MilvusIndex
from sessionqa.index.milvus.server import Server
from sessionqa.index.publish import only_builder
from sessionqa.index.stores import Stamps
from sessionqa.settings import Settings

if TYPE_CHECKING:
    from sessionqa.index.cut import Report
    from sessionqa.index.earlier import Earlier
    from sessionqa.index.spread import Workers
    from sessionqa.index.upkeep import Checked, Known

# What this machine knows of the files of its corpus: of no use to others, who would load it with
# each build.
STAMPS = "stamps.json"
# For so many seconds nobody asks the server anew which build is live.
SEEN_FOR = 2.0
# So many sessions are read at a time to see whether all is there.
READ_AT_ONCE = 200


class MilvusStore:
    """Builds in a Milvus. `settings.index` is where this machine keeps what goes with them."""

    def __init__(self, settings: Settings) -> None:
        """Connects nowhere yet. Raises ModuleMissing, SettingsError or OutgoingRefused."""
        self._server = Server(parse(settings.milvus), settings)
        self._folder = settings.index
        self._seen: tuple[float, Hashable] | None = None

    def __str__(self) -> str:
        return str(self._server.address)

    def live(self) -> Manifest:
        """See Store."""
        return self._stamped(live_build(self._server)).manifest

    def pointer(self) -> Hashable:
        """See Store. As it was two seconds ago at most."""
        now = time.monotonic()
        if self._seen is None or now > self._seen[0] + SEEN_FOR:
            self._seen = now, pointer(self._server)
        return self._seen[1]

    def open(self, manifest: Manifest, verify: bool = False) -> MilvusIndex:
        """See Store. If it was brought up to date since, it is as it is by now."""
        collection = schema.name_of(self._server.address.alias, manifest.build)
        live = self._stamped(live_build(self._server, collection))
        if verify:
            for problem in self._problems(live):
                raise IndexDamaged(f"{self} has {problem}: {REBUILD}")
        return live.opened(self._server)

    def earlier(self) -> "AbstractContextManager[Earlier | None]":
        """See Store: there is none on this machine, and what is live is brought up to date."""
        return nullcontext()

    def known(self) -> "Known | None":
        """See Store."""
        from sessionqa.index.upkeep import Known

        with suppress(IndexMissing, IndexDamaged):
            live = live_build(self._server)
            listed = live.opened(self._server).listed()
            return Known(live.manifest, {code: digest for code, _, digest in listed}, True)
        return None

    def write(
        self,
        settings: Settings,
        sessions: Sequence[Session],
        stamps: Stamps,
        encoder: Encoder,
        before: "Earlier | None",  # noqa: ARG002
        report: "Report",
        force: bool = False,
        workers: "Workers | None" = None,
    ) -> Manifest:
        """See Store."""
        self._seen = None
        manifest = filling.write_build(
            self._server, settings, sessions, encoder, report, force, workers
        )
        record = {"build": manifest.build, "number": manifest.number, "stamps": dict(stamps)}
        (self._folder / STAMPS).write_text(json.dumps(record), encoding="utf-8")
        return _with_stamps(manifest, stamps)

    def verify(self) -> "Iterator[Checked]":
        """See Store."""
        from sessionqa.index.upkeep import Checked

        live = live_build(self._server)
        yield Checked("live build", f"{self}", tuple(self._problems(live)))

    def remove_damaged(self) -> "list[Checked]":
        """See Store: of what is live nothing is removed, since it is answered from."""
        with suppress(IndexUnusable):
            return [one for one in self.verify() if one.damaged]
        return []

    def roll_back(self) -> Manifest:
        """See Store. Raises as `only_builder` does."""
        with only_builder(self._folder, f"{self}"):
            live = self._server.target() or ""
            builds = filling.builds_of(self._server)
            for collection in builds[builds.index(live) + 1 :] if live in builds else builds:
                with suppress(IndexUnusable):
                    manifest = live_build(self._server, collection).manifest
                    break
            else:
                raise IndexUnusable(
                    f"there is no earlier build in {self} that is whole (updates change the live "
                    "one, and are not gone back from): mend the corpus, and run `sessionqa index`"
                )
            self._server.point_to(collection)
            self._seen = None
            filling.hand_over(self._server, [live])
            return manifest

    def _stamped(self, live: Live) -> Live:
        """With the stamps of the corpus on this machine, if it was this one that built it."""
        manifest = live.manifest
        with suppress(OSError, ValueError, LookupError, TypeError):
            record = json.loads((self._folder / STAMPS).read_text(encoding="utf-8"))
            if (record["build"], record["number"]) == (manifest.build, manifest.number):
                return replace(live, manifest=_with_stamps(manifest, dict(record["stamps"])))
        return live

    def _problems(self, live: Live) -> Iterator[str]:
        """What is not as it was written; empty if all is."""
        index = live.opened(self._server)
        there, wanted = index.count_rows(), live.manifest.counts["passages"]
        if there != wanted:
            yield f"{there:,} rows of passages instead of {wanted:,}"
        codes = [code for code, *_ in index.listed()]
        if len(codes) != live.manifest.counts["sessions"]:
            yield f"{len(codes):,} sessions instead of {live.manifest.counts['sessions']:,}"
        for at in range(0, len(codes), READ_AT_ONCE):
            part = codes[at : at + READ_AT_ONCE]
            try:
                opened = index.opened_sessions(part)
                index.encoded([one.id for own in opened for one in own.passages])
            except (IndexUnusable, ValueError, KeyError) as error:
                yield f"sessions that cannot be read ({error})"
            else:
                if len(opened) < len(part):
                    yield f"{len(part) - len(opened)} sessions without a record"


def _with_stamps(manifest: Manifest, stamps: Stamps) -> Manifest:
    return replace(manifest, corpus={**manifest.corpus, "stamps": stamps})
