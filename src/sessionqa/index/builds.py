"""The builds in a folder: which one is live, and whether it is what its manifest says."""

import json
import os
from pathlib import Path

from sessionqa.errors import IndexDamaged, IndexMissing, first_line
from sessionqa.exports import sha256_of
from sessionqa.index import FORMAT_VERSION, Manifest

CURRENT = "CURRENT"
BUILDS = "builds"
ENCODERS = "encoder"
RERANKERS = "reranker"
MANIFEST = "manifest.json"
# No build has a longer name, and a file system refuses to look for one of any length.
MAX_NAME = 100

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


def read_manifest(build: Path) -> Manifest:
    """The manifest of a build. Raises IndexDamaged for one that is broken or of another format."""
    path = build / MANIFEST
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["format"]
        if version == FORMAT_VERSION:
            return Manifest(**record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(f"{path} cannot be read ({first_line(error)}): {REBUILD}") from error
    raise IndexDamaged(
        f"{path} has format {version}, and this sessionqa reads {FORMAT_VERSION}: {REBUILD}"
    )


def check_files(build: Path, manifest: Manifest, verify: bool) -> None:
    """Raises IndexDamaged if a file is missing or of another size; `verify` reads checksums too."""
    for name, expected in manifest.files.items():
        path = build / name
        if not path.is_file():
            raise IndexDamaged(f"{path} is missing: {REBUILD}")
        if path.stat().st_size != expected["size"]:
            raise IndexDamaged(
                f"{path} has {path.stat().st_size} bytes instead of {expected['size']}: {REBUILD}"
            )
        if verify and sha256_of(path) != expected["sha256"]:
            raise IndexDamaged(f"{path} is not what was built, by its checksum: {REBUILD}")
