"""A sentence that a model wrote, and the sentence of the summaries that supports it, if one does.

Support is what can be checked: the sentence says, in the words and the order of one sentence of a
source, that or a part of it. Nearness of vectors is no support: at the threshold where no word
passed for its opposite, two of twenty synonyms did.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from sessionqa import terms
from sessionqa.evidence import Evidence, name_of
from sessionqa.llm.prompt import Source
from sessionqa.llm.sayings import Saying, Word, is_adjunct, is_english, read, reports
from sessionqa.sentences import language_of

# A sentence says no less than two words of its source.
LEAST_WORDS = 2
# A source that has a word oftener is not gone through in all the ways that it could be read.
MOST_TIMES = 8
# So many in a row are no coincidence.
REPEATED_WORDS = 5
# Where something is said, which any sentence of a session may add: "in this talk", "according to".
_OF_A_TALK = frozenset("session talk video accord".split())
_WHERE = frozenset("in at of from to".split())
# What stands before another word and makes less of it, or something else.
_LESSENS = re.compile(
    r"(?:un|in|im|ir|non|dis|anti|pre|post|sub|semi|pseudo|quasi|ex|multi|mis|half|self)-?\w{3,}"
    r"|single|cross|primary|secondary|old|new|former|future|fake|other|another|same|different|"
    r"first|second|last|next|best|worst|low|high|lower|higher|small|large|short|long|max|min",
    re.IGNORECASE,
)
_PUNCTUATION = frozenset(" .,;:!?'\"’‘“”()-–—/%&$€£+#…")
_PLAIN_KINDS = frozenset("Lu Ll Lt Lm Lo Mn Mc Nd Po Pd Pi Pf".split())
_SCHEMES = (
    r"h(?:tt|xx)ps?|ftps?|file|javascript|vbscript|data|mailto|tel|sms|blob|wss?|magnet|intent|ssh|"
    r"git|irc|view-source|jar|ms-[\w-]+"
)
_ADDRESS = re.compile(
    rf"\b(?:{_SCHEMES})\s*:|:/|//|\\\\|\bwww\b|\S@\S|\b\d{{1,3}}(?:\.\d{{1,3}}){{3}}\b"
    r"|\w[.。．｡](?!\d)[^\W\d_]{2,}|\bdot\b\W*[^\W\d_]{2,3}\b",
    re.IGNORECASE,
)


class Attribution:
    """Ties sentences to the evidence that a model was shown."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def support(self, sentence: str, named: Collection[int] = ()) -> Evidence | None:
        """The sentence of a source that says what `sentence` does; None if none does.

        Those of sources that it names itself win over others: its marker may be wrong, and it
        right. One that takes two together says what neither does, for all that can be told here.
        """
        found = [
            (source.number in named, share, -source.number, one)
            for source in self._sources
            for one in source.evidence
            if (share := _share(sentence, one))
        ]
        return max(found, key=lambda one: one[:3])[3] if found else None


def can_be_marked(sentence: str) -> bool:
    """Whether it may be shown though nothing supports it: plain words, and no address.

    A bracket could pass for a citation.
    """
    even = unicodedata.normalize("NFKC", sentence)
    return _ADDRESS.search(even) is None and all(map(_is_plain, even))


