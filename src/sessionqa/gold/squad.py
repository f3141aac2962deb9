"""SQuAD 1.1 and 2.0: each paragraph is a session with its article's title."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionqa.datatypes import Session
from sessionqa.errors import UsageError
from sessionqa.gold import GoldQuestion, GoldSet
from sessionqa.gold.beir import document
from sessionqa.gold.lines import Unusable, asked, identifier, value_of


def read(path: Path) -> GoldSet:
    """The paragraphs, P00000 and on, and their questions. Raises UsageError for other JSON.

    A SQuAD file has no lines to speak of: what is left out is named by its place in the JSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise UsageError(f"{path} is not SQuAD's JSON: it has no list named data")
    reading = _Reading(path)
    reading.articles(content["data"])
    questions = tuple(reading.questions.values())
    return GoldSet(path.stem, questions, tuple(reading.sessions), left_out=tuple(reading.left_out))


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    path: Path
    paragraphs: int = 0
    sessions: list[Session] = field(default_factory=list)
    questions: dict[str, GoldQuestion] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def articles(self, articles: Iterable[object]) -> None:
        for place, article in self._objects("data", articles):
            try:
                title = value_of(str, article, "title", "").replace("_", " ")
                paragraphs = value_of(list, article, "paragraphs", [])
            except Unusable as error:
                self._leave_out(place, error)
                continue
            for inner, paragraph in self._objects(f"{place}.paragraphs", paragraphs):
                self._paragraph(inner, title, paragraph)

    def _paragraph(self, place: str, title: str, paragraph: Mapping[str, Any]) -> None:
        code = f"P{self.paragraphs:05}"
        self.paragraphs += 1
        try:
            context = value_of(str, paragraph, "context", "")
            questions = value_of(list, paragraph, "qas", [])
            self.sessions.append(document(code, title, context, self.path.name))
        except Unusable as error:
            self._leave_out(place, error)
            return
        for inner, record in self._objects(f"{place}.qas", questions):
            try:
                question = _question(record, code)
                if question.id in self.questions:
                    raise Unusable(f"a question before has the id {question.id}")
            except Unusable as error:
                self._leave_out(inner, error)
                continue
            self.questions[question.id] = question

    def _objects(
        self, place: str, values: Iterable[object]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, value in enumerate(values):
            if isinstance(value, dict):
                yield f"{place}[{number}]", value
            else:
                self._leave_out(f"{place}[{number}]", "not a JSON object")

    def _leave_out(self, place: str, why: object) -> None:
        self.left_out.append(f"{self.path}:{place}: {why}")


def _question(record: Mapping[str, Any], code: str) -> GoldQuestion:
    refuse = value_of(bool, record, "is_impossible", False)
    answers = value_of(list, record, "answers", [])
    texts = [answer.get("text") if isinstance(answer, dict) else None for answer in answers]
    stated = tuple(dict.fromkeys(text for text in texts if isinstance(text, str) and text))
    return GoldQuestion(
        id=identifier(record, "id"),
        question=asked(record.get("question")),
        kind="unanswerable" if refuse else "fact",
        relevant={} if refuse else {code: 1},
        answer_any=(stated,) if stated and not refuse else (),
        refuse=refuse,
    )
