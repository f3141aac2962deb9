"""What a document is made of, whatever its format: headings, paragraphs, items, in their order."""

from dataclasses import dataclass
from typing import Literal

ElementKind = Literal["paragraph", "heading", "item", "markdown", "rule"]

# Ranks after those of headings, which are 1 to 6: a paragraph in bold, a line, an item of a list.
BOLD, LINE, ITEM = 7, 8, 9

MAX_HEADING_CHARS = 250


@dataclass(frozen=True, slots=True)
class Element:
    """A piece of a document: its text in one line, of `markdown` in any; of a `rule` none.

    `level` is that of a heading, 1 to 6, or BOLD where a paragraph in bold stands for one. `links`
    are the addresses that it leads to, and `linked` tells that all its text is a link.
    """

    text: str
    kind: ElementKind = "paragraph"
    level: int = 0
    links: tuple[str, ...] = ()
    linked: bool = False

    @property
    def rank(self) -> int:
        """How high it would stand as a heading; 1 is the highest."""
        return self.level or (ITEM if self.kind == "item" else LINE)


def in_bold(text: str, links: tuple[str, ...] = (), linked: bool = False) -> Element:
    """A paragraph all in bold: a heading, if it is as short as one and no sentence."""
    if len(text) <= MAX_HEADING_CHARS and not text.endswith((".", ",", ";")):
        return Element(text, "heading", BOLD, links, linked)
    return Element(text, "paragraph", 0, links, linked)
