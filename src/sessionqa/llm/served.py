"""A model of a server that speaks OpenAI's protocol: Ollama, llama.cpp, vLLM, LM Studio ..."""

import os
from collections.abc import Generator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sessionqa.errors import LLMError, ModuleMissing, SettingsError, first_line
from sessionqa.llm import LLM, Message
from sessionqa.llm.waiting import Put, heard
from sessionqa.settings import Settings

if TYPE_CHECKING:
    from openai import APIStatusError, Stream
    from openai.types.chat import ChatCompletionChunk

OLLAMA = "http://127.0.0.1:11434"
# A server is there within so long, and the next piece of a reply.
CONNECT_SECONDS, PIECE_SECONDS = 5.0, 60.0
_KEY = "set $SESSIONQA_LLM_KEY to one that it takes"
_REMEDIES = {
    400: "give a smaller `llm_prompt_tokens`, or a model with a larger context",
    401: _KEY,
    403: _KEY,
    404: "name a model that it has, and an address that ends as its documentation says (/v1)",
    413: "give a smaller `llm_prompt_tokens`",
    429: "ask again later, or allow it more requests",
}
# What reading an answer raises that is none of OpenAI's: the package checks nothing.
_SENSELESS = (AttributeError, LookupError, TypeError, ValueError)


def ollama(where: str, settings: Settings) -> LLM:
    """The model `where` of the Ollama of this machine, or of $OLLAMA_HOST."""
    host = os.environ.get("OLLAMA_HOST", OLLAMA)
    address = host if "://" in host else f"http://{host}"
    return ServedLLM(f"{address.rstrip('/')}/v1", where, f"ollama:{where}", settings)


def openai_server(where: str, settings: Settings) -> LLM:
    """The model of `where`, written ADDRESS#MODEL. Raises SettingsError for anything else."""
    address, _, model = where.rpartition("#")
    if not address.startswith(("http://", "https://")):
        raise SettingsError(
            f"llm is 'openai:{where}': give openai:ADDRESS#MODEL, such as "
            "openai:http://127.0.0.1:8080/v1#model"
        )
    return ServedLLM(address, model, f"openai:{model}", settings)


class ServedLLM:
    """A model of a server, called through the package openai."""

    def __init__(self, address: str, model: str, name: str, settings: Settings) -> None:
        """Calls nobody yet. Raises ModuleMissing, or SettingsError without a model."""
        if find_spec("openai") is None:
            raise ModuleMissing(
                f"{name} takes one more package: run `pip install 'sessionqa[openai]'`"
            )
        if not model:
            raise SettingsError(f"llm is {name!r}: name the model that {address} is to run")
        import openai

        self.name = name
        self.context_tokens = settings.llm_context
        self.prompt_tokens = settings.llm_prompt_tokens
        self._address, self._model = address, model
        self._seconds, self._seed = settings.llm_seconds, settings.llm_seed
        self._client = openai.OpenAI(
            base_url=address,
            # A server of this machine wants none, the package some.
            api_key=settings.llm_key or "none",
            timeout=openai.Timeout(PIECE_SECONDS, connect=CONNECT_SECONDS),
            max_retries=0,
        )

    def count_tokens(self, text: str) -> int:
        """As cl100k counts them: the server's own tokens are its own affair."""
        from sessionqa.chunk import count_tokens

        return count_tokens(text)

    def stream(self, messages: Sequence[Message], most: int) -> Generator[str]:
        """See LLM."""
        import openai

        def work(put: Put) -> None:
            ended = False
            with self._asked(messages, most) as events:
                for choice in (event.choices[0] for event in events if event.choices):
                    ended = choice.finish_reason is not None
                    if not put(choice.delta.content or ""):
                        return
            if not ended:
                raise self._failed("broke off", "ask again")

        try:
            yield from heard(work, self._seconds)
        except TimeoutError as error:
            remedy = "give a larger `llm_seconds`, or a smaller model"
            raise self._failed(f"was not done after {self._seconds:g} s", remedy) from error
        except openai.APITimeoutError as error:
            remedy = "ask for less, or see what keeps it"
            raise self._failed(f"said nothing for {PIECE_SECONDS:g} s", remedy) from error
        except openai.APIConnectionError as error:
            raise self._failed("cannot be reached", "start it, or mend the address") from error
        except openai.APIStatusError as error:
            raise self._refused(error) from error
        except (openai.OpenAIError, OSError) as error:
            raise self._failed(f"broke off ({first_line(error)})", "ask again") from error
        except _SENSELESS as error:
            raise self._failed(
                "made no sense", "see whether it speaks OpenAI's protocol"
            ) from error

    def _asked(self, messages: Sequence[Message], most: int) -> "Stream[ChatCompletionChunk]":
        # A Message is what the package calls by a name for each role.
        given: Any = list(messages)
        return self._client.chat.completions.create(
            model=self._model,
            messages=given,
            max_tokens=most,
            temperature=0,
            seed=self._seed,
            stream=True,
        )

    def _refused(self, error: "APIStatusError") -> LLMError:
        status = error.status_code
        remedy = _REMEDIES.get(status, "see what it says of itself")
        return self._failed(f"answered {status} ({first_line(error)})", remedy)

    def _failed(self, problem: str, remedy: str) -> LLMError:
        return LLMError(f"the model {self._model} at {self._address} {problem}: {remedy}")
