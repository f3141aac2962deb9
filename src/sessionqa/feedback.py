"""What people say of answers: a record each, in a file of JSON lines that is only added to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sessionqa import kept
from sessionqa.errors import UsageError
from sessionqa.gold.lines import Unusable, asked, json_object, records, shown, texts_of, value_of

WHAT = "feedback"
Verdict = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """One judgement of one answer, and all that is needed to ask the question again.

    `time` is in UTC, as ISO 8601 writes it. `answer` is the text that was judged, `cited` the
    sessions that it cited; `sessions` those that are right, as far as the person said. `build`
    names the index that answered, empty if that is not known. `reviewed` says that somebody who
    keeps the gold questions agrees: only then does it become one.
    """

    time: str
    verdict: Verdict
    question: str
    history: tuple[str, ...]
    standalone_question: str
    answer: str
    cited: tuple[str, ...]
    confidence: float
    refused: bool
    sessions: tuple[str, ...] = ()
    note: str = ""
    build: str = ""
    reviewed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values, as it stands in the file."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and where it stands: the number of its line, from 1, and "PATH:LINE"."""

    number: int
    place: str
    feedback: Feedback


def judged(
    answer: Mapping[str, Any],
    verdict: Verdict,
    history: Sequence[str] = (),
    sessions: Sequence[str] = (),
    note: str = "",
    build: str = "",
) -> Feedback:
    """What a person says now of an answer, given as its JSON object.

    Raises UsageError for an answer without a question, and for a refusal that was right though
    sessions are named that answer.
    """
    if verdict == "up" and sessions and answer.get("refused"):
        raise UsageError("a refusal that is right has no right session: say `down` if there is one")
    citations = [c for c in answer.get("citations", ()) if isinstance(c, dict)]
    codes = [c["session_code"] for c in citations if isinstance(c.get("session_code"), str)]
    try:
        return _feedback(
            {
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "verdict": verdict,
                "question": answer.get("question"),
                "history": list(history),
                "standalone_question": answer.get("standalone_question", ""),
                "answer": answer.get("text", ""),
                "cited": list(dict.fromkeys(codes)),
                "confidence": answer.get("confidence", 0.0),
                "refused": answer.get("refused", False),
                "sessions": list(sessions),
                "note": note,
                "build": build,
            }
        )
    except Unusable as error:
        raise UsageError(f"the answer cannot be judged: {error}") from error


def append(path: Path, feedback: Feedback) -> None:
    """Adds the record to the file, which is made if it is missing. Raises WriteError."""
    kept.append(path, feedback.to_dict())


def read(path: Path, left_out: list[str]) -> list[Entry]:
    """The records of a file, none if there is no file; lines that are none are named.

    Raises UsageError if it cannot be read.
    """
    if not path.exists():
        return []
    found = []
    for place, record in records(path, WHAT, left_out):
        try:
            feedback = _feedback(record)
        except Unusable as error:
            left_out.append(f"{place}: not {WHAT}: {error}")
            continue
        found.append(Entry(int(place.rpartition(":")[2]), place, feedback))
    return found


def review(path: Path, numbers: Collection[int], sessions: Sequence[str] = ()) -> None:
    """Marks the records on these lines as reviewed, with the right `sessions` if given.

    Every other line stays as it is, byte for byte. Raises UsageError for a line without a
    record, WriteError if the file cannot be written to.
    """
    if not path.exists():
        raise UsageError(f"there is no feedback in {path}: `sessionqa feedback up` gives some")
    with kept.writing(path) as real:
        lines = real.read_bytes().split(b"\n")
        for number in numbers:
            if not 1 <= number <= len(lines):
                raise UsageError(f"{path} has no line {number}: `sessionqa feedback` lists them")
            try:
                record = json_object(lines[number - 1].decode("utf-8-sig", "replace"))
                _feedback(record)
            except Unusable as error:
                raise UsageError(f"{path}:{number}: not {WHAT}: {error}") from error
            record["reviewed"] = True
            if sessions:
                record["sessions"] = list(sessions)
            lines[number - 1] = kept.as_line(record).rstrip("\n").encode()
        kept.replace(real, b"\n".join(lines))


def _feedback(record: Mapping[str, Any]) -> Feedback:
    """The record that a JSON object is; people may have written it. Raises Unusable."""
    verdict = record.get("verdict")
    if verdict not in ("up", "down"):
        raise Unusable(f"verdict is {shown(verdict)}: it should be up or down")
    confidence = record.get("confidence", 0.0)
    number = isinstance(confidence, (int, float)) and not isinstance(confidence, bool)
    if not number or not 0 <= confidence <= 1:
        raise Unusable(f"confidence is {shown(confidence)}: it should be a share from 0 to 1")
    question = asked(record.get("question"))
    return Feedback(
        time=value_of(str, record, "time", ""),
        verdict=verdict,
        question=question,
        history=tuple(asked(turn) for turn in texts_of(record.get("history", []), "history")),
        standalone_question=value_of(str, record, "standalone_question", "") or question,
        answer=value_of(str, record, "answer", ""),
        cited=texts_of(record.get("cited", []), "cited"),
        confidence=confidence,
        refused=value_of(bool, record, "refused", False),
        sessions=texts_of(record.get("sessions", []), "sessions"),
        note=value_of(str, record, "note", ""),
        build=value_of(str, record, "build", ""),
        reviewed=value_of(bool, record, "reviewed", False),
    )
