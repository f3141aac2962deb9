"""What each part of a hit's score is worth: on SciFact, CISI, SQuAD 1.1 and our dev questions.

Each part is left out in turn, and the lexical arm's weight varied. SciFact's test split is for
reporting only: weights are chosen with `--scifact-split train`. The indexes are those that
`sessionqa eval` keeps in the user's cache; what is missing is built there.

    python benchmarks/retrieval.py --data $SESSIONQA_DATA [--sets cisi dev] [--questions 0]
"""

import argparse
import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sessionqa import compare, evaluate, retrieve
from sessionqa.assistant import Assistant, build_index
from sessionqa.encode import Vectors
from sessionqa.eval_command import settings_for
from sessionqa.evaluate import Outcome
from sessionqa.gold import GoldSet, read_gold_set
from sessionqa.index import Weights
from sessionqa.measures import DEPTH
from sessionqa.mentions import named_sessions
from sessionqa.retrieve import Retriever
from sessionqa.settings import Settings
from sessionqa.terminal import Progress

ROOT = Path(__file__).parents[1]
FOLDERS = {"scifact": "scifact", "cisi": "cisi", "squad": "squad/dev-v1.1.json"}
MEASURES = ("nDCG@10", "R@100", "Success@1", "Success@5")
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
# A session is ranked by its best passage: so many passages give DEPTH sessions.
PASSAGES = evaluate.PASSAGES_PER_SESSION * DEPTH


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a row of the table changes: settings, and constants of `retrieve`."""

    label: str
    changes: str = ""
    constants: Mapping[str, float] = field(default_factory=dict)


CONFIGURATIONS = (
    Configuration("dense", compare.PRESETS["dense"]),
    Configuration("dense, late interaction", compare.PRESETS["late"]),
    Configuration("lexical", compare.PRESETS["lexical"]),
    Configuration("equal reciprocal ranks", compare.PRESETS["rrf"]),
    Configuration("hybrid as set", compare.PRESETS["hybrid"]),
    Configuration("without late interaction", "late_interaction=false"),
    Configuration("without the session's words", constants={"SESSION": 0.0}),
    Configuration("without the whole", constants={"WHOLE": 0.0}),
    Configuration("without sentences", constants={"SENTENCES": 0.0}),
    Configuration("without tokens", constants={"TOKENS": 0.0}),
    Configuration("with all tokens alike", constants={"ASKING": 1.0}),
    *(Configuration(f"lexical weight {weight}", f"lexical_weight={weight}") for weight in WEIGHTS),
)


class Remembering:
    """An index or an encoder that computes nothing twice for one question.

    The configurations ask them for the same again and again.
    """

    def __init__(self, asked: Any) -> None:
        self._asked = asked
        self._answers: dict[bytes, Any] = {}
        self._tokens: dict[bytes, dict[str, float]] = {}

    def forget(self) -> None:
        """Begins another question."""
        self._answers.clear()
        self._tokens.clear()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._asked, name)
        return self._once(name, found) if callable(found) else found

    def _once(self, name: str, method: Any) -> Any:
        def answer(*arguments: Any) -> Any:
            key = pickle.dumps((name, arguments))
            if key not in self._answers:
                self._answers[key] = method(*arguments)
            return self._answers[key]

        return answer

    def token_similarities(self, ids: Sequence[str], tokens: Vectors, weights: Weights) -> Vectors:
        """Passage by passage, since every configuration asks for others."""
        known = self._tokens.setdefault(weights.tobytes(), {})
        missing = [id_ for id_ in ids if id_ not in known]
        found = self._asked.token_similarities(missing, tokens, weights)
        known.update(zip(missing, found, strict=True))
        return np.array([known[id_] for id_ in ids], dtype=np.float32)


@contextmanager
def constants(values: Mapping[str, float]) -> Iterator[None]:
    """Sets constants of `retrieve` for a while."""
    before = {name: getattr(retrieve, name) for name in values}
    for name, value in values.items():
        setattr(retrieve, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(retrieve, name, value)


def outcomes(assistant: Assistant, gold: GoldSet) -> dict[str, list[Outcome]]:
    """What each configuration ranks for each question that has a right session."""
    index: Any = Remembering(assistant.index)
    encoder: Any = Remembering(assistant.encoder)
    retrievers = [
        Retriever(index, encoder, compare.configured(assistant.settings, row.changes or "hybrid"))
        for row in CONFIGURATIONS
    ]
    found: dict[str, list[Outcome]] = {row.label: [] for row in CONFIGURATIONS}
    progress = Progress()
    for done, question in enumerate(gold.questions, 1):
        index.forget()
        encoder.forget()
        clear = assistant.standalone(question.question, question.history)
        for row, retriever in zip(CONFIGURATIONS, retrievers, strict=True):
            with constants(row.constants):
                ranking = ranked(retriever, index, clear)
            found[row.label].append(Outcome(question, ranking, None, 0.0))
        progress(gold.name, done, len(gold.questions))
    return found


def ranked(retriever: Retriever, index: Any, question: str) -> tuple[tuple[str, float], ...]:
    """The DEPTH best sessions, each once, as `sessionqa eval` ranks them."""
    named = named_sessions(question, index.facets) or None
    found = retriever.candidates(retriever.read(question), PASSAGES, named)
    scores = found.by_meaning + found.by_words
    codes = index.codes(found.ids)
    best: dict[str, float] = {}
    for row in found.ranked()[:PASSAGES]:
        best.setdefault(codes[row], float(scores[row]))
    return tuple(best.items())[:DEPTH]


def show(name: str, found: Mapping[str, Sequence[Outcome]]) -> None:
    asked = len(next(iter(found.values())))
    print(f"\n{f'{name}, {asked} questions':34}" + "".join(f"{m:>11}" for m in MEASURES))
    for label, of_row in found.items():
        values = evaluate.values_of(of_row, MEASURES)
        cells = (f"{np.mean(list(values[measure].values())):11.4f}" for measure in MEASURES)
        print(f"{label:34}" + "".join(cells), flush=True)


def drawn(gold: GoldSet, count: int) -> GoldSet:
    """The questions with a right session, and of more than `count` so many; 0: all."""
    asked = [question for question in gold.questions if question.sessions]
    if count and len(asked) > count:
        rows = np.random.default_rng(0).permutation(len(asked))[:count]
        asked = [asked[row] for row in rows]
    return replace(gold, questions=tuple(asked))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds scifact/, cisi/, squad/")
    parser.add_argument("--sets", nargs="+", choices=(*FOLDERS, "dev"), default=[*FOLDERS, "dev"])
    parser.add_argument("--questions", type=int, default=1500, help="at most, of a set; 0: all")
    parser.add_argument("--scifact-split", default="test")
    arguments = parser.parse_args()
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as folder:
            if name == "dev":
                gold = read_gold_set(ROOT / "corpus" / "gold.jsonl", "dev")
                settings = Settings(corpus=ROOT / "corpus", index=Path(folder))
            else:
                path = arguments.data / FOLDERS[name]
                split = arguments.scifact_split if name == "scifact" else None
                gold = read_gold_set(path, split)
                settings = settings_for(path, gold)
            build_index(settings, Progress(), sessions=gold.sessions)
            show(name, outcomes(Assistant.open(settings), drawn(gold, arguments.questions)))


if __name__ == "__main__":
    main()
