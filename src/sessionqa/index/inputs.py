"""What decides what a build holds: the corpus, the encoder, the settings; named by fingerprints."""

import hashlib
import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.index import FORMAT_VERSION
from sessionqa.settings import Settings


def corpus_fingerprint(sessions: Iterable[Session]) -> str:
    """Names the content of a corpus: its files and their checksums, in order of their codes."""
    lines = sorted(f"{session.code} {session.sha256} {session.path}" for session in sessions)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def inputs_of(corpus: str, encoder: str, settings: Settings) -> str:
    """Names everything that decides what a build holds; by fingerprints, and the settings."""
    made_by = [encoder, settings.backend]
    made_of = [FORMAT_VERSION, corpus, made_by, chunking_of(settings), confidence()]
    made_of.append(settings.sentence_vectors_up_to)
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def made_by(settings: Settings, encoder: Encoder) -> dict[str, Any]:
    """How a manifest tells which encoder made the vectors."""
    return {
        # By this name the next question asks for it; an export may be a copy of another's.
        "name": settings.model,
        "fingerprint": encoder.fingerprint,
        "dim": encoder.dim,
        "token_dim": encoder.token_dim,
        "max_tokens": encoder.max_tokens,
        "backend": encoder.backend,
    }


def chunking_of(settings: Settings) -> dict[str, Any]:
    """How a manifest tells how sessions are cut."""
    return {
        "chunking": settings.chunking,
        "tokens": settings.chunk_tokens,
        "overlap": settings.chunk_overlap,
    }


def confidence() -> dict[str, Any]:
    """The calibration of the confidence that this version ships."""
    text = resources.files("sessionqa").joinpath("confidence.json").read_text(encoding="utf-8")
    calibration: dict[str, Any] = json.loads(text)
    return calibration
