"""The builds in a folder: which one is live, and whether it is what its manifest says."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sessionqa import exports
from sessionqa.errors import IndexDamaged, IndexMissing, first_line
from sessionqa.exports import sha256_of
from sessionqa.index import FORMAT_VERSION, Manifest

CURRENT = "CURRENT"
BUILDS = "builds"
ENCODERS = "encoder"
RERANKERS = "reranker"
SHELVES: dict[exports.Kind, str] = {"encoder": ENCODERS, "reranker": RERANKERS}
MANIFEST = "manifest.json"
# What its own checksum is called in it.
SEAL = "sha256"
# No build has a longer name, and a file system refuses to look for one of any length.
MAX_NAME = 100
# A build of so many bytes is read against its checksums whenever it is opened: 32 ms at most.
CHECKED_UP_TO = 32_000_000

REBUILD = "run `sessionqa index` to build it again"


def encoder_folder(folder: Path, manifest: Manifest) -> Path:
    """Where the encoder that made the vectors lies."""
    return folder / ENCODERS / str(manifest.encoder["fingerprint"])


def pointer_of(folder: Path) -> tuple[int, int]:
    """Differs once another build has become the live one. Raises OSError where there is none."""
    # Each build puts a new file in the place of the old one.
    status = os.stat(folder / CURRENT)
    return status.st_ino, status.st_mtime_ns


def current_build(folder: Path) -> Path:
    """The folder of the live build. Raises IndexMissing or IndexDamaged."""
    try:
        name = (folder / CURRENT).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexMissing(
            f"there is no index in {folder}: run `sessionqa index`, with the same --corpus and "
            "--index if you gave any"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexDamaged(
            f"{folder / CURRENT} cannot be read ({first_line(error)}): {REBUILD}"
        ) from error
    build = folder / BUILDS / name
    if not 0 < len(name) < MAX_NAME or Path(name).name != name or not build.is_dir():
        raise IndexDamaged(f"{folder / CURRENT} names a build that is not there: {REBUILD}")
    return build


def kept_builds(folder: Path) -> list[tuple[Path, Manifest]]:
    """Every build below `folder` whose manifest can be read, the latest first."""
    found = []
    # A folder that begins with a dot was never finished.
    for build in (folder / BUILDS).glob("[!.]*"):
        with suppress(IndexDamaged):
            found.append((build, read_manifest(build)))
    # By their numbers: a clock may have been set back.
    return sorted(found, key=lambda pair: pair[1].number, reverse=True)


def sealed(manifest: Manifest) -> bytes:
    """The manifest as its file has it, with a checksum of its own."""
    record = asdict(manifest)
    text = json.dumps({**record, SEAL: _seal(record)}, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def read_manifest(build: Path) -> Manifest:
    """The manifest of a build. Raises IndexDamaged for one that is broken or of another format."""
    path = build / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IndexDamaged(f"{path} cannot be read ({first_line(error)}): {REBUILD}") from error
    return unsealed(text, str(path))


def unsealed(text: str, place: str) -> Manifest:
    """The manifest that was `sealed`. Raises IndexDamaged likewise, naming `place`."""
    try:
        record = json.loads(text)
        version = record["format"]
        if version == FORMAT_VERSION:
            if record.pop(SEAL) != _seal(record):
                raise ValueError("it is not what was written, by its checksum")
            return Manifest(**record)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IndexDamaged(f"{place} cannot be read ({first_line(error)}): {REBUILD}") from error
    raise IndexDamaged(
        f"{place} has format {version}, and this sessionqa reads {FORMAT_VERSION}: {REBUILD}"
    )


def _seal(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def check_files(build: Path, manifest: Manifest, verify: bool) -> None:
    """Raises IndexDamaged if a file is missing, of another size, or not what was built.

    The last is found by its checksum, in a large build only if asked to `verify`.
    """
    for name, expected in manifest.files.items():
        path = build / name
        if not path.is_file():
            raise IndexDamaged(f"{path} is missing: {REBUILD}")
        if path.stat().st_size != expected["size"]:
            raise IndexDamaged(
                f"{path} has {path.stat().st_size} bytes instead of {expected['size']}: {REBUILD}"
            )
    if verify or sum(file["size"] for file in manifest.files.values()) <= CHECKED_UP_TO:
        for name in damaged_files(build, manifest):
            raise IndexDamaged(f"{build / name} is not what was built, by its checksum: {REBUILD}")


def damaged_files(build: Path, manifest: Manifest) -> Iterator[str]:
    """The names of the files of a build that are not what was built, as they are found."""

    def whole(name: str) -> bool:
        try:
            return bool(sha256_of(build / name) == manifest.files[name]["sha256"])
        except OSError:
            return False

    # A checksum is made without Python, so on as many cores as there are.
    with ThreadPoolExecutor() as pool:
        names = list(manifest.files)
        yield from (
            name for name, good in zip(names, pool.map(whole, names), strict=True) if not good
        )
