"""A question for sessions -> every session that answers it, of the whole corpus, with a quote."""

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from sessionqa import card
from sessionqa.datatypes import Hit, Passage, Sentence, Session
from sessionqa.demands import Demands, read_demands
from sessionqa.encode import Encoder, Vectors
from sessionqa.fusion import Scores
from sessionqa.index import Index
from sessionqa.mentions import named_codes
from sessionqa.patterns import lazily
from sessionqa.question import MOST_CHARS, Asked, before_asking, focus, points_back
from sessionqa.reply import Paragraph, Reply, card_lines, listed, presented
from sessionqa.sentence_vectors import vectors_of
from sessionqa.topic import Topic, keys, read_topic

# For each way to say a topic so many passages are looked at, and so many ways.
MOST_PASSAGES, MOST_QUERIES = 400, 12
# Where the index keeps no vectors of sentences, so many of those are encoded.
MOST_READ = 64
# The lines of a card by which a session mentions something. What speakers are, where and when the
# session was, counts only if it is found nowhere else.
_SAYING = frozenset({"title", "services"})
_EVERY_LINE = _SAYING | {"speakers", "facts", "recording"}
# Neighbouring passages have no more characters between them than this, which hold no sentence.
BETWEEN = 2
# So many sessions are shown; the heading counts them all.
MOST_SHOWN = 100
MOST_RECOMMENDED = 5
_COLLECTED = lazily(r"\b(?:services|levels|tracks|events|conferences|years)\b", re.IGNORECASE)
# The lines that each have several values of a field.
_LINES = {"speaker": "speakers", "service": "services"}
# A share of the topic that is all of it.
WHOLE = 0.999
# How sure it is that a session has what the question demands, or says the topic word for word.
SURE = 0.95
# A described topic: weights of the words and of the hit beside the meaning, how many sentences
# support the best one, and the share of the best score that a session must reach. Chosen on dev
# questions: docs/decisions/0015.
WORDS, CONTEXT, SUPPORT, FAR = 0.5, 0.5, 3, 0.75
# The score of the best session at which it is as likely as not that the topic is there, and over
# how much that changes.
ENOUGH, BREADTH = 0.55, 0.08
# A topic of which less is said anywhere is not mentioned.
LEAST_SAID = 0.6


