"""What a build would change, what is damaged in an index, and how that is mended."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sessionqa import exports
from sessionqa.datatypes import Session
from sessionqa.errors import IndexUnusable
from sessionqa.index import Manifest
from sessionqa.index.builds import (
    BUILDS,
    SHELVES,
    current_build,
    damaged_files,
    read_manifest,
)
from sessionqa.index.inputs import chunking_of, corpus_fingerprint, inputs_of
from sessionqa.settings import Settings


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the build before: sessions by their codes, and what else there is."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.removed or self.reasons)


@dataclass(frozen=True, slots=True)
class Known:
    """A whole build: its manifest, the checksum of each session by its code, and if it is live."""

    manifest: Manifest
    digests: Mapping[str, str]
    is_live: bool


def changes(
    sessions: Sequence[Session], encoder: str, settings: Settings, before: Known | None
) -> Changes:
    """What a build of `sessions` with the encoder of this fingerprint would do."""
    known = before.digests if before else {}
    now = {session.code: session.sha256 for session in sessions}
    found = Changes(
        new=tuple(code for code in now if code not in known),
        changed=tuple(code for code in now if code in known and now[code] != known[code]),
        removed=tuple(code for code in known if code not in now),
        unchanged=sum(known.get(code) == digest for code, digest in now.items()),
        reasons=tuple(_reasons(encoder, settings, before)),
    )
    corpus = corpus_fingerprint(sessions)
    if not found and before and before.manifest.inputs != inputs_of(corpus, encoder, settings):
        return Changes((), (), (), found.unchanged, ("files of other names, or other settings",))
    return found


def _reasons(encoder: str, settings: Settings, before: Known | None) -> Iterator[str]:
    if before is None:
        yield "there is no whole build: everything is encoded"
        return
    if not before.is_live:
        yield f"the live build is not whole: what {before.manifest.build} has is used"
    if before.manifest.encoder["fingerprint"] != encoder:
        yield "another encoder: everything is encoded again"
    elif before.manifest.chunking != chunking_of(settings):
        yield "other chunks: every session is cut again, and only what is new is encoded"


@dataclass(frozen=True, slots=True)
class Checked:
    """A build or an export that was read against its checksums, and which files are damaged."""

    kind: Literal["live build", "earlier build", "encoder", "reranker"]
    place: str
    damaged: tuple[str, ...]


def verify(folder: Path) -> Iterator[Checked]:
    """Reads every file of an index: the live build, those before it, and the exported models.

    Raises IndexMissing or IndexDamaged if not even the live build can be named.
    """
    live = current_build(folder)
    yield Checked("live build", str(live), _damaged(live))
    for build in sorted((folder / BUILDS).glob("[!.]*")):
        if build != live:
            yield Checked("earlier build", str(build), _damaged(build))
    for kind, shelf in SHELVES.items():
        for export in sorted((folder / shelf).glob("[!.]*")):
            yield Checked(kind, str(export), tuple(exports.damaged_files(kind, export)))


def _damaged(build: Path) -> tuple[str, ...]:
    try:
        return tuple(damaged_files(build, read_manifest(build)))
    except IndexUnusable:
        return ("manifest.json",)


def remove_damaged(folder: Path) -> list[Checked]:
    """Removes what is damaged, and copies in the user's cache that are; returns what it was.

    Of the builds none that is live, since it is answered from until there is another.
    """
    found: list[Checked] = []
    with suppress(IndexUnusable):
        found = [one for one in verify(folder) if one.damaged]
    for one in found:
        if one.kind in SHELVES:
            copy = exports.cached_copy(one.kind, Path(one.place))
            if exports.damaged_files(one.kind, copy):
                shutil.rmtree(copy, ignore_errors=True)
        if one.kind != "live build":
            shutil.rmtree(one.place, ignore_errors=True)
    return found
