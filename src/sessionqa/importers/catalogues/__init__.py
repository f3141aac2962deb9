"""Catalogues in CSV or JSON -> sessions: one of each row.

tables -> columns (which holds what) -> cells -> drafts
"""

from sessionqa.importers.catalogues.catalogue import read as read
from sessionqa.importers.catalogues.columns import FIELDS as FIELDS
from sessionqa.importers.catalogues.tables import names_columns as names_columns
