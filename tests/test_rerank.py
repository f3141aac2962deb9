"""Reranking: the scores are the cross-encoder's own, the order follows them, and it is off."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa import Assistant, Settings, build_index, rerank
from sessionqa.cli import main
from sessionqa.doctor import examine
from sessionqa.encode import model_folder
from sessionqa.errors import IndexDamaged, ModelError
from sessionqa.exports import load_quietly
from sessionqa.rerank import CrossEncoderReranker, OnnxReranker, reranked
from sessionqa.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

Capture = pytest.CaptureFixture[str]

QUESTION = "What do worms eat?"
LONG = "Worms eat kitchen scraps within six weeks. " * 30
TEXTS = [
    "Worms eat kitchen scraps.",
    "Tea is brewed at eighty degrees.",
    LONG,
    "",
    "堆肥 🙂",
    "a\x00b",
]


@pytest.fixture(scope="module")
def golden(cross_encoder: Path) -> "CrossEncoder":
    """The cross-encoder as sentence-transformers runs it."""
    from sentence_transformers import CrossEncoder

    return load_quietly(lambda place: CrossEncoder(place, device="cpu"), "", cross_encoder)


@pytest.fixture(scope="module")
def onnx(cross_encoder: Path, reranker_shelf: Path) -> OnnxReranker:
    folder = rerank.find(str(cross_encoder), reranker_shelf)
    assert folder is not None
    return OnnxReranker(folder)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Exports of the test are not kept in the user's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def alter(model: Path) -> None:
    """Changes the model's last weight."""
    weights = model / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)


# The scores


@pytest.mark.parametrize("question", [QUESTION, "", "堆肥?", "why " * 20, "why " * 100])
def test_scores_are_those_of_sentence_transformers(
    onnx: OnnxReranker, golden: "CrossEncoder", question: str
) -> None:
    scores = onnx.scores(question, TEXTS)
    assert scores.dtype == np.float32
    assert len(set(scores.tolist())) > 2
    expected = golden.predict([(question, text) for text in TEXTS], show_progress_bar=False)
    assert np.abs(scores - expected).max() < 1e-4


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=300), st.lists(st.text(max_size=300), max_size=5))
def test_scores_of_any_texts_are_those_of_sentence_transformers(
    onnx: OnnxReranker, golden: "CrossEncoder", question: str, texts: list[str]
) -> None:
    expected = golden.predict([(question, text) for text in texts], show_progress_bar=False)
    assert np.allclose(onnx.scores(question, texts), expected, atol=1e-4)


def test_either_backend_gives_the_same_scores(onnx: OnnxReranker, cross_encoder: Path) -> None:
    other = CrossEncoderReranker(str(cross_encoder))
    assert other.name == onnx.name == str(cross_encoder)
    assert np.abs(other.scores(QUESTION, TEXTS) - onnx.scores(QUESTION, TEXTS)).max() < 1e-4
    for reranker in (onnx, other):
        none = reranker.scores(QUESTION, [])
        assert (none.shape, none.dtype) == ((0,), np.float32)


def test_of_a_long_pair_the_passage_is_cut_and_not_the_question(onnx: OnnxReranker) -> None:
    one, other = onnx.scores(QUESTION, [LONG, f"{LONG} Citrus peel harms them."])
    assert one == other
    assert onnx.scores(QUESTION, [LONG])[0] != onnx.scores("What do worms fear?", [LONG])[0]


def test_a_score_is_the_same_again_and_in_any_company(onnx: OnnxReranker) -> None:
    together = onnx.scores(QUESTION, TEXTS)
    assert np.array_equal(together, onnx.scores(QUESTION, TEXTS))
    backwards = onnx.scores(QUESTION, TEXTS[::-1])[::-1]
    alone = np.concatenate([onnx.scores(QUESTION, [text]) for text in TEXTS])
    assert np.abs(together - backwards).max() < 1e-5
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.usefixtures("own_cache")
def test_scores_are_on_the_scale_that_the_model_says(cross_encoder: Path, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(cross_encoder), device="cpu", activation_fn=torch.nn.Identity())
    model.save(str(tmp_path / "model"))
    onnx = OnnxReranker(rerank.exported(str(tmp_path / "model"), tmp_path / "shelf"))
    scores = onnx.scores(QUESTION, TEXTS)
    expected = model.predict([(QUESTION, text) for text in TEXTS], show_progress_bar=False)
    assert np.abs(scores - expected).max() < 1e-4
    assert max(scores) > 1


# The order


