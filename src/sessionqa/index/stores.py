"""Where the builds of an index are kept: the Store protocol, and which one settings name."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.index import Index, Manifest
from sessionqa.settings import Settings

if TYPE_CHECKING:
    from sessionqa.index.cut import Report
    from sessionqa.index.earlier import Earlier
    from sessionqa.index.spread import Workers
    from sessionqa.index.upkeep import Checked, Known

# Size and time of each corpus file; see corpus.stamps.
Stamps = Mapping[str, Sequence[int]]


class Store(Protocol):
    """Keeps builds, one of which is live. Its text is the place, as messages name it."""

    def live(self) -> Manifest:
        """The manifest of the live build.

        Raises IndexMissing if there is none, IndexDamaged if it must not be trusted, and
        IndexUnusable if nothing can be known of it.
        """

    def pointer(self) -> Hashable:
        """Differs once another build is live; cheap enough to be asked before each question.

        Raises OSError or SessionQAError where it cannot be told.
        """

    def open(self, manifest: Manifest, verify: bool = False) -> Index:
        """The build of this manifest; to `verify` it, all of it is read. Raises as `live` does."""

    def earlier(self) -> "AbstractContextManager[Earlier | None]":
        """A whole build on this machine of which the next one takes what has not changed."""

    def known(self) -> "Known | None":
        """What is there by now, to plan the next build by; None if there is no whole build."""

    def write(
        self,
        settings: Settings,
        sessions: Sequence[Session],
        stamps: Stamps,
        encoder: Encoder,
        before: "Earlier | None",
        report: "Report",
        force: bool = False,
        workers: "Workers | None" = None,
    ) -> Manifest:
        """Builds an index of `sessions` and makes it the live one.

        `stamps` are those of the sessions' files before they were read, and `before` is what
        `earlier` gave; `workers` cut and encode, if they are given. Call it as the `only_builder`.
        The build before stays live if anything fails; raises IndexUnusable, and as `Workers.run`
        does.
        """

    def verify(self) -> "Iterator[Checked]":
        """Everything that is kept, and what of it is damaged. Raises as `live` does."""

    def remove_damaged(self) -> "list[Checked]":
        """Removes what is damaged and not live; returns everything that is damaged."""

    def roll_back(self) -> Manifest:
        """Makes the latest whole build before the live one the live one.

        Raises IndexUnusable if there is none.
        """


def store_of(settings: Settings) -> Store:
    """The store that the settings name. Raises ModuleMissing or SettingsError."""
    if settings.milvus:
        from sessionqa.index.milvus.store import MilvusStore

        return MilvusStore(settings)
    from sessionqa.index.folder import FolderStore

    return FolderStore(settings.index)
