"""Words of a question set against the words of a passage."""

import numpy as np
import pytest

from sessionqa import Assistant
from sessionqa.alignment import ABSENT, Alignment
from sessionqa.chunk import sentence_spans
from sessionqa.encode import OnnxEncoder, passage_input


class WithoutTokens:
    """An encoder that gives no vectors of tokens, as the sentence-transformers backend."""

    token_dim = 0

    def question_tokens(self, _: str) -> tuple[np.ndarray, list[tuple[int, int]]]:
        return np.zeros((0, 0), dtype=np.float32), []


@pytest.fixture(scope="module")
def encoder(assistant: Assistant) -> OnnxEncoder:
    assert isinstance(assistant.encoder, OnnxEncoder)
    return assistant.encoder


def test_the_tokens_of_a_passage_stand_where_their_spans_say(
    assistant: Assistant, encoder: OnnxEncoder
) -> None:
    for hit in assistant.search("resilience", k=20):
        passage = hit.passage
        read = passage_input(encoder, passage.title, passage.text)
        spans = encoder.passage_spans(read)
        assert len(spans) == len(assistant.index.passage_tokens(passage.id))
        assert all(0 <= start < end <= len(read) for start, end in spans)
        assert "".join(read[s:e] for s, e in spans).split() == ["".join(read.split())]


def test_a_word_is_nearest_where_it_stands(assistant: Assistant) -> None:
    question = "What is differential observability?"
    passage = assistant.search(question)[0].passage
    alignment = Alignment(assistant.index, assistant.encoder, question)
    assert alignment.stems == ["differenti", "observ"]
    of_sentences = {
        passage.text[start:end]: alignment.nearest(
            passage, passage.start + start, passage.start + end
        )
        for start, end in sentence_spans(passage.text)
    }
    said = [near for text, near in of_sentences.items() if "ifferential observability" in text]
    other = [near for text, near in of_sentences.items() if "observability" not in text]
    assert min(near.min() for near in said) > max(near.min() for near in other)
    whole = alignment.nearest(passage, passage.start, passage.end)
    assert whole == pytest.approx(np.max(list(of_sentences.values()), axis=0), abs=0.1)
    assert (np.abs(whole) <= 1.01).all()


def test_nothing_is_near_outside_a_passage(assistant: Assistant) -> None:
    passage = assistant.search("gray failures")[0].passage
    alignment = Alignment(assistant.index, assistant.encoder, "gray failures")
    assert alignment.nearest(passage, passage.end, passage.end + 9).tolist() == [0, 0]
    assert Alignment(assistant.index, assistant.encoder, "what is it").stems == []


def test_without_vectors_of_tokens_the_stem_decides(assistant: Assistant) -> None:
    passage = assistant.search("gray failures")[0].passage
    alignment = Alignment(assistant.index, WithoutTokens(), "gray failure of kangaroos")  # type: ignore[arg-type]
    near = alignment.nearest(passage, passage.start, passage.end)
    assert near.tolist() == pytest.approx([1.0, 1.0, ABSENT])
