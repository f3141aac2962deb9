"""Misspelt words of a question -> words that the corpus has. A word that exists is left alone."""

import re

from rapidfuzz import process
from rapidfuzz.distance import OSA

from sessionqa import terms
from sessionqa.encode import Encoder
from sessionqa.index import Index

# A text with more words than this was pasted, not typed.
MOST_WORDS = 100


def correct(question: str, index: Index, encoder: Encoder) -> str:
    """`question` with its misspelt words replaced.

    A word is taken for misspelt if neither the corpus nor the encoder's vocabulary has it and a
    word of the corpus with the same first letter is within one edit in five letters.
    """
    asked = terms.content_words(question)
    if len(asked) > MOST_WORDS:
        return question
    strange = [word for word in asked if word.isalpha() and len(word) > 3]
    known = index.sentence_counts(terms.stem(word) for word in strange)
    corrections = {
        word: nearest
        for word in strange
        if terms.stem(word) not in known
        and not _is_one_piece(word, encoder)
        and (nearest := _nearest(word.casefold(), index))
    }
    for word, nearest in corrections.items():
        question = re.sub(rf"\b{re.escape(word)}\b", nearest, question)
    return question


def _is_one_piece(word: str, encoder: Encoder) -> bool:
    """Common words are a single word piece; a misspelling falls into several."""
    return encoder.count_pieces(word) - encoder.count_pieces("") == 1


def _nearest(word: str, index: Index) -> str | None:
    """The corpus's word that is fewest edits away, a swap of neighbours being one edit."""
    limit = max(1, round(len(word) / 5))
    usual = (other for other in terms.UNASKED if other[0] == word[0])
    candidates = [other for other in (*index.words_like(word[0]), *usual) if len(other) > 3]
    found = process.extractOne(word, candidates, scorer=OSA.distance, score_cutoff=limit)
    return found[0] if found else None
