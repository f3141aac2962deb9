"""Misspelt words of a question -> words that the corpus has. A word that it has is left alone.

Each rule and limit here was measured: docs/decisions/0011.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sessionqa import terms
from sessionqa.datatypes import Correction
from sessionqa.encode import Encoder
from sessionqa.index import Index, KnownWord
from sessionqa.joining import LONGEST, joinings, written_together

# A text with more words than this was pasted, not typed.
MOST_WORDS = 100
# With more words than this that the corpus lacks, it is of another language or subject.
MOST_STRANGE = 30
# So many of the nearest words are tried beside the neighbours of a misspelt one.
MOST_TRIED = 5
# A word is not mended into one shorter than this, but for the words of asking.
SHORTEST = 4
# From these lengths on, one edit anywhere and two edits tell a misspelling by themselves.
LONG_FOR_ONE, LONG_FOR_TWO = 6, 9
# A word with two slips falls into so many of the encoder's pieces, one that exists seldom does.
PIECES_FOR_TWO = 3
# A name in the middle of a sentence that is shorter than this is not a misspelt common word.
LONG_FOR_NAME = 8
# Forms of one word do not differ before an ending of so many letters.
SAME_END = 4

# What English adds to a word: "kangaroos" is a form of a word that the encoder knows.
_ENDINGS = ("s", "es", "ed", "d", "ing", "ly", "er", "ers", "r", "rs", "y", "ness", "less", "able")

# With these the encoder may know a word that it does not know without: "baked" and not "bake".
_INFLECTIONS = ("ed", "ing", "er", "s")

# In one order: of two words as near, the first is taken.
_ASKING = sorted(terms.UNASKED)

Known = Mapping[str, KnownWord]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A question with its misspelt words mended, and which were, in its order."""

    question: str
    corrections: tuple[Correction, ...]


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a question: where it stands, what it is to be read as, and what it might be."""

    start: int
    end: int
    written: str
    read: str
    opens_sentence: bool
    near: tuple[str, ...] = ()


def correct(question: str, index: Index, encoder: Encoder) -> Corrected:
    """`question` with those words mended that the corpus lacks and that clearly mean one it has.

    That is: words wrongly joined or split; misspelt words, where no other word can be meant; and
    words that are near to one which the corpus has beside the same neighbour.
    """
    words = _words(question)
    if len(words) <= MOST_WORDS:
        speller = _Speller(index, encoder, shouted=question.isupper())
        words = speller.mended(speller.joined(words, question))
    return _applied(question, words)


def _words(question: str) -> list[_Word]:
    found = []
    for match in terms.word_matches(question):
        written = terms.bare(match.group())
        opens = not question[: match.start()].rstrip(" \"'“‘(")[-1:].isalnum()
        end = match.start() + len(written)
        found.append(_Word(match.start(), end, written, written, opens))
    return found


def _applied(question: str, words: Sequence[_Word]) -> Corrected:
    changed = [word for word in words if word.read != word.written]
    for word in reversed(changed):
        question = question[: word.start] + word.read + question[word.end :]
    corrections = dict.fromkeys(Correction(word.written, word.read) for word in changed)
    return Corrected(question, tuple(corrections))


class _Speller:
    """Mends the words of one question."""

    def __init__(self, index: Index, encoder: Encoder, shouted: bool) -> None:
        self._index = index
        self._encoder = encoder
        self._shouted = shouted

    def joined(self, words: list[_Word], question: str) -> list[_Word]:
        """`words` with those joined or split that the corpus writes so."""
        for first, last, read in reversed(joinings([w.written for w in words], self._index)):
            start, end = words[first].start, words[last].end
            written = question[start:end]
            if first == last and self._is_ordinary(written):
                continue
            if written == " ".join(word.written for word in words[first : last + 1]):
                whole = replace(words[first], end=end, written=written, read=read)
                words = [*words[:first], whole, *words[last + 1 :]]
        return words

    def mended(self, words: list[_Word]) -> list[_Word]:
        """`words` with the misspelt ones read right.

        First those with one nearest word, then by neighbours, then those with several as near.
        """
        known = self._index.known_words(terms.stem(word.read) for word in words)
        if sum(self._is_strange(word, known) for word in words) > MOST_STRANGE:
            return words
        words = [self._examined(word, known) for word in words]
        words = [self._mended_alone(word) if _has_one_nearest(word) else word for word in words]
        for at in range(len(words)):
            words[at] = self._mended_beside(words, at)
        return [self._mended_alone(word) for word in words]

    def _is_strange(self, word: _Word, known: Known) -> bool:
        """Whether the corpus lacks it, and it is no code, abbreviation or word of asking.

        Nor a word of another script: no rule here knows the forms that it may take.
        """
        return (
            word.read == word.written
            and SHORTEST - 1 <= len(word.written) <= LONGEST
            and word.written.isalpha()
            and terms.fold(word.written).isascii()
            and (self._shouted or not word.written.isupper())
            and terms.fold(word.written) not in terms.UNASKED
            and terms.stem(word.written) not in known
        )

    def _examined(self, word: _Word, known: Known) -> _Word:
        """`word` with the words that are near to it, if it is strange; a wrong form read right."""
        usual = known.get(terms.stem(word.written))
        if usual and self._is_misspelt_form(terms.fold(word.read), usual.word):
            return _read_as(word, usual.written)
        if not self._is_strange(word, known):
            return word
        return replace(word, near=self._near(terms.fold(word.written)))

    def _mended_alone(self, word: _Word) -> _Word:
        """`word` read as the nearest one, if that must be meant."""
        if not word.near or word.read != word.written:
            return word
        if not self._is_sure(word.written, word.near[0]) or self._is_ordinary(word.written):
            return word
        read = self._as_written(word.near[0])
        named = word.written[0].isupper() and not word.opens_sentence and not self._shouted
        if named and read.islower() and len(word.written) < LONG_FOR_NAME:
            return word
        return _read_as(word, read)

    def _mended_beside(self, words: Sequence[_Word], at: int) -> _Word:
        """The word at `at` read as one that the corpus has beside the same neighbour, if any."""
        word = words[at]
        if not word.near or word.read != word.written:
            return word
        folded = terms.fold(word.written)
        ordinary = self._is_ordinary(word.written)
        edits = 1 if ordinary or len(folded) < LONG_FOR_ONE - 1 else 2
        before = words[at - 1] if at else None
        after = words[at + 1] if at + 1 < len(words) else None
        for other in word.near[:MOST_TRIED]:
            if _edits(folded, other) > edits or other in terms.UNASKED:
                continue
            if ordinary and other[0] != folded[0]:
                continue
            if self._go_together(before, other, after):
                return _read_as(word, self._as_written(other))
        return word

    def _go_together(self, before: _Word | None, word: str, after: _Word | None) -> bool:
        pairs = [
            (before.read if before else "", word, before),
            (word, after.read if after else "", after),
        ]
        return any(
            beside is not None
            and (not beside.near or beside.read != beside.written)
            and terms.fold(beside.read) not in terms.UNASKED
            and written_together(first, second, self._index)
            for first, second, beside in pairs
        )

    def _is_misspelt_form(self, word: str, usual: str) -> bool:
        """Whether `word` shares the stem of `usual` but is no form of it: "observibility"."""
        return (
            word.isalpha()
            and len(word) >= LONG_FOR_TWO
            and word[-SAME_END:] == usual[-SAME_END:]
            and _edits(word, usual) == 1
            and not self._is_ordinary(word)
            and word not in self._index.words_like(word, 0)
        )

    def _near(self, word: str) -> tuple[str, ...]:
        """The folded words within two edits, nearest first; a swap of neighbours is one edit."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        swapped = [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]
        found = self._index.known_words(terms.stem(other) for other in swapped)
        others = [*self._index.words_like(word, 2), *(entry.word for entry in found.values())]
        meant = [other for other in others if other.isalpha() and len(other) >= SHORTEST]
        candidates = list(dict.fromkeys([*meant, *_ASKING]))
        within = process.extract(word, candidates, scorer=OSA.distance, score_cutoff=2, limit=None)
        # Of words as near, first the one that begins alike, then the more usual.
        ranked = sorted(within, key=lambda found: (found[1], found[0][0] != word[0], found[2]))
        return tuple(other for other, _, _ in ranked)

    def _is_sure(self, word: str, other: str) -> bool:
        """Whether `other` must be meant by `word`, which the corpus lacks, by how they differ."""
        folded = terms.fold(word)
        if _edits(folded, other) < 2:
            other_letter = len(folded) == len(other) and sorted(folded) != sorted(other)
            return _differ_by_a_slip(folded, other) and not (
                other_letter and self._is_compound(folded)
            )
        return (
            len(folded) >= LONG_FOR_TWO
            and folded[0] == other[0]
            and self._pieces(folded) >= PIECES_FOR_TWO
            and (self._shouted or word[1:].islower())
            and not (folded.startswith(other) or other.startswith(folded))
        )

    def _is_ordinary(self, word: str) -> bool:
        """Whether the encoder knows it, or a form of it, as one piece.

        A misspelling falls into several, and so may a word that most texts have in its forms alone.
        """
        folded = terms.fold(word)
        return any(map(self._is_piece, (folded, *_bases(folded)))) or any(
            self._has_form(base) for base in (folded, folded.removesuffix("s"))
        )

    def _has_form(self, word: str) -> bool:
        """Whether some form of it is one piece, and is of no other word: "scaled" is no "scal"."""
        if len(word) < SHORTEST:
            return False
        stem = word.removesuffix("e")
        return any(
            self._is_piece(form)
            and not any(self._is_piece(base) for base in _bases(form) if base != word)
            for form in ((word if ending == "s" else stem) + ending for ending in _INFLECTIONS)
        )

    def _is_piece(self, word: str) -> bool:
        return self._pieces(word) == 1

    def _is_compound(self, word: str) -> bool:
        """Whether it is made of two words that the encoder knows: "subnets"."""
        return any(
            self._pieces(word[:at]) == self._pieces(word[at:]) == 1
            for at in range(SHORTEST - 1, len(word) - SHORTEST + 2)
        )

    def _pieces(self, word: str) -> int:
        return self._encoder.count_pieces(word) - self._encoder.count_pieces("")

    def _as_written(self, word: str) -> str:
        """A folded word as the corpus mostly writes it."""
        usual = self._index.known_words([terms.stem(word)]).get(terms.stem(word))
        return usual.written if usual and usual.word == word else word


