"""Fits the confidence on dev questions and writes src/sessionqa/confidence.json.

Answerable and unanswerable dev questions of the gold set, and two sorts of questions that cannot
be answered: those of SQuAD put to our corpus, and ours put to SQuAD's paragraphs. They keep the
coefficients from leaning on one corpus. Nothing held out is read. Prints the area under the ROC
curve, the Brier score and the expected calibration error, cross-validated in five folds.

    python benchmarks/calibrate_confidence.py --squad $SESSIONQA_DATA/squad/dev-v2.0.json
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from sessionqa.assistant import Assistant, build_index
from sessionqa.confidence import Features
from sessionqa.evidence import Examiner
from sessionqa.gold import read_gold_set
from sessionqa.mentions import named_codes
from sessionqa.settings import Settings
from squad import squad_assistant

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "src" / "sessionqa" / "confidence.json"
FAR_QUESTIONS, FAR_WEIGHT, FOLDS, STRENGTH = 300, 0.1, 5, 10.0
Array = NDArray[np.float64]


def features_of(assistant: Assistant, question: str, history: Sequence[str]) -> Features:
    clear = assistant.standalone(question, history)
    hits = assistant.retrieve(clear, assistant.settings.top_k)
    examiner = Examiner(assistant.index, assistant.encoder)
    return examiner.features(clear, examiner.examine(clear, hits))


def fit(x: Array, y: Array, weight: Array) -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=5000).fit(x, y, sample_weight=weight)


def expected_calibration_error(y: Array, p: Array) -> float:
    """The mean gap of confidence and accuracy over ten bins (Naeini et al. 2015)."""
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = [abs(y[bins == b].mean() - p[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    return float(sum(gaps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--squad", type=Path, required=True)
    squad_file: Path = parser.parse_args().squad
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus=ROOT / "corpus", index=Path(folder) / "ours")
        build_index(settings)
        ours = Assistant.open(settings)
        squad = read_gold_set(squad_file)
        theirs = squad_assistant(squad, Path(folder) / "squad")
        gold = [
            question
            for question in read_gold_set(ROOT / "corpus" / "gold.jsonl", "dev").questions
            if not named_codes(question.question, ours.index.facets)[1]
        ]
        drawn = np.random.default_rng(0).permutation(len(squad.questions))[:FAR_QUESTIONS]
        rows = [(1.0, not g.refuse, features_of(ours, g.question, g.history)) for g in gold]
        for n in drawn:
            rows.append((FAR_WEIGHT, False, features_of(ours, squad.questions[n].question, ())))
        for g in gold:
            if not g.history:
                rows.append((FAR_WEIGHT, False, features_of(theirs, g.question, ())))
    report(rows, len(gold))


def report(rows: list[tuple[float, bool, Features]], of_gold: int) -> None:
    x = np.array([astuple(features) for _, _, features in rows])
    y = np.array([answerable for _, answerable, _ in rows], dtype=np.float64)
    weight = np.array([weight for weight, _, _ in rows])
    folds = np.random.default_rng(0).permutation(of_gold) % FOLDS
    p = np.zeros(of_gold)
    for fold in range(FOLDS):
        held = np.flatnonzero(folds == fold)
        kept = np.setdiff1d(np.arange(len(rows)), held)
        p[held] = fit(x[kept], y[kept], weight[kept]).predict_proba(x[held])[:, 1]
    gold_y = y[:of_gold]
    refused = p < 0.5
    print(f"{of_gold} dev questions, {len(rows) - of_gold} far ones, {FOLDS} folds")
    print(f"ROC AUC {roc_auc_score(gold_y, p):.3f}")
    print(f"Brier score {brier_score_loss(gold_y, p):.3f}")
    print(f"expected calibration error {expected_calibration_error(gold_y, p):.3f}")
    print(f"refusal precision {1 - gold_y[refused].mean():.3f}")
    print(f"refusal recall {refused[gold_y == 0].mean():.3f}")
    model = fit(x, y, weight)
    names = [field.name for field in fields(Features)]
    found = {
        "intercept": round(float(model.intercept_[0]), 4),
        "coefficients": {
            name: round(float(c), 4) for name, c in zip(names, model.coef_[0], strict=True)
        },
    }
    TARGET.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
