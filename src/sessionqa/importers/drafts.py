"""The values between a source and the corpus files that are made of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sessionqa.datatypes import Speaker
from sessionqa.errors import SourceError

Kind = Literal["paragraph", "heading", "item", "markdown"]


@dataclass(frozen=True, slots=True)
class Source:
    """What is imported: a file's path or an address, as it is to be named, and its content.

    `media` is its media type, such as text/html, from the suffix of the path or from the server.
    """

    name: str
    media: str
    raw: bytes
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        # Once: each session of a source names its checksum.
        object.__setattr__(self, "sha256", hashlib.sha256(self.raw).hexdigest())


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading or an item of a list: plain text in one line.

    Or Markdown of any lines, which stays as it is. `seconds` tells the moment of the recording, and
    `page` the page of the document, where it begins; None where it is that of the block before.
    """

    text: str
    kind: Kind = "paragraph"
    seconds: int | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A session as its source has it; a `code` is made of the title where the source has none."""

    title: str
    body: tuple[Block, ...]
    code: str = ""
    event: str = ""
    year: int | None = None
    track: str = ""
    level: int | None = None
    speakers: tuple[Speaker, ...] = ()
    services: tuple[str, ...] = ()
    url: str = ""
    video_title: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """The sessions of one source, and lines in which its reader tells how it read it."""

    drafts: Sequence[Draft]
    notes: Sequence[str] = ()


def places(found: Sequence[object]) -> str:
    """The first few of these places, as "line 3, line 7, ..."."""
    return ", ".join(map(str, found[:3])) + (", ..." if len(found) > 3 else "")


def check_size(name: str, size: int, most: int, what: str) -> None:
    """Raises SourceError if a source of `size` bytes is larger than `what` may be."""
    if size > most:
        raise SourceError(
            f"{name} has {size / 2**20:,.0f} MiB, more than the {most // 2**20} MiB of {what}: "
            "split it"
        )
