"""Gradio, imported in half the time.

At every import it parses the sources of all of its components, to write interface files for
editors: two of its four seconds. It leaves that out for a component whose source it does not find.
"""

import inspect
from typing import Any

_found = inspect.getfile


def _not_found(thing: Any) -> str:
    if isinstance(thing, type) and type(thing).__name__ == "ComponentMeta":
        raise OSError("no interface file is wanted")
    return _found(thing)


inspect.getfile = _not_found  # type: ignore[assignment]
try:
    import gradio as gr
finally:
    inspect.getfile = _found

__all__ = ["gr"]
