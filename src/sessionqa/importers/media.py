"""What kind a source is of: its media type, by suffix or as a server names it."""

import re
from codecs import BOM_UTF8
from pathlib import PurePath

_OFFICE = "application/vnd.openxmlformats-officedocument"
CSV, TSV = "text/csv", "text/tab-separated-values"
JSON, JSON_LINES = "application/json", "application/x-ndjson"
VTT, SRT = "text/vtt", "application/x-subrip"
HTML, MARKDOWN, PLAIN = "text/html", "text/markdown", "text/plain"
PDF, EPUB = "application/pdf", "application/epub+zip"
WORD, SLIDES = f"{_OFFICE}.wordprocessingml.document", f"{_OFFICE}.presentationml.presentation"

CATALOGUES = frozenset({CSV, TSV, JSON, JSON_LINES})
TRANSCRIPTS = frozenset({VTT, SRT})
ARTICLES = frozenset({HTML, MARKDOWN, PLAIN})
DOCUMENTS = frozenset({PDF, EPUB, WORD, SLIDES})

# Our own, as the standard library does not know all of them everywhere.
BY_SUFFIX = {
    ".csv": CSV,
    ".docx": WORD,
    ".epub": EPUB,
    ".htm": HTML,
    ".html": HTML,
    ".json": JSON,
    ".jsonl": JSON_LINES,
    ".markdown": MARKDOWN,
    ".md": MARKDOWN,
    ".ndjson": JSON_LINES,
    ".pdf": PDF,
    ".pptx": SLIDES,
    ".srt": SRT,
    ".tsv": TSV,
    ".txt": PLAIN,
    ".vtt": VTT,
    ".xhtml": HTML,
}
_HEAD_BYTES = 4096
SUFFIXES = ", ".join(suffix[1:] for suffix in BY_SUFFIX)
_OTHER_NAMES = {
    "application/xhtml+xml": HTML,
    "text/x-markdown": MARKDOWN,
    "application/x-pdf": PDF,
    "application/jsonl": JSON_LINES,
}
_KNOWN = frozenset(BY_SUFFIX.values())
# What servers say of files whose kind they do not know.
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})

# How the content of a kind begins; Office and EPUB are zip files, told apart by name alone.
_OPENINGS = {
    PDF: re.compile(rb"%PDF-"),
    "application/zip": re.compile(rb"PK\x03\x04"),
    JSON: re.compile(rb"\[\s*[\[{]|\{\s*[\"}]"),
    VTT: re.compile(rb"WEBVTT\b"),
    HTML: re.compile(rb"<"),
}


def by_suffix(name: str) -> str:
    """The media type by the suffix of a path; empty if it is none that can be read."""
    return BY_SUFFIX.get(PurePath(name).suffix.casefold(), "")


def declared(media: str, path: str) -> str:
    """The media type that a server names, or by the path's suffix where it tells no kind."""
    known = _OTHER_NAMES.get(media, media)
    if known in _KNOWN and known != PLAIN:
        return known
    return by_suffix(path) or ("" if known in _UNTOLD else known)


def by_content(raw: bytes) -> str:
    """The media type by how a content begins, where nothing else tells it; else plain text."""
    head = raw[:_HEAD_BYTES].removeprefix(BOM_UTF8).lstrip()
    return next((kind for kind, opening in _OPENINGS.items() if opening.match(head)), PLAIN)