@dataclass(frozen=True, slots=True)
class Found:
    """A session with the sentence that speaks best for it; `score` orders the sessions."""

    session: Session
    sentence: Sentence
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Listing:
    """The sessions found, best first; `named` if they say the topic word for word.

    `more` if there are so many passages that not all were looked at.
    """

    found: list[Found]
    named: bool
    more: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a session has of a topic.

    `shares` are of the topic's alternatives, in the whole session; `own`, shape (n,), says how
    much of the topic each sentence says.
    """

    session: Session
    sentences: Sequence[Sentence]
    shares: Sequence[float]
    own: Scores

    def says(self, least: Sequence[float]) -> bool:
        """Whether it says so much of some alternative."""
        return any(share >= bar for share, bar in zip(self.shares, least, strict=True))

    def found(self, named: bool, near: Scores, hit: float) -> Found:
        """With the sentence that speaks best for it, and its score; `near` in meaning, shape (n,).

        The body is quoted if it can be. Of a topic that is not `named`, the mean of the best
        sentence and of the three best counts, and the score of the session's best `hit`.
        """
        end = card.end_of(self.session.text)
        body = np.array([sentence.start >= end for sentence in self.sentences])
        if named:
            ranked = np.lexsort((near, body, self.own.round(3)))
            score = float((self.own >= WHOLE).sum() + near[ranked[-1]])
        else:
            worth = near + WORDS * self.own
            ranked = np.lexsort((worth, body))
            best = np.sort(worth)[-SUPPORT:]
            score = float((best[-1] + best.mean()) / 2 + CONTEXT * hit)
        return Found(self.session, self.sentences[ranked[-1]], score, max(self.shares))


class Lister:
    """Answers questions for a list of sessions, and for what to watch."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder

    def reply(
        self,
        question: str,
        asked: Asked,
        hits: Sequence[Hit],
        within: frozenset[str] | None,
        confidence: Callable[[], float],
        refuse_below: float,
    ) -> Reply | None:
        """The sessions that answer, of those `within` if these are given, best first.

        None if a field of the card is asked for, and not of every session.
        `confidence` computes that of the hits. A topic that is nowhere said word for word is
        refused if the mean of it and of what the best session's score says is below
        `refuse_below`.
        """
        text = focus(question)
        if points_back(text):
            text = question[-MOST_CHARS:]
        if asked.collection:
            text = _COLLECTED.sub(" ", text, count=1)
        demands, topic = self._read(text)
        if topic is None and asked.recommend and not demands.said:
            # "I run a shop. What should I watch?" has its topic in what comes before.
            demands, topic = self._read(question[-MOST_CHARS:])
        passing = _both(demands.passing, within)
        if not asked.sessions and (topic or named_codes(question, self._index.facets)[0]):
            return None
        if demands.missing or (passing is not None and not passing):
            return _nothing(demands)
        if topic is None:
            return self._all(demands, passing, asked)
        listing = self._with_topic(topic, question, hits, passing)
        found = listing.found
        sure = SURE if listing.named else _sure(confidence(), found[0]) if found else 0.0
        if not found or sure < refuse_below:
            return _unmentioned(topic, demands, hits)
        return self._shown(found, len(found), _heading(listing, topic, demands), asked, sure)

    def _read(self, text: str) -> tuple[Demands, Topic | None]:
        demands = read_demands(text, self._index, self._saying)
        return demands, read_topic(before_asking(demands.rest), self._index)

    def _all(self, demands: Demands, passing: Collection[str] | None, asked: Asked) -> Reply:
        """Every session that passes, with the line of its card that shows it."""
        if asked.collection:
            return self._collected(asked, demands, passing)
        everything = self._index.values("session").values()
        codes = sorted(everything if passing is None else passing)
        found = []
        for session in self._index.sessions(codes[:MOST_SHOWN]):
            lines = dict(card_lines(self._index, session))
            line = lines.get(demands.field) or next(iter(lines.values()))
            found.append(Found(session, line, 0.0, 0.0))
        return self._shown(found, len(codes), _counted(len(codes), demands), asked, SURE)

    def _collected(self, asked: Asked, demands: Demands, passing: Collection[str] | None) -> Reply:
        """Every value that the sessions have in a field, with the lines of the cards that say so.

        Of speakers and services every line, of the rest one for each value.
        """
        field = asked.collection
        rows = self._index.facets(field, list(self._index.values(field)))
        of: dict[str, set[str]] = {}
        for form, _, code in sorted(rows, key=lambda row: row[2]):
            if passing is None or code in passing:
                of.setdefault(code, set()).add(form)
        values = {form for forms in of.values() for form in forms}
        counted = f"{len(values):,} {field}{'' if len(values) == 1 else 's'}"
        codes = list(of)
        if field not in _LINES:
            codes = list({min(of[code]): code for code in reversed(of)}.values())
            counted += f" ({listed(sorted({row[1] for row in rows if row[0] in values}))})"
        found = []
        for session in self._index.sessions(codes[:MOST_SHOWN]):
            line = dict(card_lines(self._index, session)).get(_LINES.get(field, "facts"))
            found.extend([Found(session, line, 0.0, 0.0)] if line else [])
        # What is demanded chooses sessions: who else is on stage there is not counted.
        heading = (
            _counted(len(of), demands)
            if demands.said
            else f"{counted} in {_counted(len(of), demands)}"
        )
        return self._shown(found, len(codes), heading, asked, SURE)

    def _with_topic(
        self, topic: Topic, question: str, hits: Sequence[Hit], within: frozenset[str] | None
    ) -> Listing:
        """The sessions with the topic, best first."""
        passages, more = self._passages(topic, within)
        passages += [hit.passage for hit in hits]
        sentences = self._sentences(passages, within)
        seen, least = self._seen(topic, sentences, _SAYING)
        if WHOLE not in least:
            seen, least = self._seen(topic, sentences, _EVERY_LINE)
        named = WHOLE in least
        if named:
            seen = [one for one in seen if one.says(least)]
        # The question has been encoded already; a topic that is described is worth a vector.
        vector = self._encoder.encode_question(question if named else topic.text)
        scores = {hit.passage.session_code: hit.score for hit in reversed(hits)}
        found = [
            one.found(named, near, scores.get(one.session.code, 0.0))
            for one, near in zip(seen, self._near(seen, vector), strict=True)
        ]
        found.sort(key=lambda one: (-one.score, one.session.code))
        near_enough = [one for one in found if named or one.score >= FAR * found[0].score]
        return Listing(near_enough, named, named and more)

    def _seen(
        self, topic: Topic, sentences: Sequence[Sentence], lines: Collection[str]
    ) -> tuple[list[_Seen], list[float]]:
        """What each session has of the topic, and how much of each alternative one must have.

        Of the cards only `lines` are looked at.
        """
        of: dict[str, list[Sentence]] = {}
        for sentence in sentences:
            of.setdefault(sentence.session_code, []).append(sentence)
        seen = [_seen(one, of[one.code], topic, lines) for one in self._index.sessions(of)]
        return seen, _least([one.shares for one in seen])

    def _near(self, seen: Sequence[_Seen], vector: Vectors) -> list[Scores]:
        """The cosine to `vector` of each sentence of each of these.

        Where the index keeps no vectors of sentences, of the MOST_READ that say most of the topic.
        """
        sentences = [sentence for one in seen for sentence in one.sentences]
        rows = np.arange(len(sentences))
        if not self._index.keeps_sentences and len(seen):
            own = np.concatenate([one.own for one in seen])
            rows = np.argsort(-own, kind="stable")[:MOST_READ]
        near = np.zeros(len(sentences), dtype=np.float32)
        chosen = [sentences[row] for row in rows]
        near[rows] = vectors_of(self._index, self._encoder, chosen) @ vector
        return np.split(near, np.cumsum([len(one.sentences) for one in seen]))[:-1]

    def _passages(self, topic: Topic, within: frozenset[str] | None) -> tuple[list[Passage], bool]:
        """The passages that have every word of one way to say the topic, and if there are more."""
        ids: dict[str, None] = {}
        more = False
        for query in list(dict.fromkeys(topic.queries()))[:MOST_QUERIES]:
            ranked = self._index.having(query, MOST_PASSAGES, within)
            ids.update((id_, None) for id_, _ in ranked)
            more = more or len(ranked) == MOST_PASSAGES
        return self._index.passages(list(ids)), more

    def _sentences(
        self, passages: Sequence[Passage], within: frozenset[str] | None
    ) -> list[Sentence]:
        allowed = [one for one in passages if within is None or one.session_code in within]
        return [
            sentence
            for code, start, end in _stretches(allowed)
            for sentence in self._index.sentences(code, start, end)
        ]

    def _saying(self, text: str) -> set[str]:
        """The codes of the sessions that say `text` word for word."""
        topic = read_topic(text, self._index)
        if topic is None:
            return set()
        listing = self._with_topic(topic, text, (), None)
        return {one.session.code for one in listing.found} if listing.named else set()

    def _shown(
        self, found: Sequence[Found], number: int, heading: str, asked: Asked, confidence: float
    ) -> Reply:
        """The first of the sessions found, which are `number` in all."""
        most = MOST_RECOMMENDED if asked.recommend and not asked.every else MOST_SHOWN
        heading += f"; the first {most}:" if number > most else ":" if found else "."
        shown = found[:most]
        paragraphs = tuple(
            Paragraph(
                presented(one.session) + ":",
                (one.sentence, *(self._recording(one) if asked.recommend else ())),
            )
            for one in shown
        )
        return Reply(heading, paragraphs, confidence)

    def _recording(self, found: Found) -> list[Sentence]:
        """The line of the card that links to the recording, if there is one."""
        line = dict(card_lines(self._index, found.session)).get("recording")
        return [line] if line and line != found.sentence else []


