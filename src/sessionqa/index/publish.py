"""Which build is live: published at once and for good, rolled back, and old ones removed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sessionqa.errors import IndexUnusable, SessionQAError
from sessionqa.index import Manifest
from sessionqa.index.builds import (
    BUILDS,
    CURRENT,
    check_files,
    current_build,
    kept_builds,
    read_manifest,
)

MAKING = ".making-"


@contextmanager
def only_builder(folder: Path, place: str = "") -> Iterator[None]:
    """Holds the lock of `folder`, from which what builds that were killed left is removed first.

    `place` is what messages name, where the index itself is not in that folder. Raises
    IndexUnusable if another has it or it can't be written.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            for left in (folder / BUILDS).glob(f"{MAKING}*"):
                shutil.rmtree(left, ignore_errors=True)
            for pointer in folder.glob(f".{CURRENT}-*"):
                pointer.unlink()
            yield
    except Timeout:
        raise IndexUnusable(
            f"another process is building in {place or folder}: wait for it, or name another "
            "--index"
        ) from None
    except OSError as error:
        raise IndexUnusable(
            f"{folder} cannot be written to ({error.strerror or error}): "
            "give it write permission and room, or name another folder with --index"
        ) from error


def next_number(folder: Path) -> int:
    """The number of the next build in `folder`."""
    return max((manifest.number for _, manifest in kept_builds(folder)), default=0) + 1


def publish(folder: Path, aside: Path, name: str, keep: int) -> None:
    """Makes the build that was written `aside` the live one, and keeps `keep` of the others.

    Whenever the machine stops meanwhile, this build or the one before is live, and whole. Call it
    as the `only_builder`; raises OSError.
    """
    for path in (*aside.rglob("*"), aside):
        _sync(path)
    aside.rename(folder / BUILDS / name)
    _sync(folder / BUILDS)
    _point_to(folder, name)
    _remove_old(folder, name, keep)


def roll_back(folder: Path) -> Manifest:
    """Makes the latest whole build before the live one the live one.

    Raises IndexUnusable if there is none, or as `only_builder` does.
    """
    with only_builder(folder):
        live = None
        with suppress(SessionQAError):
            live = read_manifest(current_build(folder)).number
        for build, manifest in kept_builds(folder):
            if live is not None and manifest.number >= live:
                continue
            with suppress(SessionQAError):
                check_files(build, manifest, verify=True)
                _point_to(folder, build.name)
                return manifest
    raise IndexUnusable(
        f"there is no earlier build in {folder} that is whole: run `sessionqa index` to build it "
        "again from the corpus"
    )


def _point_to(folder: Path, name: str) -> None:
    pointer = folder / f".{CURRENT}-{name}"
    pointer.write_text(f"{name}\n", encoding="utf-8")
    _sync(pointer)
    pointer.replace(folder / CURRENT)
    _sync(folder)


def _remove_old(folder: Path, live: str, keep: int) -> None:
    others = [build.name for build, _ in kept_builds(folder) if build.name != live]
    kept = {live, *others[:keep]}
    for build in (folder / BUILDS).iterdir():
        if build.name not in kept:
            shutil.rmtree(build, ignore_errors=True)


def _sync(path: Path) -> None:
    """Waits until a file, or what is in a folder, is on disk. Raises OSError."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders.
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
