"""The options of `sessionqa import`; what it does with them is in import_command."""

import argparse

from sessionqa.terminal import path


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them to the command's parser."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="an article, a transcript, a catalogue or a document: a file, a folder of them, an "
        "http(s) address, or - for stdin",
    )
    parser.add_argument(
        "--into", type=path, metavar="DIR", help="the corpus folder to write to (that of --corpus)"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be written")
    parser.add_argument("--force", action="store_true", help="write over files that differ")
    parser.add_argument("--event", metavar="NAME", help="of sessions whose source has none")
    parser.add_argument("--year", type=int, metavar="YYYY", help="the same")
    parser.add_argument("--track", metavar="NAME", help="the same")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="the column of a catalogue that a field is in, title='Session Name' say",
    )
    parser.add_argument(
        "--allow-private", action="store_true", help="fetch addresses of private networks too"
    )
