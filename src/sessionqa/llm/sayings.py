"""A sentence -> what it says: its words in their order, each with how it hangs on the others."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sessionqa import terms

# These words link others; a sentence may have them, or not, as it likes.
_LINKS = frozenset(
    """a an the be am is are was were been being has have had having do does did doing to of in on
    at for with from by into onto as within through via about across among amongst upon and also
    additionally that which who whom whose there here its their his her our your my this these
    those such but while whereas it's""".split()
)
# Say whose or which one: what they stand before is known.
_DEFINITE = frozenset("the its their his her our your my this these those".split())
_PLACING = frozenset(
    """of in on at for with from by into onto as within through via about across among amongst
    upon""".split()
)
# They leave a word bound to the one before.
_LIGHT = _DEFINITE | frozenset(
    "a an be am is are was were been being has have had having do does did doing".split()
)
# To exchange them turns a sentence round.
_DIRECTIONS = {"by": "by", "from": "from", "to": "to", "into": "to", "onto": "to", "for": "for"}
_BEING = frozenset("be am is are was were been being get gets got".split())
_PAST, _PRESENT = frozenset(("was", "were", "had", "did")), frozenset("am is are has does".split())
# What tells that the sentence after it is somebody's word, or nobody's.
_COMPLEMENTS = frozenset("that who which whom whose".split())
_ASKING = frozenset("whether how why what where".split())

