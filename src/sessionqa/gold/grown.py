"""Feedback that was reviewed -> gold questions, added to a file in our own format."""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionqa import kept
from sessionqa.errors import UsageError
from sessionqa.feedback import Entry, Feedback
from sessionqa.gold.lines import Unusable, records
from sessionqa.question import read

# A question with its history, without what makes no difference between two of them.
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grown:
    """The lines that are new, as JSON objects, and what was left out: "PATH:LINE: why"."""

    lines: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]


def add(path: Path, entries: Sequence[Entry], known: Callable[[str], str | None]) -> Grown:
    """Adds a line to the gold file `path` for each reviewed entry that it lacks, all at once.

    `known` gives the corpus's spelling of a session code, None for one that it lacks. Raises
    UsageError if `path` is no such file, WriteError if it cannot be written to.
    """
    with kept.writing(path) as real:
        grown = grow(path, entries, known)
        if grown.lines:
            before = real.read_bytes() if real.exists() else b""
            if before and not before.endswith(b"\n"):
                before += b"\n"
            kept.replace(real, before + "".join(map(kept.as_line, grown.lines)).encode())
    return grown


def grow(path: Path, entries: Sequence[Entry], known: Callable[[str], str | None]) -> Grown:
    """What `add` would add to `path`. Raises UsageError if that is no file of gold questions."""
    places, ids = _there(path)
    lines: list[dict[str, Any]] = []
    left_out: list[str] = []
    for entry in entries:
        key = _key(entry.feedback.question, entry.feedback.history)
        try:
            if not entry.feedback.reviewed:
                raise Unusable(f"not reviewed yet (`sessionqa feedback review {entry.number}`)")
            if key in places:
                raise Unusable(f"the same question is in {places[key]}")
            line = _line(entry.feedback, _new_id(key, ids), entry.place, known, left_out)
        except Unusable as error:
            left_out.append(f"{entry.place}: {error}")
            continue
        places[key] = entry.place
        ids.add(line["id"])
        lines.append(line)
    return Grown(tuple(lines), tuple(left_out))


def _line(
    feedback: Feedback,
    id_: str,
    place: str,
    known: Callable[[str], str | None],
    left_out: list[str],
) -> dict[str, Any]:
    """The gold line that a record is worth. Raises Unusable if it says too little."""
    refuse = feedback.verdict == "up" and feedback.refused
    if refuse and feedback.sessions:
        raise Unusable("a refusal is said to be right, and sessions to be right are named")
    cited = feedback.cited if feedback.verdict == "up" else ()
    given = dict.fromkeys(feedback.sessions or cited)
    if not given and not refuse:
        raise Unusable(
            "thumbs down, and no right session is named "
            "(`sessionqa feedback review NUMBER --session CODE` names it)"
            if feedback.verdict == "down"
            else "thumbs up on an answer that cites no session"
        )
    sessions = [spelt for code in given if (spelt := known(code))]
    unknown = [f"the corpus has no session {code}" for code in given if not known(code)]
    if unknown and not sessions:
        raise Unusable("; ".join(unknown))
    left_out += [f"{place}: {problem}" for problem in unknown]
    return {
        "id": id_,
        "question": feedback.question,
        "kind": _kind(feedback, refuse),
        "sessions": sessions,
        "answer_any": [],
        "refuse": refuse,
        "history": list(feedback.history),
    }


def _kind(feedback: Feedback, refuse: bool) -> str:
    if refuse:
        return "unanswerable"
    if feedback.history:
        return "followup"
    return "list" if read(feedback.standalone_question).sessions else "fact"


def _there(path: Path) -> tuple[dict[Key, str], set[str]]:
    """Where each question of the gold file stands, and the ids that are taken."""
    if not path.exists():
        return {}, set()
    if path.suffix == ".gz":
        raise UsageError(f"{path} is packed: unpack it, or name another file with --into")
    left_out: list[str] = []
    places: dict[Key, str] = {}
    ids = set()
    for place, record in records(path, "a gold question", left_out):
        ids.add(str(record.get("id")))
        question, history = record.get("question"), record.get("history", [])
        if isinstance(question, str) and isinstance(history, list):
            places[_key(question, [str(turn) for turn in history])] = place
    if left_out and not places:
        raise UsageError(f"{path} is no file of gold questions: {left_out[0]}")
    return places, ids


def _key(question: str, history: Sequence[str]) -> Key:
    folded = (unicodedata.normalize("NFKC", text).casefold() for text in (*history, question))
    return tuple(" ".join(text.split()) for text in folded)


def _new_id(key: Key, ids: set[str]) -> str:
    """An id made of the question, so that it is the same wherever the line is made."""
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    return next(id_ for length in range(8, 65) if (id_ := f"fb-{digest[:length]}") not in ids)
