"""Gold questions, whatever file they come from: the GoldSet and who reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sessionqa.datatypes import Session


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question with what a right answer has; see docs/evaluation.md for the file formats.

    `relevant` gives the grade of each judged session by its code, above 0 for one that answers.
    """

    id: str
    question: str
    kind: str = "fact"
    relevant: Mapping[str, int] = field(default_factory=dict)
    answer_any: tuple[tuple[str, ...], ...] = ()
    refuse: bool = False
    history: tuple[str, ...] = ()
    split: str = ""

    @property
    def sessions(self) -> tuple[str, ...]:
        """The codes of the sessions that answer it."""
        return tuple(code for code, grade in self.relevant.items() if grade > 0)


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Questions, and the documents that come with them.

    `sessions` is None if the questions are about the corpus of the settings. `answered` says
    whether the set judges answers, as our own format does; else only the ranking of sessions
    counts. `left_out` names what could not be used, each as "PATH:LINE: what and why".
    """

    name: str
    questions: tuple[GoldQuestion, ...]
    sessions: tuple[Session, ...] | None = None
    answered: bool = False
    left_out: tuple[str, ...] = ()
