"""The lexical arm on disk: BM25 over stems by tantivy, with its k1 = 1.2 and b = 0.75.

Stems are made by `terms`, the same for passages and questions, and queries are built of them,
never parsed: quotes, brackets and operators in a question are text.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tantivy

from sessionqa import terms
from sessionqa.index.places import Numbers, Within

_TEXT, _SESSION, _ROW = "stems", "session", "row"
WRITER_BYTES = 64_000_000
# So many sessions are looked for by their ordinals, unless they have one text in so many.
FEW_SESSIONS, LARGE_SHARE = 1000, 4

Ranked = list[tuple[int, float]]


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
            self._index = _opened(folder)
        except ValueError:
            # tantivy wants to create lock files even to read, and the folder may forbid it.
            self._beside = tempfile.TemporaryDirectory(prefix="sessionqa-")
            beside = Path(self._beside.name)
            # Without its locks, which are what it could not write.
            for path in folder.glob("[!.]*"):
                _mirror(path, beside / path.name)
            self._index = _opened(beside)
        self._searcher = self._index.searcher()
        self._schema = self._index.schema

    def close(self) -> None:
        """Lets go of the files."""
        del self._searcher, self._index
        if self._beside:
            self._beside.cleanup()

    def search(self, stems: Sequence[str], k: int, within: Within | None = None) -> Ranked:
        """Rows and BM25 scores of the `k` best texts that have any of the stems, best first.

        A stem that is repeated counts as often as it is repeated.
        """
        return self._ranked(tantivy.Occur.Should, stems, k, within)

    def having(self, stems: Sequence[str], k: int, within: Within | None = None) -> Ranked:
        """The same of the texts that have all of the stems."""
        return self._ranked(tantivy.Occur.Must, stems, k, within)

    def _ranked(
        self, occur: tantivy.Occur, stems: Sequence[str], k: int, within: Within | None
    ) -> Ranked:
        if not stems:
            return []
        query = tantivy.Query.boolean_query(
            [(occur, self._of(*counted)) for counted in Counter(stems).items()]
        )
        if within is None:
            return self._best(query, k)
        total = self._searcher.num_docs
        if len(within.sessions) > FEW_SESSIONS or len(within.rows) * LARGE_SHARE > total:
            return self._best_passing(query, k, within.rows)
        both = [(tantivy.Occur.Must, query), (tantivy.Occur.Must, self._any_of(within.sessions))]
        return self._best(tantivy.Query.boolean_query(both), k)

    def _best_passing(self, query: tantivy.Query, k: int, rows: Numbers) -> Ranked:
        """The `k` best of `rows`: to look deeper costs less than a list of many sessions."""
        total = self._searcher.num_docs
        passing = np.zeros(total, dtype=bool)
        passing[rows] = True
        depth = k * total // max(1, len(rows)) + k
        while True:
            found = self._best(query, min(depth, total))
            kept = [pair for pair in found if passing[pair[0]]]
            if len(kept) >= k or len(found) < depth:
                return kept[:k]
            depth *= 4

    def _best(self, query: tantivy.Query, k: int) -> Ranked:
        found = self._searcher.search(query, limit=k, count=False).hits
        rows = self._searcher.fast_field_values(_ROW, [address for _, address in found])
        ranked = [(int(row or 0), score) for row, (score, _) in zip(rows, found, strict=True)]
        return sorted(ranked, key=lambda pair: (-pair[1], pair[0]))

    def _of(self, stem: str, times: int) -> tantivy.Query:
        query = tantivy.Query.term_query(self._schema, _TEXT, stem, "freq")
        return query if times == 1 else tantivy.Query.boost_query(query, float(times))

    def _any_of(self, sessions: Numbers) -> tantivy.Query:
        """Lets the texts of these sessions pass, and adds nothing to their scores."""
        # Faster than a term set, but for a thousand of them.
        terms_of = (
            tantivy.Query.term_query(self._schema, _SESSION, session, "basic")
            for session in sessions.tolist()
        )
        every = tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms_of])
        return tantivy.Query.const_score_query(every, 0.0)


def _opened(folder: Path) -> tantivy.Index:
    try:
        index = tantivy.Index.open(str(folder))
        # The reader wants a lock as well: a disk that is read-only refuses it only here.
        index.config_reader("manual")
    except BaseException as error:
        # Rust panics at damage that it did not expect, which is no Exception, nor to be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"the words are damaged: {error}") from error
    return index


def _mirror(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)
