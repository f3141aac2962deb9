"""Earlier questions + a question -> a question that stands alone.

A question that leans on nothing is left as it is. One that does is read with its thread: the last
question that stood alone and the follow-ups since. From it come the sessions that were answered
from, and the topic that was asked about.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sessionqa import followup, terms
from sessionqa.followup import Kind, Pointer
from sessionqa.joining import LONGEST
from sessionqa.patterns import lazily
from sessionqa.question import MOST_CHARS, read
from sessionqa.reply import listed

# A topic of more words is no phrase that could stand where a pronoun stood.
MOST_OF_TOPIC = 4
# And of the name of a person, who alone is meant by "she".
MOST_OF_PERSON = 2
# So many sessions are named at most where "they" are meant.
MOST_SESSIONS = 20
# So many words of an earlier question are added where it is no phrase.
MOST_WORDS = 12


class Memory(Protocol):
    """What is known of earlier questions."""

    def mended(self, question: str) -> str:
        """A question with its words and codes spelt right."""

    def codes(self, question: str) -> Sequence[str]:
        """The session codes that a question names, also those that do not exist."""

    def cited(self, question: str) -> Sequence[str]:
        """The codes of the sessions that its answer cites, in order; none for a refusal."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the thread.

    `topic` is what it asked about, where that is a phrase. `sessions` are those that it named, or
    else those that its answer cited, in order; a refused follow-up has those before it.
    """

    standalone: str
    topic: str
    sessions: tuple[str, ...]


def standalone(question: str, history: Sequence[str], memory: Memory) -> str:
    """`question` with what it leaves unsaid, from the earlier questions (oldest first).

    A question that stands alone is returned as it is, whatever came before.
    """
    asked = [question]
    for earlier in reversed(history):
        if not _leans(asked[0], memory):
            break
        asked.insert(0, memory.mended(earlier))
    thread: list[Turn] = []
    for earlier in asked[:-1]:
        thread.append(_turn(earlier, thread, memory))
    return _resolved(question, thread, memory) if thread else question


def _leans(question: str, memory: Memory) -> bool:
    return (followup.leans(question) and not _lists(question)) or _names_alone(question, memory)


def _lists(question: str) -> bool:
    """Whether it asks for sessions on a topic of its own: "What should I watch on cost?"."""
    topic = terms.content_words(question)
    return bool(topic) and read(question).sessions and not followup.pointers(question)


def _turn(asked: str, thread: Sequence[Turn], memory: Memory) -> Turn:
    clear = _resolved(asked, thread, memory) if thread else asked
    topic = topic_of(clear, memory.codes(clear))
    sessions = tuple(memory.codes(clear)) or tuple(memory.cited(clear))
    if thread:
        follows = bool(followup.pointers(asked)) or not topic
        topic = thread[-1].topic if follows else topic
        sessions = sessions or thread[-1].sessions
    return Turn(clear, topic, sessions)


def _resolved(question: str, thread: Sequence[Turn], memory: Memory) -> str:
    """`question` with what it leaves unsaid, from the turns of its thread."""
    last = thread[-1]
    question, pointers = _placed(question, thread)
    if _names_alone(question, memory):
        return _with_other_codes(last.standalone, memory.codes(question), memory)
    if followup.wants_more(question):
        return f"Tell me more about {last.topic or _listed(last.sessions) or last.standalone}."
    if bare := followup.bare_question(question):
        return f"{last.standalone.rstrip(' ?.!')}, and {bare}?"
    if name := _other_name(question, last):
        return _sentence(last.standalone.replace(last.topic, name))
    return _sentence(_completed(question, pointers, last, named=bool(memory.codes(question))))


def _completed(question: str, pointers: Sequence[Pointer], last: Turn, named: bool) -> str:
    """`question` with the last turn's session or topic, where it points or else at its end.

    `named` says that it names a session of its own, and so is not about the last one.
    """
    of_session = any(pointer.kind is Kind.SESSION for pointer in pointers) or (
        len(last.sessions) > 1 and bool(_AMONG.search(question))
    )
    if last.sessions and not named and (of_session or followup.asks_of_session(question)):
        return _about_session(question, pointers, last)
    said = last.topic or (_listed(last.sessions[:1]) if named and last.sessions else "")
    if said and (pointer := _stands_for(pointers, said)):
        return _put(question, pointer, said)
    if named:
        return question
    if last.sessions:
        return _ended(question, f"in {last.sessions[0]}")
    own = {terms.stem(word) for word in terms.content_words(question)}
    said_before = terms.content_words(last.topic or last.standalone)
    topic = [word for word in said_before if len(word) <= LONGEST]
    lacking = [word for word in topic if terms.stem(word) not in own][:MOST_WORDS]
    return f"{question} ({' '.join(lacking)})" if lacking else question


def _placed(question: str, thread: Sequence[Turn]) -> tuple[str, list[Pointer]]:
    """`question` with "the second one" as the code of that session; and its other pointers."""
    pointers = followup.pointers(question)
    shown = next((turn.sessions for turn in reversed(thread) if len(turn.sessions) > 1), ())
    for pointer in pointers:
        if pointer.kind is Kind.PLACE and (code := _at(pointer.place, shown, thread[-1])):
            question = _put(question, pointer, code)
            return question, []
    return question, pointers


def _at(place: int, shown: Sequence[str], last: Turn) -> str:
    shown = shown or last.sessions
    if place == 0:
        others = [code for code in shown if code not in last.sessions]
        return others[0] if len(others) == 1 else ""
    if place < 0:
        return shown[-1] if shown else ""
    return shown[place - 1] if place <= len(shown) else ""


def _names_alone(question: str, memory: Memory) -> bool:
    """Whether it says no more than a session's code: "and ARC311?"."""
    if len(question) > MOST_CHARS:
        return False
    codes = memory.codes(question)
    rest = question
    for code in codes:
        rest = rest.replace(code, " ")
    words = {word.casefold() for word in terms.words(rest)}
    return bool(codes) and bool(words & _INSTEAD) and words <= _INSTEAD | _BESIDE_CODES


