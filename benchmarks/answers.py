"""What answers must reach, and what they get: a line for each measure, with its floor and its aim.

- The gold questions of a split, by `sessionqa eval`'s own code: facts, words, lists, follow-ups,
  refusals, citations, and the time that answering adds to retrieval.
- With --squad-1, SQuAD 1.1, all paragraphs indexed together: how often the best sentence holds a
  gold answer and is of the right paragraph.
- With --squad-2, SQuAD 2.0, each question with its own paragraph alone: how well the confidence
  tells the answerable from the unanswerable, on the articles that it is not fitted to (every other
  one), and on all.

    python benchmarks/answers.py --squad-1 dev-v1.1.json --squad-2 dev-v2.0.json
        [--gold corpus/gold.jsonl --split dev] [--questions N] [--indexes DIR]

An index of SQuAD 1.1 takes about two minutes; --indexes keeps it for the next time.
"""

import argparse
import operator
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sklearn.metrics import roc_auc_score

from calibrate_confidence import drawn, row
from sessionqa import evaluate
from sessionqa.assistant import Assistant, build_index
from sessionqa.confidence import probability
from sessionqa.errors import SessionQAError, UsageError
from sessionqa.evidence import Examiner
from sessionqa.gold import GoldQuestion, GoldSet, read_gold_set
from sessionqa.settings import Settings
from sessionqa.terminal import Progress, positive
from squad import paragraphs, squad_assistant

ROOT = Path(__file__).parents[1]
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Goal:
    """What a measure must reach, and should; None where nothing is set."""

    measure: str
    floor: float | None = None
    aim: float | None = None
    at_most: bool = False

    def verdict(self, got: float) -> str:
        """How far `got` comes."""
        reaches = operator.le if self.at_most else operator.ge
        if self.aim is not None and reaches(got, self.aim):
            return "aim"
        if self.floor is None:
            return ""
        return "floor" if reaches(got, self.floor) else "MISSED"


GOALS = {
    "nuggets": Goal("facts stated, mean"),
    "correct": Goal("all facts stated", 0.88, 0.95),
    "answer_words": Goal("words of a fact answer, median", 60, 40, at_most=True),
    "list_precision": Goal("list precision", 0.85, 0.95),
    "list_recall": Goal("list recall", 0.90, 0.95),
    "followups": Goal("follow-ups, hit@1", 0.90, 1.00),
    "refusal_recall": Goal("unanswerable refused", 0.90, 0.97),
    "wrongly_refused": Goal("answerable wrongly refused", 0.05, 0.02, at_most=True),
    "citation_precision": Goal("citation precision", 1.00, 1.00),
    "answer_ms": Goal("ms added to retrieval, p50", 5, 2, at_most=True),
    "squad_1": Goal("SQuAD 1.1, best sentence right", 0.72, 0.78),
    "squad_2": Goal("SQuAD 2.0, ROC AUC", 0.68, 0.75),
    "squad_2_all": Goal("SQuAD 2.0, ROC AUC, all articles", 0.68, 0.75),
}
OF_EVAL = (
    *("nuggets", "correct", "list_precision", "list_recall"),
    *("refusal_recall", "wrongly_refused", "citation_precision"),
)


@dataclass(frozen=True, slots=True)
class Got:
    """What was measured, over how many questions."""

    name: str
    value: float
    questions: int


def of_gold(path: Path, split: str, folder: Path, progress: Progress) -> Iterator[Got]:
    """The gold questions, put to the corpus in whose folder they are."""
    gold = read_gold_set(path, split)
    if not gold.answered:
        raise UsageError(f"{path} judges no answers: give a gold set in JSON lines with --gold")
    settings = Settings(corpus=path.parent, index=folder)
    build_index(settings, progress)
    assistant = Assistant.open(settings)
    for question in gold.questions[:WARM_UP]:
        assistant.ask(question.question, history=question.history)
    outcomes = evaluate.run(assistant, gold, progress=lambda *done: progress("gold", *done))
    made = evaluate.evaluated("as set", outcomes)
    for name in OF_EVAL:
        if name in made.scores:
            yield Got(name, made.scores[name], len(made.measures[name]))
    if words := evaluate.words_of(outcomes):
        yield Got("answer_words", median(words), len(words))
    if "hit@1" in (of_kind := made.by_kind.get("followup", {})):
        yield Got("followups", of_kind["hit@1"], int(of_kind["questions"]))
    times = [o.answer.timings["answer_ms"] for o in outcomes if o.answer]
    yield Got("answer_ms", median(times), len(times))


