"""What a user names -> Source: a file, the files of a folder, an address, or stdin."""

import sys
from collections.abc import Iterator
from pathlib import Path, PurePath

from sessionqa.errors import SourceError
from sessionqa.importers.drafts import Source

MAX_SOURCE_BYTES = 200 * 1024 * 1024
STDIN = "-"
MEDIA = {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".htm": "text/html",
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".pdf": "application/pdf",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".srt": "application/x-subrip",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
    ".xhtml": "text/html",
}


def names_of(given: str) -> Iterator[str]:
    """The sources that a name stands for: of a folder all its files that can be read, in order.

    Raises SourceError for a folder without any.
    """
    if is_address(given) or given == STDIN or not Path(given).is_dir():
        yield given
        return
    folder = Path(given)
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.casefold() in MEDIA
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise SourceError(f"{given} holds no file that can be imported: {_known()}")
    yield from (str(path) for path in found)


def is_address(name: str) -> bool:
    """Whether `name` is an address such as https://example.org, and no path."""
    return "://" in name.split("/", 1)[0] + "//" and not Path(name).exists()


def media_of(name: str) -> str:
    """The media type by the suffix of a path or address; empty if it is none that can be read."""
    return MEDIA.get(PurePath(name).suffix.casefold(), "")


def open_source(name: str, allow_private: bool) -> Source:
    """The source's content. Raises SourceError, or OutgoingRefused for an address while offline."""
    if name == STDIN:
        return Source("stdin", "", sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1))
    if is_address(name):
        from sessionqa.importers.fetch import fetch

        return fetch(name, allow_private)
    path = Path(name)
    if not media_of(name):
        raise SourceError(f"{name} is of no kind that can be imported: {_known()}")
    try:
        size = path.stat().st_size
        if size > MAX_SOURCE_BYTES:
            raise SourceError(
                f"{name} has {size / 2**20:.0f} MiB, more than the "
                f"{MAX_SOURCE_BYTES // 2**20} MiB of a source: split it"
            )
        return Source(path.as_posix(), media_of(name), path.read_bytes())
    except FileNotFoundError:
        raise SourceError(f"{name} does not exist: check the path") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{name} cannot be read ({error}): check its permissions") from error


def _known() -> str:
    return f"it can be {', '.join(suffix[1:] for suffix in MEDIA)}"
