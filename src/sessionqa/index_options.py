"""The options of `sessionqa index`; what it does with them is in index_command."""

import argparse
from typing import get_args

from sessionqa.settings import Chunking


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them to the command's parser."""
    parser.add_argument("--force", action="store_true", help="build even if it is up to date")
    parser.add_argument("--chunking", choices=get_args(Chunking), help="how sessions are cut")
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="encode by the workers of a Ray: HOST:PORT, ray://HOST:PORT or auto; without an "
        "address by one of this machine",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--dry-run", action="store_true", help="say what would be done")
    instead.add_argument(
        "--watch", action="store_true", help="then build again whenever a session file changes"
    )
    instead.add_argument(
        "--verify", action="store_true", help="read every file of the index against its checksum"
    )
    instead.add_argument(
        "--repair", action="store_true", help="make again what is damaged, from the corpus"
    )
    instead.add_argument(
        "--rollback", action="store_true", help="answer from the build before the live one"
    )
