"""Our own gold format: JSON lines that say what a right answer states, cites, or refuses."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sessionqa.gold import GoldQuestion, GoldSet
from sessionqa.gold.lines import Unusable, asked, identifier, records, texts_of, value_of

WHAT = "a gold question"


def read(path: Path, split: str | None, known: Callable[[str], str | None]) -> GoldSet:
    """The questions of a JSONL file, of one split if given; `known` as `spelling_of` makes it."""
    left_out: list[str] = []
    questions: dict[str, GoldQuestion] = {}
    for place, record in records(path, WHAT, left_out):
        try:
            question = _question(record)
            if split not in (None, question.split):
                continue
            if question.id in questions:
                raise Unusable(f"a line before has the id {question.id}")
            relevant = _relevant(question, known, place, left_out)
        except Unusable as error:
            left_out.append(f"{place}: not {WHAT}: {error}")
            continue
        questions[question.id] = replace(question, relevant=relevant)
    return GoldSet(path.stem, tuple(questions.values()), answered=True, left_out=tuple(left_out))


def _question(record: Mapping[str, Any]) -> GoldQuestion:
    groups = value_of(list, record, "answer_any", [])
    return GoldQuestion(
        id=identifier(record, "id"),
        question=asked(record.get("question")),
        kind=value_of(str, record, "kind", "fact"),
        relevant=dict.fromkeys(texts_of(record.get("sessions", []), "sessions"), 1),
        answer_any=tuple(texts_of(group, "a group of answer_any") for group in groups),
        refuse=value_of(bool, record, "refuse", False),
        history=texts_of(record.get("history", []), "history"),
        split=value_of(str, record, "split", ""),
    )


def _relevant(
    question: GoldQuestion, known: Callable[[str], str | None], place: str, left_out: list[str]
) -> dict[str, int]:
    """The sessions that the corpus has, as it spells them. Raises Unusable if it has none."""
    relevant = {}
    unknown = []
    for code in question.relevant:
        if spelt := known(code):
            relevant[spelt] = 1
        else:
            unknown.append(code)
    if unknown and not relevant:
        raise Unusable(f"the corpus has no session {', '.join(unknown)}")
    left_out += [f"{place}: the corpus has no session {code}" for code in unknown]
    return relevant
