"""Evidence -> sources -> messages: what a model is given to read, within its budget."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Any

from sessionqa.datatypes import Session
from sessionqa.errors import SettingsError
from sessionqa.evidence import Evidence
from sessionqa.llm import Message
from sessionqa.llm.sentences import without_unseen

# What could end a source or pass for one, or for the end of a turn, as models have it: <|im_end|>,
# </s>, <start_of_turn>, [/INST].
_OPENING = re.compile(r"<(?![\s\d=-])|<(?=\s*/?\s*source)|\[(?=/?[A-Z_]{3,}\])", re.IGNORECASE)
# Stands before each line of a source: small models copy from that, and not from between tags.
_QUOTED = "> "
# What that and the ends of lines cost beside the words, and the same of a session's title.
_LINE_TOKENS, _TITLE_TOKENS = 4, 4
_EXAMPLE = {"question": str, "text": list, "answer": str}


def _inert(text: str) -> str:
    """`text` in one line, as a model reads it: nothing in it is more than text."""
    return _OPENING.sub("‹", " ".join(without_unseen(text).split()))


@dataclass(frozen=True, slots=True)
class Source:
    """What stands under one number: sentences of one session, what should be said first."""

    number: int
    evidence: tuple[Evidence, ...]

    @property
    def session(self) -> Session:
        """Whose they are."""
        return self.evidence[0].session

    def lines(self, titled: bool, numbered: bool = False) -> list[str]:
        """As the model reads it."""
        title = f"{self.session.code}: {self.session.title}"
        said = _quoted([one.sentence.text for one in self.evidence])
        if numbered:
            return [f"[{self.number}] {_inert(title)}", *said]
        return [*_quoted([title]), *said] if titled else said


@dataclass(frozen=True, slots=True)
class Templates:
    """The messages: `user` has $sources and $question, and so the examples, which are before it."""

    system: str
    user: Template
    examples: tuple[Message, ...] = ()
    numbered: bool = True

    @classmethod
    def read(cls, folder: str = "", small: bool = False) -> "Templates":
        """Those of a folder, by default ours; for a `small` model those of the folder small in it.

        A small model is shown the text alone, and any other one numbered sources. A folder without
        examples.toml has no examples. Raises SettingsError for one that lacks anything else.
        """
        place: Path | Traversable = Path(folder) if folder else files("sessionqa.llm")
        if small and place.joinpath("small").is_dir():
            place = place.joinpath("small")
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
        if not template.is_valid() or {*template.get_identifiers()} != {"sources", "question"}:
            raise SettingsError(
                f"{folder}/user.txt lacks $sources or $question, or has another name after a $: "
                "write $$ for a dollar sign"
            )
        turns = (turn for one in _examples(place) for turn in _turns(template, one))
        return cls(system, template, tuple(turns), numbered=not small)

    @property
    def text(self) -> str:
        """What they say themselves."""
        own = [self.system, self.user.template, *(turn["content"] for turn in self.examples)]
        return "\n".join(own)

    def messages(
        self, question: str, sources: Sequence[Source], examples: bool = True
    ) -> list[Message]:
        """What the model is asked; sources have numbers, or titles if there are several."""
        titled = len(sources) > 1
        shown = [line for one in sources for line in one.lines(titled, self.numbered)]
        user = _filled(self.user, question, shown)
        before = self.examples if examples else ()
        return [{"role": "system", "content": self.system}, *before, user]


def _quoted(lines: Sequence[str]) -> list[str]:
    return [f"{_QUOTED}{_inert(line)}" for line in lines]


def _filled(user: Template, question: str, lines: Sequence[str]) -> Message:
    text = user.substitute(sources="\n".join(lines), question=_inert(question))
    return {"role": "user", "content": text}


def _turns(user: Template, example: Mapping[str, Any]) -> Iterator[Message]:
    yield _filled(user, example["question"], _quoted(example["text"]))
    yield {"role": "assistant", "content": example["answer"]}


def _examples(place: Path | Traversable) -> list[dict[str, Any]]:
    """The questions in examples.toml, each with the sentences shown and its answer."""
    file = place.joinpath("examples.toml")
    if not file.is_file():
        return []
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))["example"]
        if not all(isinstance(one[name], kind) for one in found for name, kind in _EXAMPLE.items()):
            raise TypeError("of another kind")
        if not all(isinstance(line, str) for one in found for line in one["text"]):
            raise TypeError("a line that is no text")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SettingsError(
            f"{file} cannot be read ({error}): give each [[example]] a question, a text (a list of "
            "sentences) and an answer, or leave it out"
        ) from error
    return list(found)


def sources_of(
    evidence: Sequence[Evidence], budget: int, count: Callable[[str], int]
) -> list[Source]:
    """The best sentences that fit in `budget` tokens, by session; the best session's first."""
    chosen: dict[str, list[Evidence]] = {}
    for one in evidence:
        own = chosen.setdefault(one.session.code, [])
        title = f"{one.session.code}: {one.session.title}"
        head = 0 if own else _TITLE_TOKENS + count(title)
        budget -= head + _LINE_TOKENS + count(one.sentence.text)
        if budget < 0:
            break
        own.append(one)
    groups = (own for own in chosen.values() if own)
    return [Source(number, tuple(own)) for number, own in enumerate(groups, 1)]
