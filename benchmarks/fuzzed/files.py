"""Files that people write or keep: sessions, gold questions, answers, settings, feedback."""

from functools import partial
from pathlib import Path

from fuzzed import Broken, Target
from fuzzed.imports import as_parts, parts_of
from sessionqa import feedback
from sessionqa.corpus import read_corpus, session_files
from sessionqa.datatypes import Session
from sessionqa.errors import SessionQAError, UsageError
from sessionqa.gold import grown, read_gold_set
from sessionqa.index.builds import current_build
from sessionqa.saved import read_answers
from sessionqa.settings import Settings
from sessionqa.verify import as_json, as_text, verify

SESSION = """---
code: ARC201
title: "Bread at scale"
event: Bake Days
year: 2026
level: 300
speakers:
- {name: Ada Bell, role: baker}
- Cy Dunn
services: [rye, salt]
url: https://example.org
---

<!-- at 0:12 -->
# Bread

Loaves rise **overnight** in a [cold](https://example.org) room.

<!-- page 3 -->
- Flour
- Water

| a | b |
| - | - |
| 1 | 2 |
"""
QUESTIONS = (
    '{"id": "q1", "question": "How do loaves rise?", "sessions": ["ARC201"], '
    '"answer_any": [["overnight"]], "split": "dev"}\n'
    '{"id": "q2", "question": "And cakes?", "refuse": true, "history": ["How?"]}\n'
)
SQUAD = (
    '{"version": "v2.0", "data": [{"title": "Bread", "paragraphs": [{"context": "Loaves rise '
    'overnight.", "qas": [{"id": "1", "question": "When?", "answers": [{"text": "overnight", '
    '"answer_start": 12}], "is_impossible": false}]}]}]}'
)
ANSWER = (
    '{"question": "When?", "standalone_question": "When?", "text": "Overnight [ARC201].", '
    '"citations": [{"session_code": "ARC201", "quote": "Loaves rise", "start": 10, "end": 21, '
    '"title": "Bread", "url": ""}], "confidence": 0.9, "refused": false}'
)
FEEDBACK = (
    '{"time": "2026-03-01T10:00:00+00:00", "verdict": "up", "question": "When?", "history": [], '
    '"standalone_question": "When?", "answer": "Overnight.", "cited": ["ARC201"], '
    '"confidence": 0.9, "refused": false, "sessions": [], "reviewed": true}\n'
    '{"verdict": "down", "question": "Why?", "history": ["When?"], "sessions": ["ARC305"], '
    '"reviewed": true}\n'
)
SETTINGS = """corpus = "talks"
index = "index"
model = "sentence-transformers/all-MiniLM-L6-v2"
chunk_tokens = 160
refuse_below = 0.5
fusion = "convex"
llm_query = "off"
offline = true
"""
KNOWN = Session("ARC201", "Bread", "Bread. Loaves rise overnight.", path="a.md", sha256="0" * 64)


def session(data: bytes, folder: Path) -> None:
    """A corpus file: a session whose text and marks can be used."""
    (folder / "ARC201.md").write_bytes(data)
    for read in read_corpus(folder):
        for text in (read.text, read.title, read.code, *read.people, *read.services):
            text.encode()
        starts = [mark.start for mark in read.marks]
        if starts != sorted(starts) or any(start > len(read.text) for start in starts):
            raise Broken(f"marks stand outside of the text: {read.marks}")


def gold(data: bytes, folder: Path, name: str) -> None:
    """A gold set in one file."""
    (folder / name).write_bytes(data)
    for question in read_gold_set(folder / name, codes=lambda: ["ARC201"]).questions:
        "".join((question.id, question.question, *question.sessions)).encode()


def qrels(data: bytes, folder: Path) -> None:
    """TREC qrels and their questions, behind a line `%%%%`."""
    judged, _, queries = data.partition(b"%%%%\n")
    (folder / "qrels.txt").write_bytes(judged)
    (folder / "queries.tsv").write_bytes(queries)
    read_gold_set(folder / "qrels.txt", queries=folder / "queries.tsv", codes=lambda: ["ARC201"])


