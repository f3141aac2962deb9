"""Words that a question wrongly joins or splits: "dynamo db", "shufflesharding", "route53"."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from sessionqa import terms
from sessionqa.index import Index, KnownWord
from sessionqa.patterns import lazily

# So many passages that have both words are looked at for the words side by side.
MOST_PASSAGES = 10
# A word shorter than this is not the sum of two others, and one longer was not typed.
SHORTEST, LONGEST = 4, 40
_BETWEEN = lazily(r"[ \-‑/]")

Known = Mapping[str, KnownWord]


def joinings(words: Sequence[str], index: Index) -> list[tuple[int, int, str]]:
    """What the corpus writes otherwise: the first and last of the words meant, and how to read it.

    In order, and apart from each other. Words are joined if the corpus has the whole and not the
    parts side by side; a word is split if the corpus has the parts side by side and not the whole.
    """
    wholes = [first + second for first, second in pairwise(words)]
    known = index.known_words(terms.stem(word) for word in (*words, *wholes))
    strange = {word for word in words if terms.stem(word) not in known}
    parts = {terms.stem(part) for word in strange for cut in _cuts(word) for part in cut}
    known_parts = index.known_words(parts)
    found: list[tuple[int, int, str]] = []
    at = 0
    while at < len(words):
        if at < len(wholes) and (read := _joined(words[at], words[at + 1], known, index)):
            found.append((at, at + 1, read))
            at += 1
        elif words[at] in strange and (read := _split(words[at], known_parts, index)):
            found.append((at, at, read))
        at += 1
    return found


def written_together(first: str, second: str, index: Index) -> str | None:
    """How the corpus writes the two words, in any of their forms, side by side; None if nowhere."""
    stems = (terms.stem(first), terms.stem(second))
    ids = [id_ for id_, _ in index.lexical(stems, MOST_PASSAGES)]
    for passage in index.passages(ids):
        for one, other in pairwise(terms.word_matches(passage.text)):
            if stems == (terms.stem(one.group()), terms.stem(other.group())):
                between = passage.text[one.end() : other.start()]
                if _BETWEEN.fullmatch(between):
                    return passage.text[one.start() : other.end()]
    return None


def _joined(first: str, second: str, known: Known, index: Index) -> str | None:
    """The two as one word, if the corpus has that."""
    joined = terms.fold(first + second)
    whole = known.get(terms.stem(joined))
    parts = {terms.fold(first), terms.fold(second)}
    if (
        whole is None
        or whole.word in terms.UNASKED
        or parts <= terms.UNASKED
        or first.isdigit()
        or any(len(part) == 1 for part in parts & terms.UNASKED)
        or joined.removesuffix("s") != whole.word.removesuffix("s")
        or written_together(first, second, index)
    ):
        return None
    return whole.written if joined == whole.word else first + second


def _split(word: str, known: Known, index: Index) -> str | None:
    """The word as two, if the corpus has them side by side."""
    for first, second in _cuts(word):
        parts = {terms.fold(first), terms.fold(second)}
        if (
            {terms.stem(first), terms.stem(second)} <= known.keys()
            and not parts <= terms.UNASKED
            and not any(len(part) == 1 for part in parts & terms.UNASKED)
            and (read := written_together(first, second, index))
        ):
            return read
    return None


def _cuts(word: str) -> Iterator[tuple[str, str]]:
    if SHORTEST <= len(word) <= LONGEST and terms.fold(word) not in terms.UNASKED:
        yield from ((word[:at], word[at:]) for at in range(1, len(word)))
