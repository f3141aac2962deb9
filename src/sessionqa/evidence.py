"""Question and Hits -> Evidence: every sentence that may answer, and what speaks for it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sessionqa import card, terms
from sessionqa.confidence import Features
from sessionqa.datatypes import Hit, Sentence, Session
from sessionqa.encode import Encoder
from sessionqa.index import Index
from sessionqa.question import Asked, defines, enumerates, focus, has_number, read

# Weights of a sentence's score, chosen on dev questions and SQuAD 1.1: docs/decisions/0006.
MEANING, FOCUS, OVERLAP, CONTEXT, KIND = 1.0, 0.4, 0.7, 1.4, 0.35
# The kind of a line of the card that was asked for. A bare address is near nothing in meaning.
CARD_FIELD = {"title": 1.0, "services": 1.0, "speakers": 1.5, "facts": 1.5, "recording": 3.0}
# The kind of a sentence that says what the question wants defined.
DEFINITION = 1.5
# Sentences so close behind the best are looked at for the kind of answer that was asked for.
NEAR = 0.35
MANY_WORDS = 20
# A word that does not begin a sentence.
_INSIDE = re.compile(r"(?<![.?!]\s)(?<!^)\b\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that may answer.

    `meaning` and `focus` are its cosines to the question and to the part of it that asks,
    `overlap` the share of the question's rarity in it, its title and its code, `kind` is
    above 0 if it is of the kind that was asked for, below 0 for a line of the card that was not.
    """

    sentence: Sentence
    session: Session
    hit: Hit
    meaning: float
    focus: float
    overlap: float
    kind: float

    @property
    def score(self) -> float:
        """The weighted sum by which sentences are ranked."""
        return (
            MEANING * self.meaning
            + FOCUS * self.focus
            + OVERLAP * self.overlap
            + CONTEXT * self.hit.score
            + KIND * self.kind
        )


class Examiner:
    """Weighs the sentences of hits against a question."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder

    def examine(self, question: str, hits: Sequence[Hit]) -> list[Evidence]:
        """Every sentence of the hits, and of their sessions' cards, best first."""
        codes = {hit.passage.session_code for hit in hits}
        sessions = {session.code: session for session in self._index.sessions(codes)}
        found = self._sentences(hits, sessions)
        if not found:
            return []
        asked, rarity = read(question), self.rarity(question)
        vectors = self._index.sentence_vectors([sentence.row for sentence, _ in found])
        meanings = vectors @ self._encoder.encode_question(question)
        focuses = vectors @ self._encoder.encode_question(focus(question))
        evidence = [
            Evidence(
                sentence=sentence,
                session=sessions[sentence.session_code],
                hit=hit,
                meaning=float(meanings[row]),
                focus=float(focuses[row]),
                overlap=covered(rarity, terms.stems(_with_name(hit, sentence.text))),
                kind=_kind(sentence, sessions[sentence.session_code], asked),
            )
            for row, (sentence, hit) in enumerate(found)
        ]
        return sorted(evidence, key=lambda e: (-e.score, e.sentence.row))

    def rarity(self, question: str) -> dict[str, float]:
        """The inverse sentence frequency of each stem of the question, as BM25 has it."""
        asked = sorted({terms.stem(word) for word in terms.content_words(question)})
        counts = self._index.sentence_counts(asked)
        total = self._index.manifest.counts["sentences"]
        return {
            stem: math.log(1 + (total - counts.get(stem, 0) + 0.5) / (counts.get(stem, 0) + 0.5))
            for stem in asked
        }

    def known(self, rarity: dict[str, float]) -> dict[str, float]:
        """The part of `rarity` that some sentence of the corpus has."""
        return {stem: rarity[stem] for stem in self._index.sentence_counts(rarity)}

    def features(self, question: str, evidence: Sequence[Evidence]) -> Features:
        """What the confidence is computed from; `evidence` is not empty."""
        asked, rarity = read(question), self.rarity(question)
        known = self.known(rarity)
        hits = list({e.hit.passage.id: e.hit for e in evidence}.values())
        texts = (_with_name(hit, hit.passage.text) for hit in hits)
        names = {terms.stem(word) for word in _INSIDE.findall(question) if _is_name(word)}
        return Features(
            passage=max(hit.dense_score or 0.0 for hit in hits),
            sentence=max(e.meaning for e in evidence),
            covered=evidence[0].overlap,
            passage_covered=max(covered(rarity, terms.stems(text)) for text in texts),
            unknown_name=float(any(stem in names for stem in rarity if stem not in known)),
            length=min(len(rarity), MANY_WORDS) / MANY_WORDS,
            fits=float(_fits(asked, evidence)),
            field=float(_on_card(evidence[0])),
        )

    def _sentences(
        self, hits: Sequence[Hit], sessions: Mapping[str, Session]
    ) -> list[tuple[Sentence, Hit]]:
        """Each sentence once, with the best hit that holds it or, for a card, its session's.

        A card says of its session what no wording of a question is near to.
        """
        found: dict[int, tuple[Sentence, Hit]] = {}
        best = {hit.passage.session_code: hit for hit in reversed(hits)}
        for code, hit in best.items():
            for sentence in self._index.sentences(code, 0, card.end_of(sessions[code].text)):
                found.setdefault(sentence.row, (sentence, hit))
        for hit in hits:
            passage = hit.passage
            for sentence in self._index.sentences(passage.session_code, passage.start, passage.end):
                found.setdefault(sentence.row, (sentence, hit))
        return list(found.values())


def _kind(sentence: Sentence, session: Session, asked: Asked) -> float:
    if sentence.end <= card.end_of(session.text):
        field = card.field(sentence.text, session.code)
        return CARD_FIELD[field] if field in asked.fields else -1.0
    several = asked.several and enumerates(sentence.text)
    if asked.defined and defines(asked.defined, sentence.text):
        return DEFINITION
    return 0.5 if several or any(_answers_kind(sentence, session, asked)) else 0.0


def _fits(asked: Asked, evidence: Sequence[Evidence]) -> bool:
    """Whether the best evidence has a person or number where one was asked for."""
    if _on_card(evidence[0]):
        return True
    near = [e for e in evidence if e.score >= evidence[0].score - NEAR][:3]
    found = [list(_answers_kind(e.sentence, e.session, asked)) for e in near]
    return all(any(kinds) for kinds in zip(*found, strict=True))


def _on_card(evidence: Evidence) -> bool:
    """Whether it is the line of the card that was asked for."""
    return evidence.kind > 0 and evidence.sentence.end <= card.end_of(evidence.session.text)


def _answers_kind(sentence: Sentence, session: Session, asked: Asked) -> Iterator[bool]:
    """For each of person and number that was asked for, whether the sentence has one."""
    if asked.number:
        yield has_number(sentence.text)
    if asked.person:
        yield any(speaker.name in sentence.text for speaker in session.speakers)


def covered(rarity: dict[str, float], stems: set[str]) -> float:
    """The share of the question's rarity whose stems are among `stems`; 0 if it has none."""
    total = sum(rarity.values())
    return sum(rarity[stem] for stem in rarity if stem in stems) / total if total else 0.0


def _is_name(word: str) -> bool:
    return word[0].isupper() or any(character.isdigit() for character in word)


def _with_name(hit: Hit, text: str) -> str:
    """A text as it is understood: with the code and the title of its session."""
    return f"{hit.passage.session_code} {hit.passage.title} {text}"
