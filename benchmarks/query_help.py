"""What it gains to have a language model word queries (`llm_query`), and what it costs.

Asks questions of the dev split with each way in turn and prints the rank of the right session
(hit@1, hit@3, hit@5, RR), the share of the facts that the quotes state, and the milliseconds of a
question. Follow-ups alone for `standalone`, questions that stand alone for the others.

    python benchmarks/query_help.py [--llm NAME] [--take N] [--threads N]
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sessionqa import Assistant, Settings, evaluate
from sessionqa.gold import GoldQuestion, GoldSet, read_gold_set

ROOT = Path(__file__).parents[1]
SHOWN = ("hit@1", "hit@3", "hit@5", "RR", "nuggets", "refusal_recall", "wrongly_refused")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--llm", default="smollm2")
    parser.add_argument("--take", type=int, default=120)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    settings = Settings(corpus=ROOT / "corpus", index=ROOT / "index", llm=given.llm)
    if given.threads:
        settings = settings.with_(threads=given.threads)
    gold = read_gold_set(ROOT / "corpus" / "gold.jsonl", "dev")
    alone = [question for question in gold.questions if not question.history]
    leaning = [question for question in gold.questions if question.history]
    print(f"{'':12}{'questions':>10}" + "".join(f"{name:>17}" for name in (*SHOWN, "p50_ms")))
    for kind in ("off", "phrasings", "passage"):
        _measure(settings.with_(llm_query=kind), gold, _drawn(alone, given.take))
    print("follow-ups")
    for kind in ("off", "standalone"):
        _measure(settings.with_(llm_query=kind), gold, _drawn(leaning, given.take))


def _measure(settings: Settings, gold: GoldSet, questions: Sequence[GoldQuestion]) -> None:
    assistant = Assistant.open(settings)
    # Queries alone are measured: answers are quotes.
    assistant.writer = None
    outcomes = evaluate.run(assistant, replace(gold, questions=tuple(questions)))
    scores = evaluate.evaluated(settings.llm_query, outcomes).scores
    told = "".join(f"{scores.get(name, float('nan')):17.3f}" for name in SHOWN)
    print(
        f"{settings.llm_query:12}{len(outcomes):10}{told}{scores['latency_p50_ms']:17.0f}",
        flush=True,
    )


def _drawn(questions: Sequence[GoldQuestion], most: int) -> list[GoldQuestion]:
    return random.Random(0).sample(list(questions), min(most, len(questions)))


if __name__ == "__main__":
    main()
