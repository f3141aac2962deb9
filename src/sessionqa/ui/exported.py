"""A conversation to take along: as Markdown to read, as JSON for programs."""

import json
import re
from collections.abc import Callable, Sequence

from sessionqa import marks
from sessionqa.datatypes import Answer, Citation, Session
from sessionqa.ui import page

# What Markdown would read as more than itself.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$!&])")
# What would begin a list or a heading.
_OPENING = re.compile(r"^(\s*\d*)([-+=.)])", re.MULTILINE)


def as_json(answers: Sequence[Answer]) -> str:
    """The answers as `ask --json` prints them, in a list: `sessionqa verify` reads it."""
    return json.dumps([answer.to_dict() for answer in answers], ensure_ascii=False, indent=2) + "\n"


def as_markdown(answers: Sequence[Answer], session: Callable[[str], Session | None]) -> str:
    """Each question as a heading, its answer, and where each [n] of it stands."""
    return "\n".join(_turn(answer, session) for answer in answers)


def _turn(answer: Answer, session: Callable[[str], Session | None]) -> str:
    parts = [f"## {_plain(' '.join(answer.question.split()))}\n"]
    if answer.topic_added:
        parts.append(f"Asked as: {_plain(answer.standalone_question)}\n")
    parts.append(f"{_plain(answer.text)}\n")
    parts += [_source(citation, session(citation.session_code)) for citation in answer.citations]
    return "\n".join(parts) + "\n"


def _source(citation: Citation, known: Session | None) -> str:
    """Where a quote stands, with a link to the recording if there is one."""
    title = f"{citation.session_code}: {citation.title}"
    # What an older version answered has no address of its own.
    url = citation.url or (known.url if known else "")
    # Within angle brackets, which it may not have.
    bare = url.replace("<", "%3C").replace(">", "%3E")
    named = f"[{_plain(title)}](<{bare}>)" if page.is_address(url) else _plain(title)
    span = f"characters {citation.start} to {citation.end}"
    place = [named, marks.moment(citation), marks.page(citation), span]
    return f"- \\[{citation.number}\\] {', '.join(filter(None, place))}"


def _plain(text: str) -> str:
    """`text` as Markdown that shows just that."""
    return _OPENING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))
