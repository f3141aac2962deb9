"""Exports: attention is one operator where a model allows it, and any other model works as well."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch

from sessionqa import Assistant, graphs
from sessionqa.encode import OnnxEncoder, export, load_sentence_transformer, model_folder
from sessionqa.index.local import LocalIndex
from sessionqa.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    import transformers

SAMPLE = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 0]])}


def operators(folder: Path) -> Counter[str]:
    graph = onnx.load(folder / "model.onnx", load_external_data=False).graph
    return Counter(node.op_type for node in graph.node)


def test_the_default_models_attention_is_one_operator_in_each_layer(assistant: Assistant) -> None:
    assert isinstance(assistant.index, LocalIndex)
    found = operators(assistant.index.encoder_folder)
    assert (found["MultiHeadAttention"], found["Softmax"]) == (6, 0)
    # These are slower than what they would stand for.
    assert (found["SkipLayerNormalization"], found["BiasGelu"]) == (0, 0)


def test_a_model_whose_attention_cannot_be_exchanged_is_exported_as_it_is(
    tmp_path: Path, small_bert: Callable[..., "transformers.BertConfig"]
) -> None:
    """MPNet adds to its scores how far apart two pieces stand."""
    import sentence_transformers
    import transformers
    from sentence_transformers.models import Pooling, Transformer

    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder(DEFAULT_MODEL))
    like_bert = small_bert(vocab_size=len(tokenizer)).to_dict()
    config = transformers.MPNetConfig(
        **{name: like_bert[name] for name in ("vocab_size", "hidden_size", "num_hidden_layers",
           "num_attention_heads", "intermediate_size", "max_position_embeddings")}
    )  # fmt: skip
    torch.manual_seed(3)
    transformers.MPNetModel(config).save_pretrained(tmp_path / "mpnet")
    tokenizer.save_pretrained(tmp_path / "mpnet")
    reader = Transformer(str(tmp_path / "mpnet"), max_seq_length=48)
    model = sentence_transformers.SentenceTransformer(modules=[reader, Pooling(32)], device="cpu")
    model.save(str(tmp_path / "model"))

    made = tmp_path / "made"
    made.mkdir()
    export(str(tmp_path / "model"), "0", made)
    found = operators(made)
    assert (found["MultiHeadAttention"], found["Softmax"]) == (0, 2)
    texts = ["worms eat scraps", "tea", "compost " * 40]
    golden = load_sentence_transformer(str(tmp_path / "model")).encode(
        texts, normalize_embeddings=True
    )
    assert np.allclose(OnnxEncoder(made).encode_passages(texts), golden, atol=1e-4)


def test_a_graph_that_gives_other_numbers_than_its_model_is_refused(tmp_path: Path) -> None:
    """As that of a model whose numbers are drawn anew at each call."""
    table = torch.nn.Embedding(8, 64)

    def read(features: graphs.Features) -> tuple[torch.Tensor, ...]:
        return (torch.nn.functional.dropout(table(features["input_ids"]), 0.5, training=True),)

    with pytest.raises(ValueError, match="other numbers than the model"):
        graphs.write_graph(tmp_path, table, read, ["out"], SAMPLE)
