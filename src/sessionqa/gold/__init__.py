"""Gold questions, whatever file they come from: the GoldSet, and which reader is for which file."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sessionqa.datatypes import Session
from sessionqa.errors import UsageError

# A file is told apart by so much of its beginning.
HEAD_BYTES = 65_536
_SQUAD = re.compile(r'\s*\{\s*"(?:version|data)"\s*:')
_RECORD = re.compile(r"^\s*\{", re.MULTILINE)


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


def read_gold_set(
    path: Path,
    split: str | None = None,
    queries: Path | None = None,
    codes: Callable[[], Collection[str]] | None = None,
) -> GoldSet:
    """The gold set in `path`: a BEIR folder, SQuAD JSON, TREC qrels, or our own JSON lines.

    It is told by its content. `split` picks questions of our own format, or one of BEIR's qrels;
    `queries` holds the questions of TREC qrels. `codes` gives the corpus's session codes: it is
    called for a set without documents, to leave out what is judged of others. Raises UsageError
    if the file cannot be read, or nothing usable is in it.
    """
    gold = _read(path, split, queries, codes)
    if gold.questions:
        return gold
    of_split = f" of split {split}" if split else ""
    why = _why(gold.left_out) or ": name a file that has some, or another --split"
    raise UsageError(f"{path} has no question{of_split} that can be used{why}")


def _read(
    path: Path,
    split: str | None,
    queries: Path | None,
    codes: Callable[[], Collection[str]] | None,
) -> GoldSet:
    from sessionqa.gold import beir, ours, squad, trec

    is_folder = os.path.isdir(path)
    head = "" if is_folder else _head(path)
    of_squad = _SQUAD.match(head) or path.suffix == ".json"
    records = is_folder or of_squad or _RECORD.search(head) or not head.strip()
    if queries and records:
        raise UsageError(f"--queries goes with TREC qrels, and {path} holds none: leave it out")
    if is_folder:
        return beir.read(path, split)
    if of_squad:
        return squad.read(path)
    known = spelling_of(codes() if codes else None)
    if not records:
        return trec.read(path, queries, known)
    return ours.read(path, split, known)


def spelling_of(codes: Collection[str] | None) -> Callable[[str], str | None]:
    """Turns a code in any case into the corpus's own, None for one that it lacks.

    Where the codes are not known, every one is as good as it is.
    """
    if codes is None:
        return lambda code: code
    spellings = {code.casefold(): code for code in codes}
    return lambda code: spellings.get(code.casefold())


def joined(sets: Collection[GoldSet]) -> GoldSet:
    """Several sets of our own format as one. Raises UsageError for any other several."""
    if len(sets) == 1:
        return next(iter(sets))
    for gold in sets:
        if not gold.answered:
            raise UsageError(f"{gold.name} is not in the format of gold.jsonl: measure it alone")
    questions: dict[str, GoldQuestion] = {}
    left_out = [note for gold in sets for note in gold.left_out]
    for gold in sets:
        for question in gold.questions:
            if questions.setdefault(question.id, question) is not question:
                left_out.append(f"{gold.name}: a file before has a question {question.id}")
    return GoldSet(
        name="+".join(gold.name for gold in sets),
        questions=tuple(questions.values()),
        answered=True,
        left_out=tuple(left_out),
    )


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        raise UsageError(f"the gold file {path} cannot be read: {error.strerror}") from error


def _why(left_out: Collection[str]) -> str:
    if not left_out:
        return ""
    first = next(iter(left_out))
    more = f" (and {len(left_out) - 1} more like it)" if len(left_out) > 1 else ""
    return f": {first}{more}"
