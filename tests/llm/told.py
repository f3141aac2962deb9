"""A language model that says what a test has it say."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace

from sessionqa import Assistant
from sessionqa.errors import LLMError
from sessionqa.llm import Message
from sessionqa.llm.writer import Writer
from sessionqa.settings import Unsupported

Says = Callable[[str], Iterable[str]]


@dataclass
class Told:
    """Says what `says` makes of the prompt, piece by piece; then fails, if it has a problem.

    `asked` has what it was given, `given` counts its pieces, `left` is set when it is closed.
    """

    says: Says
    problem: str = ""
    name: str = "told"
    context_tokens: int = 4096
    prompt_tokens: int = 1500
    asked: list[list[Message]] = field(default_factory=list)
    given: int = 0
    left: bool = False

    def count_tokens(self, text: str) -> int:
        """A token is a word."""
        return len(text.split())

    def stream(self, messages: Sequence[Message], most: int) -> Generator[str]:  # noqa: ARG002
        """See LLM."""
        self.asked.append(list(messages))
        try:
            for piece in self.says("\n".join(message["content"] for message in messages)):
                self.given += 1
                yield piece
            if self.problem:
                raise LLMError(self.problem)
        finally:
            self.left = True


def always(*pieces: str) -> Says:
    """The same whatever the prompt is."""
    return lambda _: pieces


def with_writer(assistant: Assistant, llm: Told, unsupported: Unsupported = "drop") -> Assistant:
    """The assistant, but that `llm` writes its answers."""
    settings = replace(assistant.settings, llm_unsupported=unsupported)
    index, encoder = assistant.index, assistant.encoder
    writer = Writer(llm, index, encoder, settings)
    return Assistant(index, encoder, assistant._answerer, settings, writer=writer)
