"""Sessions that a question names -> what they are about, or how they compare."""

import re
from collections.abc import Collection, Sequence

import numpy as np

from sessionqa import card, terms
from sessionqa.datatypes import Hit, Sentence, Session
from sessionqa.encode import Encoder, Vectors
from sessionqa.fusion import Scores
from sessionqa.index import Index
from sessionqa.mentions import named_codes, named_roles, named_sessions
from sessionqa.patterns import lazily
from sessionqa.question import Asked, focus
from sessionqa.reply import Paragraph, Reply, card_lines, listed, presented
from sessionqa.sentence_vectors import vectors_of
from sessionqa.topic import Topic, key, keys, read_topic

# So many sentences sum a session up, and speak for each side of a comparison.
SUMMARY, SIDE = 4, 3
# Maximal marginal relevance (Carbonell and Goldstein 1998): how much being near counts, the rest
# being unlike what is chosen.
NEAR = 0.7
# Of a sentence on an aspect: weight of the words beside the meaning, and how far behind the best.
WORDS, BEHIND = 0.5, 0.75
# So many sessions are put side by side at most.
MOST_SESSIONS = 5
# A session is meant by so much of its title.
TITLE_SHARE = 0.5
CONFIDENT = 0.95

_TALK = lazily(r"\b(?:session|talk|presentation|video|recording|lecture)s?\b", re.IGNORECASE)
# Words that ask to sum up or to compare.
_ASKING = lazily(
    r"\b(?:summari[sz]\w*|tl;?dr|nutshell|recap|sum up|(?:key|main|central|most important) \w+"
    r"|takeaways|highlights|compar\w+|differ\w*|versus|vs|contrast\w*|in common|similar\w*"
    r"|please|pls|plz|kindly|thanks|thank you|thx|whole|links?|urls?|youtube|years?|services?"
    r"|advanced|people|speaking|stage|roles|jobs|positions|titles|levels|tracks"
    r"|in (?:just |only )?(?:\w+ ){0,2}(?:sentences?|words?|lines?))\b",
    re.IGNORECASE,
)
_ON_STAGE = frozenset(key(word) for word in ("speaker", "presenter"))
_SIDES = lazily(r"\b(?:with|and|to|versus|vs|from|than|or)\b|,", re.IGNORECASE)
_QUOTED = lazily(r"[\"“]([^\"”]+)[\"”]")


