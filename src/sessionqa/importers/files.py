"""Drafts -> corpus files: planned, and written so that nothing that was there is lost."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Literal

from sessionqa import kept
from sessionqa.corpus import MAX_FILE_BYTES, MAX_TITLE_CHARS, read_corpus, session_files
from sessionqa.errors import CorpusError, WriteError
from sessionqa.importers.drafts import Draft, Source
from sessionqa.importers.markdown import body
from sessionqa.importers.text import one_line

State = Literal["new", "same", "differs"]

MAX_CODE_CHARS = 60
MAX_NAME_CHARS = 80
# Windows has devices of these names in every folder, whatever suffix they are given.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)
# Lines of the front matter that tell of a source and not of the session: in an article where one
# letter has changed, the other sessions are the same.
_OF_SOURCE = re.compile(r"^(?:imported|source_sha256): .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Planned:
    """A corpus file as an import would have it, and whether another stands in its place."""

    path: Path
    content: str
    state: State
    code: str
    title: str


def plan(found: Iterable[tuple[Source, Draft]], folder: Path, today: date) -> list[Planned]:
    """The files that these sessions become in `folder`, in their order.

    A session whose code a file there has already takes that file's place. Raises CorpusError for
    two sessions of one code, for one that is larger than a corpus file may be, and for a corpus
    that cannot be read.
    """
    present = _present(folder)
    names = {path.relative_to(folder).as_posix().casefold() for path in present.values()}
    planned: dict[str, Planned] = {}
    numbers: dict[str, int] = {}
    for source, draft in found:
        code = one_line(draft.code).replace(" ", "") or _code_of(draft.title, planned, numbers)
        if earlier := planned.get(code.casefold()):
            raise CorpusError(
                f"{source.name}: two sessions have the code {code}, {earlier.title!r} and "
                f"{one_line(draft.title)!r}: give each its own, or import them into two folders"
            )
        path = present.get(code.casefold()) or folder / _name_of(code, names)
        names.add(path.relative_to(folder).as_posix().casefold())
        content = render(source, draft, code, today)
        if len(content.encode()) > MAX_FILE_BYTES:
            raise CorpusError(
                f"{source.name}: {code} would be a file of more than "
                f"{MAX_FILE_BYTES // 2**20} MiB: split it"
            )
        title = one_line(draft.title)
        planned[code.casefold()] = Planned(path, content, _state(path, content), code, title)
    return list(planned.values())


def write(planned: Sequence[Planned], folder: Path) -> None:
    """Writes these files, each as a whole. Raises WriteError; those before it are written then."""
    with kept.writing(folder / "import"):
        root = folder.resolve()
        for one in planned:
            if not one.path.resolve().is_relative_to(root):
                raise WriteError(f"{one.path} is a link that leads out of {folder}: remove it")
            kept.replace(one.path, one.content.encode())


def render(source: Source, draft: Draft, code: str, today: date) -> str:
    """A corpus file: what is known of the session, where it comes from, and its text."""
    import yaml

    people = [
        {name: one_line(value) for name, value in (("name", one.name), ("role", one.role)) if value}
        for one in draft.speakers
    ]
    known: dict[str, Any] = {
        "code": code,
        "title": _shortened(one_line(draft.title)),
        "event": one_line(draft.event),
        "year": draft.year,
        "track": one_line(draft.track),
        "level": draft.level,
        "speakers": people,
        "services": list(map(one_line, draft.services)),
        "url": one_line(draft.url),
        "video_title": one_line(draft.video_title),
        "source": one_line(source.name),
        "source_sha256": source.sha256,
        "imported": today.isoformat(),
    }
    lines = {name: value for name, value in known.items() if value not in ("", None, [])}
    # The same by libyaml, where it is there, in a tenth of the time.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    front = yaml.dump(
        lines, Dumper=dumper, sort_keys=False, allow_unicode=True, width=MAX_FILE_BYTES
    )
    return f"---\n{front}---\n\n{body(draft.body)}\n"


def _present(folder: Path) -> Mapping[str, Path]:
    """The files of the corpus by their codes, folded; none where there is no corpus yet."""
    if not folder.is_dir() or not session_files(folder):
        return {}
    return {one.code.casefold(): folder / one.path for one in read_corpus(folder)}


def _state(path: Path, content: str) -> State:
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "new"
    except (OSError, UnicodeDecodeError):
        return "differs"
    return "same" if _of_session(before) == _of_session(content) else "differs"


def _of_session(content: str) -> tuple[str, str]:
    """The front matter of a file, but for when and of what it was imported, and its text."""
    front, _, text = content.partition("\n---\n")
    return _OF_SOURCE.sub("", f"{front}\n"), text


def _code_of(title: str, taken: Collection[str], numbers: dict[str, int]) -> str:
    """A code made of the title's words, in no use yet; `numbers` has the next one of each title."""
    words = re.findall(r"\w+", one_line(title).casefold())
    made = ""
    for word in words:
        longer = f"{made}-{word}" if made else word
        if len(longer) > MAX_CODE_CHARS:
            break
        made = longer
    made = made or (words[0][:MAX_CODE_CHARS] if words else "session")
    if made not in taken:
        return made
    number = next(n for n in count(numbers.get(made, 2)) if f"{made}-{n}" not in taken)
    numbers[made] = number + 1
    return f"{made}-{number}"


def _name_of(code: str, taken: Collection[str]) -> str:
    """A file's name for a code: safe on every system, and in no use yet in any case."""
    safe = re.sub(r"[^\w.-]", "_", code).strip(".")
    if safe != code or len(safe) > MAX_NAME_CHARS or _DEVICES.match(safe) or not safe.strip("_"):
        digest = sha256(code.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        safe = f"session-{safe[: MAX_NAME_CHARS - 20]}-{digest}"
    name = f"{safe}.md"
    if name.casefold() in taken or name.casefold() == "readme.md":
        return f"{safe}-{sha256(code.encode()).hexdigest()[:8]}.md"
    return name


def _shortened(title: str) -> str:
    """A title that a corpus file may have."""
    if len(title) <= MAX_TITLE_CHARS:
        return title
    return f"{title[: MAX_TITLE_CHARS - 1].rsplit(' ', 1)[0]}…"
