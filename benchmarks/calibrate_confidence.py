"""Fits the confidence and writes src/sessionqa/confidence.json. Nothing held out is read.

Questions that are answered from what is found, and that cannot be: the dev questions of
corpus/gold.jsonl, those of a second corpus on another subject, and SQuAD 2.0's, each with its
paragraph, of every other article. Besides, answerable questions of SQuAD over all its paragraphs,
and questions put to a corpus that knows nothing of them. Lists, summaries and comparisons are
answered otherwise, and left out.

A regression over all of them ranks questions; a second one over its output (Platt 1999,
"Probabilistic outputs for support vector machines") makes a probability of it, from the dev
questions of the two corpora, each by a model that was fitted without it.

Prints the area under the ROC curve, the expected calibration error, and how many questions are
refused at 0.5: for the dev questions in five folds, for the second corpus fitted without it, and
for SQuAD's other articles.

    python benchmarks/calibrate_confidence.py --squad $SESSIONQA_DATA/squad/dev-v2.0.json
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from sessionqa.assistant import Assistant, build_index
from sessionqa.confidence import Features
from sessionqa.evidence import Examiner
from sessionqa.gold import GoldQuestion, read_gold_set
from sessionqa.mentions import named_codes
from sessionqa.selective import reliability
from sessionqa.settings import Settings
from sessionqa.support import Support
from squad import paragraphs, squad_assistant

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "src" / "sessionqa" / "confidence.json"
CORPORA = {"ours": ROOT / "corpus", "harvest": ROOT / "tests" / "corpora" / "harvest"}
ANSWERED_OTHERWISE = {"list", "summary", "compare"}
OF_PARAGRAPHS, OVER_ALL, FAR = 12_000, 300, 300
# How much each sort of question counts, whatever their number.
WEIGHTS = {"ours": 1.5, "harvest": 1.0, "paragraphs": 2.5, "over all": 0.5, "far": 0.3}
FOLDS, STRENGTH, SCALE = 5, 3.0, 300
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A question's features, and whether it can be answered."""

    features: Features
    answerable: bool


def row(
    assistant: Assistant, gold: GoldQuestion, only: str = "", answerable: bool | None = None
) -> Row | None:
    """None if nothing at all is found. `only` is the one session that may be looked at."""
    clear = assistant.standalone(gold.question, gold.history)
    sessions = [only] if only else None
    hits = assistant.retriever.retrieve(clear, assistant.settings.top_k, sessions)
    evidence = Examiner(assistant.index, assistant.encoder).examine(clear, hits)
    if not evidence:
        return None
    features = Support(assistant.index, assistant.encoder).features(clear, evidence)
    return Row(features, not gold.refuse if answerable is None else answerable)


def rows(
    assistant: Assistant, questions: Sequence[GoldQuestion], answerable: bool | None = None
) -> list[Row]:
    """Those that the confidence decides: a session that does not exist is refused anyway."""
    asked = (
        gold
        for gold in questions
        if gold.kind not in ANSWERED_OTHERWISE
        and not named_codes(gold.question, assistant.index.facets)[1]
    )
    made = (row(assistant, gold, answerable=answerable) for gold in asked)
    return [one for one in made if one]


def drawn(questions: Sequence[GoldQuestion], count: int) -> Iterator[GoldQuestion]:
    order = np.random.default_rng(0).permutation(len(questions))[:count]
    return (questions[place] for place in order)


def gather(squad_file: Path, folder: Path) -> dict[str, list[Row]]:
    """The rows of every sort; "other articles" are not fitted to."""
    assistants, questions = {}, {}
    for name, corpus in CORPORA.items():
        settings = Settings(corpus=corpus, index=folder / name)
        build_index(settings)
        assistants[name] = Assistant.open(settings)
        questions[name] = read_gold_set(corpus / "gold.jsonl", "dev").questions
    squad = read_gold_set(squad_file)
    theirs = squad_assistant(squad, folder / "squad")
    places = paragraphs(squad_file)
    of_paragraphs: dict[int, list[Row]] = {0: [], 1: []}
    for gold in drawn(squad.questions, OF_PARAGRAPHS):
        code, article = places[gold.id]
        if made := row(theirs, gold, code):
            of_paragraphs[article % 2].append(made)
    fitted = [gold for gold in squad.questions if places[gold.id][1] % 2 == 0]
    known = [gold for gold in fitted if not gold.refuse]
    strange = list(drawn(fitted, FAR))
    alone = {name: [g for g in of if not g.history] for name, of in questions.items()}
    return {
        **{name: rows(assistants[name], questions[name]) for name in CORPORA},
        "paragraphs": of_paragraphs[0],
        "other articles": of_paragraphs[1],
        "over all": rows(theirs, list(drawn(known, OVER_ALL))),
        "far": [
            *rows(assistants["ours"], strange, answerable=False),
            *rows(theirs, alone["ours"], answerable=False),
            *rows(assistants["harvest"], alone["ours"], answerable=False),
            *rows(assistants["ours"], alone["harvest"], answerable=False),
        ],
    }


