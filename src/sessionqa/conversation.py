"""Earlier questions + a question -> a question that stands alone."""

import re
from collections.abc import Sequence

from sessionqa import terms

# Words that point at something said before; "that" and "there" also do other jobs.
_POINTS_BACK = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|he|him|his|she|her|hers|those|these"
    r"|(?:this|that|the|same) (?:one|session|talk|presentation|speaker|presenter|person|company|"
    r"team|"
    r"service|tool|strategy|approach|framework|idea|concept|method|feature|video)"
    r"|the (?:other|others|second|first|last|latter|former)(?: one)?)\b"
    r"|\b(?:do|did|does|is|was|about|of|for|with|in|from|on|choose|to|by|like|mean) (?:that|this)\b"
    r"|\b(?:that|this)\s*\W*$|^\W*(?:that|this)\b",
    re.IGNORECASE,
)
_OPENS_BACK = re.compile(
    r"^\W*(?:and|but|so|or|also|then|what about|how about|why not|what else|who else|anything else"
    r"|any other|else|more)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"\b[^\W\d_]{1,5}[\s\-_]?\d{2,}")
# A question with fewer words of its own than this cannot stand alone, wherever it points.
_ENOUGH_WORDS = 2


def standalone(question: str, history: Sequence[str]) -> str:
    """`question` with the topic of the earlier questions (oldest first) if it depends on them.

    A question that stands alone is returned as it is, whatever came before.
    """
    whole = ""
    for asked in (*history, question):
        whole = _joined(asked, whole) if whole and _depends(asked) else asked
    return whole


def _joined(question: str, earlier: str) -> str:
    """`question` with the words of `earlier` that it lacks, in brackets."""
    own = {terms.stem(word) for word in terms.content_words(question)}
    topic = [word for word in terms.content_words(earlier) if terms.stem(word) not in own]
    if _CODE.search(question):
        # It names a session of its own, so that the earlier one is not asked about any more.
        topic = [word for word in topic if not _CODE.search(word)]
    return f"{question.strip()} ({' '.join(topic)})" if topic else question


def _depends(question: str) -> bool:
    own = terms.content_words(question)
    if _POINTS_BACK.search(question) or _OPENS_BACK.search(question):
        return len(own) <= 6
    return len(own) < _ENOUGH_WORDS
