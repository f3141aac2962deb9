"""SQuAD files as sessions and questions, so that any claim can be checked on another subject."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from sessionqa import card
from sessionqa.assistant import Assistant, encoder_for_building
from sessionqa.datatypes import Session
from sessionqa.index import build
from sessionqa.settings import Settings


@dataclass(frozen=True, slots=True)
class SquadQuestion:
    """A question on one paragraph; `answers` is empty if the paragraph does not answer it."""

    question: str
    session_code: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Squad:
    """Each paragraph as a session with its article's title, and every question."""

    sessions: list[Session]
    questions: list[SquadQuestion]


def read_squad(path: Path) -> Squad:
    """Reads SQuAD 1.1 or 2.0 JSON."""
    squad = Squad([], [])
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            code = f"P{len(squad.sessions):05}"
            title = article["title"].replace("_", " ")
            bare = Session(code=code, title=title, text="", sha256=code)
            text = card.render(bare) + card.CARD_END + " ".join(paragraph["context"].split())
            squad.sessions.append(replace(bare, text=text))
            for asked in paragraph["qas"]:
                answers = tuple(dict.fromkeys(answer["text"] for answer in asked["answers"]))
                squad.questions.append(SquadQuestion(asked["question"], code, answers))
    return squad


def squad_assistant(squad: Squad, index: Path) -> Assistant:
    """An assistant over SQuAD's paragraphs, its index built in the folder `index`."""
    settings = Settings(corpus=index / "none", index=index)
    with build.only_builder(index):
        encoder = encoder_for_building(settings, lambda *_: None)
        build.write_build(settings, squad.sessions, {}, encoder, lambda *_: None)
    return Assistant.open(settings)
