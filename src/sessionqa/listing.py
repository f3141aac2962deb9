"""A question for sessions -> every session that answers it, of the whole corpus, with a quote."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from sessionqa import card
from sessionqa.datatypes import Hit, Passage, Sentence, Session
from sessionqa.demands import Demands, read_demands
from sessionqa.encode import Encoder
from sessionqa.fusion import Scores
from sessionqa.index import Index
from sessionqa.mentions import named_codes
from sessionqa.question import MOST_CHARS, Asked, focus
from sessionqa.reply import Paragraph, Reply, listed, presented
from sessionqa.topic import Topic, keys, read_topic

# For each way to say a topic so many passages are looked at, and so many ways.
MOST_PASSAGES, MOST_QUERIES = 400, 12
# Neighbouring passages have no more characters between them than this, which hold no sentence.
BETWEEN = 2
# So many sessions are shown; the heading counts them all.
MOST_SHOWN = 100
MOST_RECOMMENDED = 5
# A share of the topic that is all of it.
WHOLE = 0.999
# How sure it is that a session has what the question demands, or says the topic word for word.
SURE = 0.95
# A described topic: weights of the words and of the hit beside the meaning, how many sentences
# support the best one, and the share of the best score that a session must reach. Chosen on dev
# questions: docs/decisions/0015.
WORDS, CONTEXT, SUPPORT, FAR = 0.5, 0.5, 3, 0.75
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
        within: Collection[str] | None,
        confidence: Callable[[], float],
        refuse_below: float,
    ) -> Reply | None:
        """The sessions that answer, of those `within` if these are given, best first.

        None if a field of the card is asked for, and not of every session.
        `confidence` computes that of the hits: a topic that is nowhere said word for word is
        refused if it is below `refuse_below`.
        """
        demands, topic = self._read(focus(question))
        if topic is None and not demands.said and focus(question) != question:
            # "I run a shop. What should I watch?" has its topic in what comes before.
            demands, topic = self._read(question[-MOST_CHARS:])
        passing = _both(demands.passing, within)
        if not asked.sessions and (topic or named_codes(question, self._index.facets)[0]):
            return None
        if demands.missing or (passing is not None and not passing):
            return _nothing(demands)
        if topic is None:
            return self._all(demands, passing, asked)
        found, named = self._with_topic(topic, question, hits, passing)
        sure = SURE if named else confidence() if found else 0.0
        if sure < refuse_below or (not named and _unsaid(asked, found)):
            return _unmentioned(topic, demands, hits)
        return self._shown(found, _heading(len(found), topic, demands, named), asked, sure)

    def _read(self, text: str) -> tuple[Demands, Topic | None]:
        demands = read_demands(text, self._index, self._saying)
        return demands, read_topic(demands.rest, self._index)

    def _all(self, demands: Demands, passing: Collection[str] | None, asked: Asked) -> Reply:
        """Every session that passes, with the line of its card that shows it."""
        field = asked.collection or demands.field
        everything = self._index.values("session").values()
        codes = sorted(everything if passing is None else passing)
        found = []
        for session in self._index.sessions(codes[:MOST_SHOWN]):
            lines = self._index.sentences(session.code, 0, card.end_of(session.text))
            by_field = {card.field(line.text, session.code): line for line in lines}
            if line := by_field.get(field) or (not asked.collection and lines[0]):
                found.append(Found(session, line, 0.0, 0.0))
        heading = _counted(len(codes), demands) + ":"
        if asked.collection:
            heading = _collected(asked.collection, [one.session for one in found], demands)
        return self._shown(found, heading, asked, SURE)

    def _with_topic(
        self, topic: Topic, question: str, hits: Sequence[Hit], within: Collection[str] | None
    ) -> tuple[list[Found], bool]:
        """The sessions with the topic, best first, and whether they say it word for word."""
        seen = self._seen(topic, self._sentences(topic, hits, within))
        least = _least([one.shares for one in seen])
        named = WHOLE in least
        if named:
            seen = [one for one in seen if one.says(least)]
        # The question has been encoded already; a topic that is described is worth a vector.
        vector = self._encoder.encode_question(question if named else topic.text)
        scores = {hit.passage.session_code: hit.score for hit in reversed(hits)}
        found = []
        for one in seen:
            near = self._index.sentence_vectors([s.row for s in one.sentences]) @ vector
            found.append(one.found(named, near, scores.get(one.session.code, 0.0)))
        found.sort(key=lambda one: (-one.score, one.session.code))
        return [one for one in found if named or one.score >= FAR * found[0].score], named

    def _seen(self, topic: Topic, sentences: Sequence[Sentence]) -> list["_Seen"]:
        """What each session has of the topic."""
        of: dict[str, list[Sentence]] = {}
        for sentence in sentences:
            of.setdefault(sentence.session_code, []).append(sentence)
        return [_seen(session, of[session.code], topic) for session in self._index.sessions(of)]

    def _sentences(
        self, topic: Topic, hits: Sequence[Hit], within: Collection[str] | None
    ) -> list[Sentence]:
        """The sentences of the hits, and of all passages that say the topic in one way."""
        ids: dict[str, None] = {}
        for query in list(dict.fromkeys(topic.queries()))[:MOST_QUERIES]:
            ids.update((id_, None) for id_, _ in self._index.having(query, MOST_PASSAGES, within))
        passages = {passage.id: passage for passage in self._index.passages(list(ids))}
        passages.update((hit.passage.id, hit.passage) for hit in hits)
        allowed = [p for p in passages.values() if within is None or p.session_code in within]
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
        found, named = self._with_topic(topic, text, (), None)
        return {one.session.code for one in found} if named else set()

    def _shown(
        self, found: Sequence[Found], heading: str, asked: Asked, confidence: float
    ) -> Reply:
        most = MOST_RECOMMENDED if asked.recommend and not asked.every else MOST_SHOWN
        if len(found) > most:
            heading = f"{heading.removesuffix(':')}; the first {most}:"
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
        session = found.session
        lines = self._index.sentences(session.code, 0, card.end_of(session.text))
        return [
            line
            for line in lines
            if card.field(line.text, session.code) == "recording" and line != found.sentence
        ]


def _stretches(passages: Sequence[Passage]) -> list[tuple[str, int, int]]:
    """The session, start and end of each stretch that the passages cover; they may overlap."""
    found: list[tuple[str, int, int]] = []
    for code, start, end in sorted((p.session_code, p.start, p.end) for p in passages):
        if found and found[-1][0] == code and start <= found[-1][2] + BETWEEN:
            found[-1] = (code, found[-1][1], max(found[-1][2], end))
        else:
            found.append((code, start, end))
    return found


def _both(one: Collection[str] | None, other: Collection[str] | None) -> Collection[str] | None:
    if one is None or other is None:
        return one if other is None else other
    return frozenset(one) & frozenset(other)


def _seen(session: Session, sentences: Sequence[Sentence], topic: Topic) -> _Seen:
    own = np.zeros(len(sentences))
    most = topic.said(())
    for row, sentence in enumerate(sentences):
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


def _unsaid(asked: Asked, found: Sequence[Found]) -> bool:
    """Whether the very words were asked for and are nowhere."""
    return asked.mention and max(one.share for one in found) < LEAST_SAID


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


def _heading(number: int, topic: Topic, demands: Demands, named: bool) -> str:
    verb = "mention" if named else "come near to"
    verb = f"{verb}s" if number == 1 and named else verb.replace("come", "comes", number == 1)
    return f"{_counted(number, demands)} {verb} “{topic.text}”:"


def _collected(field: str, sessions: Sequence[Session], demands: Demands) -> str:
    """How many speakers, or services, all these sessions have."""
    values = {
        "speakers": {speaker.name for s in sessions for speaker in s.speakers},
        "services": {service for s in sessions for service in s.services},
        "facts": {str(s.level) for s in sessions if s.level is not None},
    }
    found = sorted(values[field])
    noun = {"speakers": "speaker", "services": "service", "facts": "level"}[field]
    counted = f"{len(found):,} {noun}{'' if len(found) == 1 else 's'}"
    if field == "facts":
        counted = f"{counted} ({listed(found)})"
    return f"{counted} in {_counted(len(sessions), demands)}:"
