"""The options of `sessionqa eval`; what it does with them is in eval_command."""

import argparse
from typing import get_args

from sessionqa.settings import Chunking
from sessionqa.terminal import path


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them to the command's parser."""
    parser.add_argument(
        "gold",
        nargs="+",
        type=path,
        metavar="GOLD",
        help="a JSONL file, a BEIR folder, SQuAD JSON, or TREC qrels",
    )
    parser.add_argument("--split", metavar="NAME", help="only this split of the questions")
    parser.add_argument("--queries", type=path, metavar="FILE", help="the questions of TREC qrels")
    parser.add_argument(
        "--measure",
        action="append",
        default=[],
        metavar="NAME",
        help="a measure by its standard name, nDCG@10 say; may be repeated",
    )
    parser.add_argument(
        "--chunking",
        choices=get_args(Chunking),
        help="how the documents of BEIR or SQuAD are cut",
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        default=[],
        metavar="CONFIG",
        help="dense, late, lexical, hybrid, rrf, or setting=value[,setting=value]; the first is "
        "what the others are compared with",
    )
    parser.add_argument(
        "--run",
        dest="runs",
        action="append",
        default=[],
        type=path,
        metavar="FILE",
        help="score this TREC run instead of searching, or beside what --compare names",
    )
    parser.add_argument("--run-out", type=path, metavar="FILE", help="write a TREC run")
    parser.add_argument("--report", type=path, metavar="FILE.html", help="write an HTML report")
    parser.add_argument(
        "--fail-under",
        action="append",
        default=[],
        metavar="MEASURE=LIMIT",
        help="exit with 1 if the first configuration scores less; may be repeated",
    )
