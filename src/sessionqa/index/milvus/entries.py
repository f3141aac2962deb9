"""A session, cut and encoded -> its passages' rows and its records; and records -> the session."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessionqa import terms
from sessionqa.datatypes import Mark, Passage, Session, Speaker
from sessionqa.encode import Tokens, Vectors
from sessionqa.index.cut import Pieces, Rows
from sessionqa.index.milvus.schema import scalars, tokens_of
from sessionqa.index.milvus.server import Row
from sessionqa.sentences import Span

Halves = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder made of one passage: its vector, its sentences' and its tokens'."""

    vector: Vectors
    sentences: Halves
    tokens: Tokens


@dataclass(frozen=True)
class Opened:
    """A session as its record has it. `since` is the build from which it holds.

    `place` was its place in the corpus then; `held` tells which sentences each passage holds.
    """

    session: Session
    since: int
    place: int
    passages: tuple[Passage, ...]
    held: tuple[Rows, ...]
    sentences: tuple[Span, ...]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Which of the passages each is, by its id."""
        return {passage.id: number for number, passage in enumerate(self.passages)}

    @property
    def order(self) -> tuple[list[str], int]:
        """What sessions are sorted by to be in the order of the corpus."""
        return self.session.path.split("/"), self.place

    def sentence_texts(self) -> Iterator[str]:
        """The text of each of its sentences."""
        return (self.session.text[start:end] for start, end in self.sentences)


def session_key(code: str) -> str:
    """The key of a session's record, whatever the case of its code."""
    return f"session:{code.casefold()}"


def counts_key(code: str) -> str:
    """The key of how often each stem occurs in a session."""
    return f"counts:{code.casefold()}"


def row_key(passage_id: str, since: int) -> str:
    """The key of a passage's row."""
    return f"{passage_id}@{since}"


def id_of(key: str) -> str:
    """The id of the passage whose row has this key."""
    return key.rpartition("@")[0]


def vectors_key(key: str) -> str:
    """The key of the vectors of the passage whose row has this key."""
    return f"vectors:{key}"


def tokens_key(key: str) -> str:
    """The key of the vectors of its tokens."""
    return f"tokens:{key}"


def record_of(opened: Opened) -> dict[str, Any]:
    """A session's record, ready for JSON. Texts of passages are stretches of its own."""
    return {
        "session": asdict(opened.session),
        "since": opened.since,
        "place": opened.place,
        "passages": [
            [one.id, one.start, one.end, one.tokens, one.seconds, one.page, *held]
            for one, held in zip(opened.passages, opened.held, strict=True)
        ],
        "sentences": opened.sentences,
    }


def opened(record: dict[str, Any]) -> Opened:
    """The session of a record."""
    fields = dict(record["session"])
    fields["speakers"] = tuple(Speaker(**speaker) for speaker in fields["speakers"])
    fields["services"] = tuple(fields["services"])
    fields["marks"] = tuple(Mark(**mark) for mark in fields["marks"])
    session = Session(**fields)
    passages, held = [], []
    for id_, start, end, tokens, seconds, page, first, last in record["passages"]:
        text = session.text[start:end]
        own = (start, end, tokens, seconds, page)
        passages.append(Passage(id_, session.code, session.title, text, *own))
        held.append((first, last))
    spans = tuple((start, end) for start, end in record["sentences"])
    return Opened(session, record["since"], record["place"], tuple(passages), tuple(held), spans)


def of_pieces(session: Session, pieces: Pieces, since: int, place: int) -> Opened:
    """A session that was cut."""
    passages, spans = tuple(pieces.passages), tuple(pieces.sentences)
    return Opened(session, since, place, passages, tuple(pieces.held), spans)


def counts_of(session: Session) -> dict[str, int]:
    """How often each stem occurs in a session's text."""
    return dict(Counter(terms.stem(word) for word in terms.words(session.text)))


def passage_rows(opened: Opened, encoded: Sequence[Encoded]) -> Iterator[Row]:
    """The rows of a session's passages; `encoded` is in their order."""
    own = scalars(opened.session)
    for passage, made in zip(opened.passages, encoded, strict=True):
        yield {
            "key": row_key(passage.id, opened.since),
            "since": opened.since,
            **own,
            "stems": tokens_of(f"{passage.title} {passage.text}"),
            "vector": made.vector,
        }


def records_of(opened: Opened, encoded: Sequence[Encoded]) -> Iterator[tuple[str, Any]]:
    """The keys and values of its records."""
    code = opened.session.code
    yield session_key(code), record_of(opened)
    yield counts_key(code), counts_of(opened.session)
    for passage, made in zip(opened.passages, encoded, strict=True):
        key = row_key(passage.id, opened.since)
        vector = np.asarray(made.vector, dtype="<f4")
        sentences = np.asarray(made.sentences, dtype="<f2")
        yield vectors_key(key), vector.tobytes() + sentences.tobytes()
        if made.tokens.shape[1]:
            yield tokens_key(key), np.asarray(made.tokens, dtype=np.int8).tobytes()


def vectors_of(raw: bytes, dim: int) -> tuple[Vectors, Halves]:
    """A passage's vector, shape (dim,), and those of its sentences, shape (n, dim)."""
    vector = np.frombuffer(raw, dtype="<f4", count=dim)
    return vector, np.frombuffer(raw, dtype="<f2", offset=4 * dim).reshape(-1, dim)


def tokens_of_passage(raw: bytes, width: int) -> Tokens:
    """The vectors of a passage's tokens, shape (n, width)."""
    return np.frombuffer(raw, dtype=np.int8).reshape(-1, width or 1)[:, :width]
