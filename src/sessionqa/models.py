"""The index, the encoder and the reranker that the settings name: made ready, and opened."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessionqa import exports, installed
from sessionqa.encode import (
    Encoder,
    OnnxEncoder,
    SentenceTransformerEncoder,
    exported,
    fetched,
    fingerprint,
    precision_of,
)
from sessionqa.errors import ExportFailed, IndexDamaged, IndexUnusable, ModelError
from sessionqa.index import Index, Manifest
from sessionqa.index.builds import SHELVES
from sessionqa.index.stores import Store, store_of
from sessionqa.settings import Settings

if TYPE_CHECKING:
    from sessionqa.index.cut import Report
    from sessionqa.llm import LLM
    from sessionqa.llm.queries import Queries
    from sessionqa.llm.writer import Writer
    from sessionqa.rerank import Reranker


def shelf(settings: Settings, kind: exports.Kind) -> Path:
    """Where the exports of a kind are: beside the builds, or in the user's cache.

    The latter where the builds are in Milvus, and many indexes have one machine to be asked from.
    """
    return exports.cached(kind) if settings.milvus else settings.index / SHELVES[kind]


def fingerprint_here(settings: Settings) -> str:
    """The fingerprint of the model that the settings name.

    Of its weights; but where it comes from a bundle, or only serving is installed, no weights are
    looked for, and it is that of the live build, if the same model made it. Raises ModelError,
    IndexDamaged or ModuleMissing.
    """
    made_by = _maker_of_live(settings)
    bundled = made_by and exports.is_portable(settings.model, made_by["fingerprint"])
    if not (bundled or installed.serves_only()):
        return fingerprint(settings.model, settings.precision)
    same = made_by and made_by["name"] == settings.model
    if not same or precision_of(made_by["fingerprint"]) != settings.precision:
        installed.need_for_building()
        return fingerprint(settings.model, settings.precision)
    return str(made_by["fingerprint"])


def _maker_of_live(settings: Settings) -> dict[str, Any]:
    """What the live build says of its encoder; nothing where there is none that can be read."""
    try:
        return store_of(settings).live().encoder
    except IndexUnusable:
        return {}


def encoder_for_building(settings: Settings, report: "Report") -> Encoder:
    """The encoder of these settings; the ONNX export is made if it is not there yet.

    A model that cannot be exported is run by sentence-transformers, with a warning. Raises
    ModelError if another precision is wanted of such a one, int8 of one that it changes too much,
    or bf16 of a processor without it, and ModuleMissing for bf16 without OpenVINO.
    """
    if settings.backend == "onnx":
        try:
            folder = exported(
                settings.model,
                shelf(settings, "encoder"),
                lambda stage: report(stage, 0, 1),
                settings.precision,
            )
        except ExportFailed as error:
            if settings.precision != "fp32":
                raise ModelError(f'{error}, and `precision = "fp32"`') from error
            _warn_of_pytorch(error)
        else:
            return onnx_encoder(folder, settings)
    return torch_encoder(settings)


def torch_encoder(settings: Settings) -> Encoder:
    """The model of these settings, run by sentence-transformers. Raises ModelError."""
    return SentenceTransformerEncoder(settings.model, settings.threads)


def onnx_encoder(folder: Path, settings: Settings) -> Encoder:
    """The encoder that reads passages by the export in `folder`. Raises as for building."""
    if settings.precision != "bf16":
        return OnnxEncoder(folder, settings.threads)
    from sessionqa.bf16 import Bf16Encoder

    return Bf16Encoder(folder, settings.threads)


def _warn_of_pytorch(error: ExportFailed) -> None:
    import logging

    logging.getLogger(__name__).warning(
        "sessionqa: %s to be told no more; until then it is run by PyTorch, which every question "
        "loads: seconds instead of a fraction of one, some 400 MB more memory, and tokens are "
        "not compared",
        error,
    )


def prepare_reranker(settings: Settings, report: "Report") -> None:
    """Sees to it that a question finds the reranker's export, if one is wanted."""
    if not settings.reranker or settings.backend == "sentence-transformers":
        return
    from sessionqa import rerank
    from sessionqa.index.publish import only_builder

    place = shelf(settings, "reranker")
    if installed.serves_only() and rerank.find(settings.reranker, place):
        return
    if not rerank.in_step(settings.reranker, place):
        with only_builder(settings.index, settings.place):
            rerank.exported(settings.reranker, place, lambda stage: report(stage, 0, 1))


def open_live(settings: Settings, store: Store | None = None) -> tuple[Index, Encoder]:
    """The live index of the settings' store and the encoder that made its vectors.

    Raises IndexMissing, IndexDamaged, IndexUnusable or ModelError.
    """
    store = store or store_of(settings)
    manifest = store.live()
    # ONNX Runtime opens its part without Python, which has other libraries to import meanwhile.
    with ThreadPoolExecutor(1) as beside:
        encoder = beside.submit(_encoder_of, manifest, settings)
        index = store.open(manifest)
    return index, encoder.result()


def open_reranker(settings: Settings) -> "Reranker":
    """The reranker that the settings name. Raises ModelError or IndexDamaged."""
    from sessionqa import rerank

    if settings.backend == "sentence-transformers":
        return rerank.CrossEncoderReranker(settings.reranker)
    place = shelf(settings, "reranker")
    folder = rerank.find(settings.reranker, place)
    if folder is None:
        raise ModelError(
            f"the reranker {settings.reranker} is not in {place}: run `sessionqa index`"
        )
    return rerank.OnnxReranker(folder, settings.threads)


def open_writer(settings: Settings, index: Index, encoder: Encoder) -> "Writer":
    """What has the settings' language model write.

    Raises LLMError if it cannot be opened, ModuleMissing or SettingsError.
    """
    from sessionqa.llm.writer import Writer

    return Writer(_opened_llm(settings), index, encoder, settings)


def open_queries(settings: Settings) -> "Queries":
    """What has it word queries. Raises likewise."""
    from sessionqa.llm.queries import Queries

    return Queries(_opened_llm(settings), settings)


# It may be large, and outlives an index.
@lru_cache(maxsize=1)
def _opened_llm(settings: Settings) -> "LLM":
    from sessionqa.llm import open_llm

    return open_llm(settings.llm, settings)


def _encoder_of(manifest: Manifest, settings: Settings) -> Encoder:
    """The encoder that made the index's vectors. Raises IndexDamaged if it is another one."""
    made_by = manifest.encoder
    if made_by["name"] != settings.model:
        raise IndexDamaged(
            f"the index in {settings.index} was made with {made_by['name']}, not {settings.model}: "
            "run `sessionqa index`, or set `model` to that"
        )
    precision = precision_of(made_by["fingerprint"])
    if made_by["backend"] == "onnx" and precision != settings.precision:
        raise IndexDamaged(
            f"the index in {settings.index} was made with precision {precision}, not "
            f'{settings.precision}: run `sessionqa index`, or set `precision = "{precision}"`'
        )
    encoder: Encoder
    if made_by["backend"] == "sentence-transformers":
        encoder = SentenceTransformerEncoder(made_by["name"], settings.threads)
    else:
        folder = shelf(settings, "encoder") / made_by["fingerprint"]
        if settings.milvus:
            fetched(settings.model, folder)
        encoder = OnnxEncoder(folder, settings.threads)
    if encoder.fingerprint != made_by["fingerprint"]:
        raise IndexDamaged(
            f"the index in {settings.index} was made with other weights of {made_by['name']}: "
            "run `sessionqa index`"
        )
    return encoder
