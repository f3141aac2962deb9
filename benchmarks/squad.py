"""SQuAD's paragraphs indexed, so that any claim can be checked on another subject."""

from pathlib import Path

from sessionqa.assistant import Assistant, build_index
from sessionqa.gold import GoldSet
from sessionqa.settings import Settings


def squad_assistant(squad: GoldSet, index: Path) -> Assistant:
    """An assistant over SQuAD's paragraphs, its index built in the folder `index`."""
    settings = Settings(corpus=index / "none", index=index)
    build_index(settings, sessions=squad.sessions)
    return Assistant.open(settings)
