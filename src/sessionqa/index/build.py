"""Sessions -> a build on disk, written aside, checked, and only then made the live one."""

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sessionqa import chunk, terms
from sessionqa.datatypes import Passage, Session
from sessionqa.encode import Encoder, Vectors, passage_input
from sessionqa.errors import IndexUnusable, SessionQAError
from sessionqa.exports import sha256_of
from sessionqa.facets import facets_of
from sessionqa.index import FORMAT_VERSION, Manifest, lexical, vocabulary
from sessionqa.index.local import (
    BUILDS,
    CURRENT,
    DATABASE,
    LEXICAL,
    MANIFEST,
    SENTENCES,
    VECTORS,
    LocalIndex,
    current_build,
    read_manifest,
)
from sessionqa.settings import Settings

# Told the stage, how many are done, and of how many.
Report = Callable[[str, int, int], None]
# Size and time of each corpus file; see corpus.stamps.
Stamps = Mapping[str, Sequence[int]]
MAKING = ".making-"

SCHEMA = """
CREATE TABLE sessions (ordinal INTEGER PRIMARY KEY, folded TEXT UNIQUE, code TEXT, title TEXT,
    event TEXT, year INTEGER, track TEXT, level INTEGER, speakers TEXT, services TEXT, url TEXT,
    path TEXT, sha256 TEXT, text TEXT);
CREATE TABLE facets (field TEXT, folded TEXT, value TEXT, code TEXT,
    PRIMARY KEY (field, folded, value, code)) WITHOUT ROWID;
CREATE TABLE facet_values (field TEXT, folded TEXT, value TEXT,
    PRIMARY KEY (field, folded)) WITHOUT ROWID;
CREATE TABLE passages (row INTEGER PRIMARY KEY, id TEXT UNIQUE, session_code TEXT, title TEXT,
    text TEXT, start INTEGER, end INTEGER, tokens INTEGER, key TEXT);
CREATE INDEX passages_of_session ON passages (session_code);
CREATE TABLE sentences (row INTEGER PRIMARY KEY, session_code TEXT, start INTEGER, end INTEGER,
    text TEXT, key TEXT);
CREATE INDEX sentences_of_session ON sentences (session_code, start);
CREATE TABLE stems (stem TEXT PRIMARY KEY, sentences INTEGER) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class _Cut:
    """The sessions cut up, and what the encoder reads for each passage and sentence."""

    passages: list[Passage]
    passage_inputs: list[str]
    sentences: list[tuple[str, int, int, str]]
    sentence_inputs: list[str]


def corpus_fingerprint(sessions: Iterable[Session]) -> str:
    """Names the content of a corpus: the files' checksums, in order of their codes."""
    lines = sorted(f"{session.code} {session.sha256}" for session in sessions)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def inputs_of(sessions: Iterable[Session], encoder: str, settings: Settings) -> str:
    """Names everything that decides what a build holds; `encoder` is its fingerprint."""
    corpus = corpus_fingerprint(sessions)
    made_by = [encoder, settings.backend]
    made_of = [FORMAT_VERSION, corpus, made_by, _chunking(settings), _confidence()]
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
    """
    folder = settings.index
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    aside = folder / BUILDS / f"{MAKING}{name}"
    aside.mkdir(parents=True)
    try:
        _write_files(aside, settings, sessions, encoder, report)
        manifest = _manifest(aside, settings, sessions, stamps, encoder)
        LocalIndex(folder, aside, manifest).close()
        aside.rename(folder / BUILDS / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _publish(folder, name)
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
) -> None:
    import faiss

    cut = _cut(sessions, encoder, settings, report)
    known_passages, known_sentences = _known_vectors(settings.index, encoder)
    dense = _encode("encoding passages", cut.passage_inputs, encoder, known_passages, report)
    fine = _encode("encoding sentences", cut.sentence_inputs, encoder, known_sentences, report)
    index = faiss.IndexFlatIP(encoder.dim)
    index.add(dense)
    (aside / VECTORS).write_bytes(faiss.serialize_index(index).tobytes())
    np.save(aside / SENTENCES, fine.astype(np.float16))
    lexical.write(aside / LEXICAL, cut.passages)
    _write_database(aside / DATABASE, sessions, cut)


def _manifest(
    aside: Path,
    settings: Settings,
    sessions: Sequence[Session],
    stamps: Stamps,
    encoder: Encoder,
) -> Manifest:
    """Describes the files of `aside`, and writes the description beside them."""
    with closing(sqlite3.connect(aside / DATABASE)) as db:
        counts = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("sessions", "passages", "sentences")
        }
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
            "max_tokens": encoder.max_tokens,
            "backend": settings.backend,
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


def _cut(sessions: Sequence[Session], encoder: Encoder, settings: Settings, report: Report) -> _Cut:
    def fits(title: str, text: str) -> bool:
        return encoder.count_pieces(passage_input(encoder, title, text)) <= encoder.max_tokens

    cut = _Cut([], [], [], [])
    for done, session in enumerate(sessions, 1):
        units = chunk.units(session, settings.chunk_tokens, fits)
        if settings.chunking == "document":
            passages = chunk.whole(session)
        else:
            budget, overlap = settings.chunk_tokens, settings.chunk_overlap
            passages = chunk.passages(session, units, budget, overlap, fits)
        for passage in passages:
            cut.passages.append(passage)
            cut.passage_inputs.append(passage_input(encoder, passage.title, passage.text))
        for start, end in units:
            text = session.text[start:end]
            if not chunk.is_heading(text):
                cut.sentences.append((session.code, start, end, text))
                cut.sentence_inputs.append(passage_input(encoder, session.title, text))
        report("cutting sessions", done, len(sessions))
    return cut


def _encode(
    stage: str, texts: Sequence[str], encoder: Encoder, known: dict[str, Vectors], report: Report
) -> Vectors:
    """A row for each text; those that the build before had are taken from it."""
    keys = [_key(text) for text in texts]
    missing = [row for row, key in enumerate(keys) if key not in known]
    vectors = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    for row, key in enumerate(keys):
        if key in known:
            vectors[row] = known[key]
    done = len(texts) - len(missing)
    report(stage, done, len(texts))

    def more(count: int) -> None:
        nonlocal done
        done += count
        report(stage, done, len(texts))

    if missing:
        vectors[missing] = encoder.encode_passages([texts[row] for row in missing], more)
    return vectors


def _known_vectors(folder: Path, encoder: Encoder) -> tuple[dict[str, Vectors], dict[str, Vectors]]:
    """The vectors of the live build by key, if the same encoder made them."""
    with suppress(SessionQAError):
        before = LocalIndex.open(folder, verify=True)
        with closing(before):
            if before.manifest.encoder["fingerprint"] == encoder.fingerprint:
                return dict(before.keyed_vectors()), dict(before.keyed_sentences())
    return {}, {}


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _write_database(path: Path, sessions: Sequence[Session], cut: _Cut) -> None:
    counts: Counter[str] = Counter()
    for _, _, _, text in cut.sentences:
        counts.update(terms.stems(text))
    db = sqlite3.connect(path)
    try:
        with db:
            db.executescript(SCHEMA)
            db.executemany(
                f"INSERT INTO sessions VALUES ({','.join('?' * 14)})",
                (_session_row(ordinal, session) for ordinal, session in enumerate(sessions)),
            )
            db.executemany(
                "INSERT OR IGNORE INTO facets VALUES (?, ?, ?, ?)",
                (astuple(facet) for session in sessions for facet in facets_of(session)),
            )
            db.execute(
                "INSERT INTO facet_values "
                "SELECT field, folded, min(value) FROM facets GROUP BY field, folded"
            )
            db.executemany(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        row,
                        p.id,
                        p.session_code,
                        p.title,
                        p.text,
                        p.start,
                        p.end,
                        p.tokens,
                        _key(text),
                    )
                    for row, (p, text) in enumerate(
                        zip(cut.passages, cut.passage_inputs, strict=True)
                    )
                ),
            )
            db.executemany(
                "INSERT INTO sentences VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (row, *sentence, _key(text))
                    for row, (sentence, text) in enumerate(
                        zip(cut.sentences, cut.sentence_inputs, strict=True)
                    )
                ),
            )
            db.executemany("INSERT INTO stems VALUES (?, ?)", sorted(counts.items()))
            vocabulary.write(db, sessions)
    finally:
        db.close()


def _session_row(ordinal: int, session: Session) -> tuple[Any, ...]:
    speakers = json.dumps([asdict(speaker) for speaker in session.speakers], ensure_ascii=False)
    services = json.dumps(session.services, ensure_ascii=False)
    return (
        ordinal,
        session.code.casefold(),
        session.code,
        session.title,
        session.event,
        session.year,
        session.track,
        session.level,
        speakers,
        services,
        session.url,
        session.path,
        session.sha256,
        session.text,
    )


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
