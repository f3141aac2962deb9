"""Settings: what wins over what, what a relative path is relative to, and what is refused."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import platformdirs
import pytest

from sessionqa.errors import SettingsError
from sessionqa.settings import DEFAULT_MODEL, Settings, included_corpus
from sessionqa.threads import usable_cores

NO_HOME: dict[str, str] = {}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def toml(folder: Path, text: str) -> Path:
    path = folder / "sessionqa.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- which place wins


@pytest.mark.usefixtures("here")
def test_nothing_given_is_the_included_corpus_and_the_users_cache() -> None:
    settings = Settings.load(NO_HOME)
    assert settings.included
    assert settings.corpus == included_corpus()
    assert (settings.corpus / "ARC310.md").is_file()
    assert settings.index == platformdirs.user_cache_path("sessionqa") / "index"


@pytest.mark.parametrize("name", ["corpus", "index"])
def test_a_corpus_or_index_in_the_current_folder_wins_over_the_included(
    name: str, here: Path
) -> None:
    (here / name).mkdir()
    settings = Settings.load(NO_HOME)
    assert (settings.corpus, settings.index) == (here / "corpus", here / "index")
    assert not settings.included


def test_home_wins_over_the_current_folder(here: Path, tmp_path: Path) -> None:
    (here / "corpus").mkdir()
    home = tmp_path / "home"
    settings = Settings.load({"SESSIONQA_HOME": str(home)})
    assert (settings.corpus, settings.index) == (home / "corpus", home / "index")
    assert not settings.included


def test_an_empty_home_is_none(here: Path) -> None:
    (here / "corpus").mkdir()
    assert Settings.load({"SESSIONQA_HOME": ""}).corpus == here / "corpus"


def test_the_file_wins_over_home(here: Path, tmp_path: Path) -> None:
    assert here.is_dir()
    toml(tmp_path, "corpus = 'talks'")
    settings = Settings.load({"SESSIONQA_HOME": str(tmp_path)})
    assert settings.corpus == tmp_path / "talks"
    assert settings.index == tmp_path / "index"


def test_arguments_win_over_the_file(here: Path, tmp_path: Path) -> None:
    assert here.is_dir()
    toml(tmp_path, "corpus = 'talks'\ntop_k = 3\nport = 8000")
    settings = Settings.load({"SESSIONQA_HOME": str(tmp_path)}, corpus=Path("mine"), top_k=5)
    assert (settings.corpus, settings.top_k, settings.port) == (Path("mine"), 5, 8000)


def test_an_argument_of_none_is_not_given(here: Path) -> None:
    toml(here, "top_k = 3")
    assert Settings.load(NO_HOME, top_k=None).top_k == 3


def test_a_corpus_given_alone_has_its_index_in_the_current_folder(here: Path) -> None:
    settings = Settings.load(NO_HOME, corpus=Path("talks"))
    assert (settings.corpus, settings.index) == (Path("talks"), here / "index")
    assert not settings.included


def test_an_index_given_alone_has_its_corpus_in_the_current_folder(here: Path) -> None:
    settings = Settings.load(NO_HOME, index=Path("built"))
    assert (settings.corpus, settings.index) == (here / "corpus", Path("built"))


def test_the_file_of_the_current_folder_is_not_read_where_home_is_set(
    here: Path, tmp_path: Path
) -> None:
    toml(here, "top_k = 3")
    assert Settings.load({"SESSIONQA_HOME": str(tmp_path)}).top_k == Settings().top_k


def test_load_reads_the_environment_of_the_process(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here.is_dir()
    monkeypatch.setenv("SESSIONQA_HOME", str(tmp_path))
    assert Settings.load().corpus == tmp_path / "corpus"


# --- the file


def test_every_setting_can_stand_in_the_file(here: Path) -> None:
    toml(
        here,
        """
        corpus = "talks"
        index = "../built"
        model = "BAAI/bge-small-en-v1.5"
        backend = "sentence-transformers"
        threads = 3
        chunking = "document"
        chunk_tokens = 200
        chunk_overlap = 0
        top_k = 3
        fusion = "rrf"
        lexical_weight = 0.5
        late_interaction = false
        reranker = "cross-encoder/ms-marco-MiniLM-L6-v2"
        rerank_top = 20
        refuse_below = 1
        host = "::1"
        port = 65535
        """,
    )
    settings = Settings.load(NO_HOME)
    assert settings.corpus == here / "talks"
    assert settings.index.resolve() == here.parent / "built"
    assert (settings.model, settings.backend) == ("BAAI/bge-small-en-v1.5", "sentence-transformers")
    assert (settings.chunking, settings.chunk_tokens, settings.chunk_overlap) == (
        "document",
        200,
        0,
    )
    assert settings.threads == 3
    assert (settings.top_k, settings.refuse_below) == (3, 1)
    assert (settings.fusion, settings.lexical_weight) == ("rrf", 0.5)
    assert settings.late_interaction is False
    assert settings.reranker == "cross-encoder/ms-marco-MiniLM-L6-v2"
    assert settings.rerank_top == 20
    assert (settings.host, settings.port) == ("::1", 65535)


def test_an_absolute_path_in_the_file_stays(here: Path, tmp_path: Path) -> None:
    toml(here, f"corpus = '{tmp_path / 'elsewhere'}'")
    assert Settings.load(NO_HOME).corpus == tmp_path / "elsewhere"


@pytest.mark.parametrize("name", ["model", "reranker"])
def test_a_model_in_a_folder_is_relative_to_the_file(here: Path, name: str) -> None:
    toml(here, f"{name} = 'models/mine'")
    assert getattr(Settings.load(NO_HOME), name) == "models/mine"
    (here / "models" / "mine").mkdir(parents=True)
    assert getattr(Settings.load(NO_HOME), name) == str(here / "models" / "mine")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("chunk_token = 9", "chunk_token is not a setting; did you mean chunk_tokens?"),
        ("modell = 'x'", "did you mean model?"),
        ("qqqqqqq = 1", "qqqqqqq is not a setting; known: corpus, index"),
        ("included = true", "included is not a setting"),
        ("[settings]\ntop_k = 3", "settings is not a setting"),
        ("top_k = 'eight'", "top_k is 'eight': give a whole number"),
        ("top_k = 8.0", "top_k is 8.0: give a whole number"),
        ("top_k = true", "top_k is True: give a whole number"),
        ("refuse_below = false", "refuse_below is False: give a number"),
        ("model = 5", "model is 5: give a text"),
        ("corpus = 5", "corpus is 5: give a path"),
        ("corpus = ['a', 'b']", "corpus is ['a', 'b']: give a path"),
        ("chunking = 'words'", "choose one of sentences, document"),
        ("threads = 'all'", "threads is 'all': give a whole number"),
        ("threads = 1.5", "threads is 1.5: give a whole number"),
        ("backend = 1", "choose one of onnx, sentence-transformers"),
        ("fusion = 'sum'", "fusion is 'sum': choose one of convex, rrf"),
        ("fusion = true", "fusion is True: choose one of convex, rrf"),
        ("late_interaction = 'yes'", "late_interaction is 'yes': give true or false"),
        ("late_interaction = 1", "late_interaction is 1: give true or false"),
        ("late_interactions = true", "did you mean late_interaction?"),
        ("lexical_weight = true", "lexical_weight is True: give a number"),
        ("top_k = ", "cannot be read"),
        ("top_k = 1\ntop_k = 2", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_by_name(text: str, complaint: str, here: Path) -> None:
    path = toml(here, text)
    with pytest.raises(SettingsError) as raised:
        Settings.load(NO_HOME)
    assert str(raised.value).startswith(str(path))
    assert complaint in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_file_that_is_not_utf8_is_refused(here: Path) -> None:
    (here / "sessionqa.toml").write_bytes(b"model = '\xff'")
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(NO_HOME)


def test_a_folder_in_place_of_the_file_is_refused(here: Path) -> None:
    (here / "sessionqa.toml").mkdir()
    with pytest.raises(SettingsError, match="mend or remove it"):
        Settings.load(NO_HOME)


# --- values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chunk_tokens", 15),
        ("chunk_overlap", -1),
        ("chunk_overlap", 160),
        ("threads", 0),
        ("threads", -2),
        ("top_k", 0),
        ("rerank_top", 0),
        ("lexical_weight", -0.1),
        ("lexical_weight", 1.1),
        ("lexical_weight", float("nan")),
        ("refuse_below", -0.1),
        ("refuse_below", 1.1),
        ("refuse_below", float("nan")),
        ("port", 0),
        ("port", 65536),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is .*: give ") as raised:
        Settings(**{name: value})  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_the_bounds_themselves_are_in_range() -> None:
    low = Settings(chunk_tokens=16, chunk_overlap=15, top_k=1, refuse_below=0, port=1)
    assert low.with_(refuse_below=1.0, port=65535).port == 65535


def test_a_range_is_checked_in_the_file_and_in_changes(here: Path) -> None:
    toml(here, "top_k = 0")
    with pytest.raises(SettingsError, match="top_k is 0"):
        Settings.load(NO_HOME)
    with pytest.raises(SettingsError, match="port is -1"):
        Settings().with_(port=-1)


def test_no_threads_is_refused_with_what_to_give(here: Path) -> None:
    toml(here, "threads = 0")
    with pytest.raises(SettingsError, match=r"threads is 0: give 1 or more, or leave it out"):
        Settings.load(NO_HOME)


def test_threads_are_as_many_as_the_machine_allows() -> None:
    assert Settings().threads == usable_cores()


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.top_k = 3  # type: ignore[misc]
    changed = settings.with_(top_k=3)
    assert (settings.top_k, changed.top_k) == (8, 3)
    assert changed.model == DEFAULT_MODEL


@pytest.mark.parametrize("name", ["corpus", "index", "feedback"])
@pytest.mark.parametrize(("path", "why"), [("a\\u0000b", "null byte"), ("a" * 5000, "too long")])
def test_a_path_that_nothing_can_be_at_is_refused(
    name: str, path: str, why: str, here: Path
) -> None:
    toml(here, f'{name} = "{path}"')
    with pytest.raises(SettingsError, match=f"^{name} is .* of no use .*{why}.*: give another"):
        Settings.load(NO_HOME)


@pytest.mark.parametrize("name", ["model", "reranker", "llm_templates"])
def test_what_may_be_a_folder_may_have_a_name_that_no_folder_has(name: str, here: Path) -> None:
    toml(here, f'{name} = "{"a" * 5000}"')
    assert getattr(Settings.load(NO_HOME), name) == "a" * 5000
