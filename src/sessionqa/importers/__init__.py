"""What people have of talks -> corpus files.

A name -> Source (`sources`, `fetch`) -> drafts of sessions (the reader of its kind) -> corpus files
(`files`). `sessionqa.import_command` puts them together.
"""

from collections.abc import Mapping

from sessionqa.errors import SourceError
from sessionqa.importers import media
from sessionqa.importers.drafts import Imported, Source


def read(source: Source, columns: Mapping[str, str]) -> Imported:
    """The sessions of a source; `columns` names those of a catalogue, where a guess is wrong.

    Raises SourceError for one that cannot be read or holds no session, ModuleMissing for a kind
    whose extra is not installed, UsageError for a column that is not there.
    """
    if not source.raw.strip():
        raise SourceError(f"{source.name} is empty: there is nothing to import")
    if source.media in media.CATALOGUES:
        from sessionqa.importers import catalogues

        return catalogues.read(source, columns)
    if source.media in media.TRANSCRIPTS or (source.media == media.PLAIN and _has_times(source)):
        from sessionqa.importers import transcripts

        return transcripts.read(source)
    if source.media in media.ARTICLES:
        from sessionqa.importers import articles

        return articles.read(source)
    from sessionqa.importers import documents

    return documents.read(source)


def _has_times(source: Source) -> bool:
    from sessionqa.importers.transcripts import is_transcript

    return is_transcript(source.raw.decode("utf-8", "replace"))
