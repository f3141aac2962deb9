"""Questions about talks, answered from their summaries, each sentence with its session."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessionqa.assistant import Assistant, build_index
    from sessionqa.datatypes import Answer, Citation, Hit, Passage, Session, Speaker
    from sessionqa.errors import SessionQAError
    from sessionqa.settings import Settings

__version__ = "0.1.0"

# ONNX Runtime reads this when it is imported, by whichever module is first. Or it would keep a
# record of each run in the user's cache and send it to its makers.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_HOMES = {
    "Answer": "datatypes",
    "Assistant": "assistant",
    "Citation": "datatypes",
    "Hit": "datatypes",
    "Passage": "datatypes",
    "Session": "datatypes",
    "SessionQAError": "errors",
    "Settings": "settings",
    "Speaker": "datatypes",
    "build_index": "assistant",
}

__all__ = [
    "Answer",
    "Assistant",
    "Citation",
    "Hit",
    "Passage",
    "Session",
    "SessionQAError",
    "Settings",
    "Speaker",
    "build_index",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that `import sessionqa` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'sessionqa' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sessionqa.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