# "And ARC311?", "what about session ARC311?", "in ARC311?"
_INSTEAD = frozenset("and or but also then about for in from with".split())
_BESIDE_CODES = frozenset("what how the session talk so please".split())


def _with_other_codes(earlier: str, codes: Sequence[str], memory: Memory) -> str:
    """The earlier question, asked of other sessions."""
    before = memory.codes(earlier)
    if not before:
        return f"{earlier.rstrip(' ?.!')} in {_listed(codes)}?"
    first, *others = before
    for code in others:
        earlier = re.sub(rf"(?:,| and|, and) {re.escape(code)}\b", "", earlier)
    return earlier.replace(first, _listed(codes))


def _other_name(question: str, last: Turn) -> str:
    """What takes the place of the earlier topic: a name that of a name ("and RPO?").

    A question for sessions is asked again of anything.
    """
    name = followup.named_alone(question) if followup.is_elliptic(question) else ""
    if not followup.own_words(name) or not last.topic or last.topic not in last.standalone:
        return ""
    alike = _is_name(name) and _is_name(last.topic)
    return name if alike or read(last.standalone).sessions else ""


def _is_name(phrase: str) -> bool:
    words = terms.words(_ARTICLE.sub("", phrase))
    return all(word[0].isupper() or word[0].isdigit() for word in words)


def _is_person(phrase: str) -> bool:
    """Whether it looks like the name of a person: one or two capitalised words."""
    return len(terms.words(phrase)) <= MOST_OF_PERSON and phrase.istitle()


def _about_session(question: str, pointers: Sequence[Pointer], last: Turn) -> str:
    several = _SEVERAL.search(question)
    codes = _listed(last.sessions if several else last.sessions[:1])
    for pointer in pointers:
        if pointer.kind in (Kind.SESSION, Kind.THING):
            return _put(question, pointer, codes)
    return _ended(question, f"{'in' if 'speakers' in read(question).fields else 'for'} {codes}")


_SEVERAL = lazily(r"\b(?:they|them|those|these|all|each)\b", re.IGNORECASE)
_AMONG = lazily(r"\bof (?:them|those|these)\b", re.IGNORECASE)


def _stands_for(pointers: Sequence[Pointer], topic: str) -> Pointer | None:
    """The first pointer that the topic may take the place of."""
    wanted = {Kind.OWNER, Kind.THING} | ({Kind.PERSON} if _is_person(topic) else set())
    return next((pointer for pointer in pointers if pointer.kind in wanted), None)


def topic_of(question: str, codes: Sequence[str]) -> str:
    """What a question asks about, if that is one phrase of at most four words, else nothing.

    "What is shuffle sharding?" asks about shuffle sharding; "What does Alice own?" has a verb in
    it, and which word that is cannot be told.
    """
    if codes or len(question) > MOST_CHARS:
        return ""
    words = [match for match in terms.word_matches(question) if _says_something(match, question)]
    if not words or len(words) > MOST_OF_TOPIC:
        return ""
    start, end = words[0].start(), words[-1].end()
    phrase = question[start:end]
    if len(terms.words(phrase)) != len(words) or re.search(r"[^\w\s'’.&/-]", phrase):
        return ""
    if _BEFORE_VERB.search(question[:start]) and not _WHOLE_VERB.match(question[end:]):
        return ""
    article = _ARTICLE_LAST.search(question[:start])
    return (article.group() if article else "") + terms.bare(phrase)


def _says_something(word: re.Match[str], question: str) -> bool:
    """Whether it is no word of asking, or one that is part of a name: "Lauren Don"."""
    name = word.start() > 0 and word.group()[0].isupper() and not question.isupper()
    return name or not terms.is_unasked(word.group())


_ARTICLE = lazily(r"^(?:the|an?) ", re.IGNORECASE)
_ARTICLE_LAST = lazily(r"\b(?:the|an?) $", re.IGNORECASE)
# After "what does" there is a verb in the phrase unless one follows it: "do", "mean", "talk about".
_BEFORE_VERB = lazily(
    r"\b(?:do|does|did|can|could|will|would|should|must|how|why|when|where)\b[^,;:]*$",
    re.IGNORECASE,
)
_WHOLE_VERB = lazily(r"\W*(?!to\b)\w", re.IGNORECASE)


_TELLS = lazily(
    r"(?:tell|give|show|list|name|summari[sz]e|explain|describe|compare)\b", re.IGNORECASE
)


def _put(question: str, pointer: Pointer, said: str) -> str:
    if pointer.kind is Kind.OWNER:
        said = f"{said}'" if said.endswith("s") else f"{said}'s"
    return question[: pointer.start] + said + question[pointer.end :]


def _ended(question: str, addition: str) -> str:
    """`question` with `addition` before its last marks."""
    body = question.rstrip(" \t\n?.!,;:")
    return f"{body} {addition}{question[len(body) :].strip()}"


def _listed(codes: Sequence[str]) -> str:
    return listed(codes[:MOST_SESSIONS])


def _sentence(question: str) -> str:
    """`question` as it is shown: with a capital letter and an end."""
    question = question.strip()
    end = "" if question.endswith((".", "?", "!", ")")) else "." if _TELLS.match(question) else "?"
    return question[:1].upper() + question[1:] + end
