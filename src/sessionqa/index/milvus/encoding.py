"""Sessions -> what they are cut into, and what the encoder makes of it: a batch at a time.

It needs nothing but what it is given, so that it may run anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sessionqa.encode import Encoder, Vectors, passage_input
from sessionqa.index.cut import Placed, cut
from sessionqa.index.encoding import sentence_inputs
from sessionqa.index.milvus import entries
from sessionqa.index.milvus.entries import Encoded, Opened
from sessionqa.index.milvus.milvus import MilvusIndex
from sessionqa.settings import Settings

# Sessions, cut, with what the encoder makes of the passages of each.
Made = list[tuple[Opened, list[Encoded]]]


@dataclass(frozen=True, slots=True)
class Known:
    """What an encoder has made of some texts, by what it read of them."""

    passages: Mapping[str, Encoded] = field(default_factory=dict)
    sentences: Mapping[str, Vectors | entries.Halves] = field(default_factory=dict)


NOTHING = Known()


@dataclass(frozen=True, slots=True)
class Encoding:
    """What is done with a batch for build `number`, wherever that is."""

    number: int
    settings: Settings
    with_sentences: bool
    known: Known = NOTHING

    def __call__(self, encoder: Encoder, batch: Sequence[Placed]) -> Made:
        """Each session cut, and what the encoder makes of its passages.

        Of inputs that are known nothing is encoded again.
        """
        sessions = [session for _, session in batch]
        made = cut(sessions, encoder, self.settings, {}, lambda *_: None)
        passages = _passages(made.passage_inputs, encoder, self.known.passages)
        inputs = sentence_inputs(sessions, made, encoder) if self.with_sentences else []
        sentences = _sentences(inputs, encoder, self.known.sentences)
        found = []
        cut_into = zip(batch, made.of_session, made.pieces(), strict=True)
        for (place, session), (own, _), pieces in cut_into:
            every = [
                replace(
                    passages[made.passage_inputs[row]], sentences=sentences[slice(*made.held[row])]
                )
                for row in range(*own)
            ]
            found.append((entries.of_pieces(session, pieces, self.number, place), every))
        return found


def _passages(
    texts: Sequence[str], encoder: Encoder, known: Mapping[str, Encoded]
) -> dict[str, Encoded]:
    """What the encoder makes of each text, without its sentences."""
    none = np.zeros((0, encoder.dim), dtype=np.float16)
    found = {text: known[text] for text in texts if text in known}
    left = [text for text in dict.fromkeys(texts) if text not in known]
    if left:
        made = encoder.encode_with_tokens(left)
        tokens = np.split(made.tokens, np.cumsum(made.lengths)[:-1])
        for text, vector, own in zip(left, made.vectors, tokens, strict=True):
            found[text] = Encoded(vector, none, own)
    return found


def _sentences(
    texts: Sequence[str], encoder: Encoder, known: Mapping[str, Vectors | entries.Halves]
) -> entries.Halves:
    """The vectors of the texts, shape (len(texts), dim)."""
    found = np.zeros((len(texts), encoder.dim), dtype=np.float16)
    left = [row for row, text in enumerate(texts) if text not in known]
    if left:
        found[left] = encoder.encode_passages([texts[row] for row in left])
    for row, text in enumerate(texts):
        if text in known:
            found[row] = known[text]
    return found


def known_of(index: MilvusIndex, old: Sequence[Opened], encoder: Encoder) -> Known:
    """What an earlier build has of these sessions."""
    made = iter(index.encoded([passage.id for own in old for passage in own.passages]))
    passages: dict[str, Encoded] = {}
    sentences: dict[str, entries.Halves] = {}
    for own in old:
        texts = list(own.sentence_texts())
        title = own.session.title
        for passage, held in zip(own.passages, own.held, strict=True):
            encoded = next(made)
            passages[passage_input(encoder, title, passage.text)] = encoded
            # Where vectors of sentences are not kept there is none for a text.
            for text, vector in zip(texts[slice(*held)], encoded.sentences, strict=False):
                sentences[passage_input(encoder, title, text)] = vector
    return Known(passages, sentences)