# Whoever leaves one of these out says something else.
_TURNING = frozenset(
    """not or than only just merely solely exactly almost nearly hardly barely scarcely rarely
    seldom little few fewer fewest less least more most much many several some any all every each
    both either half enough too so can could may might must shall should will would ought need
    always often usually sometimes typically generally mostly mainly largely partly partially
    occasionally frequently normally commonly ever yet still already again once perhaps maybe
    possibly probably likely unlikely potentially theoretically supposedly allegedly apparently
    seemingly reportedly respectively except unlike against instead rather despite regardless
    unless until till before after when whenever if during prior without otherwise optionally
    conditionally falsely wrongly formerly previously currently initially eventually temporarily
    approximately about roughly around beyond under over above below up down out off minimum
    maximum unable impossible false wrong incorrect untrue myth misconception contrary hypothetical
    thought said told ≤ ≥ > < ≈ ± ~ =""".split()
)
# The same of verbs in any form: what is denied, or what is only thought or said.
_TURNING_STEMS = frozenset(
    terms.stem(verb)
    for verb in """fail lack avoid prevent stop cease refuse deny reject forbid prohibit exclude
    think believe claim assume suppose imagine pretend hope wish want plan try attempt intend seem
    appear doubt expect suggest propose argue predict aim promise consider say tell report counter
    recommend""".split()
)
# Those that turn the whole sentence, wherever in it they stand.
_CONDITIONS = frozenset(
    """if unless until till before after when whenever only once respectively otherwise""".split()
)
_ALIKE = {
    "no": "not",
    "never": "not",
    "nor": "not",
    "neither": "not",
    "nothing": "not",
    "nobody": "not",
    "nowhere": "not",
    "none": "not",
    "isn": "not",
    "−": "-",
    "%": "percent",
    "$": "dollar",
    "€": "euro",
    "£": "pound",
    "usd": "dollar",
    "dollars": "dollar",
    "euros": "euro",
    "pounds": "pound",
    "&": "and",
}
_PHRASES = {
    "at most": "≤",
    "up to": "≤",
    "no more than": "≤",
    "not more than": "≤",
    "at least": "≥",
    "no less than": "≥",
    "no fewer than": "≥",
    "not less than": "≥",
    "more than": ">",
    "less than": "<",
    "fewer than": "<",
    "has to": "must",
    "have to": "must",
    "had to": "had-to",
    "used to": "used-to",
    "per cent": "percent",
    "percentage points": "percentage-points",
    "percentage point": "percentage-points",
}
_ALL_TURNING = _TURNING | _TURNING_STEMS | {*_PHRASES.values()}
_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBERS = {word: value for value, word in enumerate(_UNITS)} | {
    word: value for value, word in zip(range(20, 100, 10), _TENS, strict=True)
}
_ADDRESS = re.compile(r"\w+:/{1,2}\S+|\bwww\.\S+|\S+@\S+", re.IGNORECASE)
_SYMBOL = r"[%$€£&≤≥<>≈±~=+×÷√∞°#@*^|\\/_-]"
_PHRASE = "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in _PHRASES)
_TOKEN = re.compile(
    rf"(?P<address>{_ADDRESS.pattern})"
    rf"|\b(?P<phrase>{_PHRASE})\b"
    r"|(?P<number>(?:(?<![\w)])[-−+])?\d+(?:[.,:]\d+)*(?!\w))"
    rf"|(?P<tens>\b(?:{'|'.join(_TENS)})-(?:{'|'.join(_UNITS[1:10])})\b)"
    r"|(?P<word>\w(?:[\w\u0300-\u036f]|[.'’+#](?=\w))*(?:\+\+|\#)?)"
    r"|(?P<symbol>[^\w\s.,;:!?'\"’‘“”()–—-])",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_DENIED = re.compile(r"(?:n['’]t|(?<=can)not)$")
_BASES = {"ca": "can", "wo": "will", "sha": "shall"}
_OWNED = re.compile(r"['’]s?$")
_GLUE = re.compile(r"[\s\-/'’]*")
# With these a clause begins that stands by itself; with others behind a comma.
_CONTRASTS = frozenset("but while whereas".split())
_REASONS = frozenset("becaus sinc although though".split())
_GOES_ON = frozenset("and or which who so".split())
# No adverbs.
_NO_MANNER = re.compile(
    r"(?:.{0,2}|fami|ear|dai|week|month|hour|year|supp|app|rep|assemb|anoma|multip|imp|comp|"
    r"friend|ita)ly",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[,;:.!?()–—…]|\s-+\s")
_SOUGHT = re.compile(r"[^\W\d_]+")
# Words that only English has, and some that others have as well: of these it takes a few.
_ENGLISH = frozenset(
    """the and with from which their they been has when into its than these those should would
    could how does through because""".split()
)
_OFTEN_ENGLISH = frozenset(
    """to of in for on is by as at an a are be have all more can that it not or was""".split()
)
LEAST_ENGLISH = 3


@dataclass(frozen=True, slots=True)
class Word:
    """One that says something; `key` is what it is compared by, `text` is as written.

    `lead` has the links directly before it, `gap` all that stands between it and the word before.
    `clause` counts clauses that stand by themselves. `opens` says that it begins the sentence.
    """

    key: str
    text: str
    lead: tuple[str, ...]
    gap: str
    clause: int
    opens: bool

    @property
    def turns(self) -> bool:
        """Whether the sentence says something else without it."""
        return self.key in _ALL_TURNING

    @property
    def conditions(self) -> bool:
        """Whether it turns all of the sentence."""
        return self.key in _CONDITIONS

    @property
    def glued(self) -> bool:
        """Whether it stands right behind the word before, in one phrase with it."""
        return not self.opens and _GLUE.fullmatch(self.gap) is not None

    @property
    def bound(self) -> bool:
        """Whether the word before needs it: an object, or what something is."""
        return not self.opens and not self.parted and _LIGHT.issuperset(self.lead)

    @property
    def parted(self) -> bool:
        """Whether a comma or the like stands before it: "No, service is free"."""
        return _PARTS.search(self.gap) is not None

    @property
    def listed(self) -> bool:
        """Whether a clause or an item begins with it, of which a comma tells nothing."""
        begins = self.key in _REASONS or self.key in _CONDITIONS
        return begins or not {"and", *_CONTRASTS}.isdisjoint(self.lead)

    @property
    def placed(self) -> bool:
        """Whether a preposition stands before it."""
        return not _PLACING.isdisjoint(self.lead)

    @property
    def complements(self) -> bool:
        """Whether it begins what somebody says, or what tells which one is meant."""
        return not _COMPLEMENTS.isdisjoint(self.lead)

    @property
    def completes(self) -> bool:
        """Whether the words before are not all that is meant: "a bank of Spain"."""
        begins = not {"of", "to"}.isdisjoint(self.lead[:1]) or self.complements
        return begins and not self.parted

    @property
    def joined(self) -> bool:
        """Whether it is one word with the one before: multi-Region."""
        return self.glued and self.gap != "" and not self.gap[0].isspace() and self.gap[-1] in "-/"

    @property
    def counts(self) -> bool:
        """Whether it is a number, or has one."""
        return any(character.isnumeric() for character in self.key)

    @property
    def way(self) -> str:
        """What its preposition says of where the sentence goes."""
        return next((_DIRECTIONS[link] for link in reversed(self.lead) if link in _DIRECTIONS), "")

    @property
    def time(self) -> str:
        """That of the verb before it."""
        if not _PAST.isdisjoint(self.lead):
            return "past"
        return "" if _PRESENT.isdisjoint(self.lead) else "present"

    @property
    def definite(self) -> bool:
        """Whether it is known which one is meant."""
        return not _DEFINITE.isdisjoint(self.lead)

    @property
    def owns(self) -> bool:
        """Whether it says whose the next one is."""
        return self.text.endswith(("'s", "’s", "s'", "s’"))

    @property
    def past(self) -> bool:
        """Whether it has the ending of the past, or of what is done to something."""
        return self.text.casefold().endswith("ed")

    @property
    def undergoes(self) -> bool:
        """Whether it says what is done to something."""
        return self.past and not _BEING.isdisjoint(self.lead)

    @property
    def is_manner(self) -> bool:
        """Whether it only says how: it may go."""
        is_adverb = self.text.endswith("ly") and not _NO_MANNER.fullmatch(self.text)
        return is_adverb and not self.turns


@dataclass(frozen=True, slots=True)
class Saying:
    """The words of a sentence, and the times that it speaks of; `tail` has links at its end."""

    text: str
    words: tuple[Word, ...]
    past: bool
    present: bool
    tail: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """What its words are compared by."""
        return tuple(word.key for word in self.words)

    @property
    def ways(self) -> tuple[tuple[Word, ...], ...]:
        """The orders in which it can be said: what comes first may come last as well."""
        moved = _fronted(self.words)
        return (self.words, moved) if moved else (self.words,)

    @property
    def active(self) -> tuple[Word, ...]:
        """The words of "A is used by B" as in "B uses A"; none where it is not of that form."""
        return _active(self.words)


@lru_cache(maxsize=4096)
def read(text: str) -> Saying:
    """What a sentence says."""
    even = _THOUSANDS.sub("", unicodedata.normalize("NFC", text))
    found: list[Word] = []
    end = clause = 0
    lead: list[str] = []
    links: set[str] = set()
    for token in _TOKEN.finditer(even):
        for key in _keys(token):
            if key in _LINKS:
                lead.append(key)
                links.add(key)
                continue
            gap = even[end : token.start()] if end <= token.start() else ""
            clause += bool(found) and _breaks(key, lead, gap)
            found.append(Word(key, token[0], tuple(lead), gap, clause, not found))
            end, lead = token.end(), []
    return Saying(text, tuple(found), bool(links & _PAST), bool(links & _PRESENT), tuple(lead))


def _breaks(key: str, lead: Sequence[str], gap: str) -> bool:
    """Whether another clause begins with a word."""
    begins = {key, *lead}
    goes_on = "," in gap and not _GOES_ON.isdisjoint(begins)
    return ";" in gap or goes_on or not (_CONTRASTS | _REASONS).isdisjoint(begins)


def is_english(text: str) -> bool:
    """Whether it is surely English: of other languages it isn't known what turns a sentence."""
    words = {*_SOUGHT.findall(text.casefold())}
    return not _ENGLISH.isdisjoint(words) or len(_OFTEN_ENGLISH & words) >= LEAST_ENGLISH


def _keys(token: re.Match[str]) -> list[str]:
    """What a token is compared by: mostly one, two for "cannot"."""
    text = token[0]
    lower = text.casefold()
    if token.lastgroup == "word" and (denial := _DENIED.search(lower)):
        base = lower[: denial.start()]
        return [_BASES.get(base, base), "not"]
    match token.lastgroup:
        case "address":
            key = text.rstrip(".,;:!?)'\"”")
        case "phrase":
            key = _PHRASES[" ".join(lower.split())]
        case "number":
            key = _decimal(text)
        case "tens":
            ten, _, unit = lower.partition("-")
            key = str(_NUMBERS[ten] + _NUMBERS[unit])
        case "symbol":
            key = _ALIKE.get(text, text)
        case _:
            key = _key(lower, text)
    return [key]


def _key(lower: str, text: str) -> str:
    bare = _OWNED.sub("", lower) or lower
    if bare in _NUMBERS:
        return str(_NUMBERS[bare])
    if bare in _LINKS or bare in _TURNING or bare in _ALIKE:
        # "US" is none of us.
        return _ALIKE.get(bare, bare) if not text.isupper() or len(text) == 1 else f"^{bare}"
    if any(character.isnumeric() for character in text):
        return _decimal(bare)
    return terms.stem(bare)


def _decimal(text: str) -> str:
    """`text` with the digits of any script as ours; ² is none."""
    return "".join(
        str(unicodedata.decimal(one)) if unicodedata.decimal(one, None) is not None else one
        for one in text.replace("−", "-").removeprefix("+")
    )


def _fronted(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words with what stands before the first comma at the end; none where that is no phrase.

    "In P, users write down designs" says that users write down designs in P.
    """
    for at, word in enumerate(words[1:], 1):
        if "," in word.gap:
            first = words[0]
            begins = first.lead or first.conditions or first.key in _REASONS
            if not begins or not re.match(r"\s*,", word.gap) or "and" in word.lead:
                return ()
            front, rest = words[:at], words[at:]
            return (
                replace(rest[0], gap="", opens=True),
                *rest[1:],
                replace(front[0], gap=f" {' '.join(front[0].lead)} ", opens=False),
                *front[1:],
            )
    return ()


def _active(words: tuple[Word, ...]) -> tuple[Word, ...]:
    for by, word in enumerate(words):
        done = next((at for at in range(1, by) if words[at].undergoes), None)
        if "by" in word.lead and done is not None:
            behind = range(by + 1, len(words))
            ends = (at for at in behind if not words[at].glued or words[at].is_manner)
            end = next(ends, len(words))
            whom, deed, who, rest = words[:done], words[done:by], words[by:end], words[end:]
            own = tuple(link for link in who[0].lead if link != "by")
            lead = tuple(link for link in deed[0].lead if link not in _BEING)
            return (
                replace(who[0], lead=own, gap="", opens=True),
                *who[1:],
                replace(deed[0], lead=lead, gap=" "),
                *deed[1:],
                replace(whom[0], gap=" ", opens=False),
                *whom[1:],
                *rest,
            )
    return ()


def is_adjunct(words: Sequence[Word]) -> bool:
    """Whether the words before the last are phrases that can go: "in Spain", not "of Spain"."""
    links = {link for word in words for link in word.lead}
    signs = any(word.parted for word in words)
    allowed = links <= _PLACING | _DEFINITE | {"a", "an", "to"}
    return allowed and not signs and words[0].placed and "of" not in words[-1].lead


def reports(words: Sequence[Word]) -> bool:
    """Whether what follows is somebody's word, or says which of several."""
    return any(word.complements or word.text.casefold() in _ASKING for word in words)
