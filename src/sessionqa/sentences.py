"""Text -> sentences: spans (start, end) of code points, found by the rules of a line's language."""

import re
from collections.abc import Iterator

import sentencex

Span = tuple[int, int]

_LINE = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
# Usual words of the languages in Latin letters whose abbreviations or dates need their own rules.
# Other languages are read as English, and so is French: sentencex knows its "M." by English rules.
_USUAL = {
    "en": frozenset(
        """the of and to is that it for was are with at
        le la les des et est une dans du au il elle que qui""".split()
    ),
    "de": frozenset("der die das und ist nicht ein eine mit im den von zu".split()),
    "es": frozenset("el la los las es en una del con por que se".split()),
    "it": frozenset("il la gli di una del della con per che si".split()),
    "pt": frozenset("os as em uma do da dos com por que se".split()),
}
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_GREEK = re.compile("[\u0370-\u03ff]")
_WORD = re.compile(r"\w+")
# A full stop within a number: the full-width and Indian digits too.
_IN_NUMBER = re.compile(r"\d[.．]\Z")
# "т. е. просто": one letter, and small letters after it.
_INITIAL = re.compile(r"\b[^\W\d_]\.\s*\Z")
# "im 19. Jahrhundert".
_ORDINAL = re.compile(r"\b\d{1,2}\.\s+\Z")


def sentence_spans(text: str) -> list[Span]:
    """The sentences of `text`, trimmed, in order. A line break always ends one.

    A list item's dash is left out of its span.
    """
    return [
        span
        for line in _LINE.finditer(text)
        for start, end in _of_line(line.group())
        for span in trimmed(text, line.start() + start, line.start() + end)
    ]


def trimmed(text: str, start: int, end: int) -> list[Span]:
    """[start, end) without white space around it and a list item's dash; [] if nothing is left."""
    if text.startswith("- ", start):
        start += 2
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return [(start, end)] if start < end else []


def language_of(line: str) -> str:
    """By whose rules sentences end in `line`: by its script, or by the words that are usual in it.

    A line that shows nothing is read as English.
    """
    if not line.isascii():
        half = sum(map(str.isalpha, line)) / 2
        for script, language in ((_CYRILLIC, "ru"), (_GREEK, "el")):
            if len(script.findall(line)) > half:
                return language
    words = _WORD.findall(line.casefold())
    return max(_USUAL, key=lambda language: sum(word in _USUAL[language] for word in words))


def _of_line(line: str) -> Iterator[Span]:
    """The sentences of one line, with the white space after them."""
    language = language_of(line)
    start = 0
    # The Greek question mark is a semicolon, of which Unicode has a twin.
    for boundary in sentencex.get_sentence_boundaries(language, line.replace("\u037e", ";")):
        end = boundary["end_index"]
        if not _goes_on(line[start:end], line[end : end + 1], language):
            yield start, end
            start = end
    if start < len(line):
        yield start, len(line)


def _goes_on(sentence: str, following: str, language: str) -> bool:
    """Whether what looks like the end of `sentence` is none."""
    return (
        (following.isdigit() and _IN_NUMBER.search(sentence) is not None)
        or (following.islower() and _INITIAL.search(sentence) is not None)
        or (language == "de" and following != "" and _ORDINAL.search(sentence) is not None)
    )
