"""Question and Hits -> Evidence: every sentence that may answer, and what speaks for it."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sessionqa import card, kinds, terms
from sessionqa.datatypes import Hit, Sentence, Session
from sessionqa.encode import Encoder
from sessionqa.index import Index
from sessionqa.question import defines, enumerates, focus, one_of_several, read
from sessionqa.sentence_vectors import vectors_of

# Weights of a sentence's score, chosen on dev questions and SQuAD 1.1: docs/decisions/0006.
MEANING, FOCUS, OVERLAP, CONTEXT, KIND, FIT = 1.0, 0.3, 0.7, 1.6, 0.35, 0.2
# The kind of a line of the card that was asked for. A bare address is near nothing in meaning.
CARD_FIELD = {"title": 1.0, "services": 1.0, "speakers": 1.5, "facts": 1.5, "recording": 3.0}
# The kind of a sentence that says what the question wants defined, or has some of several things.
DEFINITION, ONE_OF_SEVERAL = 1.5, 0.5
# Where the index keeps no vectors of sentences, so many are encoded: the best by everything else.
MOST_READ = 16


class Evidence(NamedTuple):
    """A sentence that may answer.

    `meaning` and `focus` are its cosines to the question and to the part of it that asks,
    `overlap` the share of the question's rarity in it, its title and its code, `kind` is
    above 0 if it is of the kind that was asked for, below 0 for a line of the card that was not.
    `fit`, from 0 to 1, says how far it has a person, a number, a reason where one is asked for.
    `on_card` says that it is a line of the card.
    """

    sentence: Sentence
    session: Session
    hit: Hit
    on_card: bool
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
        weigh = _Weigher(self._index, question, asking, sessions).weigh
        if not self._index.keeps_sentences:
            found.sort(key=lambda one: _rank(weigh(*one)))
            del found[MOST_READ:]
        vectors = vectors_of(self._index, self._encoder, [sentence for sentence, _ in found])
        meanings = (vectors @ self._encoder.encode_question(question)).tolist()
        focuses = (vectors @ self._encoder.encode_question(asking)).tolist()
        each = zip(found, meanings, focuses, strict=True)
        return sorted((weigh(*one, meaning, focus) for one, meaning, focus in each), key=_rank)

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


class _Weigher:
    """Weighs sentences of `sessions` by their words, against one question."""

    def __init__(
        self, index: Index, question: str, asking: str, sessions: Mapping[str, Session]
    ) -> None:
        self._asked = read(question)
        self._want = kinds.wanted(asking)
        self._rarity = rarity_of(index, question)
        self._sessions = sessions
        self._card_ends = {code: card.end_of(one.text) for code, one in sessions.items()}
        self._people = {code: one.people for code, one in sessions.items()}
        self._named = {code: terms.stems(name_of(one)) for code, one in sessions.items()}

    def weigh(
        self, sentence: Sentence, hit: Hit, meaning: float = 0.0, focus: float = 0.0
    ) -> Evidence:
        """`sentence`, found in `hit`, with its cosines to the question and its focus."""
        code, text = sentence.session_code, sentence.text
        on_card = sentence.end <= self._card_ends[code]
        return Evidence(
            sentence=sentence,
            session=self._sessions[code],
            hit=hit,
            on_card=on_card,
            meaning=meaning,
            focus=focus,
            overlap=covered(self._rarity, terms.stems(text), self._named[code]),
            kind=self._of_line(code, text) if on_card else self._of_text(text),
            fit=kinds.fit(self._want, text, self._people[code]),
        )

    def _of_line(self, code: str, text: str) -> float:
        field = card.field(text, code)
        # Who holds a post is told only by a line that names it.
        other = field == "speakers" and not self._asked.post <= terms.stems(text)
        return CARD_FIELD[field] if field in self._asked.fields and not other else -1.0

    def _of_text(self, text: str) -> float:
        asked = self._asked
        if asked.defined and defines(asked.defined, text):
            return DEFINITION
        several = asked.several and (enumerates(text) or one_of_several(asked.things, text))
        return ONE_OF_SEVERAL if several else 0.0


def _rank(evidence: Evidence) -> tuple[float, int]:
    """Sorts the best first, equal ones in the order of the corpus."""
    return -evidence.score, evidence.sentence.row


def rarity_of(index: Index, question: str) -> dict[str, float]:
    """The inverse sentence frequency of each stem of the question, as BM25 has it."""
    asked = sorted({terms.stem(word) for word in terms.content_words(question)})
    counts = index.sentence_counts(asked)
    total = index.manifest.counts["sentences"]
    return {
        stem: math.log(1 + (total - counts.get(stem, 0) + 0.5) / (counts.get(stem, 0) + 0.5))
        for stem in asked
    }


def covered(
    rarity: Mapping[str, float], stems: Collection[str], others: Collection[str] = ()
) -> float:
    """The share of the question's rarity whose stems are among either; 0 if it has none."""
    total = sum(rarity.values())
    found = sum(rarity[stem] for stem in rarity if stem in stems or stem in others)
    return found / total if total else 0.0


def name_of(session: Session) -> str:
    """The code and title of a session, with which every sentence of it is understood."""
    return f"{session.code} {session.title}"
