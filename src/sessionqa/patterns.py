"""Regular expressions that are compiled at their first use.

A question needs few of those that could read it, and to compile them all would take as long as to
answer it.
"""

import re
from typing import Any, cast


def lazily(text: str, flags: int = 0) -> re.Pattern[str]:
    """What re.compile(text, flags) gives, compiled when it is first asked for something."""
    return cast("re.Pattern[str]", _Lazy(text, flags))


class _Lazy:
    """Stands for a pattern; each method that was asked for once is the compiled pattern's own."""

    def __init__(self, text: str, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # re keeps what it has compiled, but not for ever.
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found
