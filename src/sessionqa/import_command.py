"""What `sessionqa import` does: sources -> drafts of sessions -> corpus files."""

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from sessionqa import importers, installed, terminal
from sessionqa.errors import ModuleMissing, SourceError, UsageError
from sessionqa.importers import files, sources
from sessionqa.importers.catalogues import FIELDS
from sessionqa.importers.drafts import Draft, Imported, Source
from sessionqa.importers.files import Planned
from sessionqa.settings import Settings

DONE, KEPT = 0, 1
# So many files are shown whole in a dry run.
MOST_SHOWN = 20

Report = Callable[[str, int, int], None]


@dataclass(slots=True)
class _Found:
    """The sessions of all sources, and why some of these could not be read."""

    drafts: list[tuple[Source, Draft]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def run(arguments: argparse.Namespace, settings: Settings, report: Report) -> int:
    """Runs the command and returns its exit code: 1 if files that differ were kept.

    3 if a source could not be read; what the others hold is imported all the same. Raises
    UsageError, CorpusError or WriteError, before anything is written but for the last.
    """
    installed.need_for_importing()
    folder = _target(arguments.into, settings)
    columns = _columns(arguments.column)
    found = _read_all(arguments, columns, report)
    planned = files.plan(found.drafts, folder, date.today())
    chosen = [one for one in planned if _is_written(one, arguments.force)]
    if chosen and not arguments.dry_run:
        files.write(chosen, folder)
    if arguments.json:
        terminal.print_json(_record(planned, arguments))
    else:
        _show(planned, arguments)
    for failure in found.failures:
        print(f"sessionqa: {failure}", file=sys.stderr)
    if found.failures:
        return SourceError.exit_code
    return KEPT if any(_done(one, arguments) == "kept" for one in planned) else DONE


def _target(into: Path | None, settings: Settings) -> Path:
    """The corpus folder that is written to: never the one inside the package."""
    if into is None and settings.included:
        return Path("corpus")
    folder = into or settings.corpus
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder: name one with --into")
    return folder


def _columns(given: Sequence[str]) -> dict[str, str]:
    """The columns by the fields that they are for, of FIELD=COLUMN; an empty one is none."""
    columns = {}
    for one in given:
        name, equals, column = (part.strip() for part in one.partition("="))
        if not equals or name not in FIELDS:
            raise UsageError(
                f"--column {one}: write FIELD=COLUMN, where FIELD is one of {', '.join(FIELDS)}"
            )
        columns[name] = column
    return columns


def _read_all(arguments: argparse.Namespace, columns: Mapping[str, str], report: Report) -> _Found:
    found = _Found()
    names: list[str] = []
    for given in arguments.sources:
        try:
            named = sources.named(given)
        except SourceError as error:
            found.failures.append(str(error))
        else:
            names += named.sources
            found.failures += named.failures
    for done, name in enumerate(names, 1):
        try:
            source = sources.open_source(name, arguments.allow_private, bool(columns))
            imported = importers.read(source, columns)
        except (SourceError, ModuleMissing) as error:
            found.failures.append(str(error))
        else:
            found.drafts += [(source, _completed(one, arguments)) for one in imported.drafts]
            _tell(source, imported)
        report("reading sources", done, len(names))
    return found


def _completed(draft: Draft, arguments: argparse.Namespace) -> Draft:
    """The draft with what the command says of sessions whose source says nothing."""
    return replace(
        draft,
        event=draft.event or arguments.event or "",
        year=arguments.year if draft.year is None else draft.year,
        track=draft.track or arguments.track or "",
    )


def _tell(source: Source, imported: Imported) -> None:
    for note in imported.notes:
        print(f"sessionqa: {source.name}: {note}", file=sys.stderr)


def _is_written(one: Planned, force: bool) -> bool:
    return one.state == "new" or (one.state == "differs" and force)


def _done(one: Planned, arguments: argparse.Namespace) -> str:
    """What became of a file, in a word; or what would become of it."""
    if one.state == "same":
        return "same"
    if not _is_written(one, arguments.force):
        return "kept"
    return "new" if one.state == "new" else "replaced"


def _record(planned: Sequence[Planned], arguments: argparse.Namespace) -> dict[str, object]:
    return {
        "dry_run": arguments.dry_run,
        "files": [
            {
                "path": one.path.as_posix(),
                "code": one.code,
                "title": one.title,
                "done": _done(one, arguments),
                "content": one.content,
            }
            for one in planned
        ],
    }


def _show(planned: Sequence[Planned], arguments: argparse.Namespace) -> None:
    """A line for each file, in a dry run with what it would hold, and what to do next."""
    for one in planned:
        print(f"{_done(one, arguments):8}  {one.path}  {one.code}: {one.title}")
    changed = [one for one in planned if _done(one, arguments) != "same"]
    if arguments.dry_run:
        for one in changed[:MOST_SHOWN]:
            print(f"\n{_difference(one)}", end="")
        if len(changed) > MOST_SHOWN:
            print(f"\n{len(changed) - MOST_SHOWN} more are not shown: --json prints all of them")
        print("sessionqa: nothing was written, since this is a dry run", file=sys.stderr)
        return
    kept = sum(_done(one, arguments) == "kept" for one in planned)
    if kept:
        print(
            f"sessionqa: {_files(kept)} kept: what is there differs, as --dry-run shows; --force "
            "writes over it",
            file=sys.stderr,
        )
    if len(changed) > kept:
        command = terminal.index_command(arguments.into or arguments.corpus, arguments.index)
        print(f"sessionqa: `{command}` brings the index up to date", file=sys.stderr)


def _files(count: int) -> str:
    return "1 file was" if count == 1 else f"{count} files were"


def _difference(one: Planned) -> str:
    """The file as it would be written; of one that is there what would change in it."""
    lines = one.content.splitlines(keepends=True)
    if one.state == "new":
        return f"{one.path}\n{one.content}"
    try:
        before = one.path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except OSError:
        before = []
    name = str(one.path)
    return "".join(difflib.unified_diff(before, lines, name, f"{name}, imported"))
