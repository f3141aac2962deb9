"""Text as it was typed -> text in one line; whether a sentence or a line ends with it."""

import html
import re
import unicodedata

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
# What nobody sees: where a word may be broken, and the marks of an encoding.
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_CLOSING = " \t\n\"'”’»)]"
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_LINE_ENDS = (*_SENTENCE_ENDS, ":", ";")


def one_line(text: str) -> str:
    """`text` with single spaces for its white space, without controls and what nobody sees.

    Composed, as a corpus file is read back.
    """
    if not text.isprintable():
        # JSON can spell halves of characters: pairs are joined, single ones replaced.
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        text = _CONTROLS.sub(" ", whole).translate(_UNSEEN)
    return unicodedata.normalize("NFC", " ".join(text.split()))


def has_controls(text: str) -> bool:
    """Whether there are characters in it that no text has."""
    return _CONTROLS.search(text) is not None


def unescaped(text: str) -> str:
    """`text` with its HTML entities read; what only looks like one, as in `?a=1&copy=2`, stays."""
    return _ENTITY.sub(lambda entity: html.unescape(entity.group()), text) if "&" in text else text


def ends_sentence(text: str) -> bool:
    """Whether `text` ends with a sentence, which may be in quotation marks or brackets."""
    return text.rstrip(_CLOSING).endswith(_SENTENCE_ENDS)


def ends_line(text: str) -> bool:
    """Whether a line that ends so was ended on purpose: with a sentence, a colon, a semicolon."""
    return text.rstrip(_CLOSING).endswith(_LINE_ENDS)
