"""Text -> terms: the words that carry meaning, folded and stemmed, for overlap and rarity."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from threading import Lock

import Stemmer

from sessionqa.patterns import lazily

_STEMMER = Stemmer.Stemmer("english")
# The stemmer keeps the word that it is at in itself, and the chat asks from several threads.
_ONE_AT_A_TIME = Lock()

# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han. As in a class.
UNSPACED = (
    "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
    "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9d\U00020000-\U0003ffff"
)
# Invisible characters inside words: soft hyphen, (non-)joiners.
_INVISIBLE = "\u00ad\u200c\u200d\u2060\ufeff"
# Where Unicode has marks of letters, so that not all of it is looked through.
_WITH_MARKS = ((0x300, 0x3100), (0xA600, 0xAC00), (0xFE20, 0xFE30), (0x10100, 0x17000))
# Text of none of these: its words are runs of letters, and it takes no marks to find them.
_PLAIN = re.compile("[\0-\u00ac\u00ae-\u02ff\u2000-\u200b\u200e-\u205f\u2061-\u20cf]*")
_PLAIN_WORD = re.compile(r"\w+(?:[.'’]\w+)*")


@cache
def marks() -> str:
    """What continues a word but is no letter to `re`: vowel signs and accents, and invisibles."""
    codes = (code for first, last in _WITH_MARKS for code in range(first, last))
    found = (chr(code) for code in codes if unicodedata.category(chr(code)) in {"Mn", "Mc"})
    return "".join(found) + "\ufb1e\uff9e\uff9f" + _INVISIBLE


@cache
def word_pattern() -> re.Pattern[str]:
    """Finds the words of any text.

    A character of an unspaced script is a word by itself, as Unicode's annex 29 has it for Han:
    pairs of neighbours found nothing more on tests/corpora/languages.
    """
    letters = rf"[^\W{UNSPACED}]+(?:[{marks()}]+[^\W{UNSPACED}]*)*"
    return re.compile(rf"{letters}(?:[.'’׳״]{letters})*|(?=\w)[{UNSPACED}][{marks()}]*")


def is_plain(text: str) -> bool:
    """Whether `text` is of Latin letters, and without marks of their own."""
    return text.isascii() or _PLAIN.fullmatch(text) is not None


# Words that say how something is asked, not what is asked about.
STOP_WORDS = frozenset(
    """a ain aren couldn didn doesn don hadn hasn haven isn shouldn wasn weren won wouldn about
    above after again all also am an and any anybody anyone anything are as at be because been
    before being below between both but by can cannot could did do does doing done down during
    each else ever every everybody everyone exactly few for from further get gets give given
    go goes going got had has have having he her here hers him his how i if in into is isn it
    its itself just kindly know let like ll many may me might mine more most much must my no nobody
    nor not of off on once one ones only or other our ours out over own please pls plz really re
    regarding s same say says see shall she should so some somebody something someone such t
    tell than thank thanks that the their theirs them then there these they thing things this
    those through to too under until up upon us use used using ve very via want was we were
    what whatever when where which while who whom whose why will with within without work
    working works would you your yours""".split()
)

# Words that only name the kind of thing this tool holds: "the session on X" asks about X.
TALK_WORDS = frozenset(
    """session sessions talk talks presentation presentations video videos recording recordings
    speaker speakers presenter presenters present presents presented presenting host hosted
    hosts gave given lecture keynote summary summaries title code called name names named
    describe described explain explained explains discuss discussed discusses mention
    mentioned mentions cover covered covers talked talking said saying recommend recommended
    recommends suggest suggested suggests question answer reinvent conference event track
    level attend watch learn topic topics find list lists bring brings brought show shows play
    plays part anywhere stage interested speak speaks refer refers referred touch touches deal
    deals dealt come comes came stand stands stood summarize summarise overview gist brief
    short compare compared versus vs role position job hold holds held""".split()
)
UNASKED = STOP_WORDS | TALK_WORDS


# Marks that are often not typed: on Latin and Greek letters, on the Russian ё, and the vowels of
# Hebrew and Arabic. In other scripts marks tell words apart.
_OPTIONAL = lazily(
    r"(?<=[a-zα-ω])[\u0300-\u036f]+|(?<=е)\u0308|[\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0670]"
    f"|[{_INVISIBLE}]"
)
# Letters that people type otherwise, and that are not a letter and a mark of it.
_LIKE = {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "’": "'"}
_ALIKE = str.maketrans(_LIKE)
# French and Italian articles before a vowel: "l'eau" is about "eau".
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu|dell|all|nell|sull)['’](?=\w)")


def bare(word: str) -> str:
    """`word` without the ending of a possessive."""
    return word.replace("’s", "").replace("'s", "")


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """`word` as it is compared: without case, width, possessive, elided article, optional marks."""
    folded = _ELISION.sub("", bare(word.casefold()))
    if folded.isascii():
        return folded
    marked = unicodedata.normalize("NFKD", folded.casefold()).translate(_ALIKE)
    plain = _OPTIONAL.sub("", marked) or marked
    return "".join(unicodedata.normalize("NFKC", plain).casefold().split())


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The stem of one word, folded: "Sharding" and "shards" are both "shard".

    The stemmer is English: a word that is not of plain letters when folded is its own stem.
    """
    folded = fold(word)
    if not folded.isascii():
        return folded
    with _ONE_AT_A_TIME:
        return str(_STEMMER.stemWord(folded))


def words(text: str) -> list[str]:
    """The words of `text` in order, as written."""
    return _pattern_for(text).findall(text)


def word_matches(text: str, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
    """The words of `text` in [start, end), each with where it stands."""
    return _pattern_for(text).finditer(text, start, len(text) if end is None else end)


def _pattern_for(text: str) -> re.Pattern[str]:
    return _PLAIN_WORD if is_plain(text) else word_pattern()


@lru_cache(maxsize=4096)
def stems(text: str) -> frozenset[str]:
    """The stems of every word of `text`. Those of the sentences that are asked about recur."""
    return frozenset(stem(word) for word in words(text))


def _before_apostrophe(word: str) -> str:
    """What stands before an apostrophe: "what's" asks like "what"."""
    return re.split("['’]", word.casefold(), maxsplit=1)[0]


def is_unasked(word: str) -> bool:
    """Whether a word only says how something is asked, or that it is asked of talks."""
    return _before_apostrophe(word) in UNASKED


def content_words(question: str) -> list[str]:
    """The words of a question that say what it is about, as written, each once."""
    found = {word.casefold(): word for word in reversed(words(question)) if not is_unasked(word)}
    return list(reversed(found.values()))


def asked_stems(question: str) -> list[str]:
    """The stems of those words, as often as they stand in the question, in order."""
    return [stem(word) for word in words(question) if not is_unasked(word)]