class Model:
    """A logistic regression over rows that count by their sort."""

    def __init__(self, sorts: dict[str, list[Row]]) -> None:
        x = np.vstack([features_of(of) for of in sorts.values()])
        y = np.concatenate([answerable(of) for of in sorts.values()])
        each = [np.full(len(of), SCALE * WEIGHTS[name] / len(of)) for name, of in sorts.items()]
        self._mean, self._spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        self._fitted = LogisticRegression(C=STRENGTH, max_iter=5000).fit(
            (x - self._mean) / self._spread, y, sample_weight=np.concatenate(each)
        )

    def logits(self, of: Sequence[Row]) -> Array:
        """What ranks them, of no scale that means anything."""
        scaled = (features_of(of) - self._mean) / self._spread
        return np.asarray(self._fitted.decision_function(scaled))

    def as_json(self, scale: "Scale") -> dict[str, object]:
        """The intercept and coefficients for features as they are, the logits scaled."""
        plain = scale.slope * self._fitted.coef_[0] / self._spread
        raw = float(self._fitted.intercept_[0])
        intercept = scale.slope * raw + scale.offset - float(plain @ self._mean)
        names = [field.name for field in fields(Features)]
        return {
            "intercept": round(intercept, 4),
            "coefficients": {n: round(float(c), 4) for n, c in zip(names, plain, strict=True)},
        }


class Scale:
    """Turns logits into probabilities."""

    def __init__(self, logits: Array, y: Array) -> None:
        fitted = LogisticRegression(C=np.inf).fit(logits.reshape(-1, 1), y)
        self.slope, self.offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])

    def probabilities(self, logits: Array) -> Array:
        """The probability that each can be answered."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * logits + self.offset))))


def features_of(of: Sequence[Row]) -> Array:
    return np.array([astuple(one.features) for one in of])


def answerable(of: Sequence[Row]) -> Array:
    return np.array([one.answerable for one in of], dtype=np.float64)


def show(label: str, y: Array, p: Array) -> None:
    refused = p < 0.5
    print(
        f"{label:42} n {len(y):4}  ROC AUC {roc_auc_score(y, p):.3f}  "
        f"calibration error {reliability(list(p), list(y == 1)).error:.3f}  "
        f"refused at 0.5: of unanswerable {refused[y == 0].mean():.3f}, "
        f"of answerable {refused[y == 1].mean():.3f}"
    )


def in_folds(fitted: dict[str, list[Row]]) -> Array:
    """The logit of each dev question by a model that was fitted without its fold."""
    ours = fitted["ours"]
    folds = np.random.default_rng(0).permutation(len(ours)) % FOLDS
    logits = np.zeros(len(ours))
    for fold in range(FOLDS):
        kept = [one for one, of in zip(ours, folds, strict=True) if of != fold]
        held = [one for one, of in zip(ours, folds, strict=True) if of == fold]
        logits[folds == fold] = Model({**fitted, "ours": kept}).logits(held)
    return logits


def report(sorts: dict[str, list[Row]]) -> dict[str, object]:
    """Prints how good the confidence is; its coefficients."""
    others = sorts["other articles"]
    fitted = {name: of for name, of in sorts.items() if name != "other articles"}
    without = {name: of for name, of in fitted.items() if name != "harvest"}
    ours, harvest = in_folds(fitted), Model(without).logits(fitted["harvest"])
    y, of_harvest = answerable(fitted["ours"]), answerable(fitted["harvest"])
    scale = Scale(np.concatenate([ours, harvest]), np.concatenate([y, of_harvest]))
    model = Model(fitted)
    show("dev questions, five folds", y, scale.probabilities(ours))
    show("second corpus, fitted without it", of_harvest, scale.probabilities(harvest))
    squad = scale.probabilities(model.logits(others))
    show("SQuAD 2.0 paragraphs, other articles", answerable(others), squad)
    return model.as_json(scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--squad", type=Path, required=True)
    squad_file: Path = parser.parse_args().squad
    with tempfile.TemporaryDirectory() as folder:
        found = report(gather(squad_file, Path(folder)))
    TARGET.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
