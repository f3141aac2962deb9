"""Words that a question wrongly joins or splits: "dynamo db", "shufflesharding", "route53"."""

import re
from collections.abc import Sequence

from sessionqa import terms
from sessionqa.index import Index, KnownWord

# So many passages that have both words are looked at for the words side by side.
MOST_PASSAGES = 10
# A word shorter than this is not the sum of two others.
SHORTEST = 4
_BETWEEN = re.compile(r"[ \-‑/]")


def joinings(words: Sequence[str], index: Index) -> list[tuple[int, int, str]]:
    """What the corpus writes otherwise: the first and last of the words meant, and how to read it.

    In order, and apart from each other. Words are joined if the corpus has the whole and not the
    parts side by side; a word is split if the corpus has the parts side by side and not the whole.
    """
    wholes = [a + b for a, b in zip(words, words[1:], strict=False)]
    cuts = [[(word[:at], word[at:]) for at in range(1, len(word))] for word in words]
    parts = {part for word in cuts for cut in word for part in cut}
    known = index.known_words({terms.stem(word) for word in (*words, *wholes, *parts)})
    found: list[tuple[int, int, str]] = []
    at = 0
    while at < len(words):
        whole = known.get(terms.stem(wholes[at])) if at < len(wholes) else None
        if whole and _may_join(words[at], words[at + 1], whole, index):
            plural = terms.fold(wholes[at]) != whole.word
            found.append((at, at + 1, wholes[at] if plural else whole.written))
            at += 1
        elif terms.stem(words[at]) not in known and (
            read := _split(words[at], cuts[at], known, index)
        ):
            found.append((at, at, read))
        at += 1
    return found


def written_together(first: str, second: str, index: Index) -> str | None:
    """How the corpus writes the two words side by side, in any of their forms; None if it doesn't."""
    stems = [terms.stem(first), terms.stem(second)]
    ids = [id_ for id_, _ in index.lexical(stems, MOST_PASSAGES)]
    for passage in index.passages(ids):
        matches = list(terms.WORD.finditer(passage.text))
        for one, other in zip(matches, matches[1:], strict=False):
            if (
                terms.stem(one.group()) == stems[0]
                and terms.stem(other.group()) == stems[1]
                and _BETWEEN.fullmatch(passage.text[one.end() : other.start()])
            ):
                return passage.text[one.start() : other.end()]
    return None


def _may_join(first: str, second: str, whole: KnownWord, index: Index) -> bool:
    parts = {first.casefold(), second.casefold()}
    joined = terms.fold(first + second)
    return (
        joined.removesuffix("s") == whole.word.removesuffix("s")
        and whole.word not in terms.UNASKED
        and not parts <= terms.UNASKED
        and (min(len(first), len(second)) > 1 or not parts & terms.UNASKED)
        and not first.isdigit()
        and not written_together(first, second, index)
    )


def _split(
    word: str, cuts: Sequence[tuple[str, str]], known: dict[str, KnownWord], index: Index
) -> str | None:
    if len(word) < SHORTEST or word.casefold() in terms.UNASKED:
        return None
    for first, second in cuts:
        parts = {first.casefold(), second.casefold()}
        if not {terms.stem(first), terms.stem(second)} <= known.keys() or parts <= terms.UNASKED:
            continue
        if read := written_together(first, second, index):
            return read
    return None
