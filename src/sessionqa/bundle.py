"""An index with all that answers from it, in one file: written, and opened again.

A bundle is a plain tar file of regular files below `corpus/` and `index/`, and three beside them:
README.md, requirements-serve.txt, and sessionqa.toml with the settings that decide the answers. It
is not compressed: an encoder's weights get 8% smaller by that, in many times the time.
"""

import io
import json
import os
import shutil
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Any

from sessionqa import __version__, exports
from sessionqa.datatypes import Session
from sessionqa.errors import (
    IndexDamaged,
    IndexUnusable,
    ModelError,
    SessionQAError,
    UsageError,
    WriteError,
    first_line,
)
from sessionqa.index import Manifest
from sessionqa.index.builds import (
    BUILDS,
    CURRENT,
    ENCODERS,
    MANIFEST,
    REBUILD,
    RERANKERS,
    check_files,
    current_build,
    encoder_folder,
    read_manifest,
    sealed,
)
from sessionqa.settings import FILE_NAME, Settings, read_file

DEFAULT_NAME = "sessionqa-bundle.tar"
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

# What stands in a bundle under a name: bytes, or those of a file.
Members = Mapping[str, bytes | Path]

_README = """\
# A sessionqa index, ready to be asked

Made by sessionqa {version}: {counts}. On a machine with Python 3.11 or newer:

    pip install --no-compile -r requirements-serve.txt
    pip install --no-deps sessionqa

Then, in this folder, without a network:

    sessionqa ask "..."
    sessionqa chat

From anywhere else `SESSIONQA_HOME` says where this folder is. PyTorch is not needed. To build the
index anew after a change of `corpus/`, `pip install sessionqa` brings the rest.
"""


def write(settings: Settings, out: Path, force: bool = False) -> Manifest:
    """Writes the corpus, the live build and its models to `out`; an equal index, equal bytes.

    `force` replaces a file that is there. Raises IndexUnusable for an index that is damaged, or of
    another corpus or other settings, UsageError for an `out` that can be no bundle, and WriteError.
    """
    from sessionqa.corpus import read_corpus

    with _telling(out):
        _check_out(settings, out, force)
    sessions = read_corpus(settings.corpus)
    manifest = _checked(settings, sessions)
    members = _members(settings, sessions, manifest)
    for name in members:
        if not _is_inside(name):
            raise WriteError(f"{name} cannot stand in a bundle: give that file another name")
    aside = out.with_name(f".{out.name}-{os.getpid()}")
    with _telling(out):
        try:
            with aside.open("xb") as file:
                _write_tar(file, members)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(out)
        finally:
            aside.unlink(missing_ok=True)
    return manifest


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


@contextmanager
def _telling(out: Path) -> Iterator[None]:
    """Raises WriteError for what the system says against writing `out`."""
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"{out} cannot be written ({error.strerror or error}): "
            "name a place with room that can be written to"
        ) from error


def _check_out(settings: Settings, out: Path, force: bool) -> None:
    if settings.milvus:
        raise UsageError(
            f"the index is in {settings.milvus}, which others can ask as well: a bundle is made of "
            "a folder, which --index may name"
        )
    if out.suffix != ".tar":
        raise UsageError(f"{out} is no name for a bundle, which is a tar file: let it end in .tar")
    for folder in (settings.index, settings.corpus):
        if out.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{out} is inside {folder}, which goes into the bundle: name another")
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"{out} cannot be written: it is a folder, or its folder is missing")
    if out.exists() and not force:
        raise UsageError(f"{out} is there already: name another, or replace it with --force")


def _checked(settings: Settings, sessions: Sequence[Session]) -> Manifest:
    """The manifest of the live build, once everything of it has been found right."""
    from sessionqa.doctor import agreeing_encoder
    from sessionqa.index.inputs import corpus_fingerprint, inputs_of
    from sessionqa.models import fingerprint_here, open_reranker

    build = current_build(settings.index)
    manifest = read_manifest(build)
    check_files(build, manifest, verify=True)
    if manifest.encoder["backend"] != "onnx" or settings.backend != "onnx":
        raise IndexUnusable(
            f"questions to the index in {settings.index} need PyTorch, and a bundle is for "
            'machines without it: set `backend = "onnx"` and run `sessionqa index`'
        )
    if manifest.inputs != inputs_of(
        corpus_fingerprint(sessions), fingerprint_here(settings), settings
    ):
        raise IndexUnusable(
            f"{settings.index} was built of another corpus or with other settings than there are "
            "now: run `sessionqa index` first"
        )
    agreeing_encoder(settings)
    if settings.reranker:
        open_reranker(settings)
    return manifest


