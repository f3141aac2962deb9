"""Published figures on SciFact beside ours: encoder, pooling, truncation and measures at once.

Each document is one passage, cut at the encoder's limit, and each arm is asked by itself for what
stands in the claim, as published figures are made; the index
is the one that `sessionqa eval scifact --chunking document` keeps in the user's cache, or --index.
Exits with 1 if a figure is further off than its tolerance.

    python benchmarks/published.py --scifact $SESSIONQA_DATA/scifact
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sessionqa import evaluate, terms
from sessionqa.assistant import Assistant, build_index
from sessionqa.eval_command import settings_for
from sessionqa.gold import GoldSet, read_gold_set
from sessionqa.index import Ranked
from sessionqa.terminal import Progress

DEPTH = 100


@dataclass(frozen=True, slots=True)
class Published:
    """A figure, and how far off ours may be.

    Those of the encoder come from its weights alone. BM25's depend on stems, stop words and
    constants: it is given 0.015, as far as published ones are apart, and more.
    """

    configuration: str
    source: str
    measure: str
    value: float
    tolerance: float


FIGURES = (
    Published("dense", "all-MiniLM-L6-v2", "nDCG@10", 0.6451, 0.002),
    Published("dense", "all-MiniLM-L6-v2", "R@100", 0.9250, 0.002),
    Published("lexical", "BM25 (Lucene, flat)", "nDCG@10", 0.6789, 0.015),
    Published("lexical", "BM25S", "nDCG@10", 0.6874, 0.015),
    Published("lexical", "BM25 (Lucene, flat)", "R@100", 0.9253, 0.015),
)


def scores(scifact: Path, index: Path | None) -> dict[str, Mapping[str, float]]:
    """The measures of FIGURES for each arm by itself, asked what stands in the claims."""
    gold = read_gold_set(scifact)
    settings = settings_for(scifact, gold, index, "document")
    build_index(settings, Progress(), sessions=gold.sessions)
    assistant = Assistant.open(settings)
    arms: dict[str, Callable[[str], Ranked]] = {
        "dense": lambda text: assistant.index.dense(assistant.encoder.encode_question(text), DEPTH),
        "lexical": lambda text: assistant.index.lexical(terms.asked_stems(text), DEPTH),
    }
    names = tuple(dict.fromkeys(figure.measure for figure in FIGURES))
    return {
        name: evaluate.evaluated(name, _outcomes(assistant, gold, arm), names).scores
        for name, arm in arms.items()
    }


def _outcomes(
    assistant: Assistant, gold: GoldSet, arm: Callable[[str], Ranked]
) -> list[evaluate.Outcome]:
    """What one arm finds; a document is one passage."""
    outcomes = []
    for question in gold.questions:
        found = arm(question.question)
        codes = assistant.index.codes([id_ for id_, _ in found])
        ranking = tuple(zip(codes, (score for _, score in found), strict=True))
        outcomes.append(evaluate.Outcome(question, ranking, None, 0.0))
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scifact", type=Path, required=True)
    parser.add_argument("--index", type=Path)
    arguments = parser.parse_args()
    found = scores(arguments.scifact, arguments.index)
    print(f"{'':9}{'published by':22}{'measure':9}{'figure':>8}{'ours':>8}{'off by':>9}")
    missed = False
    for figure in FIGURES:
        ours = found[figure.configuration][figure.measure]
        off = abs(ours - figure.value) > figure.tolerance
        missed |= off
        print(
            f"{figure.configuration:9}{figure.source:22}{figure.measure:9}{figure.value:8.4f}"
            f"{ours:8.4f}{ours - figure.value:+9.4f}{'  too far' if off else ''}"
        )
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