def of_squad_1(path: Path, count: int | None, folder: Path, progress: Progress) -> Iterator[Got]:
    squad = read_gold_set(path)
    assistant = squad_assistant(squad, folder)
    examiner = Examiner(assistant.index, assistant.encoder)
    asked = some(squad, count)
    right = []
    for done, gold in enumerate(asked, 1):
        right.append(best_is_right(assistant, examiner, gold))
        progress("SQuAD 1.1", done, len(asked))
    yield Got("squad_1", sum(right) / len(right), len(right))


def best_is_right(assistant: Assistant, examiner: Examiner, gold: GoldQuestion) -> bool:
    """Whether the best sentence has a gold answer, and is of the paragraph that was asked about."""
    clear = assistant.standalone(gold.question)
    evidence = examiner.examine(clear, assistant.retrieve(clear, assistant.settings.top_k))
    if not evidence:
        return False
    best = evidence[0].sentence
    there = any(answer in best.text for group in gold.answer_any for answer in group)
    return there and best.session_code in gold.sessions


def of_squad_2(path: Path, count: int | None, folder: Path, progress: Progress) -> Iterator[Got]:
    squad = read_gold_set(path)
    assistant = squad_assistant(squad, folder)
    places = paragraphs(path)
    asked = some(squad, count)
    confidences = []
    for done, gold in enumerate(asked, 1):
        confidences.append(confidence(assistant, gold, places[gold.id][0]))
        progress("SQuAD 2.0", done, len(asked))
    other = [places[gold.id][1] % 2 == 1 for gold in asked]
    answerable = [not gold.refuse for gold in asked]
    for name, chosen in (("squad_2", other), ("squad_2_all", [True] * len(asked))):
        labels = [label for label, taken in zip(answerable, chosen, strict=True) if taken]
        scores = [score for score, taken in zip(confidences, chosen, strict=True) if taken]
        yield Got(name, float(roc_auc_score(labels, scores)), len(labels))


def confidence(assistant: Assistant, gold: GoldQuestion, paragraph: str) -> float:
    """That the paragraph answers the question, by the index's calibration; 0 without evidence."""
    made = row(assistant, gold, paragraph)
    return probability(made.features, assistant.index.manifest.confidence) if made else 0.0


def some(gold: GoldSet, count: int | None) -> Sequence[GoldQuestion]:
    """`count` questions drawn at random, always the same ones; None: all."""
    return list(drawn(gold.questions, count)) if count else gold.questions


def line(goal: Goal, got: Got) -> str:
    bound = "at most" if goal.at_most else ""
    limits = "".join(f"{'-' if x is None else f'{x:g}':>8}" for x in (goal.floor, goal.aim))
    return (
        f"{goal.measure:35}{bound:>8}{limits}{got.value:10.3f}  {goal.verdict(got.value):8}"
        f"{got.questions:7}"
    )


def measured(arguments: argparse.Namespace, indexes: Path) -> Iterator[Got]:
    progress, count = Progress(), arguments.questions
    yield from of_gold(arguments.gold, arguments.split, indexes / "gold", progress)
    if arguments.squad_1:
        yield from of_squad_1(arguments.squad_1, count, indexes / "squad-1", progress)
    if arguments.squad_2:
        yield from of_squad_2(arguments.squad_2, count, indexes / "squad-2", progress)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gold", type=Path, default=ROOT / "corpus" / "gold.jsonl")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--squad-1", type=Path, metavar="FILE", help="SQuAD 1.1's dev-v1.1.json")
    parser.add_argument("--squad-2", type=Path, metavar="FILE", help="SQuAD 2.0's dev-v2.0.json")
    parser.add_argument(
        "--questions",
        type=positive,
        metavar="N",
        help="only so many of each SQuAD, drawn at random, always the same",
    )
    parser.add_argument("--indexes", type=Path, help="keeps the indexes in this folder")
    arguments = parser.parse_args()
    kept = arguments.indexes
    print(f"{'measure':43}{'floor':>8}{'aim':>8}{'got':>10}  {'reached':8}{'over':>7}", flush=True)
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
        try:
            for got in measured(arguments, Path(folder)):
                print(line(GOALS[got.name], got), flush=True)
        except SessionQAError as error:
            sys.exit(f"answers.py: {error}")


if __name__ == "__main__":
    main()
