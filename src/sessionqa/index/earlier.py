"""A build from which the next one takes what has not changed."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sessionqa.datatypes import Passage, Session
from sessionqa.encode import Encoded
from sessionqa.errors import IndexDamaged, IndexUnusable, first_line
from sessionqa.index import Manifest
from sessionqa.index import places as at
from sessionqa.index.builds import (
    REBUILD,
    check_files,
    current_build,
    kept_builds,
    read_manifest,
)
from sessionqa.index.cut import Known, Pieces
from sessionqa.index.dense import is_exact, open_dense
from sessionqa.index.local import (
    PASSAGE_COLUMNS,
    PASSAGE_KEYS,
    SENTENCE_KEYS,
    SENTENCES,
    SESSION_COLUMNS,
    TOKENS,
    open_database,
    session_of,
)
from sessionqa.index.rows import RowFile, floats


@contextmanager
def latest_whole(folder: Path) -> Iterator["Earlier | None"]:
    """The live build, or else the latest that is whole by every checksum; None without any."""
    builds, live = [build for build, _ in kept_builds(folder)], None
    with suppress(IndexUnusable):
        live = current_build(folder)
        builds = [live, *(build for build in builds if build != live)]
    for build in builds:
        with suppress(IndexUnusable):
            earlier = Earlier(build, build == live)
            break
    else:
        yield None
        return
    with closing(earlier):
        yield earlier


@dataclass(frozen=True, slots=True)
class Made:
    """What an encoder made of some texts: the row of each by its key, and how rows are read."""

    rows: dict[str, int]
    read: Callable[[Sequence[int]], Encoded]


class Earlier:
    """A whole build, read in bulk."""

    def __init__(self, build: Path, is_live: bool) -> None:
        """Raises IndexDamaged if any of its files is not what was built."""
        self.is_live = is_live
        self.manifest: Manifest = read_manifest(build)
        check_files(build, self.manifest, verify=True)
        try:
            self._dense = open_dense(build)
            self._places = at.Places(build)
            self._tokens = RowFile(build / TOKENS)
            self._sentences = RowFile(build / SENTENCES)
            self._keys = [RowFile(build / name) for name in (PASSAGE_KEYS, SENTENCE_KEYS)]
            self._db = open_database(build)
        except (RuntimeError, ValueError, OSError, sqlite3.Error) as error:
            raise IndexDamaged(
                f"{build} cannot be read ({first_line(error)}): {REBUILD}"
            ) from error

    def close(self) -> None:
        """Lets go of the files."""
        self._db.close()
        self._dense.close()
        self._places.close()
        for file in (self._tokens, self._sentences, *self._keys):
            file.close()

    def sessions(self) -> dict[str, Session]:
        """Every session by the path of its file in the corpus."""
        rows = self._db.execute(f"SELECT {SESSION_COLUMNS} FROM sessions ORDER BY ordinal")
        return {session.path: session for session in map(session_of, rows)}

    def pieces(self) -> Known:
        """What each session was cut into; of those whose checksum tells whether they changed."""
        passages = self._passages()
        query = (
            "SELECT sessions.code, sha256, first_passage, last_passage, first_sentence, "
            "last_sentence FROM sessions JOIN codes USING (ordinal) WHERE sha256 != ''"
        )
        found = {}
        for code, sha256, first, last, first_sentence, last_sentence in self._db.execute(query):
            places = self._places.between(first, last)
            held = places[:, [at.FIRST_SENTENCE, at.LAST_SENTENCE]] - first_sentence
            spans = self._places.spans(first_sentence, last_sentence)
            found[code, sha256] = Pieces(
                passages[first:last],
                [(start, end) for start, end in spans.tolist()],
                [(begin, after) for begin, after in held.tolist()],
            )
        return found

    def passages(self, exactly: bool) -> Made:
        """What was made of passages; nothing if it is wanted `exactly` and was rounded."""
        rounded = not is_exact(len(self._dense))
        return Made({} if exactly and rounded else _by_key(self._keys[0]), self._encoded)

    def sentences(self) -> Made:
        """The same of sentences, as far as their vectors were kept."""
        return Made(_by_key(self._keys[1]), self._encoded_sentences)

    def _encoded(self, rows: Sequence[int]) -> Encoded:
        held = self._places.of(rows)[:, [at.FIRST_TOKEN, at.LAST_TOKEN]]
        vectors = self._dense.vectors(np.array(rows, dtype=np.int64))
        return Encoded(vectors, self._tokens.runs(held), held[:, 1] - held[:, 0])

    def _encoded_sentences(self, rows: Sequence[int]) -> Encoded:
        vectors = floats(self._sentences.take(np.array(rows, dtype=np.int64)))
        return Encoded.without_tokens(vectors, self._tokens.width)

    def _passages(self) -> list[Passage]:
        query = f"SELECT id, {PASSAGE_COLUMNS} FROM passages JOIN ids USING (row) ORDER BY row"
        return [Passage(*row) for row in self._db.execute(query)]


def _by_key(keys: RowFile) -> dict[str, int]:
    return {key.tobytes().hex(): row for row, key in enumerate(keys.mapped)}
