"""An index with all that answers from it -> one file, a bundle: see unbundle for what is in it.

It is not compressed: an encoder's weights get 8% smaller by that, in many times the time.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sessionqa import __version__, exports
from sessionqa.datatypes import Session
from sessionqa.errors import (
    IndexUnusable,
    ModelError,
    UsageError,
    WriteError,
)
from sessionqa.index import Manifest
from sessionqa.index.builds import (
    BUILDS,
    CURRENT,
    ENCODERS,
    MANIFEST,
    RERANKERS,
    check_files,
    current_build,
    encoder_folder,
    read_manifest,
    sealed,
)
from sessionqa.settings import FILE_NAME, Settings
from sessionqa.unbundle import CORPUS, INDEX, README, REQUIREMENTS, SETTINGS, TIME, is_inside

DEFAULT_NAME = "sessionqa-bundle.tar"
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
        if not is_inside(name):
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
            f"the index is {settings.milvus}, and a bundle is made of a folder: name one with "
            "--index, built by `sessionqa index` of the same corpus"
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
