"""Evaluations -> one HTML file with tables, plots and the questions that failed.

The file needs nothing else: no network, no scripts, no fonts but the machine's own. Matplotlib and
Jinja2 make it, which the extra `report` brings; they are imported when a report is asked for.

    page      the whole page, from the template page.html.j2 and the style page.css
    figures   evaluations -> plots with their titles and notes
    curves    outcomes -> the numbers of a plot;  plots  numbers -> SVG
    failures  outcomes -> the questions that failed, the worst first
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from sessionqa.compare import Comparison
from sessionqa.errors import SessionQAError, UsageError
from sessionqa.evaluate import Evaluation
from sessionqa.gold import GoldQuestion, GoldSet

Explain = Callable[[GoldQuestion], str]


def check_writable(path: Path) -> None:
    """Raises what `write` would, so that it is known before an evaluation rather than after it.

    A UsageError if no file can be written at `path`, a SessionQAError if the extra is missing.
    """
    _require_extra()
    there = path.exists()
    try:
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def write(
    path: Path,
    evaluations: Sequence[Evaluation],
    comparisons: Sequence[Comparison],
    gold: GoldSet,
    explain: Explain,
) -> None:
    """Writes the report of at least one evaluation to `path`, replacing what is there.

    The failed questions are those of the first evaluation, each with what `explain` says of it and
    with the ranks of the other configurations. Raises as `check_writable` does.
    """
    _require_extra()
    from sessionqa.report.page import render

    page = render(evaluations, comparisons, gold, explain, datetime.now().astimezone())
    aside = path.with_name(f"{path.name}.part")
    try:
        # A lone surrogate, which JSON can bring along, becomes a question mark.
        aside.write_bytes(page.encode("utf-8", errors="replace"))
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _require_extra() -> None:
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "matplotlib"):
            raise
        raise SessionQAError(
            f"a report needs {error.name}, which is not installed: "
            "run `pip install 'sessionqa[report]'`"
        ) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"the report {path} cannot be written ({error.strerror}): name a file in a folder that "
        "exists and is yours"
    )
