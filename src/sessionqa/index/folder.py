"""The store that a folder is: see the design of the index on disk."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.index import Manifest
from sessionqa.index.builds import BUILDS, current_build, pointer_of, read_manifest
from sessionqa.index.local import LocalIndex
from sessionqa.index.stores import Stamps
from sessionqa.settings import Settings

if TYPE_CHECKING:
    from sessionqa.index.cut import Report
    from sessionqa.index.earlier import Earlier
    from sessionqa.index.spread import Workers
    from sessionqa.index.upkeep import Checked, Known


class FolderStore:
    """Builds in a folder, with the models that they were made by."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def live(self) -> Manifest:
        """See Store."""
        return read_manifest(current_build(self._folder))

    def pointer(self) -> Hashable:
        """See Store."""
        return pointer_of(self._folder)

    def open(self, manifest: Manifest, verify: bool = False) -> LocalIndex:
        """See Store."""
        build = self._folder / BUILDS / manifest.build
        return LocalIndex.open_build(self._folder, build, manifest, verify)

    def earlier(self) -> "AbstractContextManager[Earlier | None]":
        """See Store."""
        from sessionqa.index.earlier import latest_whole

        return latest_whole(self._folder)

    def known(self) -> "Known | None":
        """See Store."""
        from sessionqa.index.upkeep import Known

        with self.earlier() as before:
            if before is None:
                return None
            digests = {one.code: one.sha256 for one in before.sessions().values()}
            return Known(before.manifest, digests, before.is_live)

    def write(
        self,
        settings: Settings,
        sessions: Sequence[Session],
        stamps: Stamps,
        encoder: Encoder,
        before: "Earlier | None",
        report: "Report",
        force: bool = False,  # noqa: ARG002
        workers: "Workers | None" = None,
    ) -> Manifest:
        """See Store. Whether by `force` or not, it takes of `before` what has not changed."""
        from sessionqa.index.build import write_build

        return write_build(settings, sessions, stamps, encoder, before, report, workers)

    def verify(self) -> "Iterator[Checked]":
        """See Store."""
        from sessionqa.index.upkeep import verify

        return verify(self._folder)

    def remove_damaged(self) -> "list[Checked]":
        """See Store."""
        from sessionqa.index.upkeep import remove_damaged

        return remove_damaged(self._folder)

    def roll_back(self) -> Manifest:
        """See Store."""
        from sessionqa.index.publish import roll_back

        return roll_back(self._folder)
