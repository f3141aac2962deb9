"""The vectors of sentences: those that the index keeps, else read when a question wants them."""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from sessionqa.datatypes import Sentence
from sessionqa.encode import Encoder, Vectors, passage_input
from sessionqa.index import Index

# So many are kept of those that were read: evidence and selection ask for the same ones.
MOST_KEPT = 4096
_kept: dict[tuple[str, str], Vectors] = {}
_one_at_a_time = Lock()


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
    with _one_at_a_time:
        known = {text: _kept.get((encoder.fingerprint, text)) for text in texts}
        unknown = [text for text, vector in known.items() if vector is None]
        found = dict(zip(unknown, encoder.encode_passages(unknown), strict=True))
        if len(_kept) + len(found) > MOST_KEPT:
            _kept.clear()
        _kept.update({(encoder.fingerprint, text): vector for text, vector in found.items()})
    rows = [found[text] if vector is None else vector for text, vector in known.items()]
    place = {text: row for row, text in enumerate(known)}
    if not rows:
        return np.zeros((0, encoder.dim), dtype=np.float32)
    return np.stack(rows)[[place[text] for text in texts]]
