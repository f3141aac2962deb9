"""The vectors of sentences: those that the index keeps, else read when a question wants them."""

from collections.abc import Sequence

import numpy as np

from sessionqa.datatypes import Sentence
from sessionqa.encode import Encoder, Vectors, passage_input
from sessionqa.index import Index
from sessionqa.remembered import Remembered

# So many are kept of those that were read: evidence and selection ask for the same ones.
_kept = Remembered[Vectors](most=4096)


def vectors_of(index: Index, encoder: Encoder, sentences: Sequence[Sentence]) -> Vectors:
    """Unit rows, shape (len(sentences), dim).

    A large index keeps none of them: they are encoded here as they would have been in its build.
    """
    kept = index.sentence_vectors([sentence.row for sentence in sentences])
    if kept is not None:
        return kept
    titles = {s.code: s.title for s in index.sessions({s.session_code for s in sentences})}
    texts = [passage_input(encoder, titles[s.session_code], s.text) for s in sentences]
    return _read(encoder, texts)


def _read(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    known = {text: _kept.get((encoder.fingerprint, text)) for text in texts}
    unknown = [text for text, vector in known.items() if vector is None]
    for text, vector in zip(unknown, encoder.encode_passages(unknown), strict=True):
        known[text] = vector
        _kept.keep((encoder.fingerprint, text), vector)
    rows = [vector for text in texts if (vector := known[text]) is not None]
    return np.array(rows, dtype=np.float32).reshape(len(texts), encoder.dim)
