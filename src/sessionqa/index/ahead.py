"""Sessions -> what a build makes of them, ahead of it and by the workers of a Ray.

Workers cut sessions and encode what no build has. All of it is kept where a build that was broken
off keeps its own, by what the encoder read; so the build that comes after finds everything made,
whichever worker it was that made it, and however often.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sessionqa.datatypes import Session
from sessionqa.encode import Encoded, Encoder
from sessionqa.index.cut import Known, Pieces, Report, cut
from sessionqa.index.dense import is_exact
from sessionqa.index.earlier import Earlier
from sessionqa.index.encoding import (
    OF_PASSAGES,
    OF_SENTENCES,
    Unfinished,
    key_of,
    sentence_inputs,
    unfinished_of,
    without_tokens,
)
from sessionqa.index.room import passages_of
from sessionqa.index.spread import Batch, Workers, batches
from sessionqa.settings import Settings

# The first half of each key, sorted. Two texts may share it, once in a corpus of a billion: one of
# them is left to the build then.
Keys = NDArray[np.uint64]
# Texts' keys, and what was made of them.
Kept = tuple[list[str], Encoded]


def encode_ahead(
    workers: Workers,
    folder: Path,
    sessions: Sequence[Session],
    encoder: Encoder,
    known: Known,
    before: Earlier | None,
    report: Report,
) -> Known:
    """Has `workers` cut and encode what neither is `known` nor in `before`; returns all pieces.

    `folder` is that of the index, in which their work is kept as it comes. How many passages there
    will be decides what is wanted of them, and is estimated here: where that is wrong, the build
    encodes what is missing itself. Raises as `Workers.run` does.
    """
    settings = workers.settings
    about = passages_of(sessions, settings)
    with_sentences = about <= settings.sentence_vectors_up_to
    unfinished = unfinished_of(folder, encoder)
    passages = Unfinished(unfinished / OF_PASSAGES)
    sentences = Unfinished(unfinished / OF_SENTENCES)
    of_passages = before.passages(exactly=is_exact(about)).rows if before else {}
    of_sentences = before.sentences().rows if before else {}
    if not of_passages or (with_sentences and not of_sentences):
        # Those that have not changed lack vectors all the same.
        known = {}
    changed = [
        (place, session)
        for place, session in enumerate(sessions)
        if (session.code, session.sha256) not in known
    ]
    work = _Encoding(
        settings,
        with_sentences,
        _halves(of_passages | passages.made.rows),
        _halves(of_sentences | sentences.made.rows),
    )
    found = dict(known)
    done = 0
    for made in workers.run(encoder, batches(changed), work):
        for kept, (keys, encoded) in ((passages, made.passages), (sentences, made.sentences)):
            if keys:
                kept.keep(keys, encoded)
        found.update(made.pieces)
        done += len(made.pieces)
        report("cutting and encoding by Ray", done, len(changed))
    return found


@dataclass(frozen=True, slots=True)
class _Made:
    """What a worker makes of a batch; the pieces of each session by its code and checksum."""

    pieces: Mapping[tuple[str, str], Pieces]
    passages: Kept
    sentences: Kept


@dataclass(frozen=True, slots=True)
class _Encoding:
    """What a worker does with a batch; the keys are those of what it need not encode."""

    settings: Settings
    with_sentences: bool
    passages: Keys
    sentences: Keys

    def __call__(self, encoder: Encoder, batch: Batch) -> _Made:
        sessions = [session for _, session in batch]
        made = cut(sessions, encoder, self.settings, {}, lambda *_: None)
        texts = sentence_inputs(sessions, made, encoder) if self.with_sentences else []
        return _Made(
            {
                (session.code, session.sha256): pieces
                for session, pieces in zip(sessions, made.pieces(), strict=True)
            },
            _encoded(made.passage_inputs, self.passages, encoder.encode_with_tokens),
            _encoded(texts, self.sentences, lambda left: without_tokens(encoder, left)),
        )


def _encoded(texts: Sequence[str], known: Keys, encode: Callable[[Sequence[str]], Encoded]) -> Kept:
    by_key = {key_of(text): text for text in texts}
    left = [key for key in by_key if not _is_in(known, _half(key))]
    return left, encode([by_key[key] for key in left])


def _halves(keys: Iterable[str]) -> Keys:
    return np.sort(np.fromiter(map(_half, keys), dtype=np.uint64))


def _half(key: str) -> np.uint64:
    return np.uint64(int(key[:16], 16))


def _is_in(known: Keys, key: np.uint64) -> bool:
    at = int(np.searchsorted(known, key))
    return at < len(known) and known[at] == key
