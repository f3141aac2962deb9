"""Sessions -> passages and sentences, each with what the encoder reads for it."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sessionqa import chunk
from sessionqa.datatypes import Passage, Session
from sessionqa.encode import Encoder, passage_input
from sessionqa.sentences import Span
from sessionqa.settings import Settings

# Told the stage, how many are done, and of how many.
Report = Callable[[str, int, int], None]
# The first row of a run, and the row after its last.
Rows = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cut:
    """The passages and sentences (session code, start, end, text) of a corpus, in its order.

    The inputs are what the encoder reads; `held` tells which rows of `sentences` a passage holds.
    """

    passages: list[Passage]
    passage_inputs: list[str]
    held: list[Rows]
    sentences: list[tuple[str, int, int, str]]
    sentence_inputs: list[str]


def cut(sessions: Sequence[Session], encoder: Encoder, settings: Settings, report: Report) -> Cut:
    """Cuts every session as the settings say; `report` is told the progress."""

    def fits(title: str, text: str) -> bool:
        return encoder.count_pieces(passage_input(encoder, title, text)) <= encoder.max_tokens

    made = Cut([], [], [], [], [])
    for done, session in enumerate(sessions, 1):
        units = chunk.units(session, settings.chunk_tokens, fits)
        _add(made, session, units, _passages(session, units, settings, fits), encoder)
        report("cutting sessions", done, len(sessions))
    return made


def _passages(
    session: Session, units: list[Span], settings: Settings, fits: chunk.Fits
) -> list[Passage]:
    if settings.chunking == "document":
        return chunk.whole(session)
    return chunk.passages(session, units, settings.chunk_tokens, settings.chunk_overlap, fits)


def _add(
    made: Cut,
    session: Session,
    units: list[Span],
    passages: list[Passage],
    encoder: Encoder,
) -> None:
    """Adds a session's passages and sentences; a heading is no sentence."""
    first = len(made.sentences)
    spans = [(start, end) for start, end in units if not chunk.is_heading(session.text[start:end])]
    for start, end in spans:
        text = session.text[start:end]
        made.sentences.append((session.code, start, end, text))
        made.sentence_inputs.append(passage_input(encoder, session.title, text))
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    for passage in passages:
        made.passages.append(passage)
        made.passage_inputs.append(passage_input(encoder, passage.title, passage.text))
        begin = bisect_left(starts, passage.start)
        made.held.append((first + begin, first + max(begin, bisect_right(ends, passage.end))))
