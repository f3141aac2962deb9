"""Evidence -> sources -> messages: what a model is given to read, within its budget."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from sessionqa.datatypes import Session
from sessionqa.errors import SettingsError
from sessionqa.evidence import Evidence
from sessionqa.llm import Message
from sessionqa.llm.sentences import without_unseen

# What could end a source or pass for one, or for the end of a turn, as models have it: <|im_end|>,
# </s>, <start_of_turn>, [/INST].
_OPENING = re.compile(r"<(?![\s\d=-])|<(?=\s*/?\s*source)|\[(?=/?[A-Z_]{3,}\])", re.IGNORECASE)
# Each line of a template and of a fence costs a few tokens beside its words.
_FENCE_TOKENS = 20


def _inert(text: str) -> str:
    """`text` in one line, as a model reads it: nothing in it is more than text."""
    return _OPENING.sub("‹", " ".join(without_unseen(text).split()))


@dataclass(frozen=True, slots=True)
class Source:
    """What stands under one number: sentences of one session, in their order there."""

    number: int
    evidence: tuple[Evidence, ...]

    @property
    def session(self) -> Session:
        """Whose they are."""
        return self.evidence[0].session

    def fenced(self) -> str:
        """As the model reads it."""
        said = " ".join(_inert(one.sentence.text) for one in self.evidence)
        about = _inert(f"{self.session.code}: {self.session.title}")
        return f"<source {self.number}>\n{about}\n{said}\n</source>"


@dataclass(frozen=True, slots=True)
class Templates:
    """The two messages, with $sources and $question in the second."""

    system: str
    user: Template

    @classmethod
    def read(cls, folder: str = "") -> "Templates":
        """Those of a folder, by default ours. Raises SettingsError for one that lacks anything."""
        place = Path(folder) if folder else files("sessionqa.llm")
        try:
            system, user = (
                place.joinpath(name).read_text(encoding="utf-8").strip()
                for name in ("system.txt", "user.txt")
            )
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"llm_templates is {folder!r}, where system.txt and user.txt cannot be read "
                f"({error}): put both there, or leave it out"
            ) from error
        template = Template(user)
        if not template.is_valid() or {"sources", "question"} - {*template.get_identifiers()}:
            raise SettingsError(
                f"{folder}/user.txt lacks $sources or $question, or has another name after a $: "
                "write $$ for a dollar sign"
            )
        return cls(system, template)

    @property
    def text(self) -> str:
        """What they say themselves."""
        return f"{self.system}\n{self.user.template}"

    def messages(self, question: str, sources: Sequence[Source]) -> list[Message]:
        """What the model is asked."""
        shown = "\n".join(source.fenced() for source in sources)
        user = self.user.substitute(sources=shown, question=_inert(question))
        return [{"role": "system", "content": self.system}, {"role": "user", "content": user}]


def sources_of(
    evidence: Sequence[Evidence], budget: int, count: Callable[[str], int]
) -> list[Source]:
    """The best sentences that fit in `budget` tokens, by session; the best session's first."""
    chosen: dict[str, list[Evidence]] = {}
    for one in evidence:
        own = chosen.setdefault(one.session.code, [])
        head = 0 if own else _FENCE_TOKENS + count(f"{one.session.code}: {one.session.title}")
        budget -= head + count(one.sentence.text)
        if budget < 0:
            break
        own.append(one)
    groups = (own for own in chosen.values() if own)
    return [
        Source(number, tuple(sorted(own, key=lambda one: one.sentence.start)))
        for number, own in enumerate(groups, 1)
    ]
