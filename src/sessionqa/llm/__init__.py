"""Language models that write answers: what one offers, and how it is named and opened.

A name is KIND:WHERE: `ollama:llama3.2`, `openai:http://127.0.0.1:8080/v1#model`,
`gguf:model.gguf`, or `smollm2`, a small one to try. A kind is an entry point of the group
`sessionqa.llms`, ours as well as those of other packages: a function of WHERE and the settings
that returns an LLM.
"""

from collections.abc import Generator, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict

from sessionqa.errors import SettingsError

if TYPE_CHECKING:
    from sessionqa.settings import Settings

GROUP = "sessionqa.llms"


class Message(TypedDict):
    """A turn of a chat, as OpenAI's protocol has it."""

    role: Literal["system", "user", "assistant"]
    content: str


class LLM(Protocol):
    """A model that goes on with a chat. Safe among threads."""

    @property
    def name(self) -> str:
        """How answers name it."""

    @property
    def context_tokens(self) -> int:
        """How many tokens a prompt and its reply may have together."""

    @property
    def prompt_tokens(self) -> int:
        """How many a prompt should have at most, so that it is read soon enough."""

    def count_tokens(self, text: str) -> int:
        """The tokens of `text`, or nearly."""

    def stream(self, messages: Sequence[Message], most: int) -> Generator[str]:
        """The reply piece by piece, of at most `most` tokens; for the same messages the same.

        An empty piece says that it is still at work: whoever closes the iterator then, or at any
        other, ends that. Raises LLMError.
        """


def open_llm(name: str, settings: "Settings") -> LLM:
    """The model of that name. Raises SettingsError, ModuleMissing or LLMError."""
    kind, _, where = name.partition(":")
    known = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in known:
        raise SettingsError(
            f"llm is {name!r}: give KIND:WHERE, such as ollama:llama3.2 or gguf:model.gguf; "
            f"known kinds: {', '.join(sorted(known))}"
        )
    opened: LLM = known[kind].load()(where, settings)
    return opened
