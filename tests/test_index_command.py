"""`sessionqa index` as a user meets it: what it would do, and what it does as files change."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest

from sessionqa import Assistant, Settings
from sessionqa.cli import main

Write = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]
WAIT = 60.0


@pytest.fixture
def run(garden: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command over the garden: its exit code, stdout and stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        folders = ["--corpus", str(garden.corpus), "--index", str(garden.index)]
        code = main(["index", *arguments, *folders])
        out, err = capsys.readouterr()
        return code, out, err

    return command


# Before anything is done


def test_a_dry_run_says_what_a_build_would_do_and_does_nothing(
    run: Run, garden: Settings, write_session: Write
) -> None:
    code, out, _ = run("--dry-run")
    assert code == 0
    assert "there is no whole build: everything is encoded" in out
    assert "new        2  (GAR101, GAR202)" in out
    assert not garden.index.exists()
    run()
    _, out, _ = run("--dry-run")
    assert out == "nothing to do: all 2 sessions are in the live build as they are\n"
    write_session("GAR303", "Rain barrels", "A barrel holds two hundred litres.")
    write_session("GAR101", "Compost", "Worms eat tea leaves.")
    (garden.corpus / "GAR202.md").unlink()
    builds = list((garden.index / "builds").iterdir())
    code, out, _ = run("--dry-run")
    assert code == 0
    assert out.splitlines() == [
        "new        1  (GAR303)",
        "changed    1  (GAR101)",
        "removed    1  (GAR202)",
        "unchanged  0",
    ]
    assert list((garden.index / "builds").iterdir()) == builds


def test_a_dry_run_tells_of_other_settings(run: Run) -> None:
    run()
    _, out, _ = run("--dry-run", "--chunking", "document")
    assert "other chunks: every session is cut again, and only what is new is encoded" in out
    assert "unchanged  2" in out


def test_a_file_of_another_name_is_another_build(
    run: Run, garden: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or each question would warn of a corpus that has changed, whatever was built."""
    run()
    (garden.corpus / "GAR101.md").rename(garden.corpus / "worms.md")
    _, out, _ = run("--dry-run")
    assert "files of other names, or other settings" in out
    run()
    folders = ["--corpus", str(garden.corpus), "--index", str(garden.index)]
    assert main(["ask", "What do worms eat?", *folders]) == 0
    assert "has changed since" not in capsys.readouterr().err


def test_a_corpus_that_has_changed_is_told_with_the_command_that_helps(
    run: Run, garden: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    (garden.corpus / "GAR101.md").rename(garden.corpus / "worms.md")
    folders = ["--corpus", str(garden.corpus), "--index", str(garden.index)]
    assert main(["ask", "What do worms eat?", *folders]) == 0
    hint = f"run `sessionqa index --corpus {garden.corpus} --index {garden.index}`"
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("one", ["--verify", "--repair", "--rollback"])
def test_one_thing_at_a_time(run: Run, one: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run("--watch", one)
    assert caught.value.code == 2


def test_what_is_not_there_cannot_be_verified(run: Run, garden: Settings) -> None:
    code, out, err = run("--verify")
    assert (code, out) == (3, "")
    assert f"there is no index in {garden.index}" in err


def test_a_repair_of_what_is_whole_builds_nothing(run: Run) -> None:
    _, built, _ = run()
    code, out, _ = run("--repair")
    assert (code, out) == (0, f"whole    {built}")


# As files change


class Watching:
    """`sessionqa index --watch` in a process of its own, and what it says, line by line."""

    def __init__(self, settings: Settings) -> None:
        folders = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
        code = "import sys; from sessionqa.cli import main; sys.exit(main())"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "index", "--watch", *folders],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, text: str) -> str:
        """The next line with `text` in it; raises queue.Empty if it does not come."""
        while text not in (line := self._lines.get(timeout=WAIT)):
            pass
        return line


@pytest.fixture
def watching(garden: Settings) -> Iterator[Watching]:
    """The garden, watched; killed in the end."""
    watching = Watching(garden)
    try:
        watching.until("watching")
        yield watching
    finally:
        watching.process.kill()
        watching.process.wait()


def test_watching_follows_each_change_and_outlives_mistakes(
    watching: Watching, garden: Settings, write_session: Write
) -> None:
    question = "How many litres does a barrel hold?"
    write_session("GAR303", "Rain barrels", "A barrel holds two hundred litres.")
    watching.until("3 sessions")
    assert "two hundred" in Assistant.open(garden).ask(question).text
    broken = garden.corpus / "half.md"
    broken.write_text("---\ncode: GAR404\n", encoding="utf-8")
    assert "half.md:" in watching.until("half.md")
    assert watching.process.poll() is None
    broken.unlink()
    (garden.corpus / "GAR303.md").unlink()
    watching.until("2 sessions")
    assert Assistant.open(garden).ask(question).refused
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(WAIT) == 0
