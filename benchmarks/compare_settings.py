"""Chunk sizes and the lexical arm's weight, compared on the dev questions.

Refusals are switched off, so that the retrieval and the choice of sentences show by themselves.

    python benchmarks/compare_settings.py
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from sessionqa import evaluate
from sessionqa.assistant import Assistant, build_index
from sessionqa.gold import GoldSet, read_gold_set
from sessionqa.settings import Settings

ROOT = Path(__file__).parents[1]
BUDGETS = ((60, 15), (90, 22), (120, 30), (160, 40), (200, 50))
WEIGHTS = (0.0, 0.15, 0.3, 0.45, 0.6, 1.0)
SHOWN = ("hit@1", "hit@3", "RR", "nuggets", "list_recall")


def answerable() -> GoldSet:
    gold = read_gold_set(ROOT / "corpus" / "gold.jsonl", "dev")
    return replace(gold, questions=tuple(q for q in gold.questions if not q.refuse))


def row(label: str, settings: Settings, gold: GoldSet) -> None:
    scores = evaluate.evaluated(label, evaluate.run(Assistant.open(settings), gold)).scores
    print(f"{label:22}" + "".join(f"{scores[name]:12.3f}" for name in SHOWN))


def main() -> None:
    gold = answerable()
    print(f"{'':22}" + "".join(f"{name:>12}" for name in SHOWN))
    with tempfile.TemporaryDirectory() as folder:
        base = Settings(corpus=ROOT / "corpus", index=Path(folder) / "index", refuse_below=0.0)
        for budget, overlap in BUDGETS:
            settings = base.with_(chunk_tokens=budget, chunk_overlap=overlap)
            build_index(settings)
            row(f"{budget} tokens, {overlap} shared", settings, gold)
        build_index(base)
        for weight in WEIGHTS:
            row(f"lexical weight {weight}", base.with_(lexical_weight=weight), gold)


if __name__ == "__main__":
    main()
