"""Starts the chat in the browser: `python app.py` is `sessionqa chat`, with the same options."""

import sys

from sessionqa.cli import main

if __name__ == "__main__":
    sys.exit(main(["chat", *sys.argv[1:]]))
