"""Which build is live, and what it is made of, as the server tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionqa.errors import IndexDamaged
from sessionqa.index import Manifest
from sessionqa.index.builds import REBUILD, unsealed
from sessionqa.index.milvus import schema
from sessionqa.index.milvus.milvus import MilvusIndex
from sessionqa.index.milvus.records import Records
from sessionqa.index.milvus.server import Server

# The key of a build's own record.
BUILD = "build"


@dataclass(frozen=True, slots=True)
class Live:
    """The build that is live: its collection, its manifest, and which rows are of others only.

    `dead` are the keys of such rows of passages; `left` those of records, which the next update
    removes: what was taken away, and parts of values of long ago.
    """

    collection: str
    manifest: Manifest
    dead: tuple[str, ...]
    left: tuple[str, ...]
    keeps_sentences: bool
    exact: bool

    def opened(self, server: Server) -> MilvusIndex:
        """The build, for reading."""
        told = (self.manifest, self.dead, self.keeps_sentences, self.exact)
        return MilvusIndex(server, self.collection, *told)


def live_build(server: Server, collection: str | None = None) -> Live:
    """The build that the alias names, or that of a collection.

    Raises IndexMissing, IndexDamaged, or IndexUnusable if the server does not answer.
    """
    place = f"{server.address}"
    if server.address.is_file and not Path(server.address.uri).exists():
        # To ask would make it.
        raise server.missing("it is not there")
    collection = collection or server.target()
    if collection is None:
        raise server.missing("no alias of that name")
    if not schema.is_build(collection, server.address.alias):
        raise IndexDamaged(f"{place} names {collection}, which is no index: name another one")
    if schema.records_of(collection) not in server.collections():
        raise IndexDamaged(f"{place} is not whole: {REBUILD}")
    # One that was opened anew, or let go of by somebody, is not searched before.
    for name in (collection, schema.records_of(collection)):
        server.load(name)
    versions = versions_of(server, collection)
    if not versions:
        raise IndexDamaged(f"{place} is not whole: {REBUILD}")
    records = Records(server, schema.records_of(collection), versions[0][0])
    record = records.one(BUILD)
    manifest = unsealed(record["manifest"], place)
    dim = _dim_of(server.described(collection))
    if dim != manifest.encoder["dim"]:
        raise IndexDamaged(
            f"{place} has vectors of length {dim}, and {manifest.encoder['name']} makes some of "
            f"{manifest.encoder['dim']}: {REBUILD}"
        )
    dead, left = tuple(record["dead"]), tuple(record.get("left", ()))
    return Live(collection, manifest, dead, left, record["keeps_sentences"], record["exact"])


def pointer(server: Server) -> tuple[str | None, int]:
    """Differs once another build is live."""
    collection = server.target()
    versions = versions_of(server, collection) if collection else []
    return collection, versions[0][0] if versions else 0


def versions_of(server: Server, collection: str) -> list[Any]:
    """What the record of a collection's build was, the latest first; see Records."""
    records = Records(server, schema.records_of(collection), 0)
    return records.versions([BUILD]).get(BUILD, [])


def _dim_of(described: Mapping[str, Any]) -> int:
    named = {field["name"]: field for field in described["fields"]}
    return int(named.get("vector", {}).get("params", {}).get("dim", 0))