def _stretches(passages: Sequence[Passage]) -> list[tuple[str, int, int]]:
    """The session, start and end of each stretch that the passages cover; they may overlap."""
    found: list[tuple[str, int, int]] = []
    for code, start, end in sorted((p.session_code, p.start, p.end) for p in passages):
        if found and found[-1][0] == code and start <= found[-1][2] + BETWEEN:
            found[-1] = (code, found[-1][1], max(found[-1][2], end))
        else:
            found.append((code, start, end))
    return found


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return one if other is None else other
    return one & other


def _seen(
    session: Session, sentences: Sequence[Sentence], topic: Topic, lines: Collection[str]
) -> _Seen:
    end = card.end_of(session.text)
    own = np.zeros(len(sentences))
    most = topic.said(())
    for row, sentence in enumerate(sentences):
        if sentence.end <= end and card.field(sentence.text, session.code) not in lines:
            continue
        words = keys(sentence.text)
        if not topic.words.isdisjoint(words):
            said = topic.said(words)
            own[row] = max(topic.shares(said))
            most = [list(map(max, *pair)) for pair in zip(most, said, strict=True)]
    return _Seen(session, sentences, topic.shares(most), own)


def _least(shares: Sequence[Sequence[float]]) -> list[float]:
    """How much of each alternative a session must say.

    All, if any session does; else, beside another one that is said, the most that any says.
    """
    most = [max(of) for of in zip(*shares, strict=True)]
    return [
        WHOLE if best >= WHOLE else best - 0.001 if best >= LEAST_SAID else math.inf
        for best in most
    ]


def _sure(confidence: float, best: Found) -> float:
    """How sure it is that a described topic is there."""
    by_score = 1 / (1 + math.exp((ENOUGH - best.score) / BREADTH))
    return round((confidence + by_score) / 2, 4)


def _nothing(demands: Demands) -> Reply:
    """Says that no session has what the question demands."""
    if demands.missing:
        return Reply(f"No session here fits: there is {demands.missing}.", (), 0.0)
    return Reply(f"No session here fits: {', '.join(demands.said)}.", (), 0.0)


def _unmentioned(topic: Topic, demands: Demands, hits: Sequence[Hit]) -> Reply:
    such = f" ({', '.join(demands.said)})" if demands.said else ""
    closest = tuple(dict.fromkeys(hit.passage.session_code for hit in hits))
    return Reply(f"No session here{such} is about “{topic.text}”.", (), 0.0, closest)


def _counted(number: int, demands: Demands) -> str:
    such = f" ({', '.join(demands.said)})" if demands.said else ""
    return f"{number:,} session{'' if number == 1 else 's'}{such}"


def _heading(listing: Listing, topic: Topic, demands: Demands) -> str:
    number = len(listing.found)
    verb, preposition = ("mention", "") if listing.named else ("come", "near to ")
    least = "At least " if listing.more else ""
    verb = f"{verb}s" if number == 1 else verb
    return f"{least}{_counted(number, demands)} {verb} {preposition}“{topic.text}”"
