"""Question and Hits -> Answer: the Answerer protocol, and the answerer that only quotes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sessionqa import card, terms
from sessionqa import question as questions
from sessionqa.confidence import Features, probability
from sessionqa.datatypes import Answer, Citation, Hit, Sentence, Session
from sessionqa.encode import Encoder
from sessionqa.index import Index
from sessionqa.retrieve import named_codes

# Weights of a sentence's score, chosen on the dev questions by benchmarks/tune_answers.py.
MEANING, OVERLAP, CONTEXT, KIND = 1.0, 0.35, 0.35, 0.25
# A further sentence must score within this of the best one, and say something else.
CLOSE, CLOSE_IF_SEVERAL, REDUNDANT = 0.12, 0.25, 0.9
MOST_SENTENCES, MOST_IF_SEVERAL = 3, 6
LIST_CLOSE, LIST_COVERED = 0.3, 0.6
CLOSEST = 3


class Answerer(Protocol):
    """Turns what was found into an answer."""

    def answer(self, question: str, hits: Sequence[Hit]) -> Answer:
        """The answer to a question that stands alone, from `hits`, best first."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that may answer, with what speaks for it."""

    sentence: Sentence
    hit: Hit
    meaning: float
    overlap: float
    kind: float

    @property
    def score(self) -> float:
        """The weighted sum by which sentences are ranked."""
        found = MEANING * self.meaning + OVERLAP * self.overlap + CONTEXT * self.hit.score
        return found + KIND * self.kind