def _is_plain(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _PUNCTUATION
    return unicodedata.category(character) in _PLAIN_KINDS


def _share(sentence: str, one: Evidence) -> float:
    """How much of a sentence of a source is said, from 0 to 1; 0 where anything else is."""
    source = one.sentence.text
    if not _shows_no_more(sentence, f"{source} {name_of(one.session)}"):
        return 0.0
    known = read(source)
    if not _is_english(one) or max(Counter(known.keys).values(), default=0) > MOST_TIMES:
        return float(" ".join(sentence.split()) == " ".join(source.split()))
    said = read(_untitled(sentence, one))
    if not _same_time(said, known) or (said.tail and said.tail != known.tail):
        return 0.0
    if any(
        _is_enough(words, of) and _is_part(words, of, turned)
        for words, of, turned in _readings(said, known, one)
    ):
        return len(said.words) / max(len(known.words), 1)
    return 0.0


def _is_english(one: Evidence) -> bool:
    """Whether it is known what turns the source: a card is in English, whatever it is of."""
    source = one.sentence.text
    if one.on_card or is_english(source):
        return True
    return is_english(one.session.text) and language_of(source) == "en"


def _is_enough(words: Sequence[Word], of: Sequence[Word]) -> bool:
    """Whether it says anything: an address does by itself."""
    return len(words) >= min(LEAST_WORDS, len(of)) or any("://" in word.key for word in words)


def _shows_no_more(sentence: str, source: str) -> bool:
    """Whether it states something, without a sign or a foreign letter that its source has not."""
    if sentence.rstrip("\"'”’) ").endswith("?") and "?" not in source:
        return False
    shown, known = (unicodedata.normalize("NFC", one) for one in (sentence, source))
    signs = {one for one in shown if not (one.isascii() and one.isalnum())} - _PUNCTUATION
    return signs <= {*known, *known.swapcase()} and signs.isdisjoint("[]")


def _untitled(sentence: str, one: Evidence) -> str:
    """The sentence without the code of its session in front, or the title."""
    code, title = one.session.code, one.session.title
    sentence = re.sub(rf"^(?:\W*{re.escape(code)}:)+", "", sentence)
    return sentence if title in one.sentence.text else sentence.replace(title, code)


def _same_time(said: Saying, known: Saying) -> bool:
    """Whether what was is not said to be, nor what is to have been."""
    made_past = said.past and known.present and not known.past
    return not made_past and not (said.present and known.past and not known.present)


def _readings(
    said: Saying, known: Saying, one: Evidence
) -> Iterator[tuple[list[Word], tuple[Word, ...], bool]]:
    """The ways to set the words that are said against those of the source; True where turned."""
    aside = (_OF_A_TALK | {*read(one.session.code).keys}) - {*known.keys}
    if not {*said.keys} <= {*known.keys} | aside:
        return

    def own(words: tuple[Word, ...]) -> list[Word]:
        """All but where it is said: what a talk is or does is not said of what it speaks of.

        A line of a card is said of the talk itself.
        """
        kept: list[Word] = []
        before = False
        for word in words:
            before = word.key in aside and (before or one.on_card or _is_where(word))
            if not before:
                kept.append(word)
        return kept

    yield from ((own(words), known.words, False) for words in said.ways)
    yield from ((own(said.words), of, False) for of in known.ways[1:])
    if said.active:
        yield own(said.active), known.words, True
    if known.active:
        yield own(said.words), known.active, True


def _is_where(word: Word) -> bool:
    return word.key == "accord" or not _WHERE.isdisjoint(word.lead)


def _is_part(words: Sequence[Word], of: Sequence[Word], turned: bool) -> bool:
    """Whether `words` are those of `of`, in order, but for what can be left out."""
    # Where the last word can stand, each with the clauses that were touched until there.
    places: set[tuple[int, frozenset[int]]] = set()
    for at, word in enumerate(words):
        here = [n for n, other in enumerate(of) if _is_same(word, other, turned)]
        if at == 0:
            places = {(n, frozenset((of[n].clause,))) for n in here if _can_begin(word, of, n)}
        else:
            places = {
                (n, clauses | {of[n].clause})
                for n in here
                for last, clauses in places
                if last < n and _can_skip(word, of, last, n)
            }
    return any(_can_end(of, last) and _keeps_turns(words, of, clauses) for last, clauses in places)


def _is_same(word: Word, other: Word, turned: bool) -> bool:
    """Whether both are the same word, in the same role; `turned` of what is said actively."""
    if word.key != other.key or {word.time, other.time} == {"past", "present"}:
        return False
    if word.undergoes or other.undergoes if turned else word.past != other.past:
        return False
    if len(word.text) > 1 and word.key.isalpha() and word.text.isupper() != other.text.isupper():
        return False
    if word.complements != other.complements or word.placed != other.placed:
        return False
    return word.way == other.way or {word.way, other.way} == {"", "to"}


def _can_begin(word: Word, of: Sequence[Word], at: int) -> bool:
    """Whether the words before `of[at]` can be left out in front of it."""
    if at == 0:
        return True
    return not (reports(of[: at + 1]) or of[at].completes) and _can_lose(word, of, 0, at)


def _can_skip(word: Word, of: Sequence[Word], last: int, at: int) -> bool:
    """Whether the words between `of[last]` and `of[at]` can be left out."""
    if last + 1 == at:
        return word.parted == of[at].parted or word.listed or of[at].listed
    between = [one for one in of[last + 1 : at] if not one.is_manner]
    if not between:
        return True
    if not _can_lose(word, of, last + 1, at):
        return False
    if _is_own_phrase(of, last, at):
        return True
    lost = of[last + 1 : at + 1]
    is_apart = is_adjunct(lost) or _in_brackets([one.gap for one in lost])
    return is_apart and not between[0].bound and not between[0].completes


def _is_own_phrase(of: Sequence[Word], last: int, at: int) -> bool:
    """Whether all that lies between stands in one phrase with `of[at]`, and not with `of[last]`."""
    return not of[last + 1].glued and all(one.glued for one in of[last + 2 : at + 1])


def _in_brackets(gaps: Sequence[str]) -> bool:
    """Whether words with these gaps around them are put in between commas, or the like."""
    first, last = gaps[0].strip()[:1], gaps[-1].strip()[:1]
    pairs = {",": ",", "(": ")", "–": "–", "—": "—"}
    return first in pairs and pairs[first] == last and not any(";" in gap for gap in gaps)


def _can_lose(word: Word, of: Sequence[Word], start: int, at: int) -> bool:
    """Whether what stands right before `of[at]`, in its phrase, can be left out."""
    if not of[at].glued:
        return True
    first = at
    while first > start and of[first].glued:
        first -= 1
    lost = of[first:at]
    known = word.definite and any(one.definite or one.owns for one in lost)
    return (
        known
        and not any(one.counts or one.turns or _LESSENS.fullmatch(one.text) for one in lost)
        and not any(one.joined for one in of[first + 1 : at + 1])
    )


def _can_end(of: Sequence[Word], last: int) -> bool:
    """Whether what follows `of[last]` can be left out."""
    rest = [one for one in of[last + 1 :] if not one.is_manner]
    return not rest or not (rest[0].bound or rest[0].completes)


def _keeps_turns(words: Sequence[Word], of: Sequence[Word], clauses: Collection[int]) -> bool:
    """Whether what turns a clause that is said, or conditions all of it, is said as well."""
    said = Counter(word.key for word in words)
    kept = (one.key for one in of if one.conditions or (one.turns and one.clause in clauses))
    return Counter(kept) <= said


def repeats(sentence: str, text: str) -> bool:
    """Whether some words in a row, or all if it has but few, are those of `text`."""
    words, known = (terms.words(one.casefold()) for one in (sentence, text))
    run = min(REPEATED_WORDS, len(words))
    runs = {tuple(known[at : at + run]) for at in range(len(known) - run + 1)}
    return any(tuple(words[at : at + run]) in runs for at in range(len(words) - run + 1))
