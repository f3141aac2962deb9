"""Answers that a language model writes, of which only what the summaries support is left."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise

from sessionqa import terms
from sessionqa.datatypes import WRITTEN, Answer, Citation, Writing
from sessionqa.encode import Encoder
from sessionqa.errors import LLMError
from sessionqa.evidence import Evidence, Examiner
from sessionqa.index import Index
from sessionqa.llm import LLM, Message
from sessionqa.llm.attribution import Attribution, can_be_marked, repeats
from sessionqa.llm.prompt import Source, Templates, sources_of
from sessionqa.llm.sentences import sentences
from sessionqa.question import read
from sessionqa.quotes import UNSUPPORTED, cited, marked
from sessionqa.settings import Settings

# The best sentence that an answer is supported by comes so near to the best that there is, or it
# is about something else.
CLOSE = 0.3
# A quote is said where so much of its words is.
WHOLE = 0.75
MOST_SENTENCES = 8
# A small model that says so many in a row that are not supported has lost its way.
RAMBLING = 2
# A prompt of so many tokens has room for more than what would be quoted, and its reader the sense
# to choose. One that may read less is small, and says what it should not.
WIDE = 1000
# Where examples would leave less to what they are examples of, they are left out.
LEAST_ROOM = 120
_NOTHING = "Quotes instead: what {} wrote is not in the summaries, or says too little."
_ALSO = "From the summaries:"


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
        self.llm = llm
        self._settings = settings
        self._examiner = Examiner(index, encoder)
        self._templates = Templates.read(settings.llm_templates, small=not self._is_wide)

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
        evidence = self._examiner.examine(question, quoted.hits)
        should = _should_be_said(quoted, evidence)
        if not should:
            yield quoted
            return
        said: list[_Said] = []
        latest = self._made(quoted, said, log)
        try:
            for one in self._said(question, should, evidence, log):
                if one:
                    said.append(one)
                    latest = self._made(quoted, said, log)
                yield latest
        except LLMError as error:
            note = f"Quotes instead: {error}."
            yield replace(quoted, note=note, writing=log.writing())
            return
        if self._suffices(said, should, evidence):
            left = () if self._is_wide else _left_out(should, said)
            written = self._made(quoted, said, log, left)
            if _says_what_was_asked(written, quoted):
                yield written
                return
        yield replace(quoted, note=_NOTHING.format(self.llm.name), writing=log.writing())

    def _said(
        self,
        question: str,
        should: Sequence[Evidence],
        evidence: Sequence[Evidence],
        log: "_Log",
    ) -> Iterator[_Said | None]:
        """What the model says, each sentence once, as far as it is shown; None while it goes on."""
        others = evidence if self._is_wide else ()
        shown = [*should, *(one for one in others if one not in should)]
        said: list[_Said] = []
        before: set[str] = set()
        for one in self._turn(question, shown, before, log):
            yield one
            if one:
                said.append(one)
        # A small model says one sentence of three. Where that is not the one that answers best, it
        # is asked again for that alone; the others are quoted behind what it wrote.
        alone = should[:1]
        if self._is_wide or shown == alone or self._suffices(said, should, evidence):
            return
        # What is not supported was marked before.
        again = self._turn(question, alone, before, log)
        yield from (one for one in again if one is None or one.support)

    def _turn(
        self, question: str, evidence: Sequence[Evidence], before: set[str], log: "_Log"
    ) -> Iterator[_Said | None]:
        """What the model says when it is asked once; `before` has what it said, and will."""
        messages, sources = self._messages(question, evidence)
        attribution = Attribution(sources)
        most = self._settings.llm_answer_tokens
        unsupported = 0
        with closing(self.llm.stream(messages, most)) as pieces:
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
                unsupported = 0 if support else unsupported + 1
                if unsupported == RAMBLING and not self._is_wide:
                    return

    def _messages(
        self, question: str, evidence: Sequence[Evidence]
    ) -> tuple[list[Message], list[Source]]:
        """What the model is asked, within its budget, and the sources in it."""
        llm = self.llm
        room = min(llm.prompt_tokens, llm.context_tokens - self._settings.llm_answer_tokens)
        for examples in (True, False):
            empty = self._templates.messages(question, (), examples)
            left = room - sum(llm.count_tokens(message["content"]) for message in empty)
            if left >= LEAST_ROOM:
                break
        sources = sources_of(evidence, left, llm.count_tokens)
        return self._templates.messages(question, sources, examples), sources

    @property
    def _is_wide(self) -> bool:
        return self.llm.prompt_tokens >= WIDE

    def _suffices(
        self, said: Sequence[_Said], should: Sequence[Evidence], evidence: Sequence[Evidence]
    ) -> bool:
        """Whether what it says answers: a small model the best quote, any other one as good."""
        if not self._is_wide:
            return _share_said(should[0], said) >= WHOLE
        best = max((one.support.score for one in said if one.support), default=-math.inf)
        return best >= max(one.score for one in evidence) - CLOSE

    def _is_marked(self, sentence: str) -> bool:
        """Whether it is shown though nothing supports it."""
        marks = self._settings.llm_unsupported == "mark"
        return marks and can_be_marked(sentence) and not repeats(sentence, self._templates.text)

    def _made(
        self,
        quoted: Answer,
        said: Sequence[_Said],
        log: "_Log",
        left: Sequence[Evidence] = (),
    ) -> Answer:
        """The answer of these sentences, behind them the quotes of what is `left`."""
        citations: list[Citation] = []
        parts = []
        for one in said:
            if one.support:
                citations.append(_citation(len(citations) + 1, one.support))
                parts.append(f"{one.text} [{len(citations)}]")
            else:
                parts.append(f"{one.text} {UNSUPPORTED}")
        text = " ".join(parts)
        if left:
            behind = [_citation(len(citations) + place, one) for place, one in enumerate(left, 1)]
            text = f"{text}\n\n{_ALSO} {_quotes(behind, citations)}"
            citations += behind
            log.quotes = len(left)
        return replace(
            quoted,
            text=text,
            citations=tuple(citations),
            answerer=f"{WRITTEN}{self.llm.name}",
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
        self.quotes = 0

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
            self.sentences,
            self.supported,
            self.quotes,
            self._tokens,
            round(first, 2),
            round(whole, 2),
        )


def _should_be_said(quoted: Answer, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The sentences that are quoted, in that order; else the best."""
    return [
        one
        for citation in quoted.citations
        for one in sorted(evidence, key=lambda one: one.sentence.start)
        if one.sentence.session_code == citation.session_code
        and citation.start <= one.sentence.start < citation.end
    ] or list(evidence[:1])


