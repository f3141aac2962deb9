"""What `sessionqa feedback` and `sessionqa gold` do: judge, list, review, and make gold of it."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sessionqa import feedback, kept, terminal
from sessionqa.assistant import Assistant
from sessionqa.errors import UsageError
from sessionqa.feedback import Entry, Feedback
from sessionqa.feedback_options import LIST, REVIEW
from sessionqa.gold import grown, spelling_of
from sessionqa.saved import read_answers
from sessionqa.settings import Settings

DONE = 0
MOST_SHOWN = 10


def run(
    arguments: argparse.Namespace, settings: Settings, open_assistant: Callable[[], Assistant]
) -> int:
    """Runs `sessionqa feedback`. Raises UsageError or WriteError, and what an answer raises."""
    if arguments.action == LIST:
        return _list(settings.feedback, arguments.json)
    if arguments.action == REVIEW:
        codes = _codes(arguments.sessions, open_assistant()) if arguments.sessions else []
        feedback.review(settings.feedback, arguments.numbers, codes)
        _say(f"reviewed {_lines(arguments.numbers)} of {settings.feedback}")
        return DONE
    if (arguments.question is None) is (arguments.answer is None):
        raise UsageError("give either a QUESTION, or with --answer a saved answer")
    made = _judged(arguments, open_assistant())
    feedback.append(settings.feedback, made)
    terminal.print_json(made.to_dict()) if arguments.json else print(made.answer)
    _say(f"thumbs {made.verdict}, noted in {settings.feedback}")
    return DONE


def grow(
    arguments: argparse.Namespace, settings: Settings, open_assistant: Callable[[], Assistant]
) -> int:
    """Runs `sessionqa gold add`. Raises UsageError or WriteError."""
    source = arguments.from_feedback or settings.feedback
    if not source.exists():
        raise UsageError(f"there is no feedback in {source}: `sessionqa feedback up|down` makes it")
    into = arguments.into or _gold_of(settings)
    left_out: list[str] = []
    entries = feedback.read(source, left_out)
    known = spelling_of([session.code for session in open_assistant().sessions()])
    made = (grown.grow if arguments.dry_run else grown.add)(into, entries, known)
    sys.stdout.writelines(map(kept.as_line, made.lines))
    left_out += made.left_out
    _tell(left_out)
    verb = "would be added" if arguments.dry_run else "added"
    _say(f"{len(made.lines)} {verb} to {into}, {len(left_out)} left out")
    return DONE


def _judged(arguments: argparse.Namespace, assistant: Assistant) -> Feedback:
    """The judgement of the answer that is given, or that is asked for now."""
    sessions = _codes(arguments.sessions, assistant)
    said = (arguments.action, arguments.history, sessions, arguments.note)
    if arguments.answer:
        saved, *others = read_answers(arguments.answer)
        if others:
            raise UsageError(f"{arguments.answer} holds {1 + len(others)} answers: judge one")
        return feedback.judged(saved.record, *said)
    answer = assistant.ask(arguments.question, history=arguments.history)
    return feedback.judged(answer.to_dict(), *said, assistant.index.manifest.build)


def _list(path: Path, as_json: bool) -> int:
    """Prints every record with its number."""
    left_out: list[str] = []
    entries = feedback.read(path, left_out)
    if as_json:
        terminal.print_json([{"number": e.number, **e.feedback.to_dict()} for e in entries])
    else:
        for entry in entries:
            print(_row(entry))
    _tell(left_out)
    if not entries:
        _say(f"no feedback yet in {path}")
    return DONE


def _row(entry: Entry) -> str:
    said = entry.feedback
    answered = "refused" if said.refused else f"cites {', '.join(said.cited) or 'nothing'}"
    right = f", right is {', '.join(said.sessions)}" if said.sessions else ""
    state = "reviewed" if said.reviewed else "new"
    note = f" ({' '.join(said.note.split())})" if said.note.strip() else ""
    asked = " / ".join(" ".join(turn.split()) for turn in (*said.history, said.question))
    return f"{entry.number:3}  {said.verdict:4}  {state:8}  {asked}: {answered}{right}{note}"


def _gold_of(settings: Settings) -> Path:
    if settings.included:
        raise UsageError("the included corpus is the package's own: name a gold file with --into")
    return settings.corpus / "gold.jsonl"


def _codes(given: Sequence[str], assistant: Assistant) -> list[str]:
    """The codes as the corpus spells them. Raises UsageError for one that it lacks."""
    return [assistant.session(code).code for code in given]


def _lines(numbers: Sequence[int]) -> str:
    return f"line{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def _tell(left_out: Sequence[str]) -> None:
    for note in left_out[:MOST_SHOWN]:
        _say(note)
    if len(left_out) > MOST_SHOWN:
        _say(f"... and {len(left_out) - MOST_SHOWN} more")


def _say(note: str) -> None:
    print(f"sessionqa: {note}", file=sys.stderr)
