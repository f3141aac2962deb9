"""int8 and bf16: vectors near those of float32, whatever the batch; an index of one precision."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import onnx
import pytest
from without import WITHOUT

from sessionqa import Assistant, Settings, build_index
from sessionqa.bf16 import Bf16Encoder, check_processor
from sessionqa.doctor import examine
from sessionqa.encode import (
    LEAST_COSINE,
    STEPS,
    OnnxEncoder,
    Vectors,
    exported,
    fingerprint,
    precision_of,
)
from sessionqa.errors import IndexDamaged, ModelError, SettingsError
from sessionqa.index.local import LocalIndex
from sessionqa.settings import DEFAULT_MODEL, Precision

ROOT = Path(__file__).parents[1]
CORPUS = [
    line
    for path in sorted((ROOT / "corpus").glob("ARC*.md"))
    for line in path.read_text(encoding="utf-8").splitlines()
    if len(line.split()) > 8
]
QUESTIONS = [
    json.loads(line)["question"]
    for line in (ROOT / "corpus" / "gold.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The int8 export of the default model."""
    return exported(DEFAULT_MODEL, tmp_path_factory.mktemp("shelf"), precision="int8")


@pytest.fixture(scope="session")
def int8(folder: Path) -> OnnxEncoder:
    return OnnxEncoder(folder)


