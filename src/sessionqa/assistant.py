"""The composition root: how an index is built, and how a question becomes an answer."""

import time
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from sessionqa.answer import Answerer, ExtractiveAnswerer
from sessionqa.conversation import standalone
from sessionqa.datatypes import Answer, Hit, Session
from sessionqa.encode import (
    Encoder,
    OnnxEncoder,
    SentenceTransformerEncoder,
    exported,
    fingerprint,
)
from sessionqa.errors import IndexDamaged, IndexMissing, SessionQAError, UsageError
from sessionqa.index import Index, Manifest
from sessionqa.index.local import ENCODERS, LocalIndex
from sessionqa.question import read
from sessionqa.retrieve import Retriever, with_codes
from sessionqa.settings import Settings
from sessionqa.spelling import correct

if TYPE_CHECKING:
    from sessionqa.index.build import Report

MAX_QUESTION_CHARS = 80_000
# So many earlier questions are looked at.
MOST_TURNS = 20
# A question for a list of sessions looks at so many passages.
LIST_HITS = 400


def build_index(
    settings: Settings,
    report: "Report | None" = None,
    force: bool = False,
    sessions: Sequence[Session] | None = None,
) -> Manifest:
    """Corpus files -> sessions -> passages -> vectors -> a live build in `settings.index`.

    `sessions` that are given stand for those of the corpus files. Does nothing if the live build
    was made of the same; `force` builds it all the same. `report(stage, done, of)` is told the
    progress. Raises CorpusError, ModelError or IndexUnusable; the build that was live stays live
    then.
    """
    from sessionqa.corpus import read_corpus, stamps
    from sessionqa.index import build

    report = report or (lambda *_: None)
    before = {} if sessions is not None else stamps(settings.corpus)
    sessions = read_corpus(settings.corpus) if sessions is None else sessions
    inputs = build.inputs_of(sessions, fingerprint(settings.model), settings)
    if not force and (live := build.live_manifest(settings.index, inputs)):
        with suppress(SessionQAError):
            Assistant.open(settings)
            return live
    with build.only_builder(settings.index):
        encoder = encoder_for_building(settings, report)
        return build.write_build(settings, sessions, before, encoder, report)


class Assistant:
    """Answers questions from an index. Made by `open`, or of parts of your own."""

    def __init__(
        self, index: Index, encoder: Encoder, answerer: Answerer, settings: Settings
    ) -> None:
        self.index = index
        self.settings = settings
        self.encoder = encoder
        self._answerer = answerer
        self._retriever = Retriever(index, encoder, settings.lexical_weight)

    @classmethod
    def open(cls, settings: Settings | None = None, **given: Any) -> Self:
        """Opens the index that `settings`, or else Settings.load(**given), names.

        The index of the corpus that the package includes is built if it is missing. Raises
        IndexMissing, IndexDamaged, ModelError or SettingsError.
        """
        settings = settings or Settings.load(**given)
        try:
            index = LocalIndex.open(settings.index)
        except IndexMissing:
            if not settings.included:
                raise
            build_index(settings)
            index = LocalIndex.open(settings.index)
        encoder = _encoder_of(index, settings)
        answerer = ExtractiveAnswerer(index, encoder, settings.refuse_below)
        return cls(index, encoder, answerer, settings)

    def ask(self, question: str, k: int | None = None, history: Sequence[str] = ()) -> Answer:
        """The answer to `question`, with `k` hits; `history` holds earlier questions, oldest first.

        Raises UsageError for an empty question, one of over 80,000 characters, or k below 1.
        """
        started = time.perf_counter()
        k = self._checked(question, k)
        history = [turn for turn in history if turn.strip()]
        for turn in history:
            self._checked(turn, k)
        clear = self.standalone(question, history)
        hits = self.retrieve(clear, k)
        retrieved = time.perf_counter()
        answer = self._answerer.answer(clear, hits)
        answered = time.perf_counter()
        return replace(
            answer,
            question=question,
            hits=answer.hits[:k],
            timings={
                "retrieve_ms": round(1000 * (retrieved - started), 2),
                "answer_ms": round(1000 * (answered - retrieved), 2),
            },
        )

    def standalone(self, question: str, history: Sequence[str] = ()) -> str:
        """The question as it is searched: with the topic of earlier ones, and spelt right."""
        turns = [unicodedata.normalize("NFC", turn.strip()) for turn in (*history, question)]
        whole = standalone(turns[-1], turns[-MOST_TURNS:-1])
        known = with_codes(whole, [session.code for session in self.sessions()])
        return correct(known, self.index, self.encoder)

    def retrieve(self, standalone_question: str, k: int) -> list[Hit]:
        """The hits for a question that stands alone: `k`, or many for a list of sessions."""
        wanted = max(k, LIST_HITS) if read(standalone_question).sessions else k
        return self._retriever.retrieve(standalone_question, wanted)

    def search(self, query: str, k: int | None = None) -> list[Hit]:
        """The `k` best passages, best first. Raises UsageError as `ask` does."""
        k = self._checked(query, k)
        return self._retriever.retrieve(self.standalone(query), k)

    def sessions(self) -> list[Session]:
        """Every session of the index."""
        return self.index.sessions()

    def session(self, code: str) -> Session:
        """One session by its code, in any case. Raises UsageError with the nearest codes."""
        found = self.index.session(unicodedata.normalize("NFC", code.strip()))
        if found:
            return found
        import difflib

        codes = [session.code for session in self.sessions()]
        nearest = difflib.get_close_matches(code.upper(), codes, n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        raise UsageError(f"there is no session {code}{hint} (`sessionqa sessions` lists them)")

    def _checked(self, question: str, k: int | None) -> int:
        if not question.strip():
            raise UsageError("the question is empty: ask something")
        if len(question) > MAX_QUESTION_CHARS:
            raise UsageError(
                f"the question has {len(question):,} characters: ask in {MAX_QUESTION_CHARS:,}"
            )
        if any("\ud800" <= character <= "\udfff" for character in question):
            raise UsageError("the question is not text in UTF-8: check the terminal's encoding")
        if k is not None and k < 1:
            raise UsageError(f"k is {k}: ask for 1 hit or more")
        return k or self.settings.top_k


def encoder_for_building(settings: Settings, report: "Report") -> Encoder:
    """The encoder of these settings; the ONNX export is made if it is not there yet."""
    if settings.backend == "sentence-transformers":
        return SentenceTransformerEncoder(settings.model)
    shelf = settings.index / ENCODERS
    return OnnxEncoder(exported(settings.model, shelf, lambda stage: report(stage, 0, 1)))


def _encoder_of(index: LocalIndex, settings: Settings) -> Encoder:
    """The encoder that made the index's vectors. Raises IndexDamaged if it is another one."""
    made_by = index.manifest.encoder
    if made_by["name"] != settings.model:
        raise IndexDamaged(
            f"the index in {settings.index} was made with {made_by['name']}, not {settings.model}: "
            "run `sessionqa index`, or set `model` to that"
        )
    encoder: Encoder
    if made_by["backend"] == "sentence-transformers":
        encoder = SentenceTransformerEncoder(made_by["name"])
    else:
        encoder = OnnxEncoder(index.encoder_folder)
    if encoder.fingerprint != made_by["fingerprint"]:
        raise IndexDamaged(
            f"the index in {settings.index} was made with other weights of {made_by['name']}: "
            "run `sessionqa index`"
        )
    return encoder
