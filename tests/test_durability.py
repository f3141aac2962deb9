"""An index that survives: kills, full disks, clocks set back, flipped bits; and ways back."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessionqa import Assistant, Settings, build_index
from sessionqa.errors import IndexDamaged, IndexUnusable, SessionQAError
from sessionqa.index import build as building
from sessionqa.index.builds import current_build, kept_builds
from sessionqa.index.local import LocalIndex
from sessionqa.index.publish import only_builder, roll_back
from sessionqa.index.upkeep import verify

QUESTION = "What do worms eat?"
BARREL = "---\ncode: GAR303\ntitle: Rain barrels\n---\n\nA barrel holds two hundred litres.\n"
KILLS = 12


@pytest.fixture
def built(garden: Settings) -> Settings:
    """The garden, indexed."""
    build_index(garden)
    return garden


def add_barrel(settings: Settings, litres: str = "two hundred") -> None:
    text = BARREL.replace("two hundred", litres)
    (settings.corpus / "GAR303.md").write_text(text, encoding="utf-8")


def answer(settings: Settings, question: str = QUESTION) -> str:
    return Assistant.open(settings).ask(question).text


def command(settings: Settings, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    folders = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
    code = "import sys; from sessionqa.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments, *folders],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    )


def run(settings: Settings, *arguments: str, **environ: str) -> tuple[int, str, str]:
    process = command(settings, *arguments, **environ)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 1 << (at % 8)
    path.write_bytes(raw)


# Kills


def test_a_build_that_is_killed_anywhere_costs_no_answer(built: Settings) -> None:
    """benchmarks/crash.py does it two hundred times."""
    before = answer(built)
    seconds = 2.5
    chance = random.Random(7)
    for number in range(KILLS):
        add_barrel(built, f"{number + 300}")
        process = command(built, "index")
        time.sleep(chance.uniform(0.3, seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        live = LocalIndex.open(built.index, verify=True)
        live.close()
        assert answer(built) == before
    build_index(built)
    assert f"{KILLS + 299}" in answer(built, "How many litres does a barrel hold?")
    left = {path.name for path in (built.index / "builds").iterdir()}
    assert left == {build.name for build, _ in kept_builds(built.index)}


def test_a_build_is_on_disk_before_it_is_live(
    built: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file and folder is synced, then the pointer to them, then its folder."""
    synced: list[Path] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        if Path("/proc/self/fd").is_dir():
            synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    add_barrel(built)
    manifest = build_index(built)
    if not synced:
        pytest.skip("this system does not tell which file a descriptor is of")
    aside = built.index / "builds" / f".making-{manifest.build}"
    wanted = {aside / name for name in manifest.files} | {aside / "manifest.json", aside}
    pointer = synced.index(built.index / f".CURRENT-{manifest.build}")
    assert wanted <= set(synced[:pointer])
    assert built.index in synced[pointer:]