def _share_said(one: Evidence, said: Sequence[_Said]) -> float:
    """How much of the words of a sentence what is supported has."""
    words = _stems(one.sentence.text)
    spoken = _stems(" ".join(other.text for other in said if other.support))
    return len(words & spoken) / len(words) if words else 1.0


def _stems(text: str) -> frozenset[str]:
    return frozenset(terms.stem(word) for word in terms.content_words(text))


def _left_out(should: Sequence[Evidence], said: Sequence[_Said]) -> list[Evidence]:
    return [one for one in should if _share_said(one, said) < WHOLE]


def _says_what_was_asked(written: Answer, quoted: Answer) -> bool:
    """Whether it has what answers the question, where the quotes show that."""
    text = written.text.casefold()
    spans = ((one, one.emphasis) for one in quoted.citations if one.emphasis)
    return all(
        one.quote[start - one.start : end - one.start].casefold() in text
        for one, (start, end) in spans
    )


def _quotes(behind: Sequence[Citation], before: Sequence[Citation]) -> str:
    """The quotes, each with its session where that is not the one cited last."""
    parts = []
    for last, one in pairwise([before[-1], *behind]):
        code = "" if one.session_code == last.session_code else f"{one.session_code}: "
        parts.append(f"{code}{marked(one)}")
    return " ".join(parts)


def _citation(number: int, one: Evidence) -> Citation:
    return cited(number, one.sentence, one.session, one.hit.passage.id)
