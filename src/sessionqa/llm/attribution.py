"""A sentence that a model wrote, and the sentences of the summaries that support it, if any do."""

import re
from collections.abc import Collection, Sequence

from sessionqa import kinds, terms
from sessionqa.alignment import Alignment
from sessionqa.encode import Encoder
from sessionqa.evidence import Evidence, name_of
from sessionqa.index import Index
from sessionqa.llm.prompt import Source

# A word that its support does not have comes so near to one that it has, and all of a sentence's
# on average.
OTHER, MEAN = 0.8, 0.85
# So many words after a "not" are denied by it.
DENIED_WORDS = 3
_DENIES = re.compile(
    r"\b(?:not|never|no|nor|neither|none|nothing|nobody|without|cannot|unable|fails? to|"
    r"instead of|rather than|except)\b|n['’]t\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\w+://\S+|\bwww\.\S+|\S+@\S+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


class Attribution:
    """Ties sentences to the evidence that a model was shown."""

    def __init__(self, index: Index, encoder: Encoder, sources: Sequence[Source]) -> None:
        self._index = index
        self._encoder = encoder
        self._sources = sources

    def support(self, sentence: str, named: Collection[int] = ()) -> Evidence | None:
        """The sentence of a source that says what `sentence` does; None if none does.

        Those of sources that it names itself win over others: its marker may be wrong, and it
        right. One that takes two together says what neither does, for all that can be told here.
        """
        alignment = Alignment(self._index, self._encoder, sentence)
        found = [
            (source.number in named, near, -source.number, one)
            for source in self._sources
            for one in source.evidence
            if (near := _nearness(alignment, one))
            and _says_no_more(sentence, one)
            and _denies_the_same(sentence, one.sentence.text)
        ]
        return max(found, key=lambda one: one[:3])[3] if found else None


def _nearness(alignment: Alignment, one: Evidence) -> float:
    """How near the words come on average, 0 where one of them is not there or too far."""
    if not alignment.stems:
        return 0.0
    there = terms.stems(one.sentence.text) | terms.stems(name_of(one.session))
    passage, sentence = one.hit.passage, one.sentence
    nearest = alignment.nearest(passage, sentence.start, sentence.end).tolist()
    words = zip(alignment.stems, nearest, strict=True)
    near = [1.0 if stem in there else nearest for stem, nearest in words]
    mean = sum(near) / len(near)
    return mean if min(near) >= OTHER and mean >= MEAN else 0.0


def _says_no_more(sentence: str, one: Evidence) -> bool:
    """Whether every name, number and address of the sentence is one of its support."""
    said = f"{name_of(one.session)} {one.sentence.text}"
    if any(address not in said for address in _ADDRESS.findall(sentence)):
        return False
    numbers = {*_NUMBER.findall(sentence)} - {*_NUMBER.findall(said)}
    exact = (*kinds.names(sentence), *kinds.counted(sentence))
    return not numbers and {terms.stem(word) for word in exact} <= terms.stems(said)


def brings_addresses(sentence: str) -> bool:
    """Whether it names addresses of anything."""
    return _ADDRESS.search(sentence) is not None


def _denies_the_same(sentence: str, said: str) -> bool:
    """Whether nothing is denied in one and stated in the other."""
    both = terms.stems(sentence) & terms.stems(said)
    return not both & (_denied(sentence) ^ _denied(said))


def _denied(text: str) -> frozenset[str]:
    """The stems of the words that follow a denial."""
    found: set[str] = set()
    for denial in _DENIES.finditer(text):
        words = (w for w in terms.words(text[denial.end() :]) if not terms.is_unasked(w))
        found.update(terms.stem(word) for word, _ in zip(words, range(DENIED_WORDS), strict=False))
    return frozenset(found)
