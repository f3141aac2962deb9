"""A PDF file: its lines as they stand on the pages, made paragraphs and headings again."""

import json
import subprocess
import sys
from typing import Any

from sessionqa.errors import SourceError
from sessionqa.importers.documents import reflow
from sessionqa.importers.documents.contents import Contents
from sessionqa.importers.documents.reflow import Line
from sessionqa.importers.drafts import Source
from sessionqa.importers.text import one_line

# 5,000 pages take two and a half minutes on two slow processors.
MAX_SECONDS = 300


def read(source: Source) -> Contents:
    """See document.read. What most pages repeat at their edges is left out."""
    told = _told(source)
    pages = [[Line(*line) for line in page] for page in told["pages"]]
    empty = sum(not page for page in pages)
    if empty == len(pages):
        raise SourceError(f"{source.name} has no text in it: it is a scan; OCR it first")
    notes = [f"{empty} of {len(pages)} pages have no text"] if empty else []
    return Contents(one_line(told["title"]), reflow.blocks(pages), notes)


def _told(source: Source) -> dict[str, Any]:
    """What pdf_lines prints of it. Raises SourceError for a problem, or if it does not end well."""
    command = [sys.executable, "-P", "-m", "sessionqa.importers.documents.pdf_lines"]
    try:
        done = subprocess.run(
            command, input=source.raw, capture_output=True, timeout=MAX_SECONDS, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(
            f"{source.name} takes more than {MAX_SECONDS} seconds to read: split it"
        ) from error
    except subprocess.CalledProcessError as error:
        raise SourceError(
            f"{source.name} is no PDF that can be read (it takes too much memory, or is damaged): "
            "save it anew"
        ) from error
    told: dict[str, Any] = json.loads(done.stdout)
    if "problem" in told:
        raise SourceError(f"{source.name} {told['problem']}")
    return told
