"""Whether a question leans on what was said before it, and by which of its words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from sessionqa import terms
from sessionqa.patterns import lazily
from sessionqa.question import MOST_CHARS, read

# A question with more words of its own than this says what it is about.
MOST_OWN_WORDS = 8
# So many of them before a possessive hold what it belongs to: "how does a bank test its plan".
ENOUGH_FOR_OWNER = 2
# More words than this after "and" are more than a name or a noun with its adjectives.
MOST_OF_A_NAME = 5
# An "it" that stands for nothing has so many letters of its phrase before it.
LONGEST_BEFORE_IT = 8


class Kind(Enum):
    """What a word that points back stands for."""

    THING = auto()
    PERSON = auto()
    SESSION = auto()
    OWNER = auto()
    PLACE = auto()


@dataclass(frozen=True, slots=True)
class Pointer:
    """Words that point back, `question[start:end]`.

    `place` is that in a list that was shown: 1 for the first, -1 for the last, 0 for "the other".
    """

    start: int
    end: int
    kind: Kind
    place: int = 0


_TALK = r"(?:sessions?|talks?|presentations?|videos?|recordings?|lectures?|keynotes?)"
_STAGE = r"(?:speakers?|presenters?|hosts?|lecturers?|authors?)"
_ORDINALS = {
    **dict.fromkeys(("first", "1st", "former"), 1),
    **dict.fromkeys(("second", "2nd", "latter"), 2),
    **dict.fromkeys(("third", "3rd"), 3),
    **dict.fromkeys(("fourth", "4th"), 4),
    **dict.fromkeys(("fifth", "5th"), 5),
    "last": -1,
    "other": 0,
}
_PLACE = lazily(
    rf"\b(?:the |that )?(?P<one>{'|'.join(_ORDINALS)}) "
    rf"(?:(?:one|{_TALK})\b(?! (?:on|about|of|that|which|with|by)\b)|of (?:them|these|those)\b)"
    rf"|\bthe (?P<bare>{'|'.join(_ORDINALS)})(?=\W*$)",
    re.IGNORECASE,
)
_WITH_COMPLEMENT = (
    r"(?! (?:on|about|of|that|which|where|with|by|from|for|in|at|who|whose)\b"
    r"| called \w| (?:url|link|code|title|number|level|name|address)\b)"
)
_SESSION = lazily(
    rf"\b(?:this|that|the same) {_TALK}\b|\bthe {_TALK}\b{_WITH_COMPLEMENT}"
    r"|(?<=\bin )there(?=\W*$)",
    re.IGNORECASE,
)
_PERSON = lazily(
    rf"\b(?:this|that|the same|the other) (?:{_STAGE}|person|man|woman|guy)\b"
    rf"|\bthe {_STAGE}\b{_WITH_COMPLEMENT}|\b(?:he|him|she|hers)\b",
    re.IGNORECASE,
)
_OWNER = lazily(r"\b(?:its|their|theirs|his|her)\b", re.IGNORECASE)
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|must|may|might)"
)
_AUXILIARY_LAST = lazily(rf"\b{_AUXILIARY}\s*$", re.IGNORECASE)
_THING = lazily(
    r"\b(?:it|itself|they|them|themselves)\b"
    r"|\b(?:this|these|those)\b(?! (?:who|whom|that|which|in|on|of|with|from|at|to|for)\b)"
    r"|\bthat (?:one|company|team|service|tool|strategy|approach|framework|idea|concept|method|"
    r"feature|case|way|bank|thing)\b"
    r"|\bthat(?=\W*$|\W* (?:and|but|again|exactly|then|mean)\b)",
    re.IGNORECASE,
)
_ASKED_OF_THAT = lazily(rf"^\W*(?:\w+ ){{0,2}}{_AUXILIARY} (?P<that>that)\b", re.IGNORECASE)
# "Is it worth ...", "how long does it take to ...", "what is it that ...".
_EXPLETIVE = lazily(
    r"\b(?:is|was|be|isn't|wasn't|would|will) it (?:that\b|when\b|worth\b|\w+ing\b"
    r"|(?:\w+ )?(?!(?:similar|related|limited|due|tied|close|connected|compared) )\w+ "
    r"(?:that|to|if|when|whether|for)\b)"
    r"|\bit (?:takes?|costs?|matters?|pays?|helps?|hurts?|makes? sense|comes)\b"
    r"(?: \w+){0,2}? (?:to|that|if|when|whether)\b",
    re.IGNORECASE,
)
# A pronoun may stand for what an earlier clause of the same question names.
_CLAUSE = lazily(
    r"[,;:?!.—–]\s|\s[-—–]\s|[?!]"
    r"|\b(?:and|or|but|so|when|if|because|while|after|before|until|unless|since|where|as|"
    r"(?P<relative>that|which|who))\b",
    re.IGNORECASE,
)
_FILLER = lazily(
    r"^\W*(?:(?:ok|okay|so|well|hm+|thanks|thank you|great|yes|no|and|but|also|then|or)\b"
    r"[\s,.!]*)+",
    re.IGNORECASE,
)
_JOINS = lazily(r"^\W*(?:and|but|or|also|then|so)\b", re.IGNORECASE)
_WHAT_ABOUT = lazily(r"^\W*(?:what|how) about\b", re.IGNORECASE)
_CLAUSE_OPENS = lazily(
    rf"^\W*(?:in|at|on|for|to|by|from|with)?\s*(?:who|whose|whom|what|whats|which|when|where|why|how"
    rf"|{_AUXILIARY}|tell|give|show|list|name|explain|describe|define|compare|summari[sz]e)\b",
    re.IGNORECASE,
)
# "And what is the cost?", not "And what is FinOps?".
_THE_ONE = lazily(r"\bthe (?:\w+ )?\w+\W*$", re.IGNORECASE)
_ASKS = lazily(
    r"\b(?:who|whose|whom|what|whats|which|when|where|why|how|more|else|others?|another|any|got"
    rf"|summari[sz]e|summary|overview|gist|elaborate|{_TALK}|{_STAGE}|level|title|code|track|role)\b",
    re.IGNORECASE,
)
_MORE = lazily(
    r"^\W*(?:(?:please|can you|could you) )*(?:(?:tell|say|give|know|show)\b[^?]*\bmore\b"
    r"|more\b(?: details?)?|any details?|details?|elaborate|go on|continue)\W*(?:please)?\W*$",
    re.IGNORECASE,
)
# What only a session can be meant by: "summarise it", "what is it about", "what does it say of".
_OF_SESSION = lazily(r"\bsummari[sz]e|\bsummary\b|\boverview\b|\bgist\b|\babout\W*$", re.IGNORECASE)
_SAYS = lazily(
    rf"\b(?:it|(?:the|this|that) {_TALK}) (?:also )?"
    r"(?:says?|covers?|discuss(?:es)?|mentions?|recommends?|talks?|teach(?:es)?|names?|lists?|explains?|bring|touch)\b",
    re.IGNORECASE,
)
# A question word alone asks it of all that was asked before: "why?", "how often?".
_BARE = lazily(
    r"^\W*(?:and |but |so )*(?P<asked>(?:why|how|when|where|by whom|for whom|since when|why not|"
    r"how so|how come|how (?:much|many|often|long|far|big|exactly))(?: exactly)?)\W*$",
    re.IGNORECASE,
)
# Nouns that are of something: alone they ask about what was said before.
_OF_SOMETHING = {
    terms.stem(noun)
    for noun in """advantage aim alternative benefit challenge conclusion consequence con cost
    detail difference disadvantage downside drawback effect example exception feature goal impact
    level limit limitation link lesson outcome phase pitfall point price pro purpose reason result
    risk service source stage step takeaway url upside youtube""".split()
}
_QUALIFIERS = {
    terms.stem(word)
    for word in """main key biggest important common possible concrete good real please ok whats
    whos deliver delivered led spoke ran taught""".split()
}


def pointers(question: str) -> list[Pointer]:
    """The words of `question` that point back at something said before, in its order."""
    if len(question) > MOST_CHARS or len(terms.content_words(question)) > MOST_OWN_WORDS:
        return []
    found: list[Pointer] = []
    for pointer in _candidates(question):
        apart = all(pointer.end <= p.start or p.end <= pointer.start for p in found)
        if apart and _points_out(pointer, question):
            found.append(pointer)
    return sorted(found, key=lambda pointer: pointer.start)


def leans(question: str) -> bool:
    """Whether `question` cannot be understood without what was said before it."""
    if not question.strip() or len(question) > MOST_CHARS:
        return False
    return bool(pointers(question)) or is_elliptic(question)


def is_elliptic(question: str) -> bool:
    """Whether words are missing: "and the benefits?", "got a link?", "what about cost?"."""
    if len(question) > MOST_CHARS:
        return False
    own, rest = own_words(question), _FILLER.sub("", question)
    if _WHAT_ABOUT.match(rest):
        return len(own) <= MOST_OF_A_NAME
    if not own:
        return bool(_ASKS.search(rest)) or _is_of_something(rest)
    return bool(bare_question(question)) or (bool(_JOINS.match(question)) and _is_joined(rest, own))


def _is_joined(rest: str, own: Sequence[str]) -> bool:
    """Whether what follows "and" is a name, or asks for the one thing: "what is the cost"."""
    if _CLAUSE_OPENS.match(rest):
        return len(own) == 1 and bool(_THE_ONE.search(rest))
    return len(terms.words(rest)) <= MOST_OF_A_NAME


def own_words(question: str) -> list[str]:
    """The words that say what `question` is about; none that is of something unsaid."""
    return [
        word
        for word in terms.content_words(question)
        if terms.stem(word) not in _OF_SOMETHING and terms.stem(word) not in _QUALIFIERS
    ]


def bare_question(question: str) -> str:
    """The question word that `question` consists of ("why", "how often"), or nothing."""
    match = _BARE.match(question)
    return match["asked"].casefold() if match else ""


def wants_more(question: str) -> bool:
    """Whether it says no more than "tell me more", "more details please", "go on"."""
    rest = _FILLER.sub("", question)
    return bool(_MORE.search(rest)) and not own_words(rest) and not pointers(rest)


def named_alone(question: str) -> str:
    """What "and X?", "what about X?" or just "X?" names; empty for a whole clause."""
    rest = _WHAT_ABOUT.sub("", _FILLER.sub("", question))
    return "" if _CLAUSE_OPENS.match(rest) else rest.strip(" \t\n?.!,;:")


def asks_of_session(question: str) -> bool:
    """Whether it asks of a session itself: who presented it, its level, a summary."""
    if _SAYS.search(question):
        return True
    return bool(_OF_SESSION.search(question) or read(question).fields) and not own_words(question)


def _candidates(question: str) -> Iterator[Pointer]:
    for match in _PLACE.finditer(question):
        place = _ORDINALS[(match["one"] or match["bare"]).casefold()]
        yield Pointer(match.start(), match.end(), Kind.PLACE, place)
    for kind, pattern in (
        (Kind.SESSION, _SESSION),
        (Kind.PERSON, _PERSON),
        (Kind.OWNER, _OWNER),
        (Kind.THING, _THING),
    ):
        for match in pattern.finditer(question):
            yield Pointer(match.start(), match.end(), kind)
    if that := _ASKED_OF_THAT.search(question):
        yield Pointer(that.start("that"), that.end("that"), Kind.THING)


def _points_out(pointer: Pointer, question: str) -> bool:
    """Whether what it stands for is not in the question itself, by the grammar of pronouns."""
    words = question[pointer.start : pointer.end].casefold()
    if pointer.kind is Kind.PLACE:
        return True
    if words.startswith("the ") and not words.startswith(("the same", "the other")):
        return len(own_words(question)) <= 1
    if words == "it" and (said := _expletive(pointer, question)):
        return len(terms.words(question[said:])) <= 1
    return _stands_outside(pointer.kind, words, question[: pointer.start])


def _expletive(pointer: Pointer, question: str) -> int:
    """Where what an "it" stands for begins: "is it worth |trying that". 0 if it is a pronoun."""
    found = _EXPLETIVE.search(question, max(0, pointer.start - LONGEST_BEFORE_IT))
    return found.end() if found and found.start() <= pointer.start < found.end() else 0


def _stands_outside(kind: Kind, words: str, before: str) -> bool:
    """Whether nothing that stands before it in the question can be meant."""
    if kind in (Kind.OWNER, Kind.PERSON) and _named(before):
        return False
    begins_clause = kind is Kind.OWNER or words in ("he", "she", "they")
    if begins_clause and not _AUXILIARY_LAST.search(before):
        # "How does a bank test its plan", "the figures they look at".
        return len(terms.content_words(before)) < ENOUGH_FOR_OWNER
    return _in_earlier_clauses(before) == 0


def _named(text: str) -> bool:
    """Whether it has a name: a capitalised word that does not open it."""
    return any(word[0].isupper() for word in terms.content_words(text))


def _in_earlier_clauses(before: str) -> int:
    """How many words that a pronoun after `before` may stand for its earlier clauses have.

    A pronoun does not stand for the subject of its own clause (principle B of Chomsky 1981), and
    so not for the noun that its relative clause belongs to.
    """
    boundaries = list(_CLAUSE.finditer(before))
    if not boundaries:
        return 0
    last = boundaries[-1]
    held = len(terms.content_words(before[: last.start()]))
    return max(0, held - 1) if last["relative"] else held


def _is_of_something(question: str) -> bool:
    return any(terms.stem(word) in _OF_SOMETHING for word in terms.words(question))
