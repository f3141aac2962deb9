"""Hits in a better order: the Reranker protocol, by ONNX Runtime or by sentence-transformers.

A cross-encoder reads the question together with a passage, which neither arm does. It is too slow
for a whole corpus, and so it looks at the best hits only.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sessionqa import exports, installed
from sessionqa.datatypes import Hit, Passage
from sessionqa.encode import model_folder
from sessionqa.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

Scores = NDArray[np.float32]

# Part of the fingerprint: raise it when an export would give other scores than before.
EXPORT_VERSION = 4
# The exports that an index has, by the names that the settings give to their models.
NAMES = "names.json"
# What the card of an exported reranker says.
FIELDS = ("name",)
# An export's scores may differ from its model's by so much, absolutely or in proportion.
SAME = 1e-3


class Reranker(Protocol):
    """What a reranker offers: a score for each text, of how well it answers the question."""

    @property
    def name(self) -> str:
        """The model's name or folder."""

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        """Shape (len(texts),), higher is better, on a scale of the model's own."""


def passage_input(passage: Passage) -> str:
    """What a reranker reads of a passage: its session's title, then its text."""
    return f"{passage.title}\n{passage.text}"


def reranked(reranker: Reranker, question: str, hits: Sequence[Hit], top: int) -> list[Hit]:
    """The first `top` hits by the reranker's score, then the others in the order they have.

    Hits that score alike keep their order.
    """
    looked_at = hits[:top]
    scores = reranker.scores(question, [passage_input(hit.passage) for hit in looked_at])
    scored = [
        replace(hit, rerank_score=float(score))
        for hit, score in zip(looked_at, scores, strict=True)
    ]
    best_first = sorted(range(len(scored)), key=lambda place: -scores[place])
    return [*(scored[place] for place in best_first), *hits[top:]]


class OnnxReranker:
    """An exported cross-encoder, run by ONNX Runtime and tokenizers alone."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Opens what `exported` wrote, to run on `threads`, by default on all there are.

        Raises IndexDamaged if a file is missing or cut short.
        """
        self._model = exports.OnnxModel("reranker", folder, FIELDS, threads)
        self.name: str = self._model.card["name"]

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        """Shape (n,), as CrossEncoder.predict gives them: with the model's own activation.

        Of a pair over the model's limit the longer text is cut, and both where both are over
        half of it: a question of ordinary length is never cut. Pairs of like length are batched.
        """
        pairs = [(question, text) for text in texts]
        encoded = self._model.tokenizer.encode_batch_fast(pairs)
        scores = np.zeros(len(texts), dtype=np.float32)
        pieces, types = [e.ids for e in encoded], [e.type_ids for e in encoded]
        for batch, (read,) in self._model.run_all(pieces, types):
            scores[batch] = read
        return scores


class CrossEncoderReranker:
    """Any cross-encoder that sentence-transformers loads, on whatever device PyTorch finds."""

    def __init__(self, name: str) -> None:
        """Loads the model. Raises ModelError if it is absent or gives no single score."""
        self._model = load_cross_encoder(name)
        self.name = name

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        """Shape (n,), on the model's own scale; of a pair over its limit the longer text is cut."""
        pairs = [(question, text) for text in texts]
        scores = self._model.predict(pairs, show_progress_bar=False)
        return np.asarray(scores, dtype=np.float32)


def fingerprint(name: str) -> str:
    """Names the model's weights and this export: 16 hex digits. Raises ModelError."""
    return exports.digest_of(f"reranker {EXPORT_VERSION}", name, model_folder(name))


def load_cross_encoder(name: str) -> "CrossEncoder":
    """The model by hub id or folder, quietly. Raises ModelError with the remedy."""
    installed.need_for_building("torch", "sentence-transformers")
    from sentence_transformers import CrossEncoder

    model: CrossEncoder = exports.load_quietly(CrossEncoder, name, model_folder(name))
    # Any encoder loads as a cross-encoder too, with a head of random weights.
    made_as = getattr(model.config, "architectures", None) or []
    if made_as and type(model.model).__name__ not in made_as:
        raise ModelError(
            f"{name} is no cross-encoder but a {made_as[0]}: give `reranker` a model that scores "
            "pairs of texts"
        )
    if model.num_labels != 1:
        raise ModelError(
            f"{name} gives {model.num_labels} scores for a pair of texts: give `reranker` a model "
            "that gives one"
        )
    return model


def exported(name: str, shelf: Path, progress: Callable[[str], None] | None = None) -> Path:
    """The folder below `shelf` with the export of `name`; exports it there if it is not there.

    From then on `find` finds it there. Raises ModelError if it cannot be loaded or exported.
    """
    folder = shelf / fingerprint(name)
    exports.exported("reranker", name, folder, lambda aside: export(name, aside), progress)
    names = _names(shelf)
    if names.get(name) != folder.name:
        aside = shelf / f".{NAMES}-{os.getpid()}"
        aside.write_text(json.dumps({**names, name: folder.name}, indent=2), encoding="utf-8")
        aside.replace(shelf / NAMES)
    return folder


def in_step(name: str, shelf: Path) -> bool:
    """Whether `find` finds an export of the weights that `name` has now. Raises ModelError."""
    found = find(name, shelf)
    if found and exports.is_portable(name, found.name):
        return True
    return found == shelf / fingerprint(name)


def find(name: str, shelf: Path) -> Path | None:
    """Where `exported` has put the export of `name`, if it has; no weights are read for it."""
    folder = _names(shelf).get(name)
    return shelf / folder if folder and exports.is_whole("reranker", shelf / folder) else None


def export(name: str, folder: Path) -> None:
    """Writes the CrossEncoder `name` as an ONNX model with its tokenizer and card.

    The graph holds the model and its activation; the tokenizer's file how a long pair is cut.
    Raises ValueError if the export does not score as the model does.
    """
    import torch

    from sessionqa import graphs

    model = load_cross_encoder(name).to("cpu").float().eval()
    tokenizer, activation = model.tokenizer, model.activation_fn or torch.nn.Identity()
    question, texts = "what is read", ["a text", "a text that is longer than all " * 500]
    sample = tokenizer([question] * 2, ["a text", "another text"], return_tensors="pt")

    def scores(features: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        return (torch.reshape(activation(model(features)["scores"]), (-1,)),)

    graphs.write_graph(folder, model, scores, ["scores"], sample)
    # As sentence-transformers has it, whatever the tokenizer's own file says.
    tokenizer.backend_tokenizer.enable_truncation(
        model.max_seq_length, strategy="longest_first", direction=tokenizer.truncation_side
    )
    exports.write_card("reranker", folder, tokenizer, {"name": name})
    # A prompt, a chat template or padding on the left would be lost: this notices whatever is.
    golden = model.predict([(question, text) for text in texts], show_progress_bar=False)
    if not np.allclose(OnnxReranker(folder).scores(question, texts), golden, SAME, SAME):
        raise ValueError("the export gives other scores than the model")


def _names(shelf: Path) -> dict[str, str]:
    """The folder on the shelf of each model's name; none where the record cannot be read."""
    try:
        names = json.loads((shelf / NAMES).read_text(encoding="utf-8"))
        return {str(name): str(folder) for name, folder in names.items()}
    except (OSError, ValueError, AttributeError):
        return {}
