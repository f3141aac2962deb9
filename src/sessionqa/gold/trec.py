"""TREC qrels, or BEIR's with their header, and the questions that they judge.

A qrels line is `QUESTION 0 DOCUMENT GRADE`; in BEIR it is `QUESTION<TAB>DOCUMENT<TAB>GRADE`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sessionqa.errors import UsageError
from sessionqa.gold import GoldQuestion, GoldSet
from sessionqa.gold.lines import Unusable, asked, clean, identifier, json_object, numbered, shown

# trec_eval makes room for each grade up to the highest.
MAX_GRADE = 1000


@dataclass(frozen=True, slots=True)
class Judged:
    """The grades of a question's documents, and where the first of them stands."""

    place: str
    grades: dict[str, int]


def read(path: Path, queries: Path | None, known: Callable[[str], str | None]) -> GoldSet:
    """The questions of `queries` that the qrels in `path` judge, about the settings' corpus."""
    if queries is None:
        raise UsageError(f"{path} holds TREC qrels: give the file of its questions with --queries")
    left_out: list[str] = []
    judged = judgements(path, known, left_out)
    questions = tuple(judged_questions(judged, queries, left_out))
    return GoldSet(path.stem, questions, left_out=tuple(left_out))


def judgements(
    path: Path, known: Callable[[str], str | None], left_out: list[str]
) -> dict[str, Judged]:
    """The grades of each question's documents that are `known`."""
    judged: dict[str, Judged] = {}
    columns = 0
    for place, line in numbered(path, left_out):
        fields = line.split("\t") if line.count("\t") > 1 else line.split()
        if not columns:
            columns = 3 if "\t" in line and len(fields) == 3 else 4
            if not _is_grade(fields[-1]) and len(fields) == columns:
                continue  # the header
        try:
            question, document, grade = _judgement(fields, columns)
            grades = judged.setdefault(question, Judged(place, {})).grades
            spelt = known(document)
            if spelt is None:
                raise Unusable(f"question {question} is judged on {document}, which is not there")
            if spelt in grades:
                raise Unusable(f"question {question} is judged on {document} before")
        except Unusable as error:
            left_out.append(f"{place}: {error}")
            continue
        grades[spelt] = grade
    return judged


def judged_questions(
    judged: dict[str, Judged], queries: Path, left_out: list[str]
) -> Iterable[GoldQuestion]:
    """The judged questions with their texts; those without a relevant document are left out."""
    texts = _texts(queries, judged, left_out)
    for id_, found in judged.items():
        if id_ not in texts:
            left_out.append(f"{found.place}: {queries} has no question {id_}")
        elif not any(grade > 0 for grade in found.grades.values()):
            left_out.append(f"{found.place}: question {id_} has no document graded above 0")
        else:
            yield GoldQuestion(id_, texts[id_], relevant=found.grades)


def _judgement(fields: list[str], columns: int) -> tuple[str, str, int]:
    form = "QUESTION DOCUMENT GRADE" if columns == 3 else "QUESTION 0 DOCUMENT GRADE"
    if len(fields) != columns:
        raise Unusable(f"{len(fields)} columns instead of {columns} ({form})")
    question, document, grade = (clean(fields[at].strip()) for at in (0, -2, -1))
    if not _is_grade(grade) or abs(int(grade)) > MAX_GRADE:
        raise Unusable(f"the grade is {shown(grade)}: give a whole number up to {MAX_GRADE}")
    return question, document, int(grade)


def _is_grade(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,9}", text.strip()) is not None


def _texts(path: Path, wanted: Iterable[str], left_out: list[str]) -> dict[str, str]:
    """The texts of the wanted questions: JSON lines as BEIR has them, or `ID<TAB>TEXT`."""
    wanted = set(wanted)
    texts: dict[str, str] = {}
    for place, line in numbered(path, left_out):
        try:
            id_, text = _query(line)
            if id_ not in wanted:
                continue
            if id_ in texts:
                raise Unusable(f"a line before has the id {id_}")
            texts[id_] = asked(text)
        except Unusable as error:
            left_out.append(f"{place}: not a question: {error}")
    return texts


def _query(line: str) -> tuple[str, object]:
    if line.startswith("{"):
        record = json_object(line)
        return identifier(record, "_id"), record.get("text")
    id_, tab, text = line.partition("\t")
    if not tab:
        raise Unusable("a line is `ID<TAB>TEXT`, or a JSON object with _id and text")
    return clean(id_.strip()), text
