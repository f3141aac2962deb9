"""Gold questions to measure time with."""

import json
import random
from pathlib import Path

GOLD = Path(__file__).parents[1] / "corpus" / "gold.jsonl"


def dev_questions(most: int) -> list[str]:
    """Questions of the dev split that stand alone, each once, in a random order."""
    records = [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]
    alone = [r["question"] for r in records if r["split"] == "dev" and not r["history"]]
    distinct = list(dict.fromkeys(alone))
    return random.Random(0).sample(distinct, min(most, len(distinct)))
