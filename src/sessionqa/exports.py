"""A model of PyTorch -> ONNX, once; kept whole or not at all, and run without PyTorch.

An export is a folder: `model.onnx` and its weights beside it, `tokenizer.json`, and a card,
`encoder.json` or `reranker.json` after the kind of model, which says how they are used and how long
the files are.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from sessionqa import installed
from sessionqa.errors import ExportFailed, IndexDamaged, ModelError, SessionQAError, first_line
from sessionqa.threads import usable_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Pieces = Sequence[Sequence[int]]
Outputs = list[NDArray[np.float32]]
Kind = Literal["encoder", "reranker"]
Model = TypeVar("Model")

GRAPH, WEIGHTS, TOKENIZER = "model.onnx", "model.weights", "tokenizer.json"
# What a folder's fingerprint is made of: weights, configuration and vocabulary.
MODEL_FILES = {".safetensors", ".bin", ".json", ".txt", ".model"}
# A batch of more outgrows the processor's caches: docs/decisions/0017.
BATCH_PIECES = 512
# From so many batches a thread on, each thread works on batches of its own.
MANY = 8


class OnnxModel:
    """An export, opened: its card, its tokenizer, and its graph to run."""

    def __init__(
        self, kind: Kind, folder: Path, fields: Sequence[str], threads: int | None = None
    ) -> None:
        """Opens what `exported` returned; `fields` are those that its card must have.

        Runs on `threads`, by default on as many as the machine allows. Raises IndexDamaged if a
        file is missing or cut short.
        """
        self.threads = threads or usable_cores()
        from tokenizers import Tokenizer

        try:
            card = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
            if not is_whole(kind, folder):
                raise ValueError("a file has another size than when it was exported")
            self.card: dict[str, Any] = {field: card[field] for field in (*fields, "pad_id")}
            self.tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            self._graph = str(folder / GRAPH)
            self._session = _opened(self._graph, self.threads)
        except Exception as error:  # each library here has errors of its own
            raise IndexDamaged(
                f"the {kind} in {folder} cannot be opened ({first_line(error)}): "
                "remove that folder and run `sessionqa index`"
            ) from error
        self.inputs = {value.name for value in self._session.get_inputs()}
        self.tokenizer.no_padding()

    def run(self, pieces: Pieces, types: Pieces | None = None) -> Outputs:
        """The graph's outputs for one batch, in each a row for each list of word pieces.

        `types` tell the first text of a pair (0) from the second (1), piece by piece.
        """
        return self._run(self._session, pieces, types)

    def run_all(
        self, pieces: Pieces, types: Pieces | None = None
    ) -> Iterator[tuple[list[int], Outputs]]:
        """The same for any number of lists, in batches of like length: which they are, and outputs.

        All threads work on one batch where there are few, and each on its own where there are many.
        """
        cut = batches([len(ids) for ids in pieces])
        many = self.threads > 1 and len(cut) >= MANY * self.threads
        session = self._of_one_thread if many else self._session

        def run(rows: list[int]) -> Outputs:
            chosen = None if types is None else [types[row] for row in rows]
            return self._run(session, [pieces[row] for row in rows], chosen)

        if many:
            return side_by_side(run, cut, self.threads)
        return ((rows, run(rows)) for rows in cut)

    @cached_property
    def _of_one_thread(self) -> "InferenceSession":
        return _opened(self._graph, 1)

    def _run(self, session: "InferenceSession", pieces: Pieces, types: Pieces | None) -> Outputs:
        given = feed(pieces, types, self.card["pad_id"], self.inputs)
        return [np.asarray(output) for output in session.run(None, given)]


def _opened(graph: str, threads: int) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    # It was optimised when it was exported.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # A thread that spins while it waits takes the processor from those that work; but
    # to sleep between two operators of a short text takes longer than that.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "30")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def feed(
    pieces: Pieces, types: Pieces | None, pad_id: int, inputs: Collection[str]
) -> dict[str, NDArray[np.int64]]:
    """One batch as a graph with these `inputs` takes it: arrays of shape (texts, most pieces)."""
    shape = (len(pieces), max(len(ids) for ids in pieces))
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask, kinds = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for row, tokens in enumerate(pieces):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        if types is not None:
            kinds[row, : len(tokens)] = types[row]
    fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds}
    return {name: array for name, array in fed.items() if name in inputs}


def side_by_side(
    run: Callable[[list[int]], Outputs], cut: Sequence[list[int]], threads: int
) -> Iterator[tuple[list[int], Outputs]]:
    """Each batch and what `run` makes of it, in order; as many are run at once as `threads`."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(threads)
    try:
        yield from zip(cut, pool.map(run, cut), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def batches(lengths: Sequence[int], most: int = BATCH_PIECES) -> list[list[int]]:
    """Rows sorted by length, cut so that a padded batch has at most so many pieces, or one row."""
    cut: list[list[int]] = [[]]
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if cut[-1] and (len(cut[-1]) + 1) * lengths[row] > most:
            cut.append([])
        cut[-1].append(row)
    return cut if lengths else []


def sha256_of(path: Path) -> str:
    """The checksum of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(version: str, name: str, folder: Path | None) -> str:
    """Names a model's files and a version of its export: 16 hex digits.

    `folder` holds the files; None stands for a hub id, whose commit counts. Raises ModelError.
    """
    digest = hashlib.sha256(f"{version}\n".encode())
    if folder is None:
        digest.update(f"{name}\n{_hub_revision(name)}".encode())
    else:
        for path in sorted(p for p in folder.rglob("*") if p.suffix in MODEL_FILES):
            digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()[:16]


def portable(name: str, digest: str) -> str:
    """The name of a model on other machines, where its export has this fingerprint.

    That is its own, but for a folder: of this machine's folders nothing but the last part is told.
    """
    path = Path(name)
    return f"{path.name}-{digest}" if path.is_absolute() or path.is_dir() else name


def is_portable(name: str, digest: str) -> bool:
    """Whether this is such a name of a folder elsewhere, whose weights cannot be looked at."""
    return name.endswith(f"-{digest}")


def load_quietly(load: Callable[[str], Model], name: str, folder: Path | None) -> Model:
    """What `load` makes of the folder, else of the hub id. Raises ModelError with the remedy."""
    import transformers

    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        model = load(str(folder or name))
        _check_vocabulary(getattr(model, "tokenizer", None))
    except Exception as error:  # the hub, the file system and torch each raise their own
        raise _not_loaded(name, error) from error
    return model


def exported(
    kind: Kind,
    name: str,
    folder: Path,
    export: Callable[[Path], None],
    progress: Callable[[str], None] | None = None,
) -> Path:
    """`folder` with the export of the model `name`; `export` writes it if it is not there.

    It is also kept in the user's cache, below the folder's own name, so that a second index need
    not import torch. Raises ExportFailed if the model cannot be exported, and
    ModuleMissing where nothing is installed that could.
    """
    kept = cached_copy(kind, folder)
    if is_whole(kind, folder) or _copy_folder(kind, kept, folder):
        return folder
    installed.need_for_building("torch", "sentence-transformers")
    if progress:
        progress(f"exporting {name} to ONNX, once")
    try:
        _publish_folder(folder, export)
    except (SessionQAError, OSError):
        raise
    except Exception as error:  # torch, its exporter and the tokenizer each raise their own
        raise ExportFailed(
            f"{name} cannot be exported to ONNX ({first_line(error)}): "
            'set `backend = "sentence-transformers"` in sessionqa.toml'
        ) from error
    _copy_folder(kind, folder, kept)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of an export by their names, for `received` on another machine."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def received(kind: Kind, name: str, fetch: Callable[[], Mapping[str, bytes]]) -> Path:
    """The export of that name in the user's cache; what `fetch` gives, if it is not there.

    Any number of processes may ask at once. Raises OSError where the cache cannot be written to.
    """
    from filelock import FileLock

    kept = cached_copy(kind, Path(name))
    kept.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(kept.parent / f".{name}.lock"):
        if not is_whole(kind, kept):
            files = fetch()
            _publish_folder(kept, lambda aside: _write_files(aside, files))
    return kept


def is_whole(kind: Kind, folder: Path) -> bool:
    """Whether `folder` holds an export of this kind, as far as sizes tell."""
    return _whole_card(kind, folder) is not None


def damaged_files(kind: Kind, folder: Path) -> list[str]:
    """The names of its files that are not as they were exported, by their checksums."""
    card = _whole_card(kind, folder) or {}
    try:
        expected = dict(card["sha256"])
    except (KeyError, ValueError, TypeError):
        return [f"{kind}.json"]
    return [name for name, digest in expected.items() if sha256_of(folder / name) != digest]


def _whole_card(kind: Kind, folder: Path) -> dict[str, Any] | None:
    """The card of an export of this kind; None if its files have other sizes, or it has none."""
    try:
        card: dict[str, Any] = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        whole = card["bytes"] == {name: sizes[name] for name in card["bytes"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return card if whole else None


def cached(kind: Kind) -> Path:
    """The folder in the user's cache where exports of a kind are kept."""
    import platformdirs

    return platformdirs.user_cache_path("sessionqa") / kind


def cached_copy(kind: Kind, folder: Path) -> Path:
    """Where the user's cache keeps a copy of the export in `folder`."""
    return cached(kind) / folder.name


def write_card(kind: Kind, folder: Path, tokenizer: Any, fields: Mapping[str, Any]) -> None:
    """Writes the tokenizer and, last of all, the card; the graph is there."""
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    card = {
        **fields,
        "pad_id": tokenizer.pad_token_id or 0,
        "bytes": {name: (folder / name).stat().st_size for name in (GRAPH, WEIGHTS, TOKENIZER)},
        "sha256": {name: sha256_of(folder / name) for name in (GRAPH, WEIGHTS, TOKENIZER)},
    }
    (folder / f"{kind}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _check_vocabulary(tokenizer: Any) -> None:
    """Raises ValueError for what transformers makes up where a model has no tokenizer."""
    special = set(getattr(tokenizer, "all_special_tokens", ()))
    if special and special >= set(tokenizer.get_vocab()):
        raise ValueError("it has no vocabulary: tokenizer.json is missing")


def _not_loaded(name: str, error: Exception) -> ModelError:
    return ModelError(
        f"the model {name} cannot be loaded ({first_line(error)}): give a folder with its "
        "files, or a hub id while online"
    )


def _hub_revision(name: str) -> str:
    """The commit of the hub model that is in the local cache, so that an update is noticed."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    try:
        found: Any = try_to_load_from_cache(name, "config.json")
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


def _copy_folder(kind: Kind, source: Path, target: Path) -> bool:
    """Copies a published folder if it is there and the place can be written to."""
    if not is_whole(kind, source) or is_whole(kind, target):
        return False
    try:
        _publish_folder(target, lambda aside: _copy_files(source, aside))
    except OSError:
        return False
    return True


def _copy_files(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
