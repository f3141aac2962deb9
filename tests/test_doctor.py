"""Doctor: everything well on a good set-up, and each fault found with what to do."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from sessionqa import Settings, build_index
from sessionqa.cli import main
from sessionqa.doctor import Check, examine
from sessionqa.index import builds

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def planted(planted: Settings) -> Settings:
    """The garden corpus, indexed, and a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return planted.with_(port=probe.getsockname()[1])


def findings(settings: Settings) -> dict[str, Check]:
    return {check.subject: check for check in examine(settings)}


def wrong(settings: Settings) -> dict[str, str]:
    return {c.subject: c.finding for c in examine(settings) if c.verdict == "wrong"}


def doctor(settings: Settings) -> int:
    place = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
    return main(["doctor", *place, "--port", str(settings.port)])


def test_all_is_ok_on_a_good_set_up(planted: Settings, capsys: Capture) -> None:
    checks = findings(planted)
    assert {check.verdict for check in checks.values()} == {"ok"}
    assert {"Python", "onnxruntime", "torch", "model", "vocabulary", "corpus", "index"} < set(
        checks
    )
    assert checks["corpus"].finding == f"2 sessions in {planted.corpus}"
    assert checks["encoder"].finding.endswith("384 dimensions, fp32, agrees with the index")
    assert "is free" in checks["port"].finding
    assert doctor(planted) == 0
    shown = capsys.readouterr()
    assert {line.split()[0] for line in shown.out.splitlines()} == {"ok"}
    assert shown.err == ""


@pytest.mark.parametrize("name", ["vectors.faiss", "passages.sqlite", "sentences.npy"])
def test_a_file_altered_in_place_is_found_by_its_checksum(
    name: str, planted: Settings, capsys: Capture
) -> None:
    path = next(planted.index.rglob(name))
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)
    found = wrong(planted)
    assert str(path) in found["index"]
    assert "run `sessionqa index`" in found["index"]
    assert "corpus" not in found
    assert doctor(planted) == 3
    assert "wrong    index: " in capsys.readouterr().out


def test_a_truncated_index_is_wrong(planted: Settings) -> None:
    path = next(planted.index.rglob("vectors.faiss"))
    path.write_bytes(path.read_bytes()[:100])
    found = wrong(planted)
    assert "100 bytes instead of" in found["index"]
    assert "run `sessionqa index`" in found["index"]
    assert doctor(planted) == 3


def test_a_missing_index_is_wrong(planted: Settings) -> None:
    shutil.rmtree(planted.index)
    assert wrong(planted)["index"] == (
        f"there is no index in {planted.index}: run `sessionqa index`, "
        "with the same --corpus and --index if you gave any"
    )
    assert doctor(planted) == 3
    assert not planted.index.exists()


def test_a_changed_corpus_is_wrong_although_the_index_is_whole(planted: Settings) -> None:
    path = planted.corpus / "GAR202.md"
    path.write_text(path.read_text(encoding="utf-8").replace("eighty", "ninety"), encoding="utf-8")
    found = wrong(planted)
    assert set(found) == {"index and corpus"}
    assert "another corpus" in found["index and corpus"]
    assert "run `sessionqa index`" in found["index and corpus"]
    assert doctor(planted) == 3
    build_index(planted)
    assert wrong(planted) == {}


def test_other_settings_are_as_good_as_another_corpus(planted: Settings) -> None:
    assert set(wrong(planted.with_(chunking="document"))) == {"index and corpus"}


def test_a_missing_corpus_is_wrong(planted: Settings, capsys: Capture) -> None:
    shutil.rmtree(planted.corpus)
    found = wrong(planted)
    assert f"{planted.corpus} does not exist" in found["corpus"]
    assert "--corpus" in found["corpus"]
    assert "index" not in found
    assert doctor(planted) == 3
    assert "wrong    corpus: " in capsys.readouterr().out


def test_a_broken_corpus_file_is_named(planted: Settings) -> None:
    (planted.corpus / "GAR101.md").write_bytes(b"\xff")
    assert "GAR101.md:1: not UTF-8" in wrong(planted)["corpus"]


@pytest.mark.parametrize("name", ["model.onnx", "model.weights", "tokenizer.json", "encoder.json"])
def test_a_truncated_encoder_is_wrong(name: str, planted: Settings) -> None:
    path = next(planted.index.rglob(name))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    found = wrong(planted)
    assert set(found) == {"encoder"}
    assert "remove that folder and run `sessionqa index`" in found["encoder"]
    assert doctor(planted) == 3


def test_vectors_of_another_encoder_are_noticed(
    planted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a large build, whose checksums are not read whenever it is opened."""
    import faiss
    import numpy as np

    monkeypatch.setattr(builds, "CHECKED_UP_TO", 0)
    path = next(planted.index.rglob("vectors.faiss"))
    index = faiss.read_index(str(path))
    noise = np.random.default_rng(0).normal(size=(index.ntotal, index.d)).astype(np.float32)
    index.reset()
    index.add(noise / np.linalg.norm(noise, axis=1, keepdims=True))
    faiss.write_index(index, str(path))
    assert "run `sessionqa index --force`" in wrong(planted)["encoder"]


def test_an_unknown_model_is_wrong(planted: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "model"
    empty.mkdir()
    found = wrong(planted.with_(model=str(empty)))
    assert "was made with sentence-transformers/all-MiniLM-L6-v2" in found["encoder"]


def test_a_port_in_use_is_a_warning_only(planted: Settings, capsys: Capture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = planted.with_(port=taken.getsockname()[1])
        check = findings(busy)["port"]
        assert check.verdict == "warning"
        assert f"127.0.0.1:{busy.port} is in use" in check.finding
        assert "--port" in check.finding
        assert doctor(busy) == 0
    assert "warning  port: " in capsys.readouterr().out


def test_one_fault_does_not_hide_another(planted: Settings) -> None:
    manifest = next(planted.index.rglob("manifest.json"))
    manifest.write_text(json.dumps({"format": 999}))
    shutil.rmtree(planted.corpus)
    found = wrong(planted)
    assert {"corpus", "index", "encoder"} <= set(found)
    assert "has format 999" in found["index"]
    assert findings(planted)["port"].verdict == "ok"


def test_a_fresh_install_is_well(
    shipped: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("SESSIONQA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = Settings.load()
    assert settings.included
    # The export of the encoder, so that the build takes seconds.
    shutil.copytree(shipped.index / "encoder", settings.index.parent / "encoder")
    code = main(["doctor"])
    assert (code, settings.index.exists()) == (0, False)
