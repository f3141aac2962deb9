"""What sessions are asked about, as terms, and how much of that a sentence says word for word."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product

from sessionqa import abbreviations, terms
from sessionqa.facets import fold
from sessionqa.index import Index
from sessionqa.joining import written_together
from sessionqa.patterns import lazily

# Words that say that a session has a topic, or that one is wanted. After a word of the topic they
# belong to it: "machine learning".
_LISTING = frozenset(
    """tells include includes including contain contains containing featuring help helps interested
    learn learning understand understanding want wanted need related relevant concern concerns
    concerned concerning focus focuses focused focusing dedicated address addresses addressing treat
    treats dealing covering discussing mentioning describing explaining bringing referring speaking
    touching naming teach teaches taught teaching exist exists existing available total altogether
    overall whole worth explore explores exploring appear appears occur occurs involve involves
    among amongst involving best good useful relate relates""".split()
)
# The same in several words.
_PHRASES = lazily(
    r"\b(?:in|of|across) (?:the |this )?(?:whole |entire )?(?:collection|corpus|summaries)\b"
    r"|\bthe (?:exact )?(?:words?|terms?|phrases?|subjects?|themes?)(?: of)?\b"
    r"|\bin (?:any )?detail\b"
    r"|\b(?:a (?:lot|number|series)|the (?:ideas?|concepts?|notion)) of\b|\bby name\b"
    r"|\b(?:to )?start(?: with)?(?= for\b| on\b|\W*$)",
    re.IGNORECASE,
)
# Words of one term stand so much farther apart at most than in the question.
SLACK = 2
# Of several words that belong together, one alone counts so much.
LONE = 0.5
# A word that begins the names of so many services is their maker's, and often left out.
MAKERS = 3
# A term has so many other ways to write it at most, and a question so many terms.
MOST_VARIANTS, MOST_TERMS = 8, 12
SHORTEST_PART = 3
_BRACKETED = lazily(r"\(([^()]*)\)")
_OR = lazily(r"\b(?:and/or|or)\b", re.IGNORECASE)
_AND = lazily(r"\b(?:and|as well as|plus)\b|[,;&:]", re.IGNORECASE)
# What a follow-up carries along from earlier questions.
_CARRIED = lazily(r"(?<=\?)\s*\(([^()]*)\)\s*$")
# What may stand between two words of one term.
_WITHIN = lazily(r"[ \-‑–/'’\"“”]*(?:\bof (?:the |an? )?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Term:
    """Words that belong together; `variants` are all ways to write them, each a row of keys.

    `weights` say how rare each key is, `weight` how rare the words are as asked.
    """

    variants: tuple[tuple[str, ...], ...]
    weights: dict[str, float]
    weight: float

    def said(self, keys: Sequence[str]) -> float:
        """The share of the term that a sentence with these keys says in one place, in [0, 1]."""
        return max(self._said(variant, keys) for variant in self.variants)

    def _said(self, variant: Sequence[str], keys: Sequence[str]) -> float:
        wanted = set(variant)
        places = [(at, key) for at, key in enumerate(keys) if key in wanted]
        if len(wanted) == 1 or not places:
            return float(bool(places))
        total = sum(self.weights[key] for key in wanted)
        best = 0.0
        for first, (start, _) in enumerate(places):
            near = {key for at, key in places[first:] if at < start + len(variant) + SLACK}
            share = sum(self.weights[key] for key in near) / total
            best = max(best, share if len(near) > 1 else LONE * share)
        return best


@dataclass(frozen=True, slots=True)
class Topic:
    """Alternatives, of which one is enough; each has parts that a session must all have.

    The terms of a part belong in one sentence. `text` is the topic as it was asked, `words` are
    the keys of all its words, however written.
    """

    text: str
    alternatives: tuple[tuple[tuple[Term, ...], ...], ...]
    words: frozenset[str]

    def said(self, keys: Sequence[str]) -> list[list[float]]:
        """For each alternative, how much of each of its parts a sentence says, in [0, 1]."""
        return [[_share(part, keys) for part in parts] for parts in self.alternatives]

    def shares(self, said: Sequence[Sequence[float]]) -> list[float]:
        """How much of each alternative that is, its parts weighed by rarity."""
        return [
            sum(_weight(part) * share for part, share in zip(wanted, shares, strict=True))
            / sum(map(_weight, wanted))
            for wanted, shares in zip(self.alternatives, said, strict=True)
        ]

    def queries(self) -> Iterator[tuple[str, ...]]:
        """The words, stemmed, of each way to say a part in full."""
        for parts in self.alternatives:
            for part in parts:
                for chosen in product(*(term.variants[:MOST_VARIANTS] for term in part[:3])):
                    keys = [key for variant in chosen for key in variant]
                    yield tuple(dict.fromkeys(keys))
                    yield tuple(dict.fromkeys(terms.stem(key) for key in keys))


def _share(part: Sequence[Term], keys: Sequence[str]) -> float:
    return sum(term.weight * term.said(keys) for term in part) / _weight(part)


def _weight(part: Sequence[Term]) -> float:
    return sum(term.weight for term in part)


def read_topic(text: str, index: Index) -> Topic | None:
    """The topic that `text`, without what else a question demands, asks for; None if none."""
    text = " ".join(_PHRASES.sub(" ", text).split())
    asked = _CARRIED.sub("", text)
    text = asked if _topical(asked) else text
    bracketed = _BRACKETED.findall(text)
    outside = _BRACKETED.sub(" ; ", text)
    found = []
    for alternative in (one for whole in (outside, *bracketed) for one in _alternatives(whole)):
        parts = [[row for row in _rows(part) if row] for part in _AND.split(alternative)]
        found.append([part for part in parts if part])
    rows = [parts for parts in found if parts][:MOST_TERMS]
    if not rows:
        return None
    reader = _Reader(index)
    alternatives = tuple(
        tuple(tuple(map(reader.term, part[:MOST_TERMS])) for part in parts[:MOST_TERMS])
        for parts in rows
    )
    every = [term for parts in alternatives for part in parts for term in part]
    return Topic(_phrase(text), alternatives, frozenset().union(*(term.weights for term in every)))


def _phrase(text: str) -> str:
    """`text` from its first word that says what is asked about to its last."""
    topical = _topical(text)
    # "lock-in" ends in a word that says nothing by itself.
    end = re.compile(r"(?:[-‑][^\W_]+)*").match(text, topical[-1].end())
    found = text[topical[0].start() : end.end() if end else None]
    return re.sub(r"\s*[;()]\s*", " ", found)


def _alternatives(text: str) -> list[str]:
    """What "or" parts; the commas of "a, b or c" part as well."""
    found = _OR.split(text)
    return re.split(r"\bor\b|,", text, flags=re.IGNORECASE) if len(found) > 1 else found


def _rows(text: str) -> Iterator[list[str]]:
    """The runs of words that say what is asked about, as written."""
    row: list[str] = []
    end = 0
    for match in _topical(text):
        if row and not _WITHIN.fullmatch(text[end : match.start()]):
            yield row
            row = []
        row.append(match.group())
        end = match.end()
    yield row


def _topical(text: str) -> list[re.Match[str]]:
    """The words of `text` that say what is asked about."""
    found: list[re.Match[str]] = []
    for match in terms.word_matches(text):
        if terms.is_unasked(match.group()):
            continue
        after = found and not text[found[-1].end() : match.start()].strip(" -")
        if after or fold(match.group()) not in _LISTING:
            found.append(match)
    return found


class _Reader:
    """Makes terms of rows of words, by what the index knows of these."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def term(self, words: Sequence[str]) -> Term:
        words = self._without_maker(words)
        variants = [words, *self._forms(words)][:MOST_VARIANTS]
        keyed = dict.fromkeys(tuple(key(word) for word in variant) for variant in variants)
        stems = {word: terms.stem(word) for variant in keyed for word in variant}
        counts = self._index.sentence_counts(dict.fromkeys((*stems, *stems.values())))
        total = self._index.manifest.counts["sentences"]
        weights = {}
        for word, stem in stems.items():
            count = counts.get(word, 0) or counts.get(stem, 0)
            weights[word] = math.log(1 + (total - count + 0.5) / (count + 0.5))
        rows = tuple(keyed)
        return Term(rows, weights, sum(weights[word] for word in rows[0]))

    def _without_maker(self, words: Sequence[str]) -> Sequence[str]:
        """Without a first word with which the names of several services begin."""
        if len(words) < 2:
            return words
        first = fold(words[0])
        named = self._index.values("service", [f"{first} "])
        makers = sum(name.startswith(f"{first} ") for name in named)
        return words[1:] if makers >= MAKERS else words

    def _forms(self, words: Sequence[str]) -> Iterator[Sequence[str]]:
        """Abbreviated or written out; two words as one, or one as two."""
        for form in abbreviations.expand(" ".join(words), self._index):
            yield terms.words(form)
        for at, (one, other) in enumerate(pairwise(words)):
            if self._index.sentence_counts([terms.stem(one + other)]):
                yield [*words[:at], one + other, *words[at + 2 :]]
        for at, word in enumerate(words):
            for one, other in self._halves(word):
                yield [*words[:at], one, other, *words[at + 1 :]]

    def _halves(self, word: str) -> Iterator[tuple[str, str]]:
        cuts = range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
        halves = [(word[:at], word[at:]) for at in cuts]
        known = self._index.sentence_counts({terms.stem(part) for pair in halves for part in pair})
        for one, other in halves:
            both = {terms.stem(one), terms.stem(other)} <= known.keys()
            if both and written_together(one, other, self._index):
                yield one, other


@lru_cache(maxsize=65536)
def key(word: str) -> str:
    """What equal words have in common: the stem, but "containers" are nothing that contains."""
    stem = terms.stem(word)
    one = terms.fold(word).removesuffix("s")
    return one if one.endswith(("er", "or")) and len(stem) < len(one) else stem


@lru_cache(maxsize=4096)
def keys(text: str) -> tuple[str, ...]:
    """The key of each word of `text`, in order."""
    return tuple(key(word) for word in terms.words(text))
