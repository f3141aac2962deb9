"""Corpus files -> Session: YAML front matter, a Markdown body, and a card made of the metadata."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sessionqa import body, card
from sessionqa.datatypes import Session, Speaker
from sessionqa.errors import CorpusError

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_TITLE_CHARS = 300
# Lists and mappings in one another, in the front matter.
MAX_DEPTH = 50


def read_corpus(folder: Path, known: Mapping[str, Session] | None = None) -> list[Session]:
    """Every session under `folder`, by file name. README.md and hidden files are passed over.

    Of `known` sessions, by path, those whose file has the same checksum are taken as they are.
    Raises CorpusError for a missing or empty folder, a file that cannot be used, or a code that
    two files share.
    """
    paths = session_files(folder)
    if not paths:
        raise CorpusError(f"{folder} holds no session: put one Markdown file per session there")
    sessions: dict[str, Session] = {}
    for path in paths:
        place = path.relative_to(folder).as_posix()
        session = read_session(path, known.get(place) if known else None)
        session = session if session.path == place else replace(session, path=place)
        first = sessions.setdefault(session.code.casefold(), session)
        if first is not session:
            other = folder / first.path
            raise CorpusError(
                f"{path}:{_line_of(path, 'code')}: code {session.code} is taken by "
                f"{other}:{_line_of(other, 'code')}; give each session its own"
            )
    return list(sessions.values())


def session_files(folder: Path) -> list[Path]:
    """The corpus files under `folder`, sorted. Raises CorpusError if it is not a folder."""
    return [folder / name for name in _session_names(folder)]


def _session_names(folder: Path) -> list[str]:
    """The paths of the same in `folder`, with slashes."""
    if not folder.is_dir():
        raise CorpusError(
            f"the corpus folder {folder} does not exist: create it, or name another with --corpus"
        )
    # As text, which a folder of thousands sorts in a fifth of the time that paths take.
    found: list[str] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (os.path.join(parent, name) for name in names if _is_session(name))
        found += (path for path in paths if os.path.isfile(path))
    found.sort(key=lambda path: os.path.normcase(path).split(os.sep))
    start = len(os.path.join(folder, ""))
    return [path[start:].replace(os.sep, "/") for path in found]


def _is_session(name: str) -> bool:
    is_markdown = os.path.normcase(name).endswith(".md") and name.casefold() != "readme.md"
    return is_markdown and not name.startswith(".")


def digests(folder: Path) -> dict[str, str]:
    """The checksum of each session file by its path in `folder`; empty of one that can't be read.

    Raises CorpusError if it is not a folder.
    """
    return {name: _digest_of(os.path.join(folder, name)) for name in _session_names(folder)}


def stamps(folder: Path) -> dict[str, list[int]]:
    """Size and time of the last change, in ns, of each session file, by its path in `folder`."""
    found = {}
    for name in _session_names(folder):
        with suppress(OSError):
            status = os.stat(os.path.join(folder, name))
            found[name] = [status.st_size, status.st_mtime_ns]
    return found


def changed_since(
    folder: Path, known: Mapping[str, str], before: Mapping[str, Sequence[int]]
) -> list[str]:
    """The files of `folder` that are not as they were: not as `known`, checksums by path.

    `before` is what `stamps` said then: only files with another stamp are read again, so that
    asking this before a question is cheap. An absent folder has not changed.
    """
    if not folder.is_dir():
        return []
    now = stamps(folder)
    touched = [name for name in now.keys() & known.keys() if now[name] != before.get(name)]
    altered = [name for name in touched if _digest_of(os.path.join(folder, name)) != known[name]]
    return sorted({*altered, *(now.keys() ^ known.keys())})


def read_session(path: Path, known: Session | None = None) -> Session:
    """One session from one file, or `known` if the file has its checksum.

    Raises CorpusError, naming file and line, if it is unusable.
    """
    raw = _read_bytes(path)
    digest = _digest(raw)
    if known and known.sha256 == digest:
        return known
    whole = _decode(path, raw)
    meta, markdown = _split(path, whole)
    code, title = (_text(path, meta, name) for name in ("code", "title"))
    for name, value in (("code", code), ("title", title)):
        if not value:
            raise CorpusError(f"{path}:1: no {name} in the front matter: add a line `{name}: ...`")
    if re.search(r"\s", code):
        raise CorpusError(f"{path}:{_line_of(path, 'code')}: code {code!r} has a space: remove it")
    if len(title) > MAX_TITLE_CHARS:
        line = _line_of(path, "title")
        raise CorpusError(f"{path}:{line}: the title is over {MAX_TITLE_CHARS} characters")
    session = Session(
        code=code,
        title=title,
        text="",
        event=_text(path, meta, "event"),
        year=_number(path, meta, "year"),
        track=_text(path, meta, "track"),
        level=_number(path, meta, "level"),
        speakers=tuple(_speakers(path, meta)),
        services=tuple(_strings(path, meta, "services")),
        url=_text(path, meta, "url"),
        path=str(path),
        sha256=digest,
    )
    told = card.render(session) + card.CARD_END
    try:
        said = body.read(markdown)
    except body.MarkError as error:
        before = whole.rstrip().removesuffix(markdown).count("\n")
        raise CorpusError(f"{path}:{before + error.line}: {error}") from error
    marks = tuple(replace(mark, start=len(told) + mark.start) for mark in said.marks)
    return replace(session, text=f"{told}{said.text}".strip(), marks=marks)


def _digest_of(path: str) -> str:
    """The digest of a file's bytes; empty, so unlike any other, if it cannot be read."""
    try:
        # Unbuffered, which takes half the time of a small file.
        with open(path, "rb", buffering=0) as file:
            return _digest(file.read())
    except OSError:
        return ""


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _read_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise CorpusError(
                f"{path} has {size / 2**20:.0f} MiB, more than the "
                f"{MAX_FILE_BYTES // 2**20} MiB of a session file: split it"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error
    if not raw.strip():
        raise CorpusError(f"{path} is empty: write the session into it, or remove it")
    return raw


def _decode(path: Path, raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{path}:{line}: not UTF-8 text: save the file as UTF-8") from error
    return _clean(text.replace("\r\n", "\n").replace("\r", "\n"))


def _clean(text: str) -> str:
    """`text` composed, and without what would reach a terminal as a command."""
    # YAML can spell halves of characters: pairs are joined, single ones replaced.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", whole))


def _split(path: Path, text: str) -> tuple[Mapping[str, Any], str]:
    if not text.lstrip().startswith("---"):
        raise CorpusError(
            f"{path}:1: no front matter: begin the file with ---, code, title and --- again"
        )
    import frontmatter
    import yaml
    from frontmatter.default_handlers import YAMLHandler

    # The same by libyaml, where it is there, in a tenth of the time.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

    class AsWritten(YAMLHandler):
        """Leaves every value the text it is: `code: 1e3` is no number, `title: On` no truth."""

        def load(self, fm: str, **_: object) -> Any:
            # libyaml ends the process on what is nested too deeply.
            depth = 0
            for event in yaml.parse(fm, Loader=loader):
                depth += isinstance(event, yaml.CollectionStartEvent)
                depth -= isinstance(event, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH:
                    raise RecursionError
            return yaml.load(fm, Loader=loader)

    try:
        meta, body = frontmatter.parse(text, handler=AsWritten())
    except yaml.YAMLError as error:
        line, problem = _yaml_problem(text, error)
        raise CorpusError(f"{path}:{line}: the front matter is not YAML: {problem}") from error
    except RecursionError as error:
        raise CorpusError(f"{path}:1: the front matter is nested too deeply") from error
    if not isinstance(meta, dict) or not meta:
        raise CorpusError(f"{path}:1: the front matter holds no `name: value` lines")
    return meta, body


def _yaml_problem(text: str, error: Exception) -> tuple[int, str]:
    """Where in the file the front matter breaks, and how."""
    import yaml

    lines = text.split("\n")
    fence = next(n for n, line in enumerate(lines) if line.strip())
    closing = (n for n, line in enumerate(lines) if n > fence and line.rstrip() == "---")
    inside = lines[fence + 1 : next(closing, len(lines))]
    try:
        # With as many empty lines before it as there are in the file.
        yaml.load("\n" * (fence + 1) + "\n".join(inside), Loader=yaml.BaseLoader)
    except yaml.YAMLError as again:
        error = again
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return (mark.line + 1 if mark else fence + 1), problem


def _text(path: Path, meta: Mapping[str, Any], name: str) -> str:
    value = meta.get(name)
    if isinstance(value, (list, dict)):
        raise CorpusError(f"{path}:{_line_of(path, name)}: {name} must be a text, not a list")
    return "" if value is None else " ".join(_clean(str(value)).split())


def _number(path: Path, meta: Mapping[str, Any], name: str) -> int | None:
    text = _text(path, meta, name)
    if not text:
        return None
    if re.fullmatch("[0-9]{1,9}", text):
        return int(text)
    line = _line_of(path, name)
    raise CorpusError(f"{path}:{line}: {name} is {text[:40]!r}: give a whole number")


def _strings(path: Path, meta: Mapping[str, Any], name: str) -> Iterator[str]:
    values = meta.get(name) or []
    if not isinstance(values, list) or any(isinstance(value, (list, dict)) for value in values):
        raise CorpusError(f"{path}:{_line_of(path, name)}: {name} must be a list of texts")
    yield from (" ".join(_clean(str(value)).split()) for value in values if value)


def _speakers(path: Path, meta: Mapping[str, Any]) -> Iterator[Speaker]:
    entries = meta.get("speakers") or []
    if not isinstance(entries, list):
        entries = [entries]
    for entry in entries:
        record = entry if isinstance(entry, dict) else {"name": entry}
        name = _text(path, record, "name")
        if not name:
            line = _line_of(path, "speakers")
            raise CorpusError(f"{path}:{line}: a speaker has no name: write `- name: ...`")
        yield Speaker(name, _text(path, record, "role"))


def _line_of(path: Path, name: str) -> int:
    """The line of the front matter that sets `name`; 1 where there is none."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    matches = (n for n, line in enumerate(lines, 1) if re.match(rf"[\"']?{name}[\"']?\s*:", line))
    return next(matches, 1)
