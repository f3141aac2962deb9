"""Text -> terms: the words that carry meaning, folded and stemmed, for overlap and rarity."""

import re
import unicodedata
from functools import lru_cache
from threading import Lock

import snowballstemmer

_STEMMER = snowballstemmer.stemmer("english")
# The stemmer keeps the word that it is at in itself, and the chat asks from several threads.
_ONE_AT_A_TIME = Lock()

WORD = re.compile(r"\w+(?:[.'’]\w+)*")

# Words that say how something is asked, not what is asked about.
STOP_WORDS = frozenset(
    """a ain aren couldn didn doesn don hadn hasn haven isn shouldn wasn weren won wouldn about
    above after again all also am an and any anybody anyone anything are as at be because been
    before being below between both but by can cannot could did do does doing done down during
    each else ever every everybody everyone exactly few for from further get gets give given
    go goes going got had has have having he her here hers him his how i if in into is isn it
    its itself just know let like ll many may me might mine more most much must my no nobody
    nor not of off on once one ones only or other our ours out over own please really re
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


# A Latin letter with a mark is often typed without; in other scripts the marks tell words apart.
_MARKS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
# Latin letters that people type without the stroke, and that are not a letter and a mark.
_STROKES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})


def bare(word: str) -> str:
    """`word` without the ending of a possessive."""
    return word.replace("’s", "").replace("'s", "")


def fold(word: str) -> str:
    """`word` as it is compared: without case, possessive and the marks on Latin letters."""
    folded = bare(word.casefold())
    if folded.isascii():
        return folded
    marked = unicodedata.normalize("NFD", folded.translate(_STROKES))
    return unicodedata.normalize("NFC", _MARKS.sub("", marked))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The stem of one word, folded: "Sharding" and "shards" are both "shard"."""
    folded = fold(word)
    with _ONE_AT_A_TIME:
        return str(_STEMMER.stemWord(folded))


def words(text: str) -> list[str]:
    """The words of `text` in order, as written."""
    return WORD.findall(text)


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
