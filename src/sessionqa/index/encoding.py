"""What the encoder reads -> vectors on disk, block by block.

A text that an earlier build has is not encoded again. What is encoded is kept beside the builds
until the next one is live, so that a build that was broken off goes on where it stopped.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sessionqa.datatypes import Session
from sessionqa.encode import Encoded, Encoder, Progress, Tokens, Vectors, passage_input
from sessionqa.index import dense, places
from sessionqa.index.cut import Cut, Report
from sessionqa.index.earlier import Earlier, Made
from sessionqa.index.local import PASSAGE_KEYS, SENTENCE_KEYS, SENTENCES, TOKENS
from sessionqa.index.rows import RowWriter

UNFINISHED = "unfinished"
# The kinds of texts that are kept there.
OF_PASSAGES, OF_SENTENCES = "passages", "sentences"
# So many texts are encoded before they are safe on disk: some seconds of work.
BLOCK = 512

Encode = Callable[[Sequence[str], Progress], Encoded]


def key_of(text: str) -> str:
    """Names what the encoder reads: equal for equal texts only."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def write_vectors(
    aside: Path,
    sessions: Sequence[Session],
    made: Cut,
    encoder: Encoder,
    before: Earlier | None,
    with_sentences: bool,
    report: Report,
) -> None:
    """Writes the vectors of passages and of their tokens, and where each passage stands.

    And, `with_sentences`, the vectors of sentences. `before` is a build that the same encoder made.
    """
    unfinished = unfinished_of(aside.parents[1], encoder)
    known = before.passages(exactly=dense.is_exact(len(made.passages))) if before else None
    passages = _Encoding(OF_PASSAGES, encoder.encode_with_tokens, known, unfinished)
    lengths: list[int] = []
    with RowWriter(aside / TOKENS, encoder.token_dim, np.int8) as tokens:

        def blocks() -> Iterator[Vectors]:
            for block in passages.of(made.passage_inputs, report):
                tokens.append(block.tokens)
                lengths.extend(block.lengths.tolist())
                yield block.vectors

        clustered = partial(report, "putting vectors into clusters")
        dense.write(aside, blocks(), len(made.passages), encoder.dim, clustered)
    places.write(aside, made, lengths)
    _write_keys(aside / PASSAGE_KEYS, made.passage_inputs)
    texts = sentence_inputs(sessions, made, encoder) if with_sentences else []
    known = before.sentences() if before else None
    sentences = _Encoding(OF_SENTENCES, partial(without_tokens, encoder), known, unfinished)
    with RowWriter(aside / SENTENCES, encoder.dim, np.float16) as rows:
        for block in sentences.of(texts, report):
            rows.append(block.vectors)
    _write_keys(aside / SENTENCE_KEYS, texts)


def unfinished_of(folder: Path, encoder: Encoder) -> Path:
    """Where a build of the index in `folder` keeps what this encoder has made so far."""
    # Apart: the blocks of sentences have no tokens, and not every encoder gives them.
    return folder / UNFINISHED / f"{encoder.fingerprint}-{encoder.token_dim}"


def forget_unfinished(folder: Path) -> None:
    """Removes what a build of the index in `folder` kept for the case that it is broken off."""
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


def sentence_inputs(sessions: Sequence[Session], made: Cut, encoder: Encoder) -> list[str]:
    """What the encoder reads for each sentence of these sessions, which were cut."""
    return [
        passage_input(encoder, session.title, text)
        for session, text in made.sentence_texts(sessions)
    ]


def without_tokens(
    encoder: Encoder, texts: Sequence[str], progress: Progress | None = None
) -> Encoded:
    """What an encoder makes of sentences, whose tokens are not compared."""
    vectors = encoder.encode_passages(texts, progress)
    return Encoded.without_tokens(vectors, encoder.token_dim)


def _write_keys(path: Path, texts: Sequence[str]) -> None:
    np.save(path, _as_bytes([key_of(text) for text in texts]))


def _as_bytes(keys: Sequence[str]) -> NDArray[np.uint8]:
    raw = np.frombuffer(bytes.fromhex("".join(keys)), dtype=np.uint8)
    return raw.reshape(len(keys), -1 if keys else 0)