def test_the_best_hits_are_ordered_by_score_and_the_rest_follow(
    planted: Settings, onnx: OnnxReranker
) -> None:
    hits = Assistant.open(planted).search(QUESTION, k=50)
    scores = onnx.scores(QUESTION, [f"{h.passage.title}\n{h.passage.text}" for h in hits])
    for top in range(1, len(hits) + 2):
        found = reranked(onnx, QUESTION, hits, top)
        read = found[:top]
        assert [h.rerank_score for h in read] == sorted(scores[:top].tolist(), reverse=True)
        assert {h.passage.id for h in read} == {h.passage.id for h in hits[:top]}
        assert found[top:] == hits[top:]
    assert reranked(onnx, QUESTION, [], 50) == []


def test_hits_that_score_alike_keep_their_order(planted: Settings, onnx: OnnxReranker) -> None:
    hit = Assistant.open(planted).search(QUESTION, k=1)[0]
    found = reranked(onnx, QUESTION, [hit] * 3, 50)
    assert len({h.rerank_score for h in found}) == 1
    assert [h.passage for h in found] == [hit.passage] * 3


def test_it_is_off_unless_it_is_asked_for(planted: Settings) -> None:
    assert planted.reranker == Settings().reranker == ""
    build_index(planted)
    assert not (planted.index / "reranker").exists()
    assert {h.rerank_score for h in Assistant.open(planted).search(QUESTION)} == {None}


def test_search_and_answers_are_reranked_and_scores_stay(reranking: Settings) -> None:
    before = Assistant.open(reranking.with_(reranker=""))
    after = Assistant.open(reranking)
    plain, found = before.search(QUESTION, k=50), after.search(QUESTION, k=50)
    scores = [h.rerank_score for h in found]
    assert None not in scores
    assert scores == sorted(scores, reverse=True, key=lambda score: score or 0)
    assert [h.passage.id for h in found] != [h.passage.id for h in plain]
    fused = {h.passage.id: h.score for h in plain}
    assert {h.passage.id: h.score for h in found} == fused
    assert found[:2] == after.search(QUESTION, k=2)
    # The hits are the same few in another order, and so is what the confidence sees.
    old, new = before.ask(QUESTION), after.ask(QUESTION)
    assert old.confidence == new.confidence
    assert [c.quote for c in old.citations] == [c.quote for c in new.citations]


def test_so_many_are_read_and_no_more(reranking: Settings) -> None:
    hits = Assistant.open(reranking.with_(rerank_top=2)).search(QUESTION, k=50)
    assert [h.rerank_score is not None for h in hits] == [True, True, *[False] * (len(hits) - 2)]
    rest = [h.score for h in hits[2:]]
    assert rest == sorted(rest, reverse=True)
    assert len(rest) > 0


def test_the_other_backend_needs_no_export(reranking: Settings) -> None:
    found = Assistant.open(reranking).search(QUESTION)
    shutil.rmtree(reranking.index / "reranker")
    other = Assistant.open(reranking.with_(backend="sentence-transformers")).search(QUESTION)
    assert [h.passage.id for h in other] == [h.passage.id for h in found]


