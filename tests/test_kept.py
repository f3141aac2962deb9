"""Files that are only added to: whole lines, from several processes, and nothing lost."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from sessionqa import kept
from sessionqa.errors import WriteError

RECORD = {"text": "堆肥 🙂\n\u2028", "half": "\ud83d"}


def test_a_record_is_one_line_of_text_that_reads_back() -> None:
    line = kept.as_line(RECORD)
    assert line.count("\n") == 1
    assert "堆肥" in line
    assert json.loads(line.encode()) == {"text": RECORD["text"], "half": "\ufffd"}


def test_a_file_and_its_folder_are_made_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    for number in range(3):
        kept.append(path, {"n": number})
    assert path.read_text().splitlines() == ['{"n": 0}', '{"n": 1}', '{"n": 2}']


def test_a_line_that_was_cut_off_is_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"n": 0}\n{"n": ')
    kept.append(path, {"n": 2})
    assert path.read_bytes() == b'{"n": 0}\n{"n": \n{"n": 2}\n'


def test_several_processes_add_without_losing_or_mixing_lines(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    program = (
        "import sys; from pathlib import Path; from sessionqa import kept\n"
        "for n in range(40):\n"
        "    kept.append(Path(sys.argv[1]), {'by': sys.argv[2], 'n': n, 'long': 'x' * 9000})\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(path), by]) for by in ("a", "b", "c")
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((r["by"], r["n"]) for r in found) == [(b, n) for b in "abc" for n in range(40)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_where_there_is_no_room_the_file_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"n": 0}\n')
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from sessionqa import kept; from sessionqa.errors import WriteError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    kept.append(Path(sys.argv[1]), {'n': 'x' * 5000})\n"
        "except WriteError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert f"{path} cannot be written to" in done.stdout
    assert done.stdout.count("\n") == 1
    assert path.read_text() == '{"n": 0}\n'


def test_what_cannot_be_written_to_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "lines.jsonl"):
        with pytest.raises(WriteError, match=r"cannot be written to .*: give it") as error:
            kept.append(path, {})
        assert "\n" not in str(error.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="Permission denied"):
        kept.append(tmp_path / "lines.jsonl", {})


def test_who_waits_too_long_for_another_process_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "LOCK_SECONDS", 0.1)
    with (
        FileLock(tmp_path / ".lines.jsonl.lock"),
        pytest.raises(WriteError, match="by another process: try again"),
    ):
        kept.append(tmp_path / "lines.jsonl", {})


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions and links")
def test_replacing_is_whole_keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    path, link = tmp_path / "lines.jsonl", tmp_path / "link.jsonl"
    path.write_text("old\n")
    path.chmod(0o640)
    link.symlink_to(path)
    with kept.writing(link) as real:
        kept.replace(real, b"new\n")
    assert link.is_symlink()
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert {p.name for p in tmp_path.iterdir()} == {path.name, link.name, ".lines.jsonl.lock"}
