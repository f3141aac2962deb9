"""Documents that are zip files: opened only if what they unpack to is within bounds."""

import lzma
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from sessionqa.errors import SourceError, first_line
from sessionqa.importers.drafts import Source

MAX_BYTES = 200 * 2**20
# XML takes several times its size in memory.
MAX_TEXT_BYTES = 50 * 2**20
# Text shrinks to a tenth, or a fiftieth where it repeats itself; a bomb to a thousandth.
MAX_RATIO = 200
MAX_FILES = 10_000
_SMALL = 2**20
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".emf", ".wmf", ".tif", ".tiff", ".webp")
_MEDIA = (*_PICTURES, ".mp3", ".mp4", ".m4a", ".m4v", ".mov", ".wav", ".avi", ".ttf", ".otf")

# What the library raises for what is not as it should be, from a name in no encoding to an offset
# before the beginning.
DAMAGED: tuple[type[Exception], ...] = (
    *(BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, OSError, ValueError),
)


@contextmanager
def opened(source: Source) -> Iterator[ZipFile]:
    """The zip file of a document.

    Raises SourceError if it is none, is damaged or encrypted, or would unpack to too much: here
    from what it declares; and no file of it yields more than it declares, nor goes uncompared
    with its checksum.
    """
    try:
        archive = ZipFile(BytesIO(source.raw))
    except DAMAGED as error:
        raise _damaged(source, error) from error
    with archive:
        _check(archive.infolist(), source.name)
        yield archive


def read(archive: ZipFile, name: str, source: Source) -> bytes:
    """A file of the archive. Raises SourceError if it is not there, or damaged."""
    try:
        return archive.read(name)
    except KeyError as error:
        raise SourceError(f"{source.name} is damaged: it lacks its part {name[:100]}") from error
    except DAMAGED as error:
        raise _damaged(source, error) from error


def _damaged(source: Source, error: Exception) -> SourceError:
    return SourceError(f"{source.name} is damaged ({first_line(error)}): save it anew")


def _check(files: list[ZipInfo], name: str) -> None:
    if len(files) > MAX_FILES:
        raise SourceError(
            f"{name} has {len(files):,} files in it, more than {MAX_FILES:,}: split it"
        )
    if any(file.flag_bits & 1 for file in files):
        raise SourceError(f"{name} is encrypted: save it without a password first")
    sizes = {file: file.file_size for file in files}
    text = [file for file in files if not file.filename.casefold().endswith(_MEDIA)]
    for total, most in (
        (sum(sizes.values()), MAX_BYTES),
        (sum(sizes[file] for file in text), MAX_TEXT_BYTES),
    ):
        if total > most:
            raise SourceError(
                f"{name} unpacks to {total / 2**20:,.0f} MiB, "
                f"more than the {most // 2**20} that are read: split it"
            )
    for file in files:
        if file.file_size > max(_SMALL, MAX_RATIO * file.compress_size):
            raise SourceError(
                f"{name} is no document that can be read safely: its part {file.filename[:100]} "
                f"unpacks to {file.file_size // max(1, file.compress_size):,} times its size"
            )
