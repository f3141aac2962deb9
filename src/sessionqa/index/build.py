"""Sessions -> a build on disk, written aside, checked, and only then made the live one."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.errors import IndexUnusable, SessionQAError
from sessionqa.exports import sha256_of
from sessionqa.index import FORMAT_VERSION, Manifest, database, lexical, room
from sessionqa.index.builds import BUILDS, CURRENT, MANIFEST, current_build, read_manifest
from sessionqa.index.cut import Report, cut
from sessionqa.index.encoding import forget_unfinished, write_vectors
from sessionqa.index.local import DATABASE, PASSAGE_WORDS, SESSION_WORDS, LocalIndex
from sessionqa.settings import Settings

# Size and time of each corpus file; see corpus.stamps.
Stamps = Mapping[str, Sequence[int]]
MAKING = ".making-"


def corpus_fingerprint(sessions: Iterable[Session]) -> str:
    """Names the content of a corpus: the files' checksums, in order of their codes."""
    lines = sorted(f"{session.code} {session.sha256}" for session in sessions)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def inputs_of(sessions: Iterable[Session], encoder: str, settings: Settings) -> str:
    """Names everything that decides what a build holds; `encoder` is its fingerprint."""
    corpus = corpus_fingerprint(sessions)
    made_by = [encoder, settings.backend]
    made_of = [FORMAT_VERSION, corpus, made_by, _chunking(settings), _confidence()]
    made_of.append(settings.sentence_vectors_up_to)
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def live_manifest(folder: Path, inputs: str) -> Manifest | None:
    """The manifest of the live build if it is whole and was made of just these inputs."""
    try:
        live = LocalIndex.open(folder, verify=True)
    except IndexUnusable:
        return None
    live.close()
    return live.manifest if live.manifest.inputs == inputs else None


def write_build(
    settings: Settings,
    sessions: Sequence[Session],
    stamps: Stamps,
    encoder: Encoder,
    report: Report,
) -> Manifest:
    """Builds an index of `sessions` in `settings.index` and makes it the live one.

    Call it as the `only_builder`; `stamps` are those of the sessions' files before they were
    read. The build that was live until then stays on disk, and stays live if anything fails.
    Raises IndexUnusable if the machine has less memory or disk than it takes.
    """
    folder = settings.index
    room.check(folder, sessions, settings, encoder.dim, encoder.token_dim)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    aside = folder / BUILDS / f"{MAKING}{name}"
    aside.mkdir(parents=True)
    try:
        counts = _write_files(aside, settings, sessions, encoder, report)
        manifest = _manifest(aside, settings, sessions, stamps, encoder, counts)
        LocalIndex(folder, aside, manifest).close()
        aside.rename(folder / BUILDS / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _publish(folder, name)
    forget_unfinished(folder)
    return manifest


@contextmanager
def only_builder(folder: Path) -> Iterator[None]:
    """Holds the lock of `folder`. Raises IndexUnusable if another has it or it can't be written."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise IndexUnusable(
            f"another process is building in {folder}: wait for it, or name another --index"
        ) from None
    except OSError as error:
        raise IndexUnusable(
            f"{folder} cannot be written to ({error.strerror or error}): "
            "give it write permission and room, or name another folder with --index"
        ) from error


def _write_files(
    aside: Path, settings: Settings, sessions: Sequence[Session], encoder: Encoder, report: Report
) -> dict[str, int]:
    """Writes all but the manifest; returns how many of everything there are."""
    made = cut(sessions, encoder, settings, report)
    with_sentences = len(made.passages) <= settings.sentence_vectors_up_to
    with _live(settings.index, encoder) as before:
        write_vectors(aside, sessions, made, encoder, before, with_sentences, report)
    lexical.write(
        aside / PASSAGE_WORDS,
        (
            (ordinal, f"{passage.title} {passage.text}")
            for ordinal, ((first, last), _) in enumerate(made.of_session)
            for passage in made.passages[first:last]
        ),
    )
    lexical.write(aside / SESSION_WORDS, enumerate(session.text for session in sessions))
    database.write(aside / DATABASE, sessions, made)
    return {
        "sessions": len(sessions),
        "passages": len(made.passages),
        "sentences": len(made.sentences),
    }


@contextmanager
def _live(folder: Path, encoder: Encoder) -> Iterator[LocalIndex | None]:
    """The live build if it is whole and an encoder made it that gives the same, tokens included."""
    before: LocalIndex | None = None
    with suppress(SessionQAError):
        before = LocalIndex.open(folder, verify=True)
    if before is None:
        yield None
        return
    with closing(before):
        made_by = before.manifest.encoder
        same = (encoder.fingerprint, encoder.token_dim)
        yield before if (made_by["fingerprint"], made_by["token_dim"]) == same else None


def _manifest(
    aside: Path,
    settings: Settings,
    sessions: Sequence[Session],
    stamps: Stamps,
    encoder: Encoder,
    counts: dict[str, int],
) -> Manifest:
    """Describes the files of `aside`, and writes the description beside them."""
    manifest = Manifest(
        format=FORMAT_VERSION,
        build=aside.name.removeprefix(MAKING),
        inputs=inputs_of(sessions, encoder.fingerprint, settings),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        corpus={
            "path": str(settings.corpus.resolve()),
            "fingerprint": corpus_fingerprint(sessions),
            "stamps": dict(stamps),
        },
        encoder={
            # By this name the next question asks for it; an export may be a copy of another's.
            "name": settings.model,
            "fingerprint": encoder.fingerprint,
            "dim": encoder.dim,
            "token_dim": encoder.token_dim,
            "max_tokens": encoder.max_tokens,
            "backend": encoder.backend,
        },
        chunking=_chunking(settings),
        counts=counts,
        confidence=_confidence(),
        files={
            path.relative_to(aside).as_posix(): {
                "size": path.stat().st_size,
                "sha256": sha256_of(path),
            }
            for path in sorted(aside.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        },
    )
    text = json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n"
    (aside / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def _chunking(settings: Settings) -> dict[str, Any]:
    return {
        "chunking": settings.chunking,
        "tokens": settings.chunk_tokens,
        "overlap": settings.chunk_overlap,
    }


def _confidence() -> dict[str, Any]:
    """The calibration of the confidence that this version ships."""
    text = resources.files("sessionqa").joinpath("confidence.json").read_text(encoding="utf-8")
    calibration: dict[str, Any] = json.loads(text)
    return calibration


def _publish(folder: Path, name: str) -> None:
    """Makes `name` the live build, and removes all but it and the one before."""
    keep = {name}
    with suppress(SessionQAError):
        keep.add(read_manifest(current_build(folder)).build)
    pointer = folder / f".{CURRENT}-{name}"
    with pointer.open("w", encoding="utf-8") as file:
        file.write(name + "\n")
        file.flush()
        os.fsync(file.fileno())
    pointer.replace(folder / CURRENT)
    for build in (folder / BUILDS).iterdir():
        if build.name not in keep:
            shutil.rmtree(build, ignore_errors=True)
