"""Sources -> sessions: articles, transcripts, catalogues and documents become corpus files.

source -> Source (a file, or fetch) -> Imported (the reader of its kind) -> corpus files (files)
"""
