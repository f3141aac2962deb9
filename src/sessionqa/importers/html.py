"""HTML -> a tree, by lxml; and which of its elements stand on lines of their own."""

import re
from typing import TYPE_CHECKING

from sessionqa.errors import SourceError

if TYPE_CHECKING:
    from lxml.etree import _Element

HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
# What ends the text before it; any other element stands within a sentence.
BLOCKS = HEADINGS | frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption "
    "figure footer form header hgroup hr html legend li main nav ol p pre section summary table "
    "tbody td tfoot th thead tr ul".split()
)


# The parser compares each attribute of an element with all of its others: a megabyte of them in one
# takes minutes.
_MOST_ATTRIBUTES = 5_000
_ATTRIBUTE = rb"[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>]*+))?+"
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_TAG = re.compile(rb"<[a-zA-Z](?:" + _ATTRIBUTE + rb")*+")


def _is_crowded(tag: re.Match[bytes]) -> bool:
    length = tag.end() - tag.start()
    return length > _MOST_ATTRIBUTES and len(_ATTRIBUTES.findall(tag[0])) > _MOST_ATTRIBUTES


def parsed(raw: bytes, encoding: str, name: str) -> "_Element | None":
    """The tree of a page, None if there is no element in it; entities are those of HTML alone.

    Raises SourceError if it is nested deeper than any page is: what is below would be lost. And if
    an element has more attributes than any has.
    """
    from lxml import etree

    if any(map(_is_crowded, _TAG.finditer(raw))):
        raise SourceError(
            f"{name} has an element of more than {_MOST_ATTRIBUTES:,} attributes: save its text "
            "alone"
        )
    parser = etree.HTMLParser(
        encoding=encoding, huge_tree=True, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(raw, parser) if raw.strip() else None
    except etree.XMLSyntaxError:
        return None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise SourceError(f"{name} is nested too deeply for a page: save its text alone")
    return root
