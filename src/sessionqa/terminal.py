"""Answers, hits and their sources as text for a terminal, and how far a long task is."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sessionqa import marks
from sessionqa.datatypes import WRITTEN, Answer, Citation, Correction, Hit, Session
from sessionqa.errors import UsageError
from sessionqa.quotes import places
from sessionqa.settings import why_unusable

_BOLD, _PLAIN = "\x1b[1m", "\x1b[22m"


def as_text(answer: Answer, session_of: Callable[[str], Session]) -> str:
    """The answer, then its sources: each session with its title, speakers and recording."""
    said = [_wrapped(paragraph) for paragraph in _emphasised(answer).split("\n\n")]
    return "\n\n".join([*_read_as(answer), *said, *_below(answer, session_of)])


def follow(steps: Iterable[Answer], session_of: Callable[[str], Session]) -> Answer:
    """Prints an answer as `as_text` has it; on a terminal what a model writes, as it is written."""
    shown = ""
    for latest in steps:
        answer = latest
        if answer.written and answer.text != shown and sys.stdout.isatty():
            opening = "" if shown else "".join(f"{line}\n\n" for line in _read_as(answer))
            print(f"{opening}{answer.text[len(shown) :]}", end="", flush=True)
            shown = answer.text
    if shown and shown == answer.text:
        print("", *_below(answer, session_of), sep="\n\n")
    else:
        # What was shown did not last.
        print("\n" if shown else "", as_text(answer, session_of), sep="\n" if shown else "")
    return answer


def _read_as(answer: Answer) -> list[str]:
    """How the question was read, if otherwise than it was written."""
    if answer.topic_added:
        return [f"(asked as: {answer.standalone_question})"]
    return [read_as(answer.corrections)] if answer.corrections else []


def _below(answer: Answer, session_of: Callable[[str], Session]) -> list[str]:
    """What stands below the answer's text: who wrote it, and its sources."""
    parts = []
    if answer.written:
        name = answer.answerer.removeprefix(WRITTEN)
        parts.append(f"(written by {name}, each sentence checked against its source)")
    elif answer.note:
        parts.append(f"({answer.note})")
    cited: dict[str, list[Citation]] = {}
    for citation in answer.citations:
        cited.setdefault(citation.session_code, []).append(citation)
    sources = [_source(citations, session_of(code)) for code, citations in cited.items()]
    return [*parts, "\n".join(["Sources", *sources])] if sources else parts


def _emphasised(answer: Answer) -> str:
    """The answer's text, on a terminal with what answers the question in bold."""
    text = answer.text
    if not _in_bold():
        return text
    for place in reversed(places(answer)):
        if emphasis := place.emphasis:
            start, end = emphasis
            text = f"{text[:start]}{_BOLD}{text[start:end]}{_PLAIN}{text[end:]}"
    return text


def _in_bold() -> bool:
    """Whether stdout shows bold type, and is to."""
    # An old console of Windows would show the codes themselves.
    able = os.name != "nt" or "WT_SESSION" in os.environ
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return sys.stdout.isatty() and able and wanted


def read_as(corrections: Sequence[Correction]) -> str:
    """What was read otherwise than it was written."""
    pairs = (f'"{correction.written}" as "{correction.read}"' for correction in corrections)
    return f"(read {', '.join(pairs)})"


def _source(citations: Sequence[Citation], session: Session) -> str:
    """A session, and below it the recording; where moments or pages are known, at each of them."""
    speakers = ", ".join(session.people)
    by = f" ({speakers})" if speakers else ""
    lines = [f"{_numbers(citations)} {session.code}: {session.title}{by}"]
    if any(marks.short(citation) for citation in citations):
        lines += _at_their_places(citations)
    elif session.url:
        lines.append(session.url)
    return "\n    ".join(lines)


def _at_their_places(citations: Sequence[Citation]) -> Iterator[str]:
    """A line for each place: its citations, where it is, and its address."""
    placed: dict[tuple[str, str], list[Citation]] = {}
    for citation in citations:
        placed.setdefault((marks.short(citation), citation.url), []).append(citation)
    for (place, url), there in placed.items():
        yield " ".join(filter(None, (_numbers(there), place, url)))


def _numbers(citations: Iterable[Citation]) -> str:
    return "".join(f"[{citation.number}]" for citation in citations)


def found(hit: Hit) -> str:
    """A line on a hit: its score, session, and place in the recording or document."""
    passage = hit.passage
    place = marks.short(passage)
    return f"{scores(hit)}  {passage.session_code}  {passage.title}{place and f'  {place}'}"


def scores(hit: Hit) -> str:
    """The fused score, and in front of it the reranker's, by which the hit stands where it does."""
    read = "" if hit.rerank_score is None else f"reranked {hit.rerank_score:.3f}, "
    return f"{read}{hit.score:.3f}"


def index_command(corpus: Path | None, index: Path | None) -> str:
    """The command that builds the index again, with the folders that were given to this one."""
    given = (("--corpus", corpus), ("--index", index))
    options = (part for name, path in given if path for part in (name, str(path)))
    return shlex.join(["sessionqa", "index", *options])


def print_json(value: Any) -> None:
    """One JSON value on stdout, readable for people too."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def positive(text: str) -> int:
    """A whole number from 1, for an option. Raises ArgumentTypeError."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def path(text: str) -> Path:
    """A path, for an option, whether or not there is anything yet. Raises ArgumentTypeError."""
    if why := why_unusable(Path(text)):
        raise argparse.ArgumentTypeError(
            str(UsageError(f"{text!r} is of no use ({why}): give another"))
        )
    return Path(text)


def _wrapped(text: str) -> str:
    """`text` wrapped to the terminal; as it is where stdout is none."""
    if not sys.stdout.isatty():
        return text
    import shutil
    import textwrap

    return textwrap.fill(text, min(shutil.get_terminal_size().columns, 100))


def indented(text: str) -> str:
    """`text` wrapped, to stand below what it belongs to."""
    import textwrap

    return textwrap.fill(text, 96, initial_indent="       ", subsequent_indent="       ")


class Progress:
    """A bar for each stage, on stderr, and only if that is a terminal."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def __call__(self, stage: str, done: int, of: int) -> None:
        """Shows that so many of a stage's steps are done."""
        if not sys.stderr.isatty():
            return
        from tqdm import tqdm

        if stage != self._stage:
            if self._bar:
                self._bar.close()
            # A stage without steps is shown at once, or it would not be shown at all.
            delay = 0.5 if of > 1 else 0
            self._bar = tqdm(total=of, desc=stage, file=sys.stderr, leave=False, delay=delay)
            self._stage = stage
        self._bar.update(done - self._bar.n)
        if done >= of:
            self._bar.close()
