"""What a document holds, whatever its format."""

from collections.abc import Sequence
from dataclasses import dataclass

from sessionqa.importers.drafts import Block


@dataclass(frozen=True, slots=True)
class Contents:
    """The title of a document as its metadata has it, often empty; its text; and what to tell."""

    title: str
    blocks: Sequence[Block]
    notes: Sequence[str] = ()
