"""BEIR folders: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv; each document is a session."""

from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path

from sessionqa import card
from sessionqa.datatypes import Session
from sessionqa.errors import UsageError
from sessionqa.gold import GoldSet
from sessionqa.gold.lines import Unusable, clean, identifier, records, value_of
from sessionqa.gold.trec import judged_questions, judgements

WHAT = "a document"
# Without a split, the first of these that the folder has.
USUAL_SPLITS = ("test", "dev")


def read(folder: Path, split: str | None) -> GoldSet:
    """The documents and the judged questions. Raises UsageError for a folder without them."""
    corpus, queries = _found(folder, "corpus"), _found(folder, "queries")
    qrels = _qrels(folder / "qrels", split)
    left_out: list[str] = []
    sessions = tuple(documents(corpus, left_out))
    ids = {session.code: session.code for session in sessions}
    judged = judgements(qrels, ids.get, left_out)
    questions = tuple(judged_questions(judged, queries, left_out))
    return GoldSet(folder.resolve().name, questions, sessions, left_out=tuple(left_out))


def documents(path: Path, left_out: list[str]) -> Iterator[Session]:
    """Each usable document of a corpus.jsonl; ids that differ only by their case clash."""
    taken: set[str] = set()
    for place, record in records(path, WHAT, left_out):
        try:
            code = identifier(record, "_id")
            if code.casefold() in taken:
                raise Unusable(f"a line before has the id {code}, in this case or another")
            title = value_of(str, record, "title", "")
            session = document(code, title, value_of(str, record, "text", ""), path.name)
        except Unusable as error:
            left_out.append(f"{place}: not {WHAT}: {error}")
            continue
        taken.add(code.casefold())
        yield session


def document(code: str, title: str, text: str, path: str) -> Session:
    """A document as a session whose card is its title; the text stays as it is.

    Raises Unusable for a document without any text.
    """
    title, text = " ".join(clean(title).split()), clean(text)
    if not title and not text.strip():
        raise Unusable(f"{code} has no text")
    whole = title + card.CARD_END + text
    return Session(code, title, whole, path=path, sha256=sha256(whole.encode()).hexdigest())


def _found(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz"):
        if path.is_file():
            return path
    raise UsageError(
        f"{folder} has no {name}.jsonl: a folder in BEIR's form holds corpus.jsonl, "
        "queries.jsonl and qrels/test.tsv"
    )


def _qrels(folder: Path, split: str | None) -> Path:
    """The file of the split that is asked for, else of a usual one, else the only one."""
    files = {path.stem: path for path in sorted(folder.glob("*.*")) if path.is_file()}
    wanted: Collection[str] = (split,) if split else USUAL_SPLITS
    for name in wanted:
        if name in files:
            return files[name]
    if len(files) == 1 and not split:
        return next(iter(files.values()))
    there = f"has {', '.join(files)}: name one with --split" if files else "has no judgements"
    raise UsageError(f"{folder} {f'has no split {split} and ' if split else ''}{there}")
