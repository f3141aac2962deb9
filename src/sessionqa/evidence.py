"""Question and Hits -> Evidence: every sentence that may answer, and what speaks for it."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sessionqa import card, kinds, terms
from sessionqa.datatypes import Hit, Sentence, Session
from sessionqa.encode import Encoder
from sessionqa.index import Index
from sessionqa.kinds import Wanted
from sessionqa.question import Asked, defines, enumerates, focus, one_of_several, read
from sessionqa.sentence_vectors import vectors_of

# Weights of a sentence's score, chosen on dev questions and SQuAD 1.1: docs/decisions/0006.
MEANING, FOCUS, OVERLAP, CONTEXT, KIND, FIT = 1.0, 0.3, 0.7, 1.6, 0.35, 0.2
# The kind of a line of the card that was asked for. A bare address is near nothing in meaning.
CARD_FIELD = {"title": 1.0, "services": 1.0, "speakers": 1.5, "facts": 1.5, "recording": 3.0}
# The kind of a sentence that says what the question wants defined, or has some of several things.
DEFINITION, ONE_OF_SEVERAL = 1.5, 0.5
# Where the index keeps no vectors of sentences, so many are encoded: the best by everything else.
MOST_READ = 16


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that may answer.

    `meaning` and `focus` are its cosines to the question and to the part of it that asks,
    `overlap` the share of the question's rarity in it, its title and its code, `kind` is
    above 0 if it is of the kind that was asked for, below 0 for a line of the card that was not.
    `fit`, from 0 to 1, says how far it has a person, a number, a reason where one is asked for.
    """

    sentence: Sentence
    session: Session
    hit: Hit
    meaning: float
    focus: float
    overlap: float
    kind: float
    fit: float

    @property
    def score(self) -> float:
        """The weighted sum by which sentences are ranked."""
        return (
            MEANING * self.meaning
            + FOCUS * self.focus
            + OVERLAP * self.overlap
            + CONTEXT * self.hit.score
            + KIND * self.kind
            + FIT * self.fit
        )

    @property
    def on_card(self) -> bool:
        """Whether it is a line of the card."""
        return self.sentence.end <= card.end_of(self.session.text)

    @property
    def is_field(self) -> bool:
        """Whether it is the line of the card that was asked for."""
        return self.kind > 0 and self.on_card


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
        asking = focus(question)
        asked, want, rarity = read(question), kinds.wanted(asking), rarity_of(self._index, question)
        weighed = [
            Evidence(
                sentence=sentence,
                session=sessions[sentence.session_code],
                hit=hit,
                meaning=0.0,
                focus=0.0,
                overlap=covered(rarity, terms.stems(sentence.text) | terms.stems(name_of(hit))),
                kind=_kind(sentence, sessions[sentence.session_code], asked),
                fit=_fit(want, sentence, sessions[sentence.session_code]),
            )
            for sentence, hit in found
        ]
        if not self._index.keeps_sentences:
            weighed = sorted(weighed, key=_rank)[:MOST_READ]
        vectors = vectors_of(self._index, self._encoder, [e.sentence for e in weighed])
        meanings = (vectors @ self._encoder.encode_question(question)).tolist()
        focuses = (vectors @ self._encoder.encode_question(asking)).tolist()
        each = zip(weighed, meanings, focuses, strict=True)
        return sorted((replace(e, meaning=m, focus=f) for e, m, f in each), key=_rank)

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


def _rank(evidence: Evidence) -> tuple[float, int]:
    """Sorts the best first, equal ones in the order of the corpus."""
    return -evidence.score, evidence.sentence.row


def _kind(sentence: Sentence, session: Session, asked: Asked) -> float:
    if sentence.end <= card.end_of(session.text):
        field = card.field(sentence.text, session.code)
        return CARD_FIELD[field] if field in asked.fields else -1.0
    if asked.defined and defines(asked.defined, sentence.text):
        return DEFINITION
    several = enumerates(sentence.text) or one_of_several(asked.things, sentence.text)
    return ONE_OF_SEVERAL if asked.several and several else 0.0


def _fit(want: Wanted, sentence: Sentence, session: Session) -> float:
    return kinds.fit(want, sentence.text, [speaker.name for speaker in session.speakers])


def rarity_of(index: Index, question: str) -> dict[str, float]:
    """The inverse sentence frequency of each stem of the question, as BM25 has it."""
    asked = sorted({terms.stem(word) for word in terms.content_words(question)})
    counts = index.sentence_counts(asked)
    total = index.manifest.counts["sentences"]
    return {
        stem: math.log(1 + (total - counts.get(stem, 0) + 0.5) / (counts.get(stem, 0) + 0.5))
        for stem in asked
    }


def covered(rarity: Mapping[str, float], stems: Collection[str]) -> float:
    """The share of the question's rarity whose stems are among `stems`; 0 if it has none."""
    total = sum(rarity.values())
    return sum(rarity[stem] for stem in rarity if stem in stems) / total if total else 0.0


def name_of(hit: Hit) -> str:
    """The code and title of a hit's session, with which every sentence of it is understood."""
    return f"{hit.passage.session_code} {hit.passage.title}"
