"""Gold set -> scores: whether it finds the session, states the fact, cites it, and refuses."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sessionqa.assistant import Assistant
from sessionqa.datatypes import Answer
from sessionqa.errors import UsageError
from sessionqa.gold import GoldQuestion

RESAMPLES = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A gold question and what the system made of it.

    `ranking` holds the sessions found with their scores, each once by its best passage, best
    first. `answer` is None where the set judges rankings only. `latency` is in ms.
    """

    gold: GoldQuestion
    ranking: tuple[tuple[str, float], ...]
    answer: Answer | None
    latency: float

    @property
    def cited_sessions(self) -> set[str]:
        """The sessions that the answer cites."""
        return {citation.session_code for citation in self.answer.citations}

    @property
    def nuggets(self) -> float:
        """The share of the gold facts that the answer's text states; 0 for a refusal."""
        if self.answer.refused:
            return 0.0
        text = self.answer.text.casefold()
        groups = self.gold.answer_any
        found = sum(any(fact.casefold() in text for fact in group) for group in groups)
        return found / len(groups) if groups else 1.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one configuration scored.

    `measures` gives, for each measure, its value on every question that it is defined for, by
    the question's id. `scores` are the means of those and the latencies; `intervals` are their
    95% bootstrap intervals; `by_kind` holds the scores of each kind of question, and how many
    "questions" it has.
    """

    configuration: str
    outcomes: tuple[Outcome, ...]
    measures: Mapping[str, Mapping[str, float]]
    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    by_kind: Mapping[str, Mapping[str, float]]


def read_gold(path: Path, split: str | None = None) -> list[GoldQuestion]:
    """The questions of a JSONL file, of one split if given. Raises UsageError naming the line."""
    try:
        # Only a line break ends a record: JSON texts may hold other separators.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise UsageError(f"the gold file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the gold file {path} is not UTF-8 text: {error.reason}") from error
    gold = [_gold_question(path, n, line) for n, line in enumerate(lines, 1) if line.strip()]
    chosen = [question for question in gold if split in (None, question.split)]
    if not chosen:
        raise UsageError(f"{path} has no question{f' of split {split}' if split else ''}")
    return chosen


def _gold_question(path: Path, number: int, line: str) -> GoldQuestion:
    try:
        record = json.loads(line)
        return GoldQuestion(
            id=str(record["id"]),
            question=_of(str, record["question"]),
            kind=_of(str, record.get("kind", "fact")),
            sessions=_texts(record.get("sessions", [])),
            answer_any=tuple(_texts(group) for group in _of(list, record.get("answer_any", []))),
            refuse=_of(bool, record.get("refuse", False)),
            history=_texts(record.get("history", [])),
            split=_of(str, record.get("split", "")),
        )
    except KeyError as error:
        raise UsageError(f"{path}:{number}: not a gold question: it has no {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}:{number}: not a gold question ({error}); "
            "each line is a JSON object with at least id and question"
        ) from error


def _of(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} should be a {kind.__name__}")
    return value


def _texts(values: object) -> tuple[str, ...]:
    return tuple(_of(str, value) for value in _of(list, values))


def run(
    assistant: Assistant,
    gold: Sequence[GoldQuestion],
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Asks every gold question; `progress(done, of)` is told after each."""
    outcomes: list[Outcome] = []
    for question in gold:
        started = time.perf_counter()
        answer = assistant.ask(question.question, history=question.history)
        outcomes.append(Outcome(question, answer, 1000 * (time.perf_counter() - started)))
        if progress:
            progress(len(outcomes), len(gold))
    return outcomes


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Scores of all outcomes with 95% bootstrap intervals, and of each kind of question."""
    kinds = dict.fromkeys(outcome.gold.kind for outcome in outcomes)
    by_kind = {k: scores([o for o in outcomes if o.gold.kind == k]) for k in kinds}
    for kind, part in by_kind.items():
        part["questions"] = sum(outcome.gold.kind == kind for outcome in outcomes)
    return {
        "questions": len(outcomes),
        "scores": scores(outcomes),
        "intervals": {
            name: interval(values) for name, values in samples(outcomes).items() if len(values)
        },
        "by_kind": by_kind,
    }


def scores(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The mean of each measure that the outcomes have a value for, and the latencies in ms."""
    means = {name: mean(values) for name, values in samples(outcomes).items() if len(values)}
    latencies = [outcome.latency for outcome in outcomes]
    return means | {
        "latency_p50_ms": round(float(np.percentile(latencies, 50)), 2),
        "latency_p95_ms": round(float(np.percentile(latencies, 95)), 2),
    }


def samples(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    """For each measure its value on every outcome that it is defined for.

    hit@k: a right session is among the first k sessions found. RR: 1 / the rank of the first
    right one, 0 if it is not found. Both leave lists and unanswerable questions out. list_recall,
    list_precision: of the expected sessions, the cited ones, and the other way round. nuggets:
    share of the facts stated. correct: 1 if all are. citation_precision: share of the citations
    that point to an expected session. refusal_precision: share of refusals that are right.
    refusal_recall: share of unanswerable questions that are refused.
    """
    answerable = [o for o in outcomes if not o.gold.refuse]
    single = [o for o in answerable if o.gold.kind != "list"]
    lists = [o for o in answerable if o.gold.kind == "list"]
    ranks = [_first_rank(o) for o in single]
    return {
        **{f"hit@{k}": [float(0 < rank <= k) for rank in ranks] for k in (1, 3, 5)},
        "RR": [1 / rank if rank else 0.0 for rank in ranks],
        "nuggets": [o.nuggets for o in answerable],
        "correct": [float(o.nuggets == 1) for o in answerable],
        "citation_precision": [_cited_right(o) for o in single if o.answer.citations],
        "list_recall": [_share(o.cited_sessions, o.gold.sessions) for o in lists],
        "list_precision": [
            _share(o.gold.sessions, o.cited_sessions) for o in lists if o.cited_sessions
        ],
        "refusal_precision": [float(o.gold.refuse) for o in outcomes if o.answer.refused],
        "refusal_recall": [float(o.answer.refused) for o in outcomes if o.gold.refuse],
    }


def mean(values: Sequence[float]) -> float:
    """The mean, to four places."""
    return round(float(np.mean(values)), 4)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% percentile bootstrap interval of the mean (Efron 1979), always the same draw."""
    drawn = np.random.default_rng(0).choice(np.asarray(values), (RESAMPLES, len(values)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def _first_rank(outcome: Outcome) -> int:
    """The rank of the first right session, from 1; 0 if none was found."""
    ranked = enumerate(outcome.ranked_sessions, 1)
    return next((rank for rank, code in ranked if code in outcome.gold.sessions), 0)


def _cited_right(outcome: Outcome) -> float:
    codes = [citation.session_code for citation in outcome.answer.citations]
    return sum(code in outcome.gold.sessions for code in codes) / len(codes)


def _share(found: Iterable[str], expected: Iterable[str]) -> float:
    wanted = set(expected)
    return len(wanted & set(found)) / len(wanted) if wanted else 0.0
