"""What each part of a sentence's score is worth, on the dev questions and on SQuAD 1.1.

For the dev questions, the share of gold facts within the best 1, 2 and 3 sentences; for SQuAD, the
share of questions with an answer there. Each part is left out in turn.

    python benchmarks/compare_evidence.py --squad $SESSIONQA_DATA/squad/dev-v1.1.json
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sessionqa import evidence as weights
from sessionqa.assistant import Assistant, build_index
from sessionqa.evidence import Evidence, Examiner
from sessionqa.gold import read_gold_set
from sessionqa.settings import Settings
from squad import squad_assistant

ROOT = Path(__file__).parents[1]
PARTS = ("MEANING", "FOCUS", "OVERLAP", "CONTEXT", "KIND", "FIT")
SQUAD_QUESTIONS = 1500
# For each question: a row of parts per sentence, and which facts (rows) each sentence states.
Case = tuple[NDArray[np.float64], NDArray[np.bool_]]


def examined(assistant: Assistant, question: str, history: Sequence[str] = ()) -> list[Evidence]:
    clear = assistant.standalone(question, history)
    return Examiner(assistant.index, assistant.encoder).examine(clear, assistant.search(clear))


def parts_of(evidence: list[Evidence]) -> NDArray[np.float64]:
    rows = [(e.meaning, e.focus, e.overlap, e.hit.score, e.kind, e.fit) for e in evidence]
    return np.array(rows)


def dev_cases(assistant: Assistant) -> list[Case]:
    cases = []
    for gold in read_gold_set(ROOT / "corpus" / "gold.jsonl", "dev").questions:
        if gold.refuse or gold.kind in {"list", "summary", "compare"}:
            continue
        evidence = examined(assistant, gold.question, gold.history)
        texts = [f"{e.sentence.session_code}: {e.sentence.text}".casefold() for e in evidence]
        stated = [
            [any(fact.casefold() in text for fact in group) for text in texts]
            for group in gold.answer_any
        ]
        cases.append((parts_of(evidence), np.array(stated)))
    return cases


def squad_cases(path: Path, folder: Path) -> list[Case]:
    squad = read_gold_set(path)
    assistant = squad_assistant(squad, folder)
    cases = []
    for n in np.random.default_rng(0).permutation(len(squad.questions))[:SQUAD_QUESTIONS]:
        asked = squad.questions[n]
        evidence = examined(assistant, asked.question)
        stated = [
            e.sentence.session_code in asked.sessions
            and any(answer in e.sentence.text for group in asked.answer_any for answer in group)
            for e in evidence
        ]
        cases.append((parts_of(evidence), np.array([stated])))
    return cases


def stated_within(cases: list[Case], weight: NDArray[np.float64], n: int) -> float:
    found = [
        stated[:, np.argsort(-(parts @ weight), kind="stable")[:n]].any(axis=1).mean()
        for parts, stated in cases
    ]
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--squad", type=Path, required=True)
    squad_file: Path = parser.parse_args().squad
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus=ROOT / "corpus", index=Path(folder) / "ours")
        build_index(settings)
        sets = {
            "dev": dev_cases(Assistant.open(settings)),
            "squad": squad_cases(squad_file, Path(folder) / "squad"),
        }
    chosen = np.array([getattr(weights, part) for part in PARTS])
    rows = {"as chosen": chosen}
    rows |= {f"without {p}": np.where(np.array(PARTS) == p, 0.0, chosen) for p in PARTS}
    print(f"{'':18}" + "".join(f"{f'{name} @{n}':>11}" for name in sets for n in (1, 2, 3)))
    for label, weight in rows.items():
        cells = (stated_within(cases, weight, n) for cases in sets.values() for n in (1, 2, 3))
        print(f"{label:18}" + "".join(f"{cell:11.3f}" for cell in cells))


if __name__ == "__main__":
    main()