def beir(data: bytes, folder: Path) -> None:
    """The three files of a folder in BEIR's form."""
    parts = parts_of(data)
    (folder / "qrels").mkdir()
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (folder / name).write_bytes(parts.get(name, b""))
    for read in read_gold_set(folder).sessions or ():
        read.text.encode()


def saved(data: bytes, folder: Path) -> None:
    """Answers that were saved: verified, printed, and judged."""
    (folder / "answer.json").write_bytes(data)
    answers = read_answers(folder / "answer.json")
    known = {KNOWN.code: KNOWN}
    checked = {one.place: verify(one.record, known.get) for one in answers}
    as_json(checked)
    as_text(checked)
    for one in answers:
        try:
            judged = feedback.judged(one.record, "up")
        except UsageError:
            continue
        feedback.append(folder / "feedback.jsonl", judged)


def settings(data: bytes, folder: Path) -> None:
    """sessionqa.toml, and places that it names where nothing is."""
    (folder / "sessionqa.toml").write_bytes(data)
    chosen = Settings.load({"SESSIONQA_HOME": str(folder)})
    for look, place in ((session_files, chosen.corpus), (current_build, chosen.index)):
        # What stands anywhere on this machine is not looked through.
        if not place.resolve().is_relative_to(folder.resolve()) or place.exists():
            continue
        try:
            look(place)
        except SessionQAError:
            continue
        raise Broken(f"{place} is not there, and was found")


def judgements(data: bytes, folder: Path) -> None:
    """feedback.jsonl: read, reviewed, and made gold questions, which can be read in their turn."""
    path, gold_file = folder / "feedback.jsonl", folder / "gold.jsonl"
    path.write_bytes(data)
    left_out: list[str] = []
    entries = feedback.read(path, left_out)
    if entries:
        feedback.review(path, [entries[0].number], ["ARC201"])
        again = feedback.read(path, [])
        if [one.number for one in again] != [one.number for one in entries]:
            raise Broken("a review has changed which records there are")
        lines = (data.split(b"\n"), path.read_bytes().split(b"\n"))
        if sum(old != new for old, new in zip(*lines, strict=True)) > 1:
            raise Broken("a review has changed another line")
    known = {"ARC201": "ARC201"}
    added = grown.add(gold_file, feedback.read(path, []), known.get)
    if added.lines and len(read_gold_set(gold_file).questions) != len(added.lines):
        raise Broken("gold questions were written that cannot be read")


_JSON = (b"\\ud800", b"\\u0000", b"1e999", b"NaN", b"-1", b"null", b"[]", b"{}", b"9" * 5000)

TARGETS = {
    "session": Target(
        session,
        [SESSION.encode()],
        (b"&a ", b"*a", b"!!python/object:x ", b"<<: ", b"\\ud800", b"\xff", b"<!-- at ", b"- "),
    ),
    "gold": Target(partial(gold, name="gold.jsonl"), [QUESTIONS.encode()], _JSON),
    "squad": Target(partial(gold, name="squad.json"), [SQUAD.encode()], _JSON),
    "qrels": Target(
        qrels,
        [b"q1 0 ARC201 1\nq2 0 ARC305 0\n%%%%\nq1\tHow do loaves rise?\nq2\tAnd cakes?\n"],
        (b"\t", b"99999999", "²".encode(), "١".encode()),
    ),
    "beir": Target(
        beir,
        [
            as_parts(
                {
                    "corpus.jsonl": '{"_id": "d1", "title": "Bread", "text": "Loaves rise."}\n',
                    "queries.jsonl": '{"_id": "q1", "text": "When do loaves rise?"}\n',
                    "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\n",
                }
            )
        ],
        _JSON,
    ),
    "saved": Target(saved, [ANSWER.encode()], (*_JSON, b'"start": ', b'"end": ')),
    "settings": Target(
        settings,
        [SETTINGS.encode()],
        (b"\\u0000", b"nan", b"inf", b"-1", b"[]", b"{}", b"1979-05-27", b"threads = ", b"port = "),
    ),
    "feedback": Target(judgements, [FEEDBACK.encode()], _JSON),
}
