"""The values that pass from one module to the next. All are frozen; offsets count code points."""

import re
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Speaker:
    """A person on stage; `role` is empty where the source does not give one."""

    name: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """What holds from `start` on in a session's text, up to the next mark.

    `seconds` is the moment of the recording, counted from its beginning, and `page` the page of
    the document, from 1; None where it is not known.
    """

    start: int
    seconds: int | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One talk. `text` is what is searched and quoted: a card of the metadata, then the body.

    `marks` tell, in order, from where on in it which moment or page holds; see Mark.
    """

    code: str
    title: str
    text: str
    event: str = ""
    year: int | None = None
    track: str = ""
    level: int | None = None
    speakers: tuple[Speaker, ...] = ()
    services: tuple[str, ...] = ()
    url: str = ""
    path: str = ""
    sha256: str = ""
    marks: tuple[Mark, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """The names of those on stage."""
        return tuple(speaker.name for speaker in self.speakers)

    def to_dict(self) -> dict[str, Any]:
        """The session as JSON-ready values, as `sessionqa sessions CODE --json` prints it."""
        return asdict(self)

    def to_head(self) -> dict[str, Any]:
        """The same without its text and its marks, as lists of sessions have it."""
        record = self.to_dict()
        del record["text"], record["marks"]
        return record


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a session that gets one vector: `session.text[start:end] == text`.

    `seconds` and `page` are those of its start; see Mark.
    """

    id: str
    session_code: str
    title: str
    text: str
    start: int
    end: int
    tokens: int
    seconds: int | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a session, the smallest thing that is quoted; `row` is its vector's row."""

    row: int
    session_code: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a question. Ranks count from 1; an arm that missed it leaves None.

    `dense_score` is the cosine of passage and question; `sentence_score` and `token_score` compare
    them sentence by sentence and token by token, None where that was not done. `lexical_score` is
    the passage's BM25 score, `session_score` that of its whole session.

    Hits come best first. `score`, in [0, 1], is what the arms say of it together, the sum of
    `by_meaning` and `by_words`, and stays that
    where a reranker has ordered the hits, since answers and their confidence are calibrated on
    it. `rerank_score` is on the reranker's own scale, higher is better, and decides nothing but
    the order; None if no reranker read the passage.
    """

    passage: Passage
    score: float
    dense_rank: int | None = None
    dense_score: float | None = None
    sentence_score: float | None = None
    token_score: float | None = None
    lexical_rank: int | None = None
    lexical_score: float | None = None
    session_score: float | None = None
    by_meaning: float = 0.0
    by_words: float = 0.0
    rerank_score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The hit flattened for JSON: the passage's fields, then its score and ranks."""
        record = asdict(self)
        passage = record.pop("passage")
        return {"passage_id": passage.pop("id"), **passage, **record}


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a quoted sentence stands: `session.text[start:end] == quote`, always.

    `sha256` is the session's, by which a later change of its file is noticed; empty where it has
    none. `emphasis` is the start and end of what answers the question, within the quote but
    counted in the session's text; None where that is not clear.

    `seconds` and `page` tell where the quote begins in the recording and in the document, None
    where that is not known. `url` is the session's, opened at that place; empty where it has none.
    """

    number: int
    session_code: str
    title: str
    passage_id: str
    start: int
    end: int
    quote: str
    sha256: str = ""
    emphasis: tuple[int, int] | None = None
    seconds: int | None = None
    page: int | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """A word or two of a question as they were written, and as they were read."""

    written: str
    read: str


@dataclass(frozen=True, slots=True)
class Writing:
    """What a language model did for an answer, whether or not its words were taken.

    Of the `sentences` that it wrote, `supported` are tied to a source. So many `quotes` stand
    behind them for what it left out. `tokens` counts the pieces
    that came, `first_ms` is the time until the first of them, `whole_ms` until the last.
    """

    sentences: int
    supported: int
    quotes: int
    tokens: int
    first_ms: float
    whole_ms: float


# Begins the name of what writes answers in words of its own.
WRITTEN = "llm:"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked and what the corpus says. `confidence` is in [0, 1], `timings` in ms.

    `filter` is the text form of the filter that the sessions had to pass; empty without one.
    `writing` is there where a language model was asked. `note` says what came between, as a model
    that gave up; mostly empty. `answerer` begins with WRITTEN where a model wrote the text: each
    [n] then follows a sentence of the model's that the citation supports, else the quote itself.
    """

    question: str
    standalone_question: str
    text: str
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    confidence: float
    refused: bool
    answerer: str
    timings: dict[str, float]
    filter: str = ""
    corrections: tuple[Correction, ...] = ()
    note: str = ""
    writing: Writing | None = None

    @property
    def written(self) -> bool:
        """Whether a language model wrote it."""
        return self.answerer.startswith(WRITTEN)

    @property
    def topic_added(self) -> bool:
        """Whether it was searched otherwise than asked, by more than how words are spelt."""
        asked = self.question.strip()
        for correction in self.corrections:
            whole_word = rf"\b{re.escape(correction.written)}\b"
            # What is put in is no pattern: a backslash is one.
            asked = re.sub(whole_word, correction.read.replace("\\", r"\\"), asked)
        return _letters(asked) != _letters(self.standalone_question)

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON-ready values, as `sessionqa ask --json` prints it."""
        record = {name: getattr(self, name) for name in self.__slots__}
        record["citations"] = [asdict(citation) for citation in self.citations]
        record["corrections"] = [asdict(correction) for correction in self.corrections]
        record["timings"] = dict(self.timings)
        record["writing"] = asdict(self.writing) if self.writing else None
        record["hits"] = [hit.to_dict() for hit in self.hits]
        return record


def _letters(text: str) -> str:
    """`text` without case, spaces and hyphens, by which two spellings of a code differ."""
    return re.sub(r"[\s\-_]", "", unicodedata.normalize("NFC", text)).casefold()