def _members(settings: Settings, sessions: Sequence[Session], manifest: Manifest) -> Members:
    """All that goes into the bundle, by name. Raises IndexUnusable if a session has changed."""
    model = exports.portable(manifest.encoder["name"], manifest.encoder["fingerprint"])
    chosen = {name: getattr(settings, name) for name in SETTINGS} | {"model": model}
    members: dict[str, bytes | Path] = {}
    if settings.reranker:
        chosen["reranker"], of_reranker = _reranker(settings)
        members.update(of_reranker)
    counts = ", ".join(f"{count:,} {name}" for name, count in manifest.counts.items())
    members[README] = _README.format(version=__version__, counts=counts).encode()
    members[REQUIREMENTS] = requirements().read_bytes()
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in chosen.items())
    members[FILE_NAME] = "".join(lines).encode()
    for session in sessions:
        members[f"{CORPUS}/{session.path}"] = settings.corpus / session.path
    build = current_build(settings.index)
    members[f"{INDEX}/{CURRENT}"] = f"{build.name}\n".encode()
    at = f"{INDEX}/{BUILDS}/{build.name}"
    members.update({f"{at}/{name}": build / name for name in manifest.files})
    members[f"{at}/{MANIFEST}"] = sealed(_moved(manifest, settings.corpus, sessions, model))
    encoder = encoder_folder(settings.index, manifest)
    members.update(_export("encoder", encoder, f"{INDEX}/{ENCODERS}", model))
    return members


def _moved(manifest: Manifest, corpus: Path, sessions: Sequence[Session], model: str) -> Manifest:
    """The manifest of the build where its corpus is beside it, as old as all else there."""
    stamps = {
        session.path: [(corpus / session.path).stat().st_size, TIME * 10**9] for session in sessions
    }
    return replace(
        manifest,
        corpus={**manifest.corpus, "path": CORPUS, "stamps": stamps},
        encoder={**manifest.encoder, "name": model},
    )


def _reranker(settings: Settings) -> tuple[str, Members]:
    """The name of the settings' reranker in a bundle, and its export with the record of it."""
    from sessionqa import rerank

    folder = rerank.find(settings.reranker, settings.index / RERANKERS)
    if folder is None:
        raise ModelError(f"{settings.reranker} is not exported: run `sessionqa index`")
    name = exports.portable(settings.reranker, folder.name)
    shelf = f"{INDEX}/{RERANKERS}"
    members = _export("reranker", folder, shelf, name)
    return name, {**members, f"{shelf}/{rerank.NAMES}": _json({name: folder.name})}


def _export(kind: exports.Kind, folder: Path, shelf: str, name: str) -> Members:
    """The files of an export; its card, which may name a folder of this machine, says `name`."""
    card = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
    at = f"{shelf}/{folder.name}"
    files = {f"{at}/{part}": folder / part for part in card["bytes"]}
    return {**files, f"{at}/{kind}.json": _json({**card, "name": name})}


def _json(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def requirements() -> Path:
    """The list of what a machine needs that only serves: the package's, or the repository's."""
    package = Path(__file__).parent
    inside = package / REQUIREMENTS
    return inside if inside.is_file() else package.parents[1] / REQUIREMENTS


def _write_tar(file: io.BufferedWriter, members: Members) -> None:
    """Sorted, of nobody in particular, and of one time."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, source in sorted(members.items()):
            info = tarfile.TarInfo(name)
            info.mtime = TIME
            if isinstance(source, bytes):
                info.size = len(source)
                tar.addfile(info, io.BytesIO(source))
                continue
            with source.open("rb") as content:
                info.size = os.fstat(content.fileno()).st_size
                tar.addfile(info, content)


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
        if not _is_inside(member.name):
            raise ValueError(f"{member.name!r} does not belong into one")
    twice = [name for name, times in Counter(m.name for m in members).items() if times > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is in it twice")
    if sum(member.size for member in members) > size:
        raise ValueError("its files would be larger than itself")


def _is_inside(name: str) -> bool:
    """Whether a file of this name lies where a bundle's do, on every system."""
    path = PureWindowsPath(name)
    if "\\" in name or path.anchor or ".." in path.parts:
        return False
    return name in BESIDE or (path.parts[0] in {CORPUS, INDEX} and len(path.parts) > 1)


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
