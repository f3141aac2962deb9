"""`sessionqa import` as a user meets it: what it says, what it writes, and what it leaves alone."""

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sessionqa.cli import main
from sessionqa.corpus import read_corpus

CATALOGUE = """Session ID,Session Title,Abstract,Speakers,Level,Room
BAK401,Steam at scale,"Steam makes a crust shine. It needs a closed oven.",Ada Bell; Tom Roe,400,1
BAK402,Cold proofing,"A night in the cold makes flour taste of more.",Ada Bell,300,2
"""
CAPTIONS = """WEBVTT

00:00:01.000 --> 00:00:04.000
A sour starter rises

00:00:04.000 --> 00:00:09.000
in four hours. Salt slows it.
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in an empty folder: its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SESSIONQA_HOME", str(tmp_path))

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["import", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A catalogue of two sessions."""
    path = tmp_path / "talks.csv"
    path.write_text(CATALOGUE, encoding="utf-8")
    return path


def test_a_catalogue_becomes_a_corpus(run: Run, catalogue: Path, tmp_path: Path) -> None:
    """Each column's use is told, and what to do next."""
    code, out, err = run(str(catalogue), "--event", "Bakers", "--year", "2026")
    assert code == 0
    assert out.splitlines() == [
        f"new       {tmp_path}/corpus/BAK401.md  BAK401: Steam at scale",
        f"new       {tmp_path}/corpus/BAK402.md  BAK402: Cold proofing",
    ]
    assert "title <- Session Title" in err
    assert "`sessionqa index` brings the index up to date" in err
    first, second = read_corpus(tmp_path / "corpus")
    assert (first.level, first.people, first.event, first.year) == (
        400,
        ("Ada Bell", "Tom Roe"),
        "Bakers",
        2026,
    )
    assert second.text.endswith("A night in the cold makes flour taste of more.")


def test_a_dry_run_shows_and_writes_nothing(run: Run, catalogue: Path, tmp_path: Path) -> None:
    code, out, err = run(str(catalogue), "--dry-run")
    assert code == 0
    assert "\nSteam makes a crust shine. It needs a closed oven.\n" in out
    assert "nothing was written" in err
    assert not (tmp_path / "corpus").exists()


def test_what_differs_is_kept_shown_and_replaced_by_force(
    run: Run, catalogue: Path, tmp_path: Path
) -> None:
    run(str(catalogue))
    mine = tmp_path / "corpus" / "BAK402.md"
    mine.write_text(mine.read_text().replace("flour", "my flour"))
    code, out, err = run(str(catalogue))
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()] == ["same", "kept"]
    assert "1 file was kept: what is there differs, as --dry-run shows" in err
    assert "my flour" in mine.read_text()
    code, out, _ = run(str(catalogue), "--dry-run", "--force")
    assert code == 0
    assert "-A night in the cold makes my flour taste of more." in out
    assert "+A night in the cold makes flour taste of more." in out
    code, out, _ = run(str(catalogue), "--force")
    assert (code, [line.split()[0] for line in out.splitlines()]) == (0, ["same", "replaced"])
    assert "my flour" not in mine.read_text()


def test_a_wrong_guess_is_put_right(run: Run, tmp_path: Path) -> None:
    """By the column's name; one that is not there is told with its nearest."""
    path = tmp_path / "odd.csv"
    path.write_text("Title,Working title,Text\nA,Rye bread,Rye is a grain.\n")
    code, out, _ = run(str(path), "--column", "title=Working title")
    assert (code, "rye-bread: Rye bread" in out) == (0, True)
    code, _, err = run(str(path), "--column", "title=Working titel")
    assert (code, "Working title" in err) == (2, True)
    code, _, err = run(str(path), "--column", "titel=Title")
    assert code == 2
    assert "FIELD=COLUMN, where FIELD is one of code, title, abstract" in err


def test_captions_keep_their_moments(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "Starters (BAK403) [abcdefghijk].en.vtt"
    path.write_text(CAPTIONS)
    assert run(str(path))[0] == 0
    (session,) = read_corpus(tmp_path / "corpus")
    assert session.code == "BAK403"
    assert [mark.seconds for mark in session.marks] == [1]


def test_a_folder_is_read_file_by_file_and_one_that_fails_costs_no_other(
    run: Run, catalogue: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "have"
    folder.mkdir()
    catalogue.rename(folder / "talks.csv")
    (folder / "broken.vtt").write_text("WEBVTT\n\nnothing said")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    code, out, err = run(str(folder))
    assert code == 3
    assert len(out.splitlines()) == 2
    assert "broken.vtt" in err
    assert "picture" not in err
    assert len(read_corpus(tmp_path / "corpus")) == 2


def test_json_tells_of_each_file(run: Run, catalogue: Path) -> None:
    code, out, _ = run(str(catalogue), "--dry-run", "--json")
    assert code == 0
    record = json.loads(out)
    assert record["dry_run"] is True
    assert [(one["code"], one["done"]) for one in record["files"]] == [
        ("BAK401", "new"),
        ("BAK402", "new"),
    ]
    assert record["files"][0]["content"].startswith("---\ncode: BAK401\n")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none.txt", "none.txt does not exist: check the path"),
        ("picture.png", "picture.png is of no kind that can be imported: it can be csv"),
        ("empty.txt", "empty.txt is empty"),
        ("folder", "folder holds no file that can be imported"),
        ("ftp://example.org/talks.txt", "http"),
        (f"{'a' * 300}.txt", "too long"),
        (f"ftp://example.org/{'a' * 5000}.txt", "http"),
    ],
)
def test_what_cannot_be_read_is_told(run: Run, tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "folder").mkdir()
    code, out, err = run(name)
    assert (code, out) == (3, "")
    assert expected in err
    assert not (tmp_path / "corpus").exists()


