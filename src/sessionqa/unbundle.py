"""A bundle opened again: unpacked once, in the user's cache folder, and checked before it is used.

A bundle is a plain tar file of regular files below `corpus/` and `index/`, and three beside them:
README.md, requirements-serve.txt, and sessionqa.toml with the settings that decide the answers.
"""

import os
import shutil
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

from sessionqa import exports
from sessionqa.errors import IndexDamaged, SessionQAError, WriteError, first_line
from sessionqa.index import Manifest
from sessionqa.index.builds import (
    REBUILD,
    check_files,
    current_build,
    encoder_folder,
    read_manifest,
)
from sessionqa.settings import FILE_NAME, read_file

README, REQUIREMENTS = "README.md", "requirements-serve.txt"
CORPUS, INDEX = "corpus", "index"
BESIDE = (README, REQUIREMENTS, FILE_NAME)
# What decides which index fits, and what is answered from it; nothing of the machine, no secret.
SETTINGS = (
    "model",
    "backend",
    "precision",
    "chunking",
    "chunk_tokens",
    "chunk_overlap",
    "sentence_vectors_up_to",
    "top_k",
    "fusion",
    "lexical_weight",
    "late_interaction",
    "reranker",
    "rerank_top",
    "refuse_below",
)
# Every file's time, in seconds: the same content is the same bytes. 2000-01-01.
TIME = 946_684_800


def opened(bundle: Path) -> dict[str, Any]:
    """The settings that a bundle has, among them its corpus and index, unpacked in the cache.

    It is unpacked once, in a folder named by its checksum. Raises IndexDamaged for a file that is
    no whole bundle, or not only one, and WriteError where the cache cannot be written to.
    """
    import platformdirs

    shelf = platformdirs.user_cache_path("sessionqa") / "bundle"
    try:
        folder = shelf / exports.sha256_of(bundle)[:32]
    except OSError as error:
        raise IndexDamaged(f"{bundle} cannot be read ({error.strerror})") from error
    if not folder.is_dir():
        _unpack(bundle, folder)
    chosen = read_file(folder / FILE_NAME)
    return {**chosen, "corpus": folder / CORPUS, "index": folder / INDEX, "bundled": True}


def is_inside(name: str) -> bool:
    """Whether a file of this name lies where a bundle's do, on every system."""
    path = PureWindowsPath(name)
    if "\\" in name or path.anchor or ".." in path.parts:
        return False
    return name in BESIDE or (path.parts[0] in {CORPUS, INDEX} and len(path.parts) > 1)


def _unpack(bundle: Path, folder: Path) -> None:
    """Unpacks into a folder aside, checks what is there, and only then renames it to `folder`."""
    aside: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
        _fill(aside, bundle)
        try:
            aside.rename(folder)
        except OSError:
            # Another process may have been quicker.
            if not folder.is_dir():
                raise
    except OSError as error:
        raise WriteError(
            f"{bundle} cannot be unpacked in {folder.parent} ({error.strerror or error}): unpack "
            f"it elsewhere (`tar xf {bundle} -C DIR`), and set SESSIONQA_HOME to that folder"
        ) from error
    finally:
        if aside:
            shutil.rmtree(aside, ignore_errors=True)


def _fill(folder: Path, bundle: Path) -> None:
    """Writes what is in a bundle. Raises IndexDamaged if that is not what `write` writes."""
    try:
        _extract(bundle, folder)
        _check_unpacked(folder)
    except (FileExistsError, NotADirectoryError) as error:
        raise _unusable(bundle, "two of its files have one name") from error
    except SessionQAError as error:
        found = str(error).replace(f"{folder}{os.sep}", "").partition(f": {REBUILD}")[0]
        raise _unusable(bundle, found) from error
    # The record of a build that somebody else has written can have any shape.
    except (
        tarfile.TarError,
        EOFError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise _unusable(bundle, first_line(error)) from error


def _unusable(bundle: Path, why: str) -> IndexDamaged:
    return IndexDamaged(
        f"{bundle} is no whole bundle ({why}): copy it again, or make it again with "
        "`sessionqa bundle`"
    )


def _extract(bundle: Path, folder: Path) -> None:
    """Writes the files of a bundle below `folder`. Raises ValueError if anything else is in it.

    Nothing but contents and times is taken over, so that no link, device or permission can be.
    """
    with tarfile.open(bundle, "r:") as tar:
        members = [member for member in tar if not member.isdir()]
        _check_members(members, bundle.stat().st_size)
        for member in members:
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None  # it is a regular file
            with content, path.open("xb") as file:
                shutil.copyfileobj(content, file)
            os.utime(path, (TIME, TIME))


def _check_members(members: Sequence[tarfile.TarInfo], size: int) -> None:
    """Raises ValueError for what a bundle of `size` bytes that we have written cannot have."""
    for member in members:
        if not member.isreg() or member.issparse():
            raise ValueError(f"{member.name!r} is no ordinary file")
        if not is_inside(member.name):
            raise ValueError(f"{member.name!r} does not belong into one")
    twice = [name for name, times in Counter(m.name for m in members).items() if times > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is in it twice")
    if sum(member.size for member in members) > size:
        raise ValueError("its files would be larger than itself")


def _check_unpacked(folder: Path) -> None:
    """Raises ValueError, KeyError or SessionQAError if something is missing or altered."""
    for missing in (name for name in BESIDE if not (folder / name).is_file()):
        raise ValueError(f"{missing} is missing")
    for name in read_file(folder / FILE_NAME).keys() - set(SETTINGS):
        raise ValueError(f"its {FILE_NAME} sets {name}")
    build = current_build(folder / INDEX)
    manifest = read_manifest(build)
    check_files(build, manifest, verify=True)
    if manifest.encoder["backend"] != "onnx":
        raise ValueError("its encoder needs PyTorch")
    if exports.damaged_files("encoder", encoder_folder(folder / INDEX, manifest)):
        raise ValueError("its encoder is not whole")
    for name in _not_as_built(folder, manifest):
        raise ValueError(f"{CORPUS}/{name} is not as it was indexed")


def _not_as_built(folder: Path, manifest: Manifest) -> Iterator[str]:
    sizes = {path: stamp[0] for path, stamp in manifest.corpus["stamps"].items()}
    for name, size in sizes.items():
        path = folder / CORPUS / name
        if not path.is_file() or path.stat().st_size != size:
            yield name
