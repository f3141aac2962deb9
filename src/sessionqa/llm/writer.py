"""Answers that a language model writes, of which only what the summaries support is left."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from sessionqa.datatypes import WRITTEN, Answer, Citation, Writing
from sessionqa.encode import Encoder
from sessionqa.errors import LLMError
from sessionqa.evidence import Evidence, Examiner
from sessionqa.index import Index
from sessionqa.llm import LLM
from sessionqa.llm.attribution import Attribution, can_be_marked, repeats
from sessionqa.llm.prompt import Templates, sources_of
from sessionqa.llm.sentences import sentences
from sessionqa.question import read
from sessionqa.quotes import UNSUPPORTED
from sessionqa.settings import Settings

# The best sentence that an answer is supported by comes so near to the best that there is, or it
# is about something else.
CLOSE = 0.3
MOST_SENTENCES = 8
_NOTHING = "Quotes instead: what {} wrote is not in the summaries."


@dataclass(frozen=True, slots=True)
class _Said:
    """A sentence that is shown, and what supports it."""

    text: str
    support: Evidence | None


class Writer:
    """Has a model write what was answered by quotes; the quotes stay where it does not.

    A model is not asked where the summaries do not say, nor for a list of sessions.
    """

    def __init__(self, llm: LLM, index: Index, encoder: Encoder, settings: Settings) -> None:
        """Raises SettingsError for templates that cannot be used."""
        self._llm = llm
        self._index = index
        self._encoder = encoder
        self._settings = settings
        self._examiner = Examiner(index, encoder)
        self._templates = Templates.read(settings.llm_templates)

    def write(self, quoted: Answer) -> Iterator[Answer]:
        """The answer as far as it is written, empty at first, the same until it is longer.

        The last one is the whole. Where the model fails, or nothing that it writes is supported,
        that is `quoted` again, with a note. To close the iterator, at any time, ends the work.
        """
        question = quoted.standalone_question
        asked = read(question)
        if quoted.refused or asked.sessions or asked.collection:
            yield quoted
            return
        log = _Log()
        evidence = _cited_first(quoted, self._examiner.examine(question, quoted.hits))
        said: list[_Said] = []
        latest = self._made(quoted, said, log)
        try:
            for one in self._said(question, evidence, log):
                if one:
                    said.append(one)
                    latest = self._made(quoted, said, log)
                yield latest
        except LLMError as error:
            note = f"Quotes instead: {error}."
            yield replace(quoted, note=note, writing=log.writing())
            return
        best = max((one.support.score for one in said if one.support), default=None)
        if best is None or best < max(one.score for one in evidence) - CLOSE:
            note = _NOTHING.format(self._llm.name)
            yield replace(quoted, note=note, writing=log.writing())
        else:
            yield self._made(quoted, said, log)

    def _said(
        self, question: str, evidence: Sequence[Evidence], log: "_Log"
    ) -> Iterator[_Said | None]:
        """What the model says, each sentence once, as far as it is shown; None while it goes on."""
        llm = self._llm
        most = self._settings.llm_answer_tokens
        room = min(llm.prompt_tokens, llm.context_tokens - most)
        empty = self._templates.messages(question, ())
        room -= sum(llm.count_tokens(message["content"]) for message in empty)
        sources = sources_of(evidence, room, llm.count_tokens)
        attribution = Attribution(sources)
        before: set[str] = set()
        with closing(llm.stream(self._templates.messages(question, sources), most)) as pieces:
            for written in sentences(log.counted(pieces)):
                if written is None:
                    yield None
                    continue
                if written.text.casefold() in before or len(before) == MOST_SENTENCES:
                    return
                before.add(written.text.casefold())
                support = attribution.support(written.text, written.named)
                log.sentences += 1
                log.supported += support is not None
                if support or self._is_marked(written.text):
                    yield _Said(written.text, support)

    def _is_marked(self, sentence: str) -> bool:
        """Whether it is shown though nothing supports it."""
        marks = self._settings.llm_unsupported == "mark"
        return marks and can_be_marked(sentence) and not repeats(sentence, self._templates.text)

    def _made(self, quoted: Answer, said: Sequence[_Said], log: "_Log") -> Answer:
        citations: list[Citation] = []
        parts = []
        for one in said:
            if one.support:
                citations.append(_citation(len(citations) + 1, one.support))
                parts.append(f"{one.text} [{len(citations)}]")
            else:
                parts.append(f"{one.text} {UNSUPPORTED}")
        return replace(
            quoted,
            text=" ".join(parts),
            citations=tuple(citations),
            answerer=f"{WRITTEN}{self._llm.name}",
            writing=log.writing(),
        )


class _Log:
    """What the model does, and how long it takes."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first: float | None = None
        self._tokens = 0
        self.sentences = 0
        self.supported = 0

    def counted(self, pieces: Iterator[str]) -> Iterator[str]:
        """The same pieces, noted as they come."""
        for piece in pieces:
            if piece:
                self._first = self._first or time.perf_counter()
                self._tokens += 1
            yield piece

    def writing(self) -> Writing:
        """All of it until now."""
        now = time.perf_counter()
        first, whole = ((at - self._started) * 1000 for at in (self._first or now, now))
        return Writing(
            self.sentences, self.supported, self._tokens, round(first, 2), round(whole, 2)
        )


def _cited_first(quoted: Answer, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The sentences that are quoted, then the others, each best first: what should be said."""
    cited = {(one.session_code, one.start) for one in quoted.citations}

    def is_other(one: Evidence) -> bool:
        return (one.sentence.session_code, one.sentence.start) not in cited

    return sorted(evidence, key=is_other)


def _citation(number: int, one: Evidence) -> Citation:
    sentence = one.sentence
    return Citation(
        number=number,
        session_code=sentence.session_code,
        title=one.session.title,
        passage_id=one.hit.passage.id,
        start=sentence.start,
        end=sentence.end,
        quote=sentence.text,
        sha256=one.session.sha256,
    )
