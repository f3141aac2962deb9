"""The kind of answer that a question wants (a person, a year, a reason ...), and who has it."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from sessionqa import terms
from sessionqa.patterns import lazily

_UNITS = "seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?|centuries"
_MONEY = "dollars?|euros?|cents?|pounds?|francs?|yen|usd|eur|gbp"
_MUCH = "dozens?|hundreds?|thousands?|millions?|billions?"
_COUNTED = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    rf"seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|{_MUCH}"
)
_COUNTING = lazily(rf"\b(?:{_COUNTED}|half|twice)\b", re.IGNORECASE)
_NUMBER = rf"(?:\d[\d,.]*|\b(?:{_COUNTED}|one|a|an|half|several|few)\b)"


def _pattern(text: str) -> re.Pattern[str]:
    return lazily(text, re.IGNORECASE)


# How people ask for each kind of answer. The coarse classes of Li and Roth (2002), "Learning
# question classifiers", numbers in their fine ones, and reasons and manners.
_ASKS = {
    "person": _pattern(
        r"\b(?:who|whom|whose)\b|\b(?:which|what|names? of the) (?:\w+ )?"
        r"(?:person|people|speakers?|presenters?|author|inventor|founder|president|leader)\b"
        r"|^\W*(?:speakers?|presenters?)\b"
    ),
    "money": _pattern(
        r"\bhow (?:pricey|costly|expensive|much money)\b|\bhow much\b[^?.!]*\b(?:cost|costs|pay|"
        r"paid|save|saved|earn|earned|charge|charged|worth)\b|\bwhat (?:does|do|did|would|will)\b"
        r"[^?.!]*\bcost\s*(?:[?.,]|$|per\b|to\b|in\b|for\b)"
        r"|\b(?:price|prices|fee|salary|budget|cost|costs) of (?:a|an|one|the)\b"
        r"|\bwhat (?:is|was|'s) the (?:\w+ )?(?:price|fee|cost|salary)\b|\bin dollars\b"
    ),
    "percentage": _pattern(
        r"\b(?:percent|percentage|proportion|fraction)\b|\b(?:what|which) share\b"
    ),
    "year": _pattern(r"\b(?:what|which) year\b|\bhow (?:long|many years) ago\b"),
    "date": _pattern(
        r"^\W*(?:(?:and|so|since) )?when (?:was|were|did|had)\b|\bsince when\b"
        r"|\b(?:what|which) (?:\w+ )?(?:date|month|decade|century)\b"
    ),
    "time": _pattern(
        r"^\W*(?:(?:and|so|since|until|by) )?when\b|[,;:]\s*when\b"
        r"|\b(?:what|which) (?:\w+ )?(?:date|day|month|decade|century|season|era|period)\b"
        r"|\b(?:what|which) time\b"
    ),
    "duration": _pattern(
        rf"\bhow long\b|\bhow (?:many|much) (?:{_UNITS}|time)\b|\bin (?:{_UNITS})\b"
    ),
    "frequency": _pattern(
        r"\bhow (?:often|frequent|frequently|regularly)\b|\bhow many times\b|\bfrequency of\b"
        r"|\b(?:what|which) interval\b"
    ),
    "count": _pattern(r"\bhow many\b|\bnumber of\b"),
    "age": _pattern(r"\bhow old\b|\b(?:what|which) age\b"),
    "measure": _pattern(
        r"\bhow (?:big|large|far|high|fast|tall|deep|heavy|warm|hot|cold|wide|small)\b"
        r"|\b(?:what|which) (?:is |was )?(?:the )?(?:\w+ )?(?:population|temperature|speed|score|"
        r"rate|size|height|depth|distance|weight)\b"
    ),
    "where": _pattern(r"^\W*(?:and |so )?where\b"),
    "place": _pattern(
        r"\b(?:which|what) (?:\w+ )?(?:city|town|country|state|continent|"
        r"region|island|river|street)\b"
    ),
    "reason": _pattern(
        r"\bwhy\b|\bhow come\b|\bwhat for\b|\b(?:what|which|for what) (?:\w+ )?(?:reasons?|purpose|"
        r"causes?|motives?)\b|\bwhat (?:caused|causes|led)\b"
    ),
    "manner": _pattern(
        r"^\W*(?:(?:and|so|but) )?how (?:do|does|did|is|are|was|were|can|could|should|would|might|"
        r"to|will|has|have|exactly|else)\b|[,;:]\s*how (?:do|does|did|is|are|was|were|can|to)\b"
        r"|\b(?:in|by) (?:what|which) (?:way|means|method|manner)\b"
    ),
    "name": _pattern(
        r"\b(?:which|what)(?: (?:kind|sort|type)s? of)? (?!(?:is|are|was|were|do|does|did|can|"
        r"could|should|would|will|has|have|had|if|about|to|else|happen\w*|the|an?|makes?|"
        r"[a-z]+ (?:is|are|was|were) (?:the )?difference)\b)[^\W\d_]{2,}"
        r"|\bnames? of\b|\b(?:called|named)\b"
    ),
}
# Whether a sentence has one of these can be told by its form; a reason may stand in any form.
FORMAL = frozenset(
    {
        *("person", "money", "percentage", "year", "date", "duration", "frequency", "count"),
        *("age", "measure", "place"),
    }
)
# What is asked for more closely is not asked for more widely as well.
_CLOSER = {
    "person": {"name"},
    "year": {"date", "time", "count", "name"},
    "date": {"time", "name"},
    "time": {"name"},
    "duration": {"count", "date", "time", "measure"},
    "frequency": {"count", "name"},
    "percentage": {"count", "name", "money"},
    "money": {"measure", "name", "manner"},
    "count": {"name"},
    "measure": {"name"},
    "place": {"where", "name"},
    "reason": {"name"},
}

_HAS_MONEY = _pattern(
    rf"[$€£¥]\s?\d|\d[\d,.]*\s*(?:{_MUCH})?\s*(?:{_MONEY}|k)\b|\b(?:{_COUNTED}) (?:{_MONEY})\b"
    r"|\bfree of charge\b|\bfor free\b"
)
_HAS_PERCENTAGE = _pattern(
    r"\d\s?%|\bper ?cent\b|\b(?:half|thirds?|quarters?|majority)\b"
    rf"|{_NUMBER} (?:in|out of|of) {_NUMBER}"
)
_HAS_YEAR = _pattern(r"\b(?:1\d{3}|20\d{2})\b")
_HAS_TIME = _pattern(
    rf"\b(?:1\d{{3}}|20\d{{2}})s?\b|\b\d{{1,2}}(?:[:.]\d{{2}}|\s?[ap]\.?m\b)|\b(?:{_UNITS}|january|"
    r"february|march|april|may|june|july|august|september|october|november|december|mondays?|"
    r"tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?|spring|summer|autumn|winter|"
    r"mornings?|evenings?|noon|midnight|today|yesterday|tomorrow|century|centuries|before|after|"
    r"during|until|since|when|whenever|while|once|as soon as|if)\b"
)
_HAS_DATE = _pattern(
    r"\b(?:1\d{3}|20\d{2})s?\b|\b\d{1,2}(?:st|nd|rd|th)\b|\b(?:january|february|march|april|may|june|"
    r"july|august|september|october|november|december|spring|summer|autumn|winter|century|"
    rf"centuries|war|yesterday|today)\b|{_NUMBER} (?:{_UNITS}) (?:ago|later|earlier|before|after)\b"
)
_HAS_DURATION = _pattern(rf"{_NUMBER}(?:\s|-)(?:\w+\s){{0,2}}(?:{_UNITS})\b|\bovernight\b")
_HAS_FREQUENCY = _pattern(
    rf"\b(?:once|twice|thrice|daily|weekly|monthly|yearly|hourly|every|always|never|regularly|"
    rf"continuously|constantly|often|rarely)\b|{_NUMBER} times\b|\b(?:a|per|each) (?:{_UNITS})\b"
)
_HAS_COUNT = _pattern(rf"\d[\d,.]*|\b(?:{_COUNTED}|once|twice|half|single|only one|both)\b")
_HAS_AGE = _pattern(rf"\b(?:aged?|born)\b|{_NUMBER}[ -]years?(?:[ -]old)?\b")
_HAS_MEASURE = _pattern(rf"\d[\d,.]*|\b(?:{_COUNTED})\b")
_HAS_PLACE = lazily(r"\b(?:in|at|from|near)\s+(?:the\s+)?([A-Z][\w-]+)")
_HAS_REASON = _pattern(
    r"\b(?:because|since|due to|owing to|thanks to|so that|so as to|in order (?:to|that)|therefore|"
    r"thus|hence|as a result|reasons?|caused?|causes|leads? to|led to|otherwise|in case|which "
    r"(?:lets|allows|makes|helps|means)|to (?:avoid|prevent|keep|make|ensure|reduce|help|allow|"
    r"protect|improve))\b"
)
_HAS_MANNER = _pattern(
    r"\b(?:by (?:\w+ )?\w+ing|through|via|using|with|uses?|used|steps?|first|"
    r"then|(?:means|ways?|methods?|techniques?|approach(?:es)?|mechanisms?|strateg(?:y|ies)) of)\b"
)
_COUNTED_NOUN = _pattern(r"\b(?:how many|number of) ([^\W\d_]+(?: [^\W\d_]+)?)")
_NAMED_NOUN = _pattern(r"\b(?:which|what)(?: (?:kind|sort|type)s? of)? ([^\W\d_]+(?: [^\W\d_]+)?)")
# A word that does not begin a sentence.
_INSIDE = lazily(r"(?<![.?!:]\s)(?<!^)\b\w+(?:[.-]\w+)*")
# So many words may stand between a number and what it counts.
_BETWEEN = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """The kinds of answer that a question wants, and the stems that it has.

    `noun` has the stems of what it counts, or wants named.
    """

    kinds: tuple[str, ...]
    stems: frozenset[str]
    noun: frozenset[str]


@lru_cache(maxsize=256)
def wanted(question: str) -> Wanted:
    """The kinds of answer that `question` wants, by its wording; of most statements none."""
    found = [kind for kind, asks in _ASKS.items() if asks.search(question)]
    wider = {other for kind in found for other in _CLOSER.get(kind, ())}
    noun = (_COUNTED_NOUN if "count" in found else _NAMED_NOUN).search(question)
    words = terms.content_words(noun[1]) if noun else []
    return Wanted(
        kinds=tuple(kind for kind in found if kind not in wider),
        stems=frozenset(terms.stems(question)),
        noun=frozenset(map(terms.stem, words)),
    )


def fit(want: Wanted, text: str, people: Collection[str] = ()) -> float:
    """How far `text` has what is wanted and the question did not bring: from 0 to 1, or 1.

    `people` are the names of those on stage.
    """
    if not want.kinds:
        return 1.0
    return sum(_HAS[kind](want, text, people) for kind in want.kinds) / len(want.kinds)


def formal_fit(want: Wanted, text: str, people: Collection[str] = ()) -> float:
    """The same for the FORMAL kinds alone."""
    kinds = tuple(kind for kind in want.kinds if kind in FORMAL)
    return fit(replace(want, kinds=kinds), text, people)


@lru_cache(maxsize=4096)
def names(text: str) -> tuple[str, ...]:
    """The words of `text` that look like names: capitals inside a sentence, or digits in a word."""
    return tuple(word for word in _INSIDE.findall(text) if is_name(word))


def counted(text: str) -> tuple[str, ...]:
    """The numbers of `text` that are written as words."""
    return tuple(_COUNTING.findall(text))


def is_name(word: str) -> bool:
    """Whether a word begins with a capital, or has a digit."""
    if word[0].isupper() or word.isalpha():
        return word[0].isupper()
    return any(character.isdigit() for character in word)


Has = Callable[[Wanted, str, Collection[str]], float]


def _person(want: Wanted, text: str, people: Collection[str]) -> float:
    if any(name in text and not terms.stems(name) <= want.stems for name in people):
        return 1.0
    return 0.5 * _new(want, names(text))


def _count(want: Wanted, text: str, _: Collection[str]) -> float:
    """A number of what is counted; half of that for any number."""
    found = [match for match in _HAS_COUNT.finditer(text) if _new(want, [match.group()])]
    for match in found:
        after = terms.words(text[match.end() :])[: _BETWEEN + 1]
        if want.noun & {terms.stem(word) for word in after}:
            return 1.0
    return 0.5 * bool(found)


def _place(want: Wanted, text: str, _: Collection[str]) -> float:
    return float(_new(want, _HAS_PLACE.findall(text)))


def _name(want: Wanted, text: str, _: Collection[str]) -> float:
    """A name, or what the named thing is: half for each."""
    return 0.5 * _new(want, names(text)) + 0.5 * bool(want.noun & terms.stems(text))


def _new(want: Wanted, found: Iterable[str]) -> bool:
    return any(not terms.stems(words) <= want.stems for words in found)


def _says(pattern: re.Pattern[str]) -> Has:
    return lambda _, text, __: float(bool(pattern.search(text)))


def _says_new(pattern: re.Pattern[str]) -> Has:
    return lambda want, text, _: float(_new(want, (m.group() for m in pattern.finditer(text))))


_HAS: dict[str, Has] = {
    "person": _person,
    "money": _says_new(_HAS_MONEY),
    "percentage": _says_new(_HAS_PERCENTAGE),
    "year": _says_new(_HAS_YEAR),
    "date": _says_new(_HAS_DATE),
    "time": _says(_HAS_TIME),
    "duration": _says_new(_HAS_DURATION),
    "frequency": _says_new(_HAS_FREQUENCY),
    "count": _count,
    "age": _says_new(_HAS_AGE),
    "measure": _says_new(_HAS_MEASURE),
    "where": _place,
    "place": _place,
    "reason": _says(_HAS_REASON),
    "manner": _says(_HAS_MANNER),
    "name": _name,
}

# Where the wanted thing stands in a sentence, by its kind.
_FIGURE = (
    rf"(?:(?<![\w.,-])[$€£¥]?\d+(?:[.,]\d+)*(?:[a-z]{{1,3}}\b|%)?|\b(?:{_COUNTED})\b)"
    rf"(?: (?:{_MUCH})\b)?"
)
_RANGE = rf"(?:{_FIGURE}(?: to | or |[-–]))?{_FIGURE}"
_SPAN = {
    "money": _pattern(rf"[$€£¥]\s?\d+(?:[.,]\d+)*(?: ?(?:{_MUCH}|k)\b)?|{_RANGE} (?:{_MONEY})\b"),
    "percentage": _pattern(rf"{_RANGE}(?:(?<=%)| ?%| per ?cent\b)"),
    "year": _HAS_YEAR,
    "time": lazily(
        r"\b(?:\d{1,2} )?(?:January|February|March|April|May|June|July|August|September|October"
        r"|November|December)\b(?: \d{1,2}\b)?(?:,? \d{4}\b)?|\b(?:1\d{3}|20\d{2})\b"
        r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b|\b\d{1,2}(?:[:.]\d{2}|\s?[ap]m\b)"
    ),
    "duration": _pattern(
        rf"(?:{_FIGURE}(?: to | or |[-–]))?(?:{_FIGURE}|\b(?:one|an?|half an?)\b)[ -]"
        rf"(?:\w+ )?(?:{_UNITS})\b"
    ),
    "frequency": _pattern(
        rf"(?:\b(?:once|twice|thrice)\b|{_FIGURE} times\b)(?: (?:a|an|per|each|every) \w+)?"
        rf"|\bevery (?:other |{_FIGURE} )?\w+|\b(?:hourly|daily|weekly|monthly|yearly)\b"
    ),
    "measure": _pattern(rf"{_RANGE}(?: (?:degrees \w+|(?!(?:is|was|has|as|this|its)\b)\w+s)\b)?"),
}
_FIGURES = _pattern(_RANGE)
_NAME = r"(?:[^\W\d_]*[A-Z][\w.-]*\w|[A-Z])"
# "Route 53" has a number, "Beyond 10 million" a quantity.
_NAME_RUN = lazily(rf"(?<![\w-]){_NAME}(?: (?:{_NAME}|\d{{1,3}}(?![\w,.]*\d| [a-z]))\b)*")
# A first and a last name; "AWS Lambda" is none.
_PERSON = lazily(r"(?<!\w)[A-Z][a-zà-ÿ'’-]+(?: [A-Z]\.)?(?: [A-Z][\w'’-]*[a-zà-ÿ]+){1,2}\b")
_JOINT = lazily(r",?\s+(?:and|or|&)\s+|,\s+")
Span = tuple[int, int]


def spans(want: Wanted, text: str, people: Collection[str] = ()) -> list[Span]:
    """Where `text` has what is wanted and the question did not bring, as offsets into it.

    Only kinds whose answer has a form; names in a row ("a, b and c") are one span.
    """
    for kind in want.kinds:
        if found := [
            span for span in _places(kind, want, text, people) if _is_new(want, text, span)
        ]:
            return found
    return []


def _places(kind: str, want: Wanted, text: str, people: Collection[str]) -> list[Span]:
    if kind == "person":
        known = [m.span() for name in people for m in re.finditer(re.escape(name), text)]
        return _in_a_row(text, known or [m.span() for m in _PERSON.finditer(text)])
    if kind == "name":
        return _named(want, text)
    if kind == "count":
        return _counted(want, text)
    if kind == "place":
        return [m.span(1) for m in _HAS_PLACE.finditer(text)]
    return [m.span() for m in _SPAN[kind].finditer(text)] if kind in _SPAN else []


def _counted(want: Wanted, text: str) -> list[Span]:
    """The numbers of what is counted, with it; else every number."""
    found = [m.span() for m in _FIGURES.finditer(text)]
    return [span for span in (_to_noun(want, text, *one) for one in found) if span] or found


def _to_noun(want: Wanted, text: str, start: int, end: int) -> Span | None:
    """A number up to the noun that it counts, if that follows it closely."""
    following = re.match(rf"(?:[ -][^\W\d_]+){{1,{_BETWEEN + 1}}}", text[end:])
    for word in re.finditer(r"[^\W\d_]+", following[0]) if following else ():
        if terms.stem(word[0].casefold()) in want.noun:
            return start, end + word.end()
    return None


def _named(want: Wanted, text: str) -> list[Span]:
    """Names with or beside the noun that they are wanted for."""
    runs = [span for match in _NAME_RUN.finditer(text) if (span := _without_opening(text, match))]
    new = [span for span in runs if _is_new(want, text, span)]
    return _in_a_row(
        text, [span for span in new if want.noun & terms.stems(_with_neighbours(text, *span))]
    )


def _without_opening(text: str, run: re.Match[str]) -> Span | None:
    """A run of names without the word that begins the sentence, unless that is a name as well."""
    start, end = run.span()
    if not text[:start].strip():
        first, _, rest = run[0].partition(" ")
        capital = any(letter.isupper() or letter.isdigit() for letter in first[1:])
        if not capital and (not rest or not terms.content_words(first)):
            start += len(first) + 1
    return (start, end) if start < end else None


def _with_neighbours(text: str, start: int, end: int) -> str:
    before, after = text[:start].split()[-1:], text[end:].split()[:1]
    return " ".join([*before, text[start:end], *after])


def _in_a_row(text: str, found: Iterable[Span]) -> list[Span]:
    """The spans in order, those with nothing but commas and "and" in between as one."""
    joined: list[Span] = []
    for start, end in sorted(found):
        if joined and _JOINT.fullmatch(text[joined[-1][1] : start]):
            joined[-1] = (joined[-1][0], end)
        elif not joined or start >= joined[-1][1]:
            joined.append((start, end))
    return joined


def _is_new(want: Wanted, text: str, span: Span) -> bool:
    return _new(want, [text[slice(*span)]])