@pytest.fixture(scope="session")
def gentle(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with layers that add less to what they are given."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("gentle") / "model"
    shutil.copytree(tiny, folder)
    [path] = folder.rglob("model.safetensors")
    tensors = load_file(path)
    for name, tensor in tensors.items():
        if "encoder.layer" in name and tensor.ndim == 2:
            tensors[name] = tensor * 0.2
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


def cosines(one: Vectors, other: Vectors) -> Vectors:
    return np.asarray((one * other).sum(axis=-1), dtype=np.float32)


# The vectors


def test_vectors_of_passages_are_near_those_of_float32(
    assistant: Assistant, int8: OnnxEncoder
) -> None:
    texts = CORPUS[::12]
    near = cosines(assistant.encoder.encode_passages(texts), int8.encode_passages(texts))
    assert near.mean() >= LEAST_COSINE
    assert near.min() >= 0.995
    # It is another encoder, after all.
    assert near.mean() < 0.99999


def test_vectors_of_questions_are_near_those_of_float32(
    assistant: Assistant, int8: OnnxEncoder
) -> None:
    asked = QUESTIONS[::15]
    exact = np.stack([assistant.encoder.encode_question(question) for question in asked])
    near = cosines(exact, np.stack([int8.encode_question(question) for question in asked]))
    assert near.mean() >= LEAST_COSINE


@pytest.mark.parametrize(
    "text",
    ["", "a", "堆肥 🙂 Ω", "0x7f " * 60, "the " * 300, "?!?! ((((" * 20, "{'a': [1, 2]}\n" * 9],
)
def test_unusual_texts_do_not_go_beyond_the_scales(
    assistant: Assistant, int8: OnnxEncoder, text: str
) -> None:
    exact, near = (e.encode_passages([text])[0] for e in (assistant.encoder, int8))
    assert float(exact @ near) >= 0.99


def test_tokens_are_near_those_of_float32(assistant: Assistant, int8: OnnxEncoder) -> None:
    exact, near = (e.encode_with_tokens(CORPUS[:20]) for e in (assistant.encoder, int8))
    assert exact.lengths.tolist() == near.lengths.tolist()
    pair = exact.tokens.astype(np.float32) / STEPS, near.tokens.astype(np.float32) / STEPS
    assert cosines(*pair).mean() >= 0.99


def test_a_text_has_the_same_vector_whatever_stands_beside_it(int8: OnnxEncoder) -> None:
    texts = [*CORPUS[:6], "", "堆肥 🙂", "((((" * 60, "tea"]
    together = int8.encode_passages(texts)
    alone = np.concatenate([int8.encode_passages([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_the_vectors_do_not_depend_on_the_number_of_threads(folder: Path) -> None:
    one, two = (OnnxEncoder(folder, threads).encode_passages(CORPUS[:40]) for threads in (1, 2))
    assert np.abs(one - two).max() < 1e-5


# bfloat16


@pytest.fixture(scope="session")
def bf16(assistant: Assistant) -> Bf16Encoder:
    """An encoder that reads passages in bfloat16, of the export that `assistant` asks by."""
    assert isinstance(assistant.index, LocalIndex)
    try:
        return Bf16Encoder(assistant.index.encoder_folder)
    except ModelError as error:
        pytest.skip(str(error))


def test_passages_in_bfloat16_are_nearer_to_float32_than_those_in_int8(
    assistant: Assistant, bf16: Bf16Encoder
) -> None:
    exact, near = (
        encoder.encode_with_tokens(CORPUS[::12]) for encoder in (assistant.encoder, bf16)
    )
    assert cosines(exact.vectors, near.vectors).min() >= 0.9998
    # It is another encoder, after all.
    assert not np.array_equal(exact.vectors, near.vectors)
    assert exact.lengths.tolist() == near.lengths.tolist()
    assert np.abs(exact.tokens.astype(int) - near.tokens).max() <= 4


def test_what_stands_beside_a_passage_in_bfloat16_hardly_matters(
    bf16: Bf16Encoder,
) -> None:
    texts = [*CORPUS[:40], "", "堆肥 🙂", "((((" * 60, "tea"]
    told: list[int] = []
    together = bf16.encode_passages(texts, told.append)
    alone = np.concatenate([bf16.encode_passages([text]) for text in texts])
    assert cosines(together, alone).min() >= 0.99995
    assert sum(told) == len(texts)
    assert bf16.encode_passages([]).shape == (0, 384)


def test_a_question_is_read_in_float32_whatever_the_index(
    assistant: Assistant, bf16: Bf16Encoder
) -> None:
    for question in QUESTIONS[:5]:
        vectors = [encoder.encode_question(question) for encoder in (assistant.encoder, bf16)]
        assert np.array_equal(*vectors)


@pytest.mark.usefixtures("bf16")
def test_an_index_in_bfloat16_is_asked_without_openvino(planted: Settings) -> None:
    settings = planted.with_(precision="bf16")
    manifest = build_index(settings)
    assert manifest.encoder["fingerprint"] == f"{fingerprint(DEFAULT_MODEL)}-bf16"
    (planted.index.parent / "sessionqa.toml").write_text('precision = "bf16"')
    asked = subprocess.run(
        [sys.executable, "-c", WITHOUT.format("openvino"), "ask", "What do worms eat?"],
        env={**os.environ, "SESSIONQA_HOME": str(planted.index.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert "kitchen scraps" in asked.stdout
    # To build is what takes it.
    built = subprocess.run(
        [sys.executable, "-c", WITHOUT.format("openvino"), "index", "--force"],
        env={**os.environ, "SESSIONQA_HOME": str(planted.index.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 3
    assert "pip install 'sessionqa[openvino]'" in built.stderr
    assert "Traceback" not in built.stderr
    found = {check.subject: check for check in examine(settings)}
    assert found["encoder"].finding.endswith("bf16, agrees with the index")


def test_a_processor_without_bfloat16_is_told_what_to_set() -> None:
    check_processor(["FP32", "BF16"])
    with pytest.raises(ModelError, match=r'does not multiply bfloat16.*set `precision = "fp32"`'):
        check_processor(["FP32", "INT8"])


# The export


def test_all_products_are_of_whole_numbers_but_the_one_that_gives_the_tokens(folder: Path) -> None:
    graph = onnx.load(folder / "model.onnx", load_external_data=False).graph
    found = Counter(node.op_type for node in graph.node)
    # 36 layers; those whose input no normalisation bounds take two parts.
    assert found["MatMulIntegerToFloat"] >= 36 + 12
    assert found["MatMul"] == 1


def test_an_export_is_smaller_and_can_be_read_by_whoever_can_read_the_index(
    assistant: Assistant, folder: Path
) -> None:
    assert isinstance(assistant.index, LocalIndex)
    sizes = [
        (place / "model.weights").stat().st_size
        for place in (folder, assistant.index.encoder_folder)
    ]
    assert sizes[0] < 0.7 * sizes[1]
    modes = {path.stat().st_mode & 0o777 for path in folder.glob("model.*")}
    assert len(modes) == 1


def test_the_fingerprint_tells_the_precision(int8: OnnxEncoder, assistant: Assistant) -> None:
    assert int8.fingerprint == f"{assistant.encoder.fingerprint}-int8"
    assert fingerprint(DEFAULT_MODEL, "int8") == int8.fingerprint
    assert precision_of(int8.fingerprint) == "int8"
    assert precision_of(assistant.encoder.fingerprint) == "fp32"


@pytest.mark.usefixtures("own_cache")
def test_the_same_model_is_exported_to_the_same_bytes(gentle: Path, tmp_path: Path) -> None:
    from sessionqa.encode import export

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        export(str(gentle), fingerprint(str(gentle), "int8"), tmp_path / name)
    weights = [(tmp_path / name / "model.weights").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]


@pytest.mark.usefixtures("own_cache")
def test_a_model_that_int8_changes_too_much_is_refused_and_nothing_is_left(
    garden: Settings, tiny: Path, tmp_path: Path
) -> None:
    """One of random and large weights, in which every rounding grows from layer to layer."""
    settings = garden.with_(model=str(tiny), precision="int8")
    with pytest.raises(
        ModelError, match=r"int8 changes .* too much \(mean cosine 0\.\d+, at least"
    ):
        build_index(settings)
    left = [path for place in (garden.index, tmp_path / "cache") for path in place.rglob("*")]
    assert [path for path in left if path.is_file() and path.name != ".lock"] == []
    # What the message advises.
    build_index(settings.with_(precision="fp32"))
    assert Assistant.open(settings.with_(precision="fp32")).search("What do worms eat?")


@pytest.mark.usefixtures("garden")
def test_a_model_that_cannot_be_exported_cannot_be_had_in_int8(
    tiny: Path, indexed_without_export: Callable[[str], CompletedProcess[str]]
) -> None:
    settings = f'model = {json.dumps(str(tiny))}\nprecision = "int8"\n'
    done = indexed_without_export(settings)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    for said in ("cannot be exported to ONNX", 'precision = "fp32"'):
        assert said in done.stderr


@pytest.mark.usefixtures("own_cache")
def test_another_model_works_in_int8_from_build_to_answer(garden: Settings, gentle: Path) -> None:
    settings = garden.with_(model=str(gentle), precision="int8")
    manifest = build_index(settings)
    assert manifest.encoder["fingerprint"].endswith("-int8")
    assistant = Assistant.open(settings)
    assert all(hit.token_score is not None for hit in assistant.search("What do worms eat?"))
    # The same again: nothing is to be done.
    assert build_index(settings).build == manifest.build


# An index of the other precision


def test_an_index_of_the_other_precision_is_refused_with_the_remedy(planted: Settings) -> None:
    with pytest.raises(IndexDamaged, match=r'precision fp32, not int8: .*set `precision = "fp32"`'):
        Assistant.open(planted.with_(precision="int8"))
    build_index(planted.with_(precision="int8"))
    with pytest.raises(IndexDamaged, match=r'precision int8, not fp32: .*set `precision = "int8"`'):
        Assistant.open(planted)
    answer = Assistant.open(planted.with_(precision="int8")).ask("What do worms eat?")
    assert "kitchen scraps" in answer.text
    # Either export stays where it is.
    names = {path.name for path in (planted.index / "encoder").iterdir()}
    assert names == {fingerprint(DEFAULT_MODEL), fingerprint(DEFAULT_MODEL, "int8")}


def test_the_doctor_names_the_precision(planted: Settings) -> None:
    settings = planted.with_(precision="int8")
    build_index(settings)
    found = {check.subject: check for check in examine(settings)}
    assert found["encoder"].finding.endswith("384 dimensions, int8, agrees with the index")
    assert found["index and corpus"].verdict == "ok"
    found = {check.subject: check for check in examine(planted)}
    assert "precision int8, not fp32" in found["encoder"].finding


# The setting


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_sentence_transformers_has_one_precision(precision: Precision) -> None:
    with pytest.raises(SettingsError, match=f'"{precision}", which only `backend = "onnx"` has'):
        Settings(precision=precision, backend="sentence-transformers")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(SettingsError, match="choose one of fp32, bf16, int8"):
        Settings(precision="int4")  # type: ignore[arg-type]


def test_the_file_names_the_precision(tmp_path: Path) -> None:
    (tmp_path / "sessionqa.toml").write_text('precision = "int8"')
    assert Settings.load({"SESSIONQA_HOME": str(tmp_path)}).precision == "int8"