class _Encoding:
    """Texts of one kind, encoded unless they were before."""

    def __init__(self, kind: str, encode: Encode, known: Made | None, unfinished: Path) -> None:
        self._stage = f"encoding {kind}"
        self._encode = encode
        self._unfinished = Unfinished(unfinished / kind)
        self._known = [*([known] if known else []), self._unfinished.made]

    def of(self, texts: Sequence[str], report: Report) -> Iterator[Encoded]:
        """What the encoder makes of the texts, a block at a time, in order."""
        for at in range(0, len(texts), BLOCK):
            block = texts[at : at + BLOCK]
            told = partial(_tell, report, self._stage, at, len(texts))
            yield self._block(block, told)

    def _block(self, texts: Sequence[str], told: Callable[[int], None]) -> Encoded:
        keys = [key_of(text) for text in texts]
        left = list(range(len(texts)))
        parts: list[tuple[list[int], Encoded]] = []
        for known in self._known:
            found = [place for place in left if keys[place] in known.rows]
            if found:
                parts.append((found, known.read([known.rows[keys[place]] for place in found])))
                left = [place for place in left if keys[place] not in known.rows]
        done = len(texts) - len(left)

        def more(count: int) -> None:
            nonlocal done
            done += count
            told(done)

        if left:
            made = self._encode([texts[place] for place in left], more)
            self._unfinished.keep([keys[place] for place in left], made)
            parts.append((left, made))
        told(len(texts))
        return _in_order(parts)


class Unfinished:
    """What a build has encoded so far: files of some texts' keys and what was made of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Where each text is that was kept: its file, and which of it.
        self._places: list[tuple[Path, int]] = []
        self._opened: tuple[Path, Encoded] | None = None
        self.made = Made({}, self._read)
        for path in sorted(folder.glob("*.npz")):
            try:
                keys, _ = _load(path)
            except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile):
                path.unlink(missing_ok=True)
            else:
                self._note(path, keys)

    def keep(self, keys: Sequence[str], made: Encoded) -> None:
        """Sees to it that the next build need not encode these texts again."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{key_of(chr(0).join(keys))}.npz"
        pending = path.with_suffix(".part")
        with pending.open("wb") as file:
            np.savez(
                file,
                keys=_as_bytes(keys),
                vectors=made.vectors,
                tokens=made.tokens,
                lengths=made.lengths,
            )
        pending.replace(path)
        self._note(path, keys)

    def _note(self, path: Path, keys: Sequence[str]) -> None:
        for row, key in enumerate(keys):
            self.made.rows[key] = len(self._places)
            self._places.append((path, row))

    def _read(self, numbers: Sequence[int]) -> Encoded:
        by_file: dict[Path, list[tuple[int, int]]] = {}
        for place, number in enumerate(numbers):
            path, row = self._places[number]
            by_file.setdefault(path, []).append((place, row))
        parts = []
        for path, pairs in by_file.items():
            places, rows = zip(*pairs, strict=True)
            parts.append((places, _rows(self._open(path), rows)))
        return _in_order(parts)

    def _open(self, path: Path) -> Encoded:
        if self._opened is None or self._opened[0] != path:
            self._opened = path, _load(path)[1]
        return self._opened[1]


def _load(path: Path) -> tuple[list[str], Encoded]:
    """The texts' keys and what was made of them; raises what NumPy does, and ValueError."""
    with np.load(path, allow_pickle=False) as kept:
        keys = [key.tobytes().hex() for key in kept["keys"]]
        made = Encoded(kept["vectors"], kept["tokens"], kept["lengths"])
    if not len(keys) == len(made.vectors) == len(made.lengths):
        raise ValueError("it has not as many of each")
    return keys, made


def _tell(report: Report, stage: str, before: int, of: int, done: int) -> None:
    report(stage, before + done, of)


def _rows(made: Encoded, rows: Sequence[int]) -> Encoded:
    tokens = _of_each(made)
    chosen = [made.tokens[:0], *(tokens[row] for row in rows)]
    wanted = list(rows)
    return Encoded(made.vectors[wanted], np.concatenate(chosen), made.lengths[wanted])


def _in_order(parts: Sequence[tuple[Sequence[int], Encoded]]) -> Encoded:
    """All of the parts as one, in the order of the places that each has the texts of."""
    if len(parts) == 1:
        return parts[0][1]
    vectors = np.concatenate([made.vectors for _, made in parts])
    lengths = np.concatenate([made.lengths for _, made in parts])
    tokens = [own for _, made in parts for own in _of_each(made)]
    order = np.argsort(np.concatenate([places for places, _ in parts]))
    ordered = [tokens[place] for place in order] if tokens else tokens
    return Encoded(
        vectors[order], np.concatenate([parts[0][1].tokens[:0], *ordered]), lengths[order]
    )


def _of_each(made: Encoded) -> list[Tokens]:
    """The vectors of each text's tokens."""
    return np.split(made.tokens, np.cumsum(made.lengths)[:-1]) if len(made.lengths) else []
