"""What a user names -> Source: a file, the files of a folder, an address, or stdin."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sessionqa.errors import SourceError
from sessionqa.importers import media
from sessionqa.importers.drafts import Source, check_size

MAX_SOURCE_BYTES = 200 * 1024 * 1024
STDIN = "-"
# The first line of a catalogue is no longer.
_LINE_BYTES = 10_000


def names_of(given: str) -> Iterator[str]:
    """The sources that a name stands for: of a folder all its files that can be read, in order.

    Raises SourceError for a folder without any.
    """
    if is_address(given) or given == STDIN or not os.path.isdir(given):
        yield given
        return
    folder = Path(given)
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if media.by_suffix(path.name)
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise SourceError(f"{given} holds no file that can be imported: it can be {media.SUFFIXES}")
    yield from (str(path) for path in found)


def is_address(name: str) -> bool:
    """Whether `name` is an address such as https://example.org, and no path."""
    return "://" in name.split("/", 1)[0] + "//" and not os.path.exists(name)


def open_source(name: str, allow_private: bool) -> Source:
    """The source's content. Raises SourceError, or OutgoingRefused for an address while offline."""
    if name == STDIN:
        return _stdin()
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


def _stdin() -> Source:
    """What comes in, of the kind that its beginning shows."""
    from sessionqa.importers.catalogues import names_columns

    raw = sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1)
    check_size("stdin", len(raw), MAX_SOURCE_BYTES, "a source")
    kind = media.by_content(raw)
    first_line = raw.split(b"\n", 1)[0][:_LINE_BYTES].decode("utf-8", "replace")
    return Source(
        "stdin", media.CSV if kind == media.PLAIN and names_columns(first_line) else kind, raw
    )
