"""Bundles: the same bytes each time, nothing of this machine in them, and none that harms."""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path, PurePosixPath

import pytest

from sessionqa import Assistant, Settings, build_index, bundle, unbundle
from sessionqa.cli import main
from sessionqa.errors import IndexDamaged, IndexMissing, IndexUnusable, UsageError, WriteError
from sessionqa.index.builds import SEAL, _seal

Capture = pytest.CaptureFixture[str]
Member = tuple[tarfile.TarInfo, bytes]

QUESTION = "What do worms eat?"
TEXTS = {
    "worms.md": "Worms eat kitchen scraps within six weeks. 堆肥 is compost.",
    "deep/er/tea.md": "Tea is brewed at eighty degrees. Mint grows in any pot.",
}


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, tiny: Path, cross_encoder: Path
) -> Iterator[Settings]:
    """Two sessions, indexed by a small model in a folder, with a reranker in another."""
    folder = tmp_path_factory.mktemp("made")
    for number, (name, text) in enumerate(TEXTS.items()):
        path = folder / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\ncode: G{number}\ntitle: Garden {number}\n---\n\n{text}\n")
    settings = Settings(
        corpus=folder / "corpus",
        index=folder / "index",
        model=str(tiny),
        reranker=str(cross_encoder),
        refuse_below=0.0,
        token="open-sesame",
        host="192.0.2.7",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        build_index(settings)
        yield settings


@pytest.fixture(scope="module")
def file(made: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of it, not to be changed."""
    path = tmp_path_factory.mktemp("bundle") / "garden.tar"
    bundle.write(made, path)
    return path


@pytest.fixture
def own(made: Settings, tmp_path: Path) -> Settings:
    """The same in folders of the test's own."""
    for folder in ("corpus", "index"):
        shutil.copytree(getattr(made, folder), tmp_path / folder)
    return made.with_(corpus=tmp_path / "corpus", index=tmp_path / "index")


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]


def written(path: Path, *content: Member) -> Path:
    """A tar file of these members, with whatever they claim to be."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for info, data in content:
            tar.addfile(info, io.BytesIO(data))
    return path


def rewritten(source: Path, path: Path, **changed: bytes | None) -> Path:
    """The bundle with other bytes in the members whose names end so; None leaves them out."""
    content = []
    for name, data in members(source).items():
        ending = next((e for e in changed if name.endswith(e.replace("__", "."))), None)
        new = data if ending is None else changed[ending]
        if new is not None:
            info = tarfile.TarInfo(name)
            info.size = len(new)
            content.append((info, new))
    return written(path, *content)


# --- what is in one


def test_the_same_content_is_the_same_bytes(own: Settings, tmp_path: Path) -> None:
    one, two = tmp_path / "one.tar", tmp_path / "two.tar"
    bundle.write(own, one)
    for path in own.corpus.rglob("*.md"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    bundle.write(own, two)
    assert one.read_bytes() == two.read_bytes()


def test_it_has_the_corpus_the_live_build_and_its_models_and_nothing_else(
    own: Settings, tmp_path: Path
) -> None:
    build = bundle.current_build(own.index).name
    for stray in ("builds/old/passages.sqlite", "unfinished/a.npz", "encoder/old/model.onnx"):
        (own.index / stray).parent.mkdir(parents=True)
        (own.index / stray).touch()
    (own.corpus / "README.md").write_text("not a session")
    (own.corpus / ".draft.md").write_text("not a session either")
    bundle.write(own, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar", "r:") as tar:
        infos = list(tar)
    names = [info.name for info in infos]
    assert names == sorted(set(names))
    assert {(i.type, i.uid, i.gid, i.uname, i.gname, i.mode, i.mtime) for i in infos} == {
        (tarfile.REGTYPE, 0, 0, "", "", 0o644, unbundle.TIME)
    }
    assert not [n for n in names if PurePosixPath(n).is_absolute() or ".." in n or "\\" in n]
    assert not [n for n in names if any(p.startswith(".") for p in PurePosixPath(n).parts)]
    assert {n for n in names if not n.startswith("index/")} == {
        *("README.md", "requirements-serve.txt", "sessionqa.toml"),
        *(f"corpus/{name}" for name in TEXTS),
    }
    folders = {"/".join(PurePosixPath(n).parts[:3]) for n in names if n.startswith("index/")}
    assert {folder for folder in folders if "builds" in folder} == {f"index/builds/{build}"}
    assert len(folders) == len({"CURRENT", "build", "encoder", "reranker", "names.json"})
    assert "old" not in " ".join(names)


def test_nothing_of_this_machine_is_in_it_and_no_secret(made: Settings, file: Path) -> None:
    places = [made.corpus.parent, made.model, made.reranker, bundle.requirements().parent]
    for name, content in members(file).items():
        assert not [p for p in places if os.fsencode(str(p)) in content], name
        assert b"open-sesame" not in content, name
        assert b"192.0.2.7" not in content, name


def test_what_is_needed_for_it_is_beside_it(file: Path) -> None:
    found = members(file)
    assert found["requirements-serve.txt"] == bundle.requirements().read_bytes()
    assert b"pip install --no-deps sessionqa" in found["README.md"]
    assert b"2 sessions" in found["README.md"]


# --- using one


def test_unpacked_anywhere_it_answers_alike(made: Settings, file: Path, tmp_path: Path) -> None:
    with tarfile.open(file, "r:") as tar:
        tar.extractall(tmp_path, filter="data")
    settings = Settings.load({"SESSIONQA_HOME": str(tmp_path)})
    assert (settings.corpus, settings.index) == (tmp_path / "corpus", tmp_path / "index")
    same = Assistant.open(made).ask(QUESTION)
    answer = Assistant.open(settings).ask(QUESTION)
    assert answer.hits[0].rerank_score is not None
    assert asdict(answer) | {"timings": 0} == asdict(same) | {"timings": 0}


def test_it_can_be_named_as_the_index(
    made: Settings, file: Path, own_cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "sessionqa.toml").write_text('top_k = 3\nrefuse_below = 0.9\ncorpus = "mine"\n')
    settings = Settings.load({"SESSIONQA_HOME": str(tmp_path)}, index=file, top_k=5)
    assert settings.index.is_relative_to(own_cache)
    assert settings.corpus == settings.index.parent / "corpus"
    assert (settings.top_k, settings.refuse_below) == (5, 0.0)
    assert settings.feedback == tmp_path / "feedback.jsonl"
    assert Assistant.open(settings).ask(QUESTION).text == Assistant.open(made).ask(QUESTION).text
    unpacked = settings.index.parent.stat()
    assert Settings.load({"SESSIONQA_HOME": str(tmp_path)}, index=file, top_k=5) == settings
    assert settings.index.parent.stat() == unpacked
    assert [p.name for p in settings.index.parents[1].iterdir()] == [settings.index.parent.name]


def test_a_file_of_settings_may_name_it(file: Path, own_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "sessionqa.toml").write_text(f'index = "{file}"\n')
    assert Settings.load({"SESSIONQA_HOME": str(tmp_path)}).index.is_relative_to(own_cache)


@pytest.mark.usefixtures("own_cache")
def test_it_may_be_unpacked_by_several_at_once(file: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(unbundle.opened, [file] * 4))
    assert found == found[:1] * 4
    assert [path.name for path in found[0]["index"].parents[1].iterdir()] == [
        found[0]["index"].parent.name
    ]


def test_the_command_line_makes_and_asks_one(
    own: Settings,
    own_cache: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [f'model = "{own.model}"', f'reranker = "{own.reranker}"', "refuse_below = 0.0"]
    (tmp_path / "sessionqa.toml").write_text("\n".join(lines))
    monkeypatch.setenv("SESSIONQA_HOME", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["bundle"]) == 0
    assert capsys.readouterr().out.startswith("sessionqa-bundle.tar: 2 sessions, ")
    assert main(["bundle"]) == 2
    assert "is there already: name another, or replace it with --force" in capsys.readouterr().err
    assert main(["bundle", "--force"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("SESSIONQA_HOME", str(elsewhere))
    assert main(["ask", "--index", "sessionqa-bundle.tar", QUESTION]) == 0
    shown = capsys.readouterr()
    assert "kitchen scraps" in shown.out
    assert shown.err == ""
    before = sorted(own_cache.rglob("*"))
    assert main(["index", "--index", "sessionqa-bundle.tar", "--force"]) == 2
    assert "never built anew: unpack the bundle (`tar xf`)" in capsys.readouterr().err
    assert main(["bundle", "again.tar", "--index", "sessionqa-bundle.tar"]) == 0
    assert sorted(own_cache.rglob("*")) == before
    assert Path("again.tar").read_bytes() == Path("sessionqa-bundle.tar").read_bytes()


# --- what is not bundled


def refused(settings: Settings, out: Path, kind: type[Exception], says: str) -> None:
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(kind, match=says):
        bundle.write(settings, out)
    assert sorted(out.parent.rglob("*")) == before


@pytest.mark.parametrize("name", ["vectors.faiss", "passages.sqlite", "tokens.npy"])
def test_a_damaged_index_is_not(name: str, own: Settings, tmp_path: Path) -> None:
    path = next(own.index.rglob(name))
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)
    refused(own, tmp_path / "b.tar", IndexDamaged, f"{name} is not what was built.*sessionqa index")


@pytest.mark.parametrize("kind", ["encoder", "reranker"])
def test_a_damaged_model_is_not(kind: str, own: Settings, tmp_path: Path) -> None:
    path = next((own.index / kind).rglob("model.weights"))
    path.write_bytes(path.read_bytes()[:-100])
    refused(own, tmp_path / "b.tar", IndexUnusable if kind == "encoder" else Exception, kind)


def test_weights_that_have_changed_in_place_are_noticed(own: Settings, tmp_path: Path) -> None:
    path = next((own.index / "encoder").rglob("model.weights"))
    path.write_bytes(path.read_bytes()[::-1])
    refused(own, tmp_path / "b.tar", IndexUnusable, "sessionqa index --force")


def test_a_changed_corpus_is_not(own: Settings, tmp_path: Path) -> None:
    path = own.corpus / "worms.md"
    path.write_text(path.read_text().replace("six", "ten"))
    refused(own, tmp_path / "b.tar", IndexUnusable, "another corpus.*run `sessionqa index`")


def test_an_index_of_other_settings_is_not(own: Settings, tmp_path: Path) -> None:
    changed = own.with_(chunk_tokens=80)
    refused(changed, tmp_path / "b.tar", IndexUnusable, "other settings.*run `sessionqa index`")


def test_an_index_that_is_asked_with_pytorch_is_not(own: Settings, tmp_path: Path) -> None:
    changed = own.with_(backend="sentence-transformers")
    refused(changed, tmp_path / "b.tar", IndexUnusable, 'set `backend = "onnx"`')


def test_no_index_is_not(own: Settings, tmp_path: Path) -> None:
    shutil.rmtree(own.index)
    refused(own, tmp_path / "b.tar", IndexMissing, "run `sessionqa index`")


def test_a_name_that_some_systems_cannot_have_is_not(own: Settings, tmp_path: Path) -> None:
    text = (own.corpus / "worms.md").read_text().replace("code: G0", "code: G9")
    (own.corpus / "a\\b.md").write_text(text)
    build_index(own)
    refused(own, tmp_path / "b.tar", WriteError, "give that file another name")


# --- where it cannot be written


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("b.zip", "let it end in .tar"),
        ("missing/b.tar", "its folder is missing"),
        ("folder.tar", "it is a folder"),
        ("index/b.tar", "is inside .*index"),
        ("corpus/deep/b.tar", "is inside .*corpus"),
        ("there.tar", "is there already"),
    ],
)
def test_an_unfit_place_is_named(out: str, says: str, own: Settings, tmp_path: Path) -> None:
    (tmp_path / "folder.tar").mkdir()
    (tmp_path / "there.tar").write_text("mine")
    with pytest.raises(UsageError, match=says):
        bundle.write(own, tmp_path / out)
    assert (tmp_path / "there.tar").read_text() == "mine"


def test_a_name_that_is_too_long_is_no_traceback(own: Settings, tmp_path: Path) -> None:
    refused(own, tmp_path / f"{'b' * 300}.tar", WriteError, "cannot be written .*too long")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_full_disk_leaves_what_was_there(own: Settings, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("the last one")
    code = f"""
import resource, signal
from pathlib import Path
from sessionqa import Settings, bundle
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
settings = Settings(corpus=Path("corpus"), index=Path("index"), model={own.model!r},
    reranker={own.reranker!r}, refuse_below=0.0)
try:
    bundle.write(settings, Path("b.tar"), force=True)
except bundle.WriteError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "b.tar cannot be written (File too large)" in done.stdout, done.stderr
    assert (tmp_path / "b.tar").read_text() == "the last one"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar", "corpus", "index"]


# --- what is not opened


def plain(name: str, **fields: object) -> Member:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, b""


HOSTILE: dict[str, tuple[Member, str]] = {
    "above": (plain("../../x"), "does not belong"),
    "above, further in": (plain("corpus/../../x"), "does not belong"),
    "absolute": (plain("/tmp/x"), "does not belong"),
    "a drive": (plain("C:/x"), "does not belong"),
    "backslashes": (plain("corpus\\..\\..\\x"), "does not belong"),
    "beside": (plain("bin/x"), "does not belong"),
    "one of its folders": (plain("index"), "does not belong"),
    "a link": (plain("corpus/x", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "no ordinary file"),
    "a folder that is a link": (
        plain("corpus", type=tarfile.SYMTYPE, linkname="/tmp"),
        "no ordinary file",
    ),
    "a hard link": (plain("corpus/x", type=tarfile.LNKTYPE, linkname="../y"), "no ordinary file"),
    "a device": (plain("corpus/x", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "no ordinary"),
    "a pipe": (plain("corpus/x", type=tarfile.FIFOTYPE), "no ordinary file"),
}


def not_opened(path: Path, cache: Path, says: str | None = None) -> None:
    with pytest.raises(IndexDamaged, match=says) as caught:
        Settings.load({}, index=path)
    message = str(caught.value)
    assert message.startswith(f"{path} is no whole bundle (")
    assert message.endswith("copy it again, or make it again with `sessionqa bundle`")
    assert ".making-" not in message
    assert list((cache / "sessionqa" / "bundle").iterdir()) == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_no_bundle_has_is_not_unpacked(kind: str, own_cache: Path, tmp_path: Path) -> None:
    member, says = HOSTILE[kind]
    path = written(tmp_path / "b.tar", plain("README.md"), member)
    not_opened(path, own_cache, says)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar", "cache"]


@pytest.mark.parametrize("size", [2**20, 2**40])
def test_a_size_that_is_only_claimed_is_not_believed(
    size: int, own_cache: Path, tmp_path: Path
) -> None:
    info = tarfile.TarInfo("corpus/x")
    info.size = size
    path = tmp_path / "b.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    not_opened(path, own_cache, "unexpected end of data|larger than itself")


def test_a_sparse_file_is_not_blown_up(own_cache: Path, tmp_path: Path) -> None:
    info = tarfile.TarInfo("corpus/x")
    info.pax_headers = {
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": str(2**40),
        "GNU.sparse.major": "0",
    }
    path = tmp_path / "b.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    not_opened(path, own_cache, "no ordinary file")


def test_a_name_that_is_there_twice_is_refused(own_cache: Path, tmp_path: Path) -> None:
    not_opened(
        written(tmp_path / "b.tar", plain("corpus/x"), plain("corpus/x")), own_cache, "twice"
    )
    within = written(tmp_path / "c.tar", plain("corpus/x"), plain("corpus/x/y"))
    not_opened(within, own_cache, "two of its files have one name")


def test_a_bundle_that_was_cut_off_is_refused(file: Path, own_cache: Path, tmp_path: Path) -> None:
    with tarfile.open(file, "r:") as tar:
        ends = [info.offset for info in tar][1:]
    whole = file.read_bytes()
    path = tmp_path / "b.tar"
    for length in [512, *ends, ends[-1] + 700, len(whole) // 2]:
        path.write_bytes(whole[:length])
        not_opened(path, own_cache)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"no tar at all" * 100, "truncated header|invalid header"),
        (gzip.compress(bytes(10_240)), "truncated header|invalid header"),
        (bytes(10_240), "README.md is missing"),
    ],
    ids=["nothing", "text", "compressed", "no members"],
)
def test_what_is_no_tar_file_is_refused(
    content: bytes, says: str, own_cache: Path, tmp_path: Path
) -> None:
    path = tmp_path / "b.tar"
    path.write_bytes(content)
    not_opened(path, own_cache, says)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"vectors__faiss": b"other"}, "vectors.faiss has 5 bytes instead of"),
        ({"manifest__json": b"[]"}, "manifest.json cannot be read"),
        ({"manifest__json": b'{"format": 5}'}, "has format 5, and this sessionqa reads"),
        ({"sessionqa__toml": b'token = "x"'}, "its sessionqa.toml sets token"),
        ({"sessionqa__toml": b'corpus = "/etc"'}, "its sessionqa.toml sets corpus"),
        ({"sessionqa__toml": b"model = 3"}, "model is 3: give a text"),
        ({"sessionqa__toml": None}, "sessionqa.toml is missing"),
        ({"encoder__json": b"{}"}, "its encoder is not whole"),
        ({"worms__md": b"short"}, "corpus/worms.md is not as it was indexed"),
        ({"worms__md": None}, "corpus/worms.md is not as it was indexed"),
        ({"CURRENT": b"../../../x"}, "names a build that is not there"),
    ],
)
def test_one_that_was_altered_is_refused(
    changed: dict[str, bytes | None], says: str, file: Path, own_cache: Path, tmp_path: Path
) -> None:
    not_opened(rewritten(file, tmp_path / "b.tar", **changed), own_cache, says)


def test_a_record_of_another_shape_is_refused(file: Path, own_cache: Path, tmp_path: Path) -> None:
    name = next(n for n in members(file) if n.endswith("manifest.json"))
    text = members(file)[name].decode()
    for old, new in (('"backend"', '"other"'), ('"stamps"', '"other"'), ('"size"', '"other"')):
        record = json.loads(text.replace(old, new))
        del record[SEAL]
        # As who has altered it on purpose would.
        changed = {"manifest__json": json.dumps({**record, SEAL: _seal(record)}).encode()}
        not_opened(rewritten(file, tmp_path / "b.tar", **changed), own_cache)


def test_a_cache_that_cannot_be_written_to_is_named_with_the_way_round(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(WriteError, match=r"unpack it elsewhere \(`tar xf .* set SESSIONQA_HOME"):
        Settings.load({}, index=file)


def test_the_index_of_a_bundle_is_never_built(file: Path, own_cache: Path) -> None:
    settings = Settings.load({}, index=file)
    assert settings.bundled
    before = sorted(own_cache.rglob("*"))
    with pytest.raises(UsageError, match="never built anew"):
        build_index(settings, force=True)
    assert sorted(own_cache.rglob("*")) == before