class Overviewer:
    """Sums sessions up, and puts them side by side."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder

    def reply(
        self,
        question: str,
        asked: Asked,
        hits: Sequence[Hit],
        within: Collection[str] | None,
    ) -> Reply | None:
        """What the sessions are about that the question names; None if it asks something else."""
        text = focus(question)
        codes, rest = self._named(text)
        if asked.compare and len(codes) < 2:
            codes, rest = self._sides(text, hits), ""
        if asked.compare and len(codes) > 1:
            return self._side_by_side(codes, rest, asked, within)
        alone = bool(codes) and not terms.content_words(_ASKING.sub(" ", rest))
        if asked.fields:
            if not alone or asked.sessions:
                return None
            return self._fields(question, codes, asked, within)
        if not asked.summary and (not alone or asked.sessions):
            return None
        if not codes:
            codes, rest = self._titled(text, hits), ""
        return self._each(codes, rest, within) if codes else None

    def _named(self, text: str) -> tuple[list[str], str]:
        """The sessions named by code or speaker, and the text without these names."""
        codes, _ = named_codes(text, self._index.facets)
        rest = text
        for code in codes:
            rest = rest.replace(code, " ")
        if codes:
            return codes, rest
        named = named_sessions(text, self._index.facets)
        for session in self._index.sessions(named):
            for speaker in session.speakers:
                words = r"\W*".join(map(re.escape, terms.words(speaker.name)))
                rest = re.sub(words, " ", rest, flags=re.IGNORECASE)
        return named, rest

    def _titled(self, text: str, hits: Sequence[Hit]) -> list[str]:
        """The session whose title, or whose subject if a talk is spoken of, the text has."""
        titles = {hit.passage.session_code: hit.passage.title for hit in hits}
        quoted = _QUOTED.search(text)
        for code, title in titles.items():
            if _in(title.split(":")[0], text) or (quoted and _in(quoted.group(1), title)):
                return [code]
        code, share = self._nearest(_ASKING.sub(" ", text), hits)
        return [code] if share >= TITLE_SHARE and _TALK.search(text) else []

    def _sides(self, text: str, hits: Sequence[Hit]) -> list[str]:
        """The sessions that the sides of a comparison mean by a part of their titles."""
        found = []
        for side in _SIDES.split(_ASKING.sub(" ", text)):
            code, share = self._nearest(side, hits)
            if share >= TITLE_SHARE and _TALK.search(side):
                found.append(code)
        return list(dict.fromkeys(found))

    def _nearest(self, text: str, hits: Sequence[Hit]) -> tuple[str, float]:
        """Of the sessions found, the one whose title has most of the text, and how much."""
        asked = {key(word) for word in terms.content_words(text)}
        titles = {hit.passage.session_code: hit.passage.title for hit in reversed(hits)}
        shares = (
            {code: len(asked & set(keys(title))) / len(asked) for code, title in titles.items()}
            if asked
            else {}
        )
        best = max(reversed(shares), key=lambda code: shares[code], default="")
        return best, shares.get(best, 0.0)

    def _each(
        self, codes: Sequence[str], rest: str, within: Collection[str] | None
    ) -> Reply | None:
        topic = read_topic(_ASKING.sub(" ", rest), self._index)
        paragraphs = [
            Paragraph(presented(session) + ":", tuple(self._of(session, topic, SUMMARY)))
            for session in self._sessions(codes, within)
        ]
        return Reply("", tuple(paragraphs), CONFIDENT) if paragraphs else None

    def _fields(
        self, question: str, codes: Sequence[str], asked: Asked, within: Collection[str] | None
    ) -> Reply | None:
        """The lines of the cards that were asked for, or what the body says of a missing one."""
        paragraphs = []
        sessions = self._sessions(codes, within)
        if not sessions:
            return None
        roles = named_roles(question, sessions) if asked.role else []
        if roles and not any(roles):
            return Reply("The summaries do not say.", (), 0.0, tuple(s.code for s in sessions))
        for session in sessions:
            lines = self._lines(session, asked.fields) or self._instead(question, session, asked)
            if lines:
                named = lines[0].text.startswith(session.code)
                paragraphs.append(Paragraph("" if named else f"{session.code}:", tuple(lines)))
        if paragraphs:
            return Reply("", tuple(paragraphs), CONFIDENT)
        names = listed([session.code for session in sessions])
        missing = listed(sorted(asked.fields), "or")
        return Reply(f"The summaries give no {missing} for {names}.", (), 0.0)

    def _instead(self, question: str, session: Session, asked: Asked) -> list[Sentence]:
        """The sentence of the body that says most of speakers, if a card without any was asked."""
        if "speakers" not in asked.fields:
            return []
        body = self._index.sentences(session.code, card.end_of(session.text), len(session.text))
        said = [s for s in body if not _ON_STAGE.isdisjoint(keys(s.text))]
        if not said:
            return []
        vectors = vectors_of(self._index, self._encoder, said)
        return [said[int((vectors @ self._encoder.encode_question(question)).argmax())]]

    def _side_by_side(
        self, codes: Sequence[str], rest: str, asked: Asked, within: Collection[str] | None
    ) -> Reply | None:
        sessions = self._sessions(codes, within)
        if asked.fields:
            sides = [self._lines(session, asked.fields) for session in sessions]
        else:
            topic = read_topic(_ASKING.sub(" ", rest), self._index)
            sides = [self._of(session, topic, SIDE) for session in sessions]
        paragraphs = [
            Paragraph(presented(session) + ":", tuple(side))
            for session, side in zip(sessions, sides, strict=True)
            if side
        ]
        if not paragraphs:
            return None
        heading = f"{listed([session.code for session in sessions])}, side by side:"
        return Reply(heading, tuple(paragraphs), CONFIDENT)

    def _sessions(self, codes: Sequence[str], within: Collection[str] | None) -> list[Session]:
        """The sessions in the order in which they were named."""
        allowed = [code for code in codes if within is None or code in within][:MOST_SESSIONS]
        found = {session.code: session for session in self._index.sessions(allowed)}
        return [found[code] for code in allowed]

    def _lines(self, session: Session, fields: Collection[str]) -> list[Sentence]:
        return [line for field, line in card_lines(self._index, session) if field in fields]

    def _of(self, session: Session, topic: Topic | None, most: int) -> list[Sentence]:
        """The sentences that sum a session up, or that it has on a topic, in their order."""
        code, end = session.code, len(session.text)
        body = self._index.sentences(code, card.end_of(session.text), end)
        if not body:
            return self._index.sentences(code, 0, end)
        vectors = vectors_of(self._index, self._encoder, body)
        if topic is None:
            chosen = _diverse(vectors, vectors @ vectors.mean(axis=0), most)
        else:
            chosen = self._on(topic, body, vectors, most)
        return [body[row] for row in sorted(chosen)]

    def _on(self, topic: Topic, body: Sequence[Sentence], vectors: Vectors, most: int) -> list[int]:
        said = np.array([max(topic.shares(topic.said(keys(s.text)))) for s in body])
        worth = vectors @ self._encoder.encode_question(topic.text) + WORDS * said
        chosen = _diverse(vectors, worth, most)
        return [row for row in chosen if worth[row] >= BEHIND * worth.max()]


def _in(part: str, text: str) -> bool:
    """Whether `text` has these words, two or more, one after the other."""
    words = keys(part)
    return len(words) > 1 and f" {' '.join(words)} " in f" {' '.join(keys(text))} "


def _diverse(vectors: Vectors, worth: Scores, most: int) -> list[int]:
    """The rows of most worth that say different things."""
    chosen: list[int] = []
    likeness = np.zeros(len(vectors), dtype=np.float32)
    for _ in range(min(most, len(vectors))):
        gain = NEAR * worth - (1 - NEAR) * likeness
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        likeness = np.maximum(likeness, vectors @ vectors[chosen[-1]])
    return chosen
