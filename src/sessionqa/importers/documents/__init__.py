"""PDF, Word, PowerPoint and EPUB files -> sessions: one of each file.

pdf (pdf_lines -> reflow), word, presentation (ooxml), epub (archive) -> contents -> a draft
"""

from sessionqa.importers.documents.document import read as read
