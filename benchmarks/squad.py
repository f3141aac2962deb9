"""SQuAD's paragraphs indexed, so that any claim can be checked on another subject."""

import json
from pathlib import Path

from sessionqa.assistant import Assistant, build_index
from sessionqa.gold import GoldSet
from sessionqa.settings import Settings
from sessionqa.terminal import Progress


def squad_assistant(squad: GoldSet, index: Path) -> Assistant:
    """An assistant over SQuAD's paragraphs, its index built in the folder `index`."""
    settings = Settings(corpus=index / "none", index=index)
    build_index(settings, Progress(), sessions=squad.sessions)
    return Assistant.open(settings)


def paragraphs(path: Path) -> dict[str, tuple[str, int]]:
    """For each question its paragraph's code, as the reader numbers them, and its article."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    found = {}
    number = 0
    for article, record in enumerate(articles):
        for paragraph in record["paragraphs"]:
            for question in paragraph["qas"]:
                found[question["id"]] = (f"P{number:05}", article)
            number += 1
    return found
