"""What a language model makes of a question before it is searched: `llm_query`, off by default.

The question of a follow-up that stands alone; other phrasings of it, whose passages are found too
(multi-query); or a passage that could answer it, and what is near to that (HyDE, Gao et al. 2022,
"Precise zero-shot dense retrieval without relevance labels").
"""

import re
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from pathlib import Path

from sessionqa import kinds, terms
from sessionqa.datatypes import Hit
from sessionqa.errors import LLMError, SettingsError
from sessionqa.llm import LLM, Message
from sessionqa.settings import Settings

# A question has so many tokens at most, and three phrasings or a passage so many.
QUESTION_TOKENS, MORE_TOKENS = 60, 160
MOST_PHRASINGS = 3
# Of earlier questions so many are shown.
MOST_EARLIER = 4
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.):])\s*")


class Queries:
    """Has a model word queries. Where it fails, there are none."""

    def __init__(self, llm: LLM, settings: Settings) -> None:
        """Raises SettingsError for a template that cannot be read."""
        self._llm = llm
        self._kind = settings.llm_query
        self._instructions = _instructions(self._kind, settings.llm_templates)
        # A question is worded once for its search and once for its ranks.
        self.others = lru_cache(maxsize=256)(self._others)

    def standalone(self, question: str, history: Sequence[str]) -> str:
        """The question of a follow-up with what it leaves unsaid; empty if that is not wanted.

        Or if the model names what neither it nor the earlier questions do.
        """
        if self._kind != "standalone" or not history:
            return ""
        earlier = history[-MOST_EARLIER:]
        asked = "\n".join([*(f"Earlier: {one}" for one in earlier), f"Last: {question}"])
        written = " ".join(self._written(asked, QUESTION_TOKENS).split())
        known = terms.stems(" ".join([*earlier, question]))
        named = {terms.stem(word) for word in (*kinds.names(written), *kinds.counted(written))}
        return written if written.endswith("?") and named <= known else ""

    def _others(self, question: str) -> tuple[str, ...]:
        """What else is to be searched for."""
        if self._kind == "passage":
            written = " ".join(self._written(question, MORE_TOKENS).split())
            return (written,) if written else ()
        if self._kind == "phrasings":
            lines = (_LIST_MARK.sub("", line) for line in self._lines(question))
            others = (line for line in lines if line and line.casefold() != question.casefold())
            return tuple(islice(dict.fromkeys(others), MOST_PHRASINGS))
        return ()

    def _lines(self, question: str) -> list[str]:
        return [line.strip() for line in self._written(question, MORE_TOKENS).splitlines()]

    def _written(self, asked: str, most: int) -> str:
        messages: list[Message] = [
            {"role": "system", "content": self._instructions},
            {"role": "user", "content": asked},
        ]
        try:
            with closing(self._llm.stream(messages, most)) as pieces:
                return "".join(pieces)
        except LLMError:
            return ""


def merged(hits: Sequence[Hit], others: Sequence[Hit]) -> list[Hit]:
    """The passages of either, each by its better score, best first, as many as `hits`."""
    best: dict[str, Hit] = {}
    for hit in (*hits, *others):
        known = best.get(hit.passage.id)
        if known is None or hit.score > known.score:
            best[hit.passage.id] = hit
    ranked = sorted(best.values(), key=lambda hit: (-hit.score, hit.passage.id))
    return ranked[: len(hits)]


def _instructions(kind: str, folder: str) -> str:
    """What the model is told: the file of a user's folder if it has one, or else ours."""
    name = f"{kind}.txt"
    own = Path(folder) / name
    place = own if folder and own.exists() else files("sessionqa.llm") / name
    try:
        return place.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{place} cannot be read ({error}): mend or remove it") from error
