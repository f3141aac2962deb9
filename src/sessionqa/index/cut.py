"""Sessions -> passages and sentences, each with what the encoder reads for it."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sessionqa import chunk
from sessionqa.datatypes import Passage, Session
from sessionqa.encode import Encoder, passage_input
from sessionqa.sentences import Span
from sessionqa.settings import Settings

# Told the stage, how many are done, and of how many.
Report = Callable[[str, int, int], None]
# A session and its place in the corpus.
Placed = tuple[int, Session]
# The first row of a run, and the row after its last.
Rows = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cut:
    """The passages and sentences of a corpus, in its order.

    `passage_inputs` are what the encoder reads, `held` tells which rows of `sentences` a passage
    holds. `sentences` are spans of their sessions' texts; `of_session` has the rows of each
    session's passages and of its sentences.
    """

    passages: list[Passage] = field(default_factory=list)
    passage_inputs: list[str] = field(default_factory=list)
    held: list[Rows] = field(default_factory=list)
    sentences: list[Span] = field(default_factory=list)
    of_session: list[tuple[Rows, Rows]] = field(default_factory=list)

    def sentence_texts(self, sessions: Sequence[Session]) -> Iterator[tuple[Session, str]]:
        """Each sentence of these sessions, which were cut, with the session that it is of."""
        for session, (_, (first, last)) in zip(sessions, self.of_session, strict=True):
            for start, end in self.sentences[first:last]:
                yield session, session.text[start:end]

    def pieces(self) -> "Iterator[Pieces]":
        """What each session was cut into."""
        for passages, (first, last) in self.of_session:
            held = [(begin - first, after - first) for begin, after in self.held[slice(*passages)]]
            yield Pieces(self.passages[slice(*passages)], self.sentences[first:last], held)


@dataclass(frozen=True, slots=True)
class Pieces:
    """One session, cut: its passages, its sentences, and which of these each passage holds.

    `held` counts from the session's first sentence.
    """

    passages: Sequence[Passage]
    sentences: Sequence[Span]
    held: Sequence[Rows]


# The pieces of sessions by their codes and checksums.
Known = Mapping[tuple[str, str], Pieces]


def cut(
    sessions: Sequence[Session], encoder: Encoder, settings: Settings, known: Known, report: Report
) -> Cut:
    """Cuts every session as the settings say, but for those that are `known`.

    `report` is told the progress.
    """

    def fits(title: str, text: str) -> bool:
        return encoder.count_pieces(passage_input(encoder, title, text)) <= encoder.max_tokens

    made = Cut()
    for done, session in enumerate(sessions, 1):
        pieces = known.get((session.code, session.sha256)) or _pieces(session, settings, fits)
        _add(made, pieces, encoder)
        report("cutting sessions", done, len(sessions))
    return made


def _pieces(session: Session, settings: Settings, fits: chunk.Fits) -> Pieces:
    """A heading is no sentence."""
    units = chunk.units(session, settings.chunk_tokens, fits)
    passages = _passages(session, units, settings, fits)
    spans = [(start, end) for start, end in units if not chunk.is_heading(session.text[start:end])]
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    held = []
    for passage in passages:
        first = bisect_left(starts, passage.start)
        held.append((first, max(first, bisect_right(ends, passage.end))))
    return Pieces(passages, spans, held)


def _passages(
    session: Session, units: list[Span], settings: Settings, fits: chunk.Fits
) -> list[Passage]:
    if settings.chunking == "document":
        return chunk.whole(session)
    return chunk.passages(session, units, settings.chunk_tokens, settings.chunk_overlap, fits)


def _add(made: Cut, pieces: Pieces, encoder: Encoder) -> None:
    """Adds what a session was cut into."""
    passage, sentence = len(made.passages), len(made.sentences)
    made.passages.extend(pieces.passages)
    made.passage_inputs.extend(
        passage_input(encoder, one.title, one.text) for one in pieces.passages
    )
    made.held.extend((sentence + first, sentence + last) for first, last in pieces.held)
    made.sentences.extend(pieces.sentences)
    made.of_session.append(((passage, len(made.passages)), (sentence, len(made.sentences))))
