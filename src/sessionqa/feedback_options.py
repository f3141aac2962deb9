"""The options of `sessionqa feedback` and `sessionqa gold`; feedback_command does the work."""

import argparse
from collections.abc import Sequence

from sessionqa.terminal import path, positive

LIST, UP, DOWN, REVIEW = "list", "up", "down", "review"


def add(parser: argparse.ArgumentParser, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Adds the commands of `feedback`; the first of `parents` has the places of the index."""
    parser.set_defaults(action=LIST)
    actions = parser.add_subparsers(metavar="up|down|review")
    for action, purpose in (
        (UP, "The answer to a question is right."),
        (DOWN, "The answer to a question is wrong."),
    ):
        said = actions.add_parser(action, help=purpose, description=purpose, parents=[*parents])
        said.add_argument("question", nargs="?", metavar="QUESTION", help="is asked again")
        said.add_argument(
            "--answer", type=path, metavar="ANSWER.json", help="judge a saved answer instead"
        )
        said.add_argument("--note", default="", metavar="TEXT", help="why, or what is missing")
        _add_sessions(said)
        said.set_defaults(action=action)
    purpose = "Mark feedback as reviewed, for `sessionqa gold add` to take."
    review = actions.add_parser(REVIEW, help=purpose, description=purpose, parents=[parents[0]])
    review.add_argument(
        "numbers", nargs="+", type=positive, metavar="NUMBER", help="as `sessionqa feedback` lists"
    )
    _add_sessions(review)
    review.set_defaults(action=REVIEW)


def _add_sessions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--session",
        dest="sessions",
        action="append",
        default=[],
        metavar="CODE",
        help="a session that has the answer; may be repeated",
    )


def add_gold(parser: argparse.ArgumentParser, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Adds the command of `gold`."""
    actions = parser.add_subparsers(required=True, metavar="add")
    purpose = "Add reviewed feedback to a file of gold questions."
    grown = actions.add_parser("add", help=purpose, description=purpose, parents=[*parents])
    grown.add_argument(
        "--from-feedback",
        required=True,
        nargs="?",
        const=None,
        type=path,
        metavar="FILE",
        help="the feedback; without FILE, that of the settings",
    )
    grown.add_argument(
        "--into", type=path, metavar="GOLD.jsonl", help="the gold file (gold.jsonl of the corpus)"
    )
    grown.add_argument("--dry-run", action="store_true", help="show the lines, and write nothing")
