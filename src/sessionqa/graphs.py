"""A model of PyTorch -> a graph that ONNX Runtime opens and runs as it is.

Attention is written as ONNX Runtime's own operator where the model lets it be exchanged, and the
graph is optimised here, once, instead of by every process that opens it.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import transformers

from sessionqa.exports import GRAPH, WEIGHTS

Features = dict[str, torch.Tensor]
Read = Callable[[Features], tuple[torch.Tensor, ...]]

INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
FUSED = "onnxruntime"
# Each is slower on a processor than the operators that it stands for: docs/decisions/0017.
SLOWER = ["SkipLayerNormFusion", "BiasGeluFusion"]
# What a graph gives may differ from what the model gives by so much, absolutely or in proportion.
SAME = 1e-3


def write_graph(
    folder: Path,
    model: torch.nn.Module,
    read: Read,
    outputs: Sequence[str],
    sample: Mapping[str, Any],
) -> None:
    """Writes `read`, which runs `model` on what a tokenizer gives, as a graph and its weights.

    `sample` is what the tokenizer gives for two texts; their number and length stay free. Raises
    ValueError if the graph gives something else than the model; torch and ONNX Runtime raise errors
    of their own for a model that cannot be exported.
    """
    features = {key: sample[key] for key in sample if key in INPUTS}
    try:
        _write(folder, model, read, outputs, features, _fused_attention(model))
    except Exception:  # whatever is special about this model's attention
        _write(folder, model, read, outputs, features, nullcontext())


def _write(
    folder: Path,
    model: torch.nn.Module,
    read: Read,
    outputs: Sequence[str],
    features: Features,
    attention: AbstractContextManager[None],
) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        traced = Path(aside) / GRAPH
        with attention:
            _trace(traced, model, read, outputs, features)
        _optimise(traced, folder)
    _check(folder / GRAPH, read, features)


@contextmanager
def _fused_attention(model: torch.nn.Module) -> Iterator[None]:
    """Within it, `model` can be traced only: attention is one operator of ONNX Runtime."""
    from transformers.masking_utils import eager_mask

    transformers.AttentionInterface.register(FUSED, _attention)
    transformers.AttentionMaskInterface.register(FUSED, eager_mask)
    readers = [part for part in model.modules() if isinstance(part, transformers.PreTrainedModel)]
    before = [reader.config._attn_implementation for reader in readers]
    try:
        for reader in readers:
            reader.set_attn_implementation(FUSED)
        yield
    finally:
        for reader, name in zip(readers, before, strict=True):
            reader.set_attn_implementation(name)


def _attention(
    module: torch.nn.Module,  # noqa: ARG001 - transformers' signature
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of `query` (texts, heads, pieces, width); the mask is added to the scores."""
    heads, width = query.shape[1], query.shape[3]
    rows = [states.transpose(1, 2).flatten(2) for states in (query, key, value)]
    read = torch.onnx.ops.symbolic(
        "com.microsoft::MultiHeadAttention",
        [*rows, None, None, attention_mask],
        {"num_heads": heads, "scale": width**-0.5 if scaling is None else scaling},
        dtype=query.dtype,
        shape=rows[0].shape,
        version=1,
    )
    return read.reshape(*read.shape[:2], heads, width), None


def _trace(
    path: Path, model: torch.nn.Module, read: Read, outputs: Sequence[str], features: Features
) -> None:
    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return read(dict(zip(features, tensors, strict=True)))

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph(),
            tuple(features.values()),
            str(path),
            input_names=list(features),
            output_names=list(outputs),
            dynamic_shapes=(tuple({0: "texts", 1: "pieces"} for _ in features),),
            external_data=True,
            dynamo=True,
            verbose=False,
        )


def _optimise(traced: Path, folder: Path) -> None:
    """Writes what ONNX Runtime makes of a graph, for any processor, with the weights apart.

    Those that are apart are mapped into memory, not read.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / GRAPH)
    apart = "session.optimized_model_external_initializers_"
    options.add_session_config_entry(f"{apart}file_name", WEIGHTS)
    options.add_session_config_entry(f"{apart}min_size_in_bytes", "1024")
    onnxruntime.InferenceSession(
        str(traced), options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER
    )


def _check(path: Path, read: Read, features: Features) -> None:
    """Raises ValueError if the graph gives other numbers than the model, for one shape or two."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    longer = {
        key: torch.cat([tensor, tensor], dim=1)[[0, 1, 0]] for key, tensor in features.items()
    }
    for fed in (features, longer):
        with torch.no_grad():
            golden = [given.numpy() for given in read(dict(fed))]
        made = session.run(None, {key: tensor.numpy() for key, tensor in fed.items()})
        if not all(map(_same, golden, made)):
            raise ValueError("the graph gives other numbers than the model")


def _same(golden: Any, made: Any) -> bool:
    return golden.shape == made.shape and bool(np.allclose(golden, made, SAME, SAME))
