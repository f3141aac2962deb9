"""Published figures on SciFact beside ours: encoder, pooling, truncation and measures at once.

Each document is one passage, cut at the encoder's limit, as published figures are made; the index
is the one that `sessionqa eval scifact --chunking document` keeps in the user's cache, or --index.
Exits with 1 if a figure is further off than its tolerance.

    python benchmarks/published.py --scifact $SESSIONQA_DATA/scifact
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sessionqa import compare, evaluate
from sessionqa.assistant import Assistant, build_index
from sessionqa.eval_command import settings_for
from sessionqa.gold import read_gold_set


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
    """The measures of FIGURES for each of their configurations."""
    gold = read_gold_set(scifact)
    settings = settings_for(scifact, gold, index, "document")
    build_index(settings, _progress, sessions=gold.sessions)
    names = tuple(dict.fromkeys(figure.measure for figure in FIGURES))
    found = {}
    for name in dict.fromkeys(figure.configuration for figure in FIGURES):
        assistant = Assistant.open(compare.configured(settings, name))
        found[name] = evaluate.evaluated(name, evaluate.run(assistant, gold), names).scores
    return found


def _progress(stage: str, done: int, of: int) -> None:
    print(f"\r{stage} {done}/{of}\033[K", end="\n" if done == of else "", file=sys.stderr)


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