def _edits(word: str, other: str) -> int:
    """How many edits apart they are; a swap of neighbours is one (optimal string alignment)."""
    # Most questions have no word that takes it.
    from rapidfuzz.distance import OSA

    return OSA.distance(word, other)


def _has_one_nearest(word: _Word) -> bool:
    folded = terms.fold(word.written)
    edits = [_edits(folded, other) for other in word.near[:2]]
    return len(edits) < 2 or edits[0] < edits[1]


def _differ_by_a_slip(word: str, other: str) -> bool:
    """Whether their one edit is no accident: the shorter the word, the fewer kinds of edit."""
    swapped = sorted(word) == sorted(other)
    same_start, letter_missing = word[0] == other[0], len(other) > len(word)
    if len(word) < SHORTEST:
        return swapped and other in terms.UNASKED
    if len(word) < LONG_FOR_ONE - 1:
        return swapped or (same_start and letter_missing)
    if len(word) < LONG_FOR_ONE:
        return swapped or letter_missing or (same_start and len(other) == len(word))
    return True


def _bases(word: str) -> Iterator[str]:
    """What an English word may be a form of: "planning" of "plann", "planne" or "plan"."""
    for ending in _ENDINGS:
        base = word.removesuffix(ending)
        if base != word and len(base) >= SHORTEST - 1:
            yield base
            yield f"{base}e"
            if base[-1] == base[-2]:
                yield base[:-1]
            if base[-1] == "i":
                yield f"{base[:-1]}y"


def _read_as(word: _Word, read: str) -> _Word:
    if word.written.isupper():
        read = read.upper()
    elif word.written[0].isupper() and read.islower():
        read = read.capitalize()
    return replace(word, read=read)