class ExtractiveAnswerer:
    """Quotes the sentences that answer, and refuses where none does."""

    name = "extractive"

    def __init__(self, index: Index, encoder: Encoder, refuse_below: float = 0.5) -> None:
        self._index = index
        self._encoder = encoder
        self._refuse_below = refuse_below
        self._sessions = {session.code: session for session in index.sessions()}

    def answer(self, question: str, hits: Sequence[Hit]) -> Answer:
        """See Answerer. `text` has a paragraph for each session, each sentence with its [n]."""
        asked = questions.read(question)
        rarity = self._rarity(question)
        evidence = self._evidence(question, hits, asked, rarity)
        confidence = self._confidence(evidence, rarity)
        _, unknown = named_codes(question, self._sessions)
        if unknown:
            confidence = 0.0
        if confidence < self._refuse_below or not evidence:
            return self._refusal(question, hits, confidence, unknown)
        chosen = _by_session(evidence) if asked.sessions else self._choose(evidence, asked)
        return self._quote(question, hits, chosen, confidence)

    def _rarity(self, question: str) -> dict[str, float]:
        """The inverse sentence frequency of each stem of the question; see BM25's idf."""
        asked = {terms.stem(word) for word in terms.content_words(question)}
        counts = self._index.sentence_counts(asked)
        total = self._index.manifest.counts["sentences"]
        return {
            stem: math.log(1 + (total - n + 0.5) / (n + 0.5))
            for stem in sorted(asked)
            for n in [min(counts.get(stem, 0), total)]
        }

    def _evidence(
        self, question: str, hits: Sequence[Hit], asked: questions.Asked, rarity: dict[str, float]
    ) -> list[Evidence]:
        """Every sentence of the hits, and of their sessions' cards, best first."""
        found: dict[int, tuple[Sentence, Hit]] = {}
        for hit in hits:
            passage = hit.passage
            for sentence in self._index.sentences(passage.session_code, passage.start, passage.end):
                found.setdefault(sentence.row, (sentence, hit))
        for code, hit in {hit.passage.session_code: hit for hit in reversed(hits)}.items():
            for sentence in self._index.sentences(code, 0, card.end_of(self._sessions[code].text)):
                found.setdefault(sentence.row, (sentence, hit))
        if not found:
            return []
        vector = self._encoder.encode_question(question)
        meanings = self._index.sentence_vectors(list(found)) @ vector
        evidence = [
            Evidence(
                sentence=sentence,
                hit=hit,
                meaning=float(meaning),
                overlap=_covered(rarity, terms.stems(f"{hit.passage.title} {sentence.text}")),
                kind=self._kind(sentence, asked),
            )
            for (sentence, hit), meaning in zip(found.values(), meanings, strict=True)
        ]
        return sorted(evidence, key=lambda e: (-e.score, e.sentence.row))

    def _kind(self, sentence: Sentence, asked: questions.Asked) -> float:
        """1 where the sentence is of the kind that the question asks for, else 0 or less."""
        session = self._sessions[sentence.session_code]
        if sentence.end <= card.end_of(session.text):
            field = card.field(sentence.text, session.code)
            return 1.0 if field in asked.fields else -1.0
        if asked.number and questions.has_number(sentence.text):
            return 0.5
        if asked.person and any(s.name in sentence.text for s in session.speakers):
            return 0.5
        return 0.0

    def _confidence(self, evidence: Sequence[Evidence], rarity: dict[str, float]) -> float:
        if not evidence:
            return 0.0
        best = evidence[0]
        session = self._sessions[best.sentence.session_code]
        known = self._index.sentence_counts(rarity)
        features = Features(
            passage=max(e.hit.score for e in evidence),
            sentence=max(e.meaning for e in evidence),
            covered=best.overlap,
            session=_covered(rarity, terms.stems(session.text)),
            unknown=1 - _covered(rarity, set(known)),
        )
        return probability(features, self._index.manifest.confidence)

    def _choose(self, evidence: Sequence[Evidence], asked: questions.Asked) -> list[Evidence]:
        """The best sentence, and those that are nearly as good and say something else."""
        several = asked.several
        close, most = (
            (CLOSE_IF_SEVERAL, MOST_IF_SEVERAL) if several else (CLOSE, MOST_SENTENCES)
        )
        chosen = [evidence[0]]
        for candidate in evidence[1:]:
            if len(chosen) == most or candidate.score < evidence[0].score - close:
                break
            if not any(self._same(candidate, other) for other in chosen):
                chosen.append(candidate)
        return chosen

    def _same(self, one: Evidence, other: Evidence) -> bool:
        first, second = self._index.sentence_vectors([one.sentence.row, other.sentence.row])
        return float(first @ second) > REDUNDANT

    def _quote(
        self, question: str, hits: Sequence[Hit], chosen: Sequence[Evidence], confidence: float
    ) -> Answer:
        """A paragraph for each session, in the order of their best sentences."""
        paragraphs: dict[str, list[str]] = {}
        citations: list[Citation] = []
        order = list(dict.fromkeys(e.sentence.session_code for e in chosen))
        for evidence in sorted(chosen, key=lambda e: order.index(e.sentence.session_code)):
            sentence = evidence.sentence
            citation = Citation(
                number=len(citations) + 1,
                session_code=sentence.session_code,
                title=evidence.hit.passage.title,
                passage_id=evidence.hit.passage.id,
                start=sentence.start,
                end=sentence.end,
                quote=sentence.text,
            )
            citations.append(citation)
            quoted = f"{sentence.text} [{citation.number}]"
            paragraphs.setdefault(sentence.session_code, []).append(quoted)
        return Answer(
            question=question,
            standalone_question=question,
            text="\n\n".join(_paragraph(code, quotes) for code, quotes in paragraphs.items()),
            citations=tuple(citations),
            hits=tuple(hits),
            confidence=confidence,
            refused=False,
            answerer=self.name,
            timings={},
        )

    def _refusal(
        self, question: str, hits: Sequence[Hit], confidence: float, unknown: Sequence[str]
    ) -> Answer:
        text = "The summaries do not say."
        if unknown:
            text = f"There is no session {' or '.join(unknown)} here."
        closest = list(dict.fromkeys(hit.passage.session_code for hit in hits))[:CLOSEST]
        if closest:
            named = (f"{code} ({self._sessions[code].title})" for code in closest)
            text += f" The closest sessions: {'; '.join(named)}."
        return Answer(
            question=question,
            standalone_question=question,
            text=text,
            citations=(),
            hits=tuple(hits),
            confidence=confidence,
            refused=True,
            answerer=self.name,
            timings={},
        )


def _covered(rarity: dict[str, float], stems: set[str]) -> float:
    """The share of the question's rarity whose stems are among `stems`; 1 if it has none."""
    total = sum(rarity.values())
    return sum(rarity[stem] for stem in rarity if stem in stems) / total if total else 1.0


def _by_session(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The best sentence of each session that is close to the best or has what was asked for."""
    best: dict[str, Evidence] = {}
    for candidate in evidence:
        best.setdefault(candidate.sentence.session_code, candidate)
    return [
        candidate
        for candidate in best.values()
        if candidate.overlap >= LIST_COVERED and candidate.score >= evidence[0].score - LIST_CLOSE
    ]


def _paragraph(code: str, quotes: list[str]) -> str:
    """The quotes after their session's code, unless the first one begins with it."""
    text = " ".join(quotes)
    return text if text.startswith(f"{code}:") else f"{code}: {text}"