def test_a_corpus_that_is_broken_is_not_added_to(run: Run, catalogue: Path, tmp_path: Path) -> None:
    """Whose codes are taken could not be told."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "half.md").write_text("no front matter")
    code, _, err = run(str(catalogue))
    assert code == 3
    assert "half.md:1: no front matter" in err
    assert [path.name for path in corpus.iterdir()] == ["half.md"]


def test_the_corpus_inside_the_package_is_not_written_to(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any folder of their own users get one where they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SESSIONQA_HOME", raising=False)
    assert main(["import", str(catalogue)]) == 0
    assert len(list((tmp_path / "corpus").glob("*.md"))) == 2


STDIN = {
    "csv": (b"Code;Title;Speaker\nGAR1;Bread;Ada Bell\n", "Bread"),
    "json": (b'[{"code": "GAR1", "title": "Bread", "abstract": "Dough rises."}]', "Bread"),
    "vtt": (b"WEBVTT\ntitle: Bread\n\n00:01.000 --> 00:02.000\nDough rises.\n", "Bread"),
    "stamps": (b"Bread\n[0:01] Dough rises.\n[0:05] It rests.\n", "Bread"),
    "html": (b"<title>Bread</title><p>Dough rises overnight.</p>", "Bread"),
    "markdown": (b"# Bread\n\nDough **rises** overnight.\n", "Bread"),
}


@pytest.mark.parametrize(("content", "title"), STDIN.values(), ids=STDIN)
def test_stdin_is_of_the_kind_that_it_looks_like(
    run: Run, monkeypatch: pytest.MonkeyPatch, content: bytes, title: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, out, _ = run("-", "--json")
    (made,) = json.loads(out)["files"]
    assert (code, made["title"]) == (0, title)


def test_a_document_from_stdin_needs_a_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"PK\x03\x04...")))
    code, _, err = run("-")
    assert (code, "stdin is application/zip, which cannot be imported" in err) == (3, True)


ODD = "Was;Wovon\nSteam at scale;It needs a closed oven.\nRye;It rises in a night.\n"


def test_a_column_that_is_named_says_that_stdin_is_a_catalogue(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ODD.encode())))
    code, _, err = run("-", "--column", "title=Was", "--column", "abstract=Wovon")
    assert (code, "title <- Was" in err) == (0, True)
    assert sorted(one.title for one in read_corpus(tmp_path / "corpus")) == [
        "Rye",
        "Steam at scale",
    ]


@pytest.fixture
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for one who may not read everything, as this process may not meanwhile."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("SESSIONQA_HOME", made)
        root = os.geteuid() == 0
        for name in ("shut", "open"):
            (folder / name).mkdir()
            (folder / name / "talks.csv").write_text(CATALOGUE, encoding="utf-8")
        (folder / "shut").chmod(0)
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            (folder / "shut").chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has other permissions")
@pytest.mark.parametrize("given", ["", "shut", "shut/talks.csv"])
def test_a_folder_that_cannot_be_read_is_told(run: Run, unprivileged: Path, given: str) -> None:
    """The rest of what stands beside it is imported."""
    code, out, err = run(str(unprivileged / given), "--dry-run", "--into", f"{unprivileged}/new")
    assert code == 3
    assert f"{unprivileged}/shut" in err
    assert "cannot be read (" in err
    assert "check its permissions" in err
    assert out.count("new       ") == (0 if given else 2)


def test_what_to_do_next_names_the_folders_that_were_given(run: Run, catalogue: Path) -> None:
    _, _, err = run(str(catalogue), "--into", "my talks", "--index", "there")
    hint = "`sessionqa index --corpus 'my talks' --index there` brings the index up to date"
    assert hint in err


@pytest.mark.parametrize("pixels", [b"\x81\x8d\xff\x00", b"\xff\xd8\x01"])
def test_a_picture_that_is_called_a_text_looks_like_none(
    run: Run, tmp_path: Path, pixels: bytes
) -> None:
    path = tmp_path / "talk.md"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + pixels)
    code, _, err = run(str(path))
    assert (code, f"{path}:1: not UTF-8, and it looks like no text" in err) == (3, True)
