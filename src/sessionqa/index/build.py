"""Sessions -> a build on disk, written aside, checked, and only then made the live one."""

import secrets
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.exports import sha256_of
from sessionqa.index import FORMAT_VERSION, Manifest, database, lexical, room
from sessionqa.index.builds import BUILDS, MANIFEST, sealed
from sessionqa.index.cut import Report, cut
from sessionqa.index.earlier import Earlier
from sessionqa.index.encoding import forget_unfinished, write_vectors
from sessionqa.index.inputs import (
    chunking_of,
    confidence,
    corpus_fingerprint,
    inputs_of,
    made_by,
)
from sessionqa.index.local import DATABASE, PASSAGE_WORDS, SESSION_WORDS, LocalIndex
from sessionqa.index.publish import MAKING, next_number, publish
from sessionqa.index.stores import Stamps
from sessionqa.settings import Settings

if TYPE_CHECKING:
    from sessionqa.index.spread import Workers


def write_build(
    settings: Settings,
    sessions: Sequence[Session],
    stamps: Stamps,
    encoder: Encoder,
    before: Earlier | None,
    report: Report,
    workers: "Workers | None" = None,
) -> Manifest:
    """Builds an index of `sessions` in `settings.index` and makes it the live one.

    Call it as the `only_builder`; `stamps` are those of the sessions' files before they were
    read, and `before` an earlier build, from which is taken what has not changed. `workers` cut and
    encode, if they are given. The build that was live until then stays on disk, and stays live if
    anything fails. Raises IndexUnusable if the machine has less memory or disk than it takes, and
    as `Workers.run` does.
    """
    folder = settings.index
    room.check(folder, sessions, settings, encoder.dim, encoder.token_dim)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    aside = folder / BUILDS / f"{MAKING}{name}"
    aside.mkdir(parents=True)
    try:
        counts = _write_files(aside, settings, sessions, encoder, before, report, workers)
        manifest = _manifest(aside, settings, sessions, stamps, encoder, counts)
        (aside / MANIFEST).write_bytes(sealed(manifest))
        LocalIndex.open_build(folder, aside, manifest).close()
        publish(folder, aside, name, settings.keep_builds)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    forget_unfinished(folder)
    return manifest


def _write_files(
    aside: Path,
    settings: Settings,
    sessions: Sequence[Session],
    encoder: Encoder,
    before: Earlier | None,
    report: Report,
    workers: "Workers | None",
) -> dict[str, int]:
    """Writes all but the manifest; returns how many of everything there are."""
    if before and not _same_encoder(before.manifest, encoder):
        before = None
    known = before.pieces() if before and before.manifest.chunking == chunking_of(settings) else {}
    if workers:
        from sessionqa.index.ahead import encode_ahead

        folder = settings.index
        known = encode_ahead(workers, folder, sessions, encoder, known, before, report)
    made = cut(sessions, encoder, settings, known, report)
    with_sentences = len(made.passages) <= settings.sentence_vectors_up_to
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


def _same_encoder(manifest: Manifest, encoder: Encoder) -> bool:
    """Whether the vectors of a build, those of tokens included, are such as `encoder` gives."""
    by = manifest.encoder
    return (by["fingerprint"], by["token_dim"]) == (
        encoder.fingerprint,
        encoder.token_dim,
    )


def _manifest(
    aside: Path,
    settings: Settings,
    sessions: Sequence[Session],
    stamps: Stamps,
    encoder: Encoder,
    counts: dict[str, int],
) -> Manifest:
    """Describes the files of `aside`."""
    corpus = corpus_fingerprint(sessions)
    return Manifest(
        format=FORMAT_VERSION,
        build=aside.name.removeprefix(MAKING),
        number=next_number(settings.index),
        inputs=inputs_of(corpus, encoder.fingerprint, settings),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        corpus={
            "path": str(settings.corpus.resolve()),
            "fingerprint": corpus,
            "stamps": dict(stamps),
        },
        encoder=made_by(settings, encoder),
        chunking=chunking_of(settings),
        counts=counts,
        confidence=confidence(),
        files={
            path.relative_to(aside).as_posix(): {
                "size": path.stat().st_size,
                "sha256": sha256_of(path),
            }
            for path in sorted(aside.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        },
    )
