"""Articles in plain text, Markdown or HTML -> sessions: one of each section that is a session's.

plain, markup, page -> elements -> sections (from coded_heads or uncoded_heads to ends) -> drafts
"""

from sessionqa.importers.articles.article import read as read
