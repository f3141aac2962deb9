"""How an answer is worded: what makes a quote understandable, and what in it answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sessionqa import card, kinds
from sessionqa.datatypes import Citation, Sentence, Session
from sessionqa.index import Index
from sessionqa.patterns import lazily
from sessionqa.question import focus
from sessionqa.quotes import marked
from sessionqa.reply import Paragraph, Reply

# A sentence of more words is not quoted in front of one that needs it, be that the first of its
# session or a later one.
SHORT, LATER_SHORT = 20, 10
# The answer stands in one of its first sentences, or is not made out.
EMPHASISED = 2
# Before a sentence that leans on others so many characters are looked through for the last of them.
_BEFORE = 600

# What may stand before a pronoun that opens a sentence: none of it names what the pronoun means.
_OPENING = (
    r"^\W*(?:(?:however|then|also|and|but|so|yet|nowadays|afterwards|later|finally|moreover|next"
    r"|still|instead|therefore|thus|often|again|in addition|for instance|for example|as a result"
    r"|that is why|once|when|while|whenever|where|if|as|since|because|after|before|although"
    r"|though|until|unless)\b,? ?)*"
)
_PREPOSITION = (
    r"(?:in|on|at|for|to|by|with|from|during|under|over|among|through|without|within|about|of)"
)
# "He", "Then she", "For mitigation, he"; what belongs to somebody only at the very beginning.
_PERSON = lazily(
    rf"{_OPENING}(?:(?P<first>he|she|his|her)\b"
    rf"|{_PREPOSITION}(?: [^\s,]+){{1,7}}?,? (?P<later>he|she)\b)",
    re.IGNORECASE,
)
# "It is important to" has no thing that it means, and which talk is told by its code.
_THING = lazily(
    rf"{_OPENING}(?:it(?!(?: is| was|['’]s)(?: \w+)? \w+ (?:to|that)\b)|its|these|those|they|them"
    r"|their|this|that|such|another(?: one)?|others|the (?:latter|former|others?|same))\b"
    r"(?! (?:session|talk|presentation|workshop|lecture|summary)\b)",
    re.IGNORECASE,
)
_SHE, _HE = r"\b(?:she|her|hers|herself)\b", r"\b(?:he|his|him|himself)\b"
_SPEAKER = r"\b(?:the (?:speaker|presenter))\b"
# Somebody whom a sentence is not about: its subject would be taken for the answer.
_OBLIQUE = lazily(r"\b(?:whom|whose)\b", re.IGNORECASE)
_HEADING = lazily(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)


def by_session(chosen: Sequence[Sentence]) -> tuple[Paragraph, ...]:
    """A paragraph for each session, in the order of their best sentences."""
    of: dict[str, list[Sentence]] = {}
    for sentence in chosen:
        of.setdefault(sentence.session_code, []).append(sentence)
    return tuple(
        Paragraph("" if own[0].text.startswith(code) else f"{code}:", tuple(own))
        for code, own in of.items()
    )


def emphasised(
    question: str, citations: Sequence[Citation], sessions: Mapping[str, Session]
) -> tuple[Citation, ...]:
    """The citations, one of the first with the span that answers, where there is just one."""
    if _OBLIQUE.search(question):
        return tuple(citations)
    want = kinds.wanted(focus(question))
    for at, citation in enumerate(citations[:EMPHASISED]):
        people = sessions[citation.session_code].people
        found = kinds.spans(want, citation.quote, people)
        if len(found) == 1 and citation.quote[slice(*found[0])] != citation.session_code:
            start, end = (citation.start + offset for offset in found[0])
            clear = replace(citation, emphasis=(start, end))
            return (*citations[:at], clear, *citations[at + 1 :])
    return tuple(citations)


class Wording:
    """Gives each quote the words that it needs to be understood by itself."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def complete(self, reply: Reply) -> Reply:
        """The reply, its sentences with the one before them in front where they lean on it.

        A sentence whose forerunner is quoted as well stands behind that.
        """
        return replace(
            reply,
            paragraphs=tuple(
                replace(one, sentences=self._completed(one.sentences)) for one in reply.paragraphs
            ),
        )

    def _completed(self, chosen: Sequence[Sentence]) -> tuple[Sentence, ...]:
        made: list[Sentence] = []
        sessions = self._sessions(chosen)
        for sentence in chosen:
            if any(_holds(other, sentence) for other in made):
                continue
            before = self._forerunner(sentence, sessions[sentence.session_code])
            if before is None:
                made.append(sentence)
                continue
            told = [at for at, other in enumerate(made) if _holds(other, before)]
            short = len(before.text.split()) <= (LATER_SHORT if made else SHORT)
            if told:
                made.insert(told[0] + 1, sentence)
            elif short or before in chosen:
                made.append(_joined(before, sentence, sessions[sentence.session_code]))
            else:
                made.append(sentence)
        return tuple(made)

    def _sessions(self, chosen: Sequence[Sentence | Citation]) -> dict[str, Session]:
        codes = {sentence.session_code for sentence in chosen}
        return {session.code: session for session in self._index.sessions(codes)}

    def _forerunner(self, sentence: Sentence, session: Session) -> Sentence | None:
        """The sentence before, on the same line, if it says what this one speaks of."""
        if not _leans(session, sentence.start, sentence.text):
            return None
        first = max(card.end_of(session.text), sentence.start - _BEFORE)
        before = self._index.sentences(session.code, first, sentence.start)
        if not before or not _follows(session, before[-1].end, sentence.start):
            return None
        joined = replace(sentence, start=before[-1].start)
        return before[-1] if self._index.holding(joined) else None

    def text(self, reply: Reply, citations: Sequence[Citation]) -> str:
        """The heading, then for each session what leads in and its quotes, each with its [n]."""
        numbered = iter(citations)
        sessions = self._sessions(citations)
        paragraphs = [reply.heading] if reply.heading else []
        for paragraph in reply.paragraphs:
            own = [next(numbered) for _ in paragraph.sentences]
            paragraphs.append(_paragraph(paragraph.lead, own, sessions))
        return "\n\n".join(paragraphs)


