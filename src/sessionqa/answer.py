"""Question and Hits -> Answer: the Answerer protocol, and the answerer that only quotes."""

from collections.abc import Sequence
from typing import Protocol

from sessionqa.confidence import probability
from sessionqa.datatypes import Answer, Citation, Hit, Sentence
from sessionqa.encode import Encoder
from sessionqa.evidence import Evidence, Examiner
from sessionqa.index import Index
from sessionqa.mentions import named_codes
from sessionqa.overview import Overviewer
from sessionqa.question import read
from sessionqa.quotes import cited
from sessionqa.reply import Reply
from sessionqa.selection import Selector
from sessionqa.support import Support
from sessionqa.wording import Wording, by_session, emphasised

CLOSEST_SESSIONS = 3


class Answerer(Protocol):
    """Turns what was found into an answer."""

    def answer(
        self, question: str, hits: Sequence[Hit], within: frozenset[str] | None = None
    ) -> Answer:
        """The answer to a question that stands alone, from `hits`, best first.

        The codes `within`, if given, are those of the sessions that may be cited.
        """


class ExtractiveAnswerer:
    """Quotes the sentences that answer, and refuses where none does."""

    name = "extractive"

    def __init__(self, index: Index, encoder: Encoder, refuse_below: float = 0.5) -> None:
        self._index = index
        self._encoder = encoder
        self._refuse_below = refuse_below
        self._examiner = Examiner(index, encoder)
        self._support = Support(index, encoder)
        self._selector = Selector(index, encoder)
        self._overviewer = Overviewer(index, encoder)
        self._wording = Wording(index)

    def answer(
        self, question: str, hits: Sequence[Hit], within: frozenset[str] | None = None
    ) -> Answer:
        """See Answerer. `text` has a paragraph for each session, each sentence with its [n]."""
        _, unknown = named_codes(question, self._index.facets)
        reply = None if unknown else self._about_sessions(question, hits, within)
        if reply:
            return self._replied(question, hits, reply)
        evidence = self._examiner.examine(question, hits)
        confidence = 0.0 if self._is_unheard(question) else self._confidence(question, evidence)
        if unknown or not evidence or confidence < self._refuse_below:
            return self._refusal(question, hits, 0.0 if unknown else confidence, unknown)
        chosen = self._selector.choose(evidence, read(question))
        return self._replied(question, hits, Reply("", by_session(chosen), confidence))

    def _confidence(self, question: str, evidence: Sequence[Evidence]) -> float:
        if not evidence:
            return 0.0
        features = self._support.features(question, evidence)
        return probability(features, self._index.manifest.confidence)

    def _is_unheard(self, question: str) -> bool:
        """Whether it asks who holds a post that no sentence of any summary speaks of."""
        post = read(question).post
        return len(self._index.sentence_counts(sorted(post))) < len(post)

    def _about_sessions(
        self,
        question: str,
        hits: Sequence[Hit],
        within: frozenset[str] | None,
    ) -> Reply | None:
        """What is said of sessions as such; None if the question is for a fact."""
        asked = read(question)

        def confidence() -> float:
            return self._confidence(question, self._examiner.examine(question, hits))

        if reply := self._overviewer.reply(question, asked, hits, within):
            return reply
        if asked.sessions or asked.collection:
            # Half of the modules of an answer serve lists alone.
            from sessionqa.listing import Lister

            lister = Lister(self._index, self._encoder)
            return lister.reply(question, asked, hits, within, confidence, self._refuse_below)
        return None

    def _replied(self, question: str, hits: Sequence[Hit], reply: Reply) -> Answer:
        if not reply.sentences or reply.confidence < self._refuse_below:
            text = reply.heading or "The summaries do not say."
            return self._refused(question, hits, text, reply.closest, reply.confidence)
        worded = self._wording.complete(reply)
        citations = self._cite(question, worded.sentences, hits)
        text = self._wording.text(worded, citations)
        return self._made(question, hits, text, citations, reply.confidence)

    def _cite(
        self, question: str, quoted: Sequence[Sentence], hits: Sequence[Hit]
    ) -> tuple[Citation, ...]:
        """The sentences numbered from 1, with what answers a question for a fact emphasised."""
        codes = {sentence.session_code for sentence in quoted}
        sessions = {session.code: session for session in self._index.sessions(codes)}
        citations = tuple(
            cited(number, one, sessions[one.session_code], self._passage_of(one, hits))
            for number, one in enumerate(quoted, 1)
        )
        return emphasised(question, citations, sessions) if read(question).fact else citations

    def _passage_of(self, sentence: Sentence, hits: Sequence[Hit]) -> str:
        """The passage that holds the sentence, if possible one of the hits."""
        for passage in (hit.passage for hit in hits):
            inside = passage.start <= sentence.start and sentence.end <= passage.end
            if inside and passage.session_code == sentence.session_code:
                return passage.id
        return self._index.holding(sentence)

    def _titles(self, codes: Sequence[str]) -> dict[str, str]:
        return {session.code: session.title for session in self._index.sessions(codes)}

    def _refusal(
        self, question: str, hits: Sequence[Hit], confidence: float, unknown: Sequence[str]
    ) -> Answer:
        text = "The summaries do not say."
        if unknown:
            text = f"There is no session {' or '.join(unknown)} here."
        closest = list(dict.fromkeys(hit.passage.session_code for hit in hits))
        return self._refused(question, hits, text, closest, confidence)

    def _refused(
        self,
        question: str,
        hits: Sequence[Hit],
        text: str,
        closest: Sequence[str],
        confidence: float,
    ) -> Answer:
        titles = self._titles(closest[:CLOSEST_SESSIONS])
        named = [f"{code} ({titles[code]})" for code in closest[:CLOSEST_SESSIONS]]
        if named:
            text += f" The closest sessions: {'; '.join(named)}."
        return self._made(question, hits, text, (), confidence)

    def _made(
        self,
        question: str,
        hits: Sequence[Hit],
        text: str,
        citations: tuple[Citation, ...],
        confidence: float,
    ) -> Answer:
        return Answer(
            question=question,
            standalone_question=question,
            text=text,
            citations=citations,
            hits=tuple(hits),
            confidence=confidence,
            refused=not citations,
            answerer=self.name,
            timings={},
        )
