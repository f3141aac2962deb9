"""What the encoder reads -> vectors on disk, block by block.

A text that the live build has is not encoded again. A block that is done is kept beside the builds
until the next one is live, so that a build that was broken off goes on where it stopped.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from sessionqa.datatypes import Session
from sessionqa.encode import Encoded, Encoder, Progress, Tokens, Vectors, passage_input
from sessionqa.index import dense, places
from sessionqa.index.cut import Cut, Report
from sessionqa.index.local import PASSAGE_KEYS, SENTENCE_KEYS, SENTENCES, TOKENS, LocalIndex
from sessionqa.index.rows import RowWriter

UNFINISHED = "unfinished"
# So many texts are encoded before they are safe on disk.
BLOCK = 2048


def key_of(text: str) -> str:
    """Names what the encoder reads: equal for equal texts only."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def write_vectors(
    aside: Path,
    sessions: Sequence[Session],
    made: Cut,
    encoder: Encoder,
    before: LocalIndex | None,
    with_sentences: bool,
    report: Report,
) -> None:
    """Writes the vectors of passages and of their tokens, and where each passage stands.

    And, `with_sentences`, the vectors of sentences. `before` is the live build if the same encoder
    made it.
    """
    # Apart: the blocks of sentences have no tokens, and not every encoder gives them.
    unfinished = aside.parents[1] / UNFINISHED / f"{encoder.fingerprint}-{encoder.token_dim}"
    passages, rest = Unfinished(unfinished / "passages"), Unfinished(unfinished / "sentences")
    lengths: list[int] = []
    with RowWriter(aside / TOKENS, encoder.token_dim, np.int8) as tokens:

        def blocks() -> Iterator[Vectors]:
            for block in _passages(made.passage_inputs, encoder, before, passages, report):
                tokens.append(block.tokens)
                lengths.extend(block.lengths.tolist())
                yield block.vectors

        clustered = partial(report, "putting vectors into clusters")
        dense.write(aside, blocks(), len(made.passages), encoder.dim, clustered)
    places.write(aside, made, lengths)
    _write_keys(aside / PASSAGE_KEYS, made.passage_inputs)
    texts = _sentence_inputs(sessions, made, encoder) if with_sentences else []
    with RowWriter(aside / SENTENCES, encoder.dim, np.float16) as sentences:
        for vectors in _sentences(texts, encoder, before, rest, report):
            sentences.append(vectors)
    _write_keys(aside / SENTENCE_KEYS, texts)


def _sentence_inputs(sessions: Sequence[Session], made: Cut, encoder: Encoder) -> list[str]:
    return [
        passage_input(encoder, session.title, text)
        for session, text in made.sentence_texts(sessions)
    ]


def _write_keys(path: Path, texts: Sequence[str]) -> None:
    raw = b"".join(bytes.fromhex(key_of(text)) for text in texts)
    np.save(path, np.frombuffer(raw, dtype=np.uint8).reshape(len(texts), -1 if texts else 0))


class Unfinished:
    """The blocks that a build has encoded so far, each in a file named by its texts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, texts: Sequence[str], encode: Callable[[Sequence[str]], Encoded]) -> Encoded:
        """The vectors of `texts`: those that were kept, or else those that `encode` makes."""
        if not texts:
            return encode(texts)
        path = self._folder / f"{key_of(chr(0).join(texts))}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                return Encoded(kept["vectors"], kept["tokens"], kept["lengths"])
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile):
            made = encode(texts)
        self._folder.mkdir(parents=True, exist_ok=True)
        pending = path.with_suffix(".part.npz")
        np.savez(pending, vectors=made.vectors, tokens=made.tokens, lengths=made.lengths)
        pending.replace(path)
        return made


def forget_unfinished(folder: Path) -> None:
    """Removes what a build of the index in `folder` kept for the case that it is broken off."""
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


def _passages(
    texts: Sequence[str],
    encoder: Encoder,
    before: LocalIndex | None,
    unfinished: Unfinished,
    report: Report,
) -> Iterator[Encoded]:
    """The vectors of passages and of their tokens, a block at a time, in order."""
    known = before.passage_rows() if before else {}
    encode = encoder.encode_with_tokens
    for rows, made in _blocks("encoding passages", texts, known, encode, unfinished, report):
        vectors = np.zeros((len(rows), encoder.dim), dtype=np.float32)
        tokens: list[Tokens] = []
        fresh = zip(made.vectors, _of_each(made), strict=True)
        for place, row in enumerate(rows):
            found = next(fresh) if before is None or row is None else before.encoded(row)
            vectors[place] = found[0]
            tokens.append(found[1])
        lengths = np.array([len(own) for own in tokens], dtype=np.int64)
        yield Encoded(vectors, np.concatenate(tokens), lengths)


def _sentences(
    texts: Sequence[str],
    encoder: Encoder,
    before: LocalIndex | None,
    unfinished: Unfinished,
    report: Report,
) -> Iterator[Vectors]:
    """The vectors of sentences, a block at a time, in order."""

    def encode(missing: Sequence[str], progress: Progress | None = None) -> Encoded:
        vectors = encoder.encode_passages(missing, progress)
        return Encoded.without_tokens(vectors, encoder.token_dim)

    known = before.sentence_rows() if before else {}
    for rows, made in _blocks("encoding sentences", texts, known, encode, unfinished, report):
        vectors = np.zeros((len(rows), encoder.dim), dtype=np.float32)
        vectors[[place for place, row in enumerate(rows) if row is None]] = made.vectors
        kept = {place: row for place, row in enumerate(rows) if row is not None}
        if before and kept:
            vectors[list(kept)] = before.sentence_vectors(list(kept.values()))
        yield vectors


def _blocks(
    stage: str,
    texts: Sequence[str],
    known: Mapping[str, int],
    encode: Callable[[Sequence[str], Progress], Encoded],
    unfinished: Unfinished,
    report: Report,
) -> Iterator[tuple[list[int | None], Encoded]]:
    """For each block of texts the rows of those that are known, and the vectors of the others."""
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        report(stage, done, len(texts))

    for at in range(0, len(texts), BLOCK):
        block = texts[at : at + BLOCK]
        rows = [known.get(key_of(text)) for text in block]
        missing = [text for text, row in zip(block, rows, strict=True) if row is None]
        more(len(block) - len(missing))
        made = unfinished.get(missing, lambda chosen: encode(chosen, more))
        # What was kept of a build that was broken off has told nothing.
        more(at + len(block) - done)
        yield rows, made


def _of_each(made: Encoded) -> list[Tokens]:
    """The vectors of each text's tokens."""
    return np.split(made.tokens, np.cumsum(made.lengths)[:-1]) if len(made.lengths) else []