def _paragraph(lead: str, own: Sequence[Citation], sessions: Mapping[str, Session]) -> str:
    parts: list[str] = []
    last: Citation | None = None
    for citation in own:
        session = sessions[citation.session_code]
        follows = last is not None and _follows(session, last.end, citation.start)
        words = "" if follows else _lead(session, citation, " ".join([lead, *parts]))
        if last is None and lead:
            words = f"{lead.removesuffix(':')}, {words}" if words else lead
        parts.append(f"{words} {marked(citation)}".lstrip())
        last = citation
    return " ".join(parts)


def _lead(session: Session, citation: Citation, before: str) -> str:
    """Who or what a quote speaks of, if its first words only point there; `before` is said."""
    if citation.start < card.end_of(session.text):
        return ""
    if _PERSON.match(citation.quote):
        person = _person(session, citation.start, citation.quote)
        return f"{person}:" if person and person != _named_last(session, before) else ""
    # A sentence that was put in front has said it.
    if not _THING.match(citation.quote):
        return ""
    headings = _HEADING.findall(session.text, 0, citation.start)
    subject = headings[-1] if headings else session.title
    return "" if subject in before else f"on “{subject}”:"


def _leans(session: Session, start: int, text: str) -> bool:
    """Whether a sentence speaks of what only the one before can tell."""
    if start < card.end_of(session.text):
        return False
    if _PERSON.match(text):
        return not _person(session, start, text)
    return _THING.match(text) is not None


def _person(session: Session, start: int, text: str) -> str:
    """The speaker whom "he" or "she" in `text` means; empty where that is not clear.

    It is the speaker who is named last before `start`, unless another is named in the same
    sentence, or what is in between speaks of somebody else: by the other pronoun, or by a "who".
    """
    found = _PERSON.match(text)
    assert found
    her = (found["first"] or found["later"]).casefold() in {"she", "her"}
    body = session.text[card.end_of(session.text) : start]
    mentions = [
        (match.end(), speaker.name)
        for speaker in session.speakers
        for match in re.finditer(_named(speaker.name, session.text), body)
    ]
    if len(session.speakers) == 1:
        alone = session.speakers[0].name
        mentions += [(m.end(), alone) for m in re.finditer(_SPEAKER, body, re.IGNORECASE)]
    if not mentions:
        return ""
    end, name = max(mentions)
    sentence = max(body.rfind(stop, 0, end) for stop in (". ", "? ", "! ", "\n"))
    if any(other != name and at > sentence for at, other in mentions):
        return ""
    between = re.sub(r"^[^.!?]*", "", body[end:])
    others = rf"{_HE if her else _SHE}|\bwho(?:m|se)?\b"
    return "" if re.search(others, between, re.IGNORECASE) else name


def _named_last(session: Session, text: str) -> str:
    """The speaker whose full name is the last in `text`; empty if none is in it."""
    at, name = max(((text.rfind(s.name), s.name) for s in session.speakers), default=(-1, ""))
    return name if at >= 0 else ""


def _named(name: str, text: str) -> str:
    """A pattern of the ways in which a speaker is named: in full, and by either name.

    A first name that is a word of the text as well ("Will", "Mark") does not count.
    """
    parts = name.split()
    short = [p for p in (parts[0], parts[-1]) if len(p) > 2]
    names = [p for p in short if not re.search(rf"\b{re.escape(p.casefold())}\b", text)]
    return rf"\b(?:{'|'.join(map(re.escape, [name, *names]))})\b"


def _follows(session: Session, end: int, start: int) -> bool:
    """Whether nothing but space, and no new line, is between an end and a later start."""
    return end <= start and not session.text[end:start].strip(" ")


def _joined(before: Sentence, sentence: Sentence, session: Session) -> Sentence:
    text = session.text[before.start : sentence.end]
    return replace(sentence, start=before.start, text=text)


def _holds(whole: Sentence, part: Sentence) -> bool:
    return whole.start <= part.start and part.end <= whole.end
