"""The lexical arm on disk: BM25 over stems by tantivy, with its k1 = 1.2 and b = 0.75.

Stems are made by `terms`, the same for passages and questions, and queries are built of them,
never parsed: quotes, brackets and operators in a question are text.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import tantivy

from sessionqa import terms

_TEXT, _SESSION, _ROW = "stems", "session", "row"
WRITER_BYTES = 64_000_000


def write(folder: Path, texts: Iterable[tuple[int, str]]) -> None:
    """Indexes each (ordinal of its session, text) under its row, counted from 0."""
    folder.mkdir(parents=True)
    schema = (
        tantivy.SchemaBuilder()
        .add_text_field(_TEXT, tokenizer_name="whitespace", index_option="freq")
        .add_unsigned_field(_SESSION, indexed=True)
        .add_unsigned_field(_ROW, fast=True)
        .build()
    )
    index = tantivy.Index(schema, path=str(folder))
    # One thread makes one segment, so that scores and their ties come out alike every time.
    writer = index.writer(heap_size=WRITER_BYTES, num_threads=1)
    for row, (session, text) in enumerate(texts):
        document = tantivy.Document()
        document.add_text(_TEXT, " ".join(terms.stem(word) for word in terms.words(text)))
        document.add_unsigned(_SESSION, session)
        document.add_unsigned(_ROW, row)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


class LexicalArm:
    """Opened for searching. Raises ValueError if the folder does not hold a whole index."""

    def __init__(self, folder: Path) -> None:
        self._beside: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._index = tantivy.Index.open(str(folder))
        except ValueError:
            # tantivy wants to create lock files even to read, and the folder may forbid it.
            self._beside = tempfile.TemporaryDirectory(prefix="sessionqa-")
            beside = Path(self._beside.name)
            for path in folder.iterdir():
                _mirror(path, beside / path.name)
            self._index = tantivy.Index.open(str(beside))
        self._index.config_reader("manual")
        self._searcher = self._index.searcher()
        self._schema = self._index.schema

    def close(self) -> None:
        """Lets go of the files."""
        del self._searcher, self._index
        if self._beside:
            self._beside.cleanup()

    def search(
        self, stems: Sequence[str], k: int, sessions: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """Rows and BM25 scores of the `k` best texts that have any of the stems, best first.

        A stem that is repeated counts as often as it is repeated.
        """
        return self._ranked(tantivy.Occur.Should, stems, k, sessions)

    def having(
        self, stems: Sequence[str], k: int, sessions: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """The same of the texts that have all of the stems."""
        return self._ranked(tantivy.Occur.Must, stems, k, sessions)

    def _ranked(
        self, occur: tantivy.Occur, stems: Sequence[str], k: int, sessions: Collection[int] | None
    ) -> list[tuple[int, float]]:
        if not stems:
            return []
        query = tantivy.Query.boolean_query(
            [(occur, self._of(*counted)) for counted in Counter(stems).items()]
        )
        if sessions is not None:
            allowed = tantivy.Query.term_set_query(self._schema, _SESSION, list(sessions))
            within = tantivy.Query.const_score_query(allowed, 0.0)
            query = tantivy.Query.boolean_query(
                [(tantivy.Occur.Must, query), (tantivy.Occur.Must, within)]
            )
        found = self._searcher.search(query, limit=k, count=False).hits
        rows = self._searcher.fast_field_values(_ROW, [address for _, address in found])
        ranked = [(int(row or 0), score) for row, (score, _) in zip(rows, found, strict=True)]
        return sorted(ranked, key=lambda pair: (-pair[1], pair[0]))

    def _of(self, stem: str, times: int) -> tantivy.Query:
        query = tantivy.Query.term_query(self._schema, _TEXT, stem, "freq")
        return query if times == 1 else tantivy.Query.boost_query(query, float(times))


def _mirror(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)