# Places that cannot hold a build


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount here")
def test_a_full_disk_is_told_and_the_last_build_answers(
    built: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(path.stat().st_size for path in built.index.rglob("*") if path.is_file())
    # So that it fills up in the middle, and not before.
    monkeypatch.setattr("sessionqa.index.room.disk_needed", lambda *_: 0)
    with small_disk(tmp_path / "disk", f"{size + 150_000}") as disk:
        shutil.copytree(built.index, disk / "index")
        full = built.with_(index=disk / "index")
        before = answer(full)
        add_barrel(full)
        with pytest.raises(IndexUnusable, match=r"No space left.*give it .*room"):
            build_index(full)
        assert answer(full) == before
        assert LocalIndex.open(full.index, verify=True).sessions()
        assert [path.name for path in (full.index / "builds").iterdir()] == [
            current_build(full.index).name
        ]


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount here")
def test_a_read_only_disk_answers_and_says_that_it_cannot_be_built_on(
    built: Settings, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "300m") as disk:
        shutil.copytree(built.index, disk / "index")
        fixed = built.with_(index=disk / "index")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code, out, _ = run(fixed, "ask", QUESTION)
        assert (code, "worms" in out.lower()) == (0, True)
        add_barrel(fixed)
        code, _, err = run(fixed, "index")
        assert code == 3
        assert "cannot be written to (Read-only file system)" in err


# Clocks


def test_a_clock_that_is_set_back_loses_no_build(
    built: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which build is the later one is a matter of numbers."""

    class Back(datetime):
        """A clock of long ago."""

        @classmethod
        def now(cls, tz: object = UTC) -> datetime:  # type: ignore[override]
            return datetime(1999, 12, 31, tzinfo=tz)  # type: ignore[arg-type]

    first = current_build(built.index).name
    monkeypatch.setattr(building, "datetime", Back)
    names = [first]
    for litres in ("300", "400", "500"):
        add_barrel(built, litres)
        names.append(build_index(built).build)
    assert "500" in answer(built, "How many litres does a barrel hold?")
    assert [build.name for build, _ in kept_builds(built.index)] == names[:0:-1]
    assert roll_back(built.index).build == names[2]


def test_files_of_the_past_are_noticed(built: Settings) -> None:
    """A file that was changed by a clock that was set back is another file all the same."""
    path = built.corpus / "GAR101.md"
    status = path.stat()
    path.write_text(path.read_text("utf-8").replace("worms", "moles"), encoding="utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    build_index(built)
    assert "moles" in Assistant.open(built).session("GAR101").text


# Bits


def test_a_bit_flipped_in_any_file_is_noticed_named_and_mended(built: Settings) -> None:
    build = current_build(built.index)
    names = sorted(path for path in build.rglob("*") if path.is_file())
    before = answer(built)
    for number, path in enumerate([*names, built.index / "CURRENT"]):
        if path.name.startswith("."):
            continue  # A lock of tantivy's, which nothing reads.
        raw = path.read_bytes()
        flip(path, 977 * number + 5)
        with pytest.raises(IndexDamaged, match="run `sessionqa index`") as caught:
            Assistant.open(built)
        assert path.name in str(caught.value)
        path.write_bytes(raw)
    flip(build / "passages.sqlite", 9000)
    build_index(built)
    assert answer(built) == before


def test_a_bit_flipped_in_the_encoder_is_found_and_mended(built: Settings) -> None:
    (folder,) = (built.index / "encoder").iterdir()
    flip(folder / "model.weights", 50_000_003)
    code, out, err = run(built, "index", "--verify")
    assert code == 3
    assert f"damaged  encoder {folder}" in out
    assert "model.weights: not as written, by the checksums: run `sessionqa index --repair`" in err
    code, out, _ = run(built, "index", "--repair")
    assert code == 0
    assert f"damaged  encoder {folder}: model.weights" in out
    assert run(built, "index", "--verify")[0] == 0


def test_a_damaged_index_is_repaired_from_its_corpus(built: Settings) -> None:
    flip(current_build(built.index) / "tokens.npy", 4000)
    code, out, err = run(built, "ask", QUESTION)
    assert (code, out) == (3, "")
    assert "tokens.npy is not what was built, by its checksum: run `sessionqa index`" in err
    assert run(built, "index", "--repair")[0] == 0
    assert run(built, "ask", QUESTION)[0] == 0
    assert all(not one.damaged for one in verify(built.index))


def test_without_a_corpus_repair_goes_back_to_a_whole_build(built: Settings) -> None:
    before = answer(built)
    add_barrel(built)
    build_index(built)
    flip(current_build(built.index) / "passages.sqlite", 9001)
    shutil.rmtree(built.corpus)
    code, out, err = run(built, "index", "--repair")
    assert code == 0, err
    assert "passages.sqlite" in out
    assert "not built again from the corpus" in err
    assert answer(built) == before


def test_vectors_of_the_build_before_serve_where_the_live_one_is_damaged(built: Settings) -> None:
    """So a repair does not encode what an earlier build has."""
    add_barrel(built)
    build_index(built)
    flip(current_build(built.index) / "vectors.faiss", 3000)
    stages: list[tuple[str, int]] = []
    build_index(built, lambda stage, done, _: stages.append((stage, done)))
    first = next(done for stage, done in stages if stage == "encoding passages")
    assert first > 1


# Ways back


def test_rollback_returns_to_one_build_after_another(built: Settings) -> None:
    names = [current_build(built.index).name]
    for litres in ("300", "400"):
        add_barrel(built, litres)
        names.append(build_index(built).build)
    question = "How many litres does a barrel hold?"
    for name, found in ((names[1], "300"), (names[0], None)):
        code, out, _ = run(built, "index", "--rollback")
        assert code == 0
        assert name in out
        asked = Assistant.open(built).ask(question)
        assert found in asked.text if found else asked.refused
    code, _, err = run(built, "index", "--rollback")
    assert code == 3
    assert "no earlier build" in err
    assert "run `sessionqa index`" in err
    build_index(built)
    assert "400" in answer(built, question)


def test_rollback_passes_over_a_damaged_build(built: Settings) -> None:
    first = current_build(built.index)
    for litres in ("300", "400"):
        add_barrel(built, litres)
        build_index(built)
    between = kept_builds(built.index)[1][0]
    flip(between / "sentences.npy", 700)
    assert roll_back(built.index).build == first.name


def test_an_open_assistant_follows_a_rollback(built: Settings) -> None:
    add_barrel(built)
    build_index(built)
    opened = Assistant.open(built)
    question = "How many litres does a barrel hold?"
    assert not opened.ask(question).refused
    roll_back(built.index)
    assert opened.ask(question).refused


def test_rollback_waits_for_no_builder(built: Settings) -> None:
    with only_builder(built.index), pytest.raises(IndexUnusable, match="another process"):
        roll_back(built.index)


def test_where_nothing_was_built_there_is_nothing_to_go_back_to(garden: Settings) -> None:
    with pytest.raises(SessionQAError, match="no earlier build"):
        roll_back(garden.index)