def test_the_command_line_shows_both_scores(
    reranking: Settings, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    toml = f"reranker = {json.dumps(reranking.reranker)}\n"
    (tmp_path / "sessionqa.toml").write_text(toml, encoding="utf-8")
    assert main(["search", QUESTION, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first["rerank_score"] is not None
    shown = f"reranked {first['rerank_score']:.3f}, {first['score']:.3f}"
    assert main(["search", QUESTION]) == 0
    assert shown in capsys.readouterr().out
    assert main(["ask", QUESTION, "--explain"]) == 0
    assert shown in capsys.readouterr().out


# The export


@pytest.mark.usefixtures("own_cache")
def test_index_exports_it_and_builds_nothing_else(planted: Settings, cross_encoder: Path) -> None:
    chosen = planted.with_(reranker=str(cross_encoder))
    live = (planted.index / "CURRENT").read_text()
    with pytest.raises(ModelError, match=r"is not in .*reranker: run `sessionqa index`"):
        Assistant.open(chosen)
    told: list[str] = []
    build_index(chosen, lambda stage, *_: told.append(stage))
    assert told == [f"exporting {cross_encoder} to ONNX, once"]
    assert (planted.index / "CURRENT").read_text() == live
    assert Assistant.open(chosen).search(QUESTION)[0].rerank_score is not None
    build_index(chosen, lambda stage, *_: told.append(stage))
    assert len(told) == 1


def test_a_second_index_takes_it_from_the_cache_without_torch(
    reranking: Settings, own_cache: Path, cross_encoder: Path
) -> None:
    shutil.move(reranking.index / "reranker", own_cache / "sessionqa" / "reranker")
    code = """
import sys
from pathlib import Path
from sessionqa import Settings, build_index
corpus, index = map(Path, sys.argv[1:3])
build_index(Settings(corpus=corpus, index=index, reranker=sys.argv[3]))
print("torch" in sys.modules)
"""
    places = [reranking.corpus, reranking.index, cross_encoder]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, places)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ),
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
    assert Assistant.open(reranking).search(QUESTION)[0].rerank_score is not None


def test_an_export_serves_each_folder_with_the_same_weights_and_no_other(
    reranking: Settings, cross_encoder: Path, tmp_path: Path
) -> None:
    shelf = reranking.index / "reranker"
    assert rerank.in_step(str(cross_encoder), shelf)
    moved = tmp_path / "moved"
    shutil.copytree(cross_encoder, moved)
    assert rerank.find(str(moved), shelf) is None
    build_index(reranking.with_(reranker=str(moved)))
    found = rerank.find(str(cross_encoder), shelf)
    assert rerank.find(str(moved), shelf) == found is not None
    alter(moved)
    assert not rerank.in_step(str(moved), shelf)
    checks = {check.subject: check for check in examine(reranking.with_(reranker=str(moved)))}
    assert checks["reranker"].verdict == "wrong"
    assert "other weights" in checks["reranker"].finding
    assert "run `sessionqa index`" in checks["reranker"].finding


def test_a_broken_record_of_names_is_an_export_that_is_not_there(reranking: Settings) -> None:
    for text in ("", "[]", "{", '{"x": "y"}'):
        (reranking.index / "reranker" / "names.json").write_text(text)
        with pytest.raises(ModelError, match="run `sessionqa index`"):
            Assistant.open(reranking)
    build_index(reranking)
    assert Assistant.open(reranking).search(QUESTION)[0].rerank_score is not None


def test_doctor_looks_at_it_where_there_is_one(reranking: Settings) -> None:
    checks = {check.subject: check for check in examine(reranking)}
    assert checks["reranker"].verdict == "ok"
    assert checks["reranker"].finding.startswith(f"{reranking.reranker} scores a pair of texts")
    shutil.rmtree(reranking.index / "reranker")
    checks = {check.subject: check for check in examine(reranking)}
    assert (checks["reranker"].verdict, checks["encoder"].verdict) == ("wrong", "ok")
    assert checks["reranker"].finding.endswith("run `sessionqa index`")
    assert "reranker" not in {c.subject for c in examine(reranking.with_(reranker=""))}


# What cannot serve


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_export_is_refused_with_the_remedy(
    reranking: Settings, name: str, damage: bytes | None
) -> None:
    path = next((reranking.index / "reranker").glob(f"*/{name}"))
    path.write_bytes(b"x" * path.stat().st_size if damage is None else damage)
    remedy = r"run `sessionqa index`"
    with pytest.raises((IndexDamaged, ModelError), match=remedy) as refused:
        Assistant.open(reranking)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("files", [{}, {"config.json": "{"}, {"modules.json": "[]"}])
@pytest.mark.parametrize("backend", ["onnx", "sentence-transformers"])
def test_a_folder_without_a_model_is_refused_with_the_remedy(
    planted: Settings, tmp_path: Path, files: dict[str, str], backend: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    use = build_index if backend == "onnx" else Assistant.open
    with pytest.raises(ModelError, match=r"cannot be loaded .*: give a folder with its files"):
        use(planted.with_(reranker=str(folder), backend=backend))
    Assistant.open(planted)


def test_an_encoder_is_no_reranker(planted: Settings) -> None:
    assert model_folder(DEFAULT_MODEL) is not None
    with pytest.raises(ModelError, match="is no cross-encoder but a BertModel: give `reranker`"):
        build_index(planted.with_(reranker=DEFAULT_MODEL))


def test_a_model_of_several_scores_is_refused(cross_encoder: Path, tmp_path: Path) -> None:
    import transformers

    folder = tmp_path / "three"
    shutil.copytree(cross_encoder, folder)
    config = transformers.BertConfig.from_pretrained(folder, num_labels=3)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    with pytest.raises(ModelError, match="gives 3 scores for a pair of texts"):
        CrossEncoderReranker(str(folder))


@pytest.mark.usefixtures("own_cache")
def test_an_export_that_would_score_otherwise_is_refused(
    cross_encoder: Path, tmp_path: Path
) -> None:
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(
        str(cross_encoder),
        device="cpu",
        prompts={"query": "rank this: "},
        default_prompt_name="query",
    )
    model.save(str(tmp_path / "model"))
    with pytest.raises(ModelError, match=r"other scores than the model\): set `backend = "):
        rerank.exported(str(tmp_path / "model"), tmp_path / "shelf")
    assert list((tmp_path / "shelf").iterdir()) == []
