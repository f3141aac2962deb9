"""What a user names -> Source: a file, the files of a folder, an address, or stdin."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sessionqa.errors import SourceError
from sessionqa.importers import media
from sessionqa.importers.drafts import Source, check_size

MAX_SOURCE_BYTES = 200 * 1024 * 1024
STDIN = "-"
# The first line of a catalogue is no longer.
_LINE_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Named:
    """The sources that a name stands for, in order, and why some folders could not be read."""

    sources: tuple[str, ...]
    failures: tuple[str, ...] = ()


def named(given: str) -> Named:
    """What a name stands for: itself, or all files of a folder that can be imported.

    Raises SourceError for a folder without any.
    """
    if is_address(given) or given == STDIN or not os.path.isdir(given):
        return Named((given,))
    refused: list[OSError] = []
    found = sorted(
        path
        for top, folders, files in os.walk(given, onerror=refused.append)
        for path in map(Path(top).joinpath, _shown(folders, files))
        if media.by_suffix(path.name) and path.is_file()
    )
    if not found and not refused:
        raise SourceError(f"{given} holds no file that can be imported: it can be {media.SUFFIXES}")
    return Named(tuple(map(str, found)), tuple(map(_unreadable, refused)))


def _shown(folders: list[str], files: Sequence[str]) -> list[str]:
    """The files of a folder that are not hidden; hidden folders are left out of the walk."""
    folders[:] = [name for name in folders if not name.startswith(".")]
    return [name for name in files if not name.startswith(".")]


def _unreadable(error: OSError) -> str:
    return f"{error.filename} cannot be read ({error.strerror}): check its permissions"


def is_address(name: str) -> bool:
    """Whether `name` is an address such as https://example.org, and no path."""
    return "://" in name.split("/", 1)[0] + "//" and not os.path.exists(name)


def open_source(name: str, allow_private: bool, catalogue: bool = False) -> Source:
    """The source's content; text from stdin is a `catalogue` where that is known.

    Raises SourceError, or OutgoingRefused for an address while offline.
    """
    if name == STDIN:
        return _stdin(catalogue)
    if is_address(name):
        from sessionqa.importers.fetch import fetch

        return fetch(name, allow_private)
    path = Path(name)
    if not media.by_suffix(name):
        raise SourceError(f"{name} is of no kind that can be imported: it can be {media.SUFFIXES}")
    try:
        check_size(name, path.stat().st_size, MAX_SOURCE_BYTES, "a source")
        return Source(path.as_posix(), media.by_suffix(name), path.read_bytes())
    except FileNotFoundError:
        raise SourceError(f"{name} does not exist: check the path") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{name} cannot be read ({error}): check its permissions") from error


def _stdin(catalogue: bool) -> Source:
    """What comes in, of the kind that its beginning shows."""
    from sessionqa.importers.catalogues import names_columns

    raw = sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1)
    check_size("stdin", len(raw), MAX_SOURCE_BYTES, "a source")
    kind = media.by_content(raw)
    first_line = raw.split(b"\n", 1)[0][:_LINE_BYTES].decode("utf-8", "replace")
    if kind == media.PLAIN and (catalogue or names_columns(first_line)):
        kind = media.CSV
    return Source("stdin", kind, raw)
