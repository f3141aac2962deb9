"""Gradio, imported and made in half the time.

At every import it parses the sources of all of its components, to write interface files for
editors: two of its four seconds. It leaves that out for a component whose source it does not find.
It imports the package mcp where that is installed, for a server of its own that is not used here,
and at the first event matplotlib, half a second, lest a plot open a window.
"""

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

_found = inspect.getfile


def _not_found(thing: Any) -> str:
    if isinstance(thing, type) and type(thing).__name__ == "ComponentMeta":
        raise OSError("no interface file is wanted")
    return _found(thing)


inspect.getfile = _not_found  # type: ignore[assignment]
# Python takes a module that is None for one that is not there.
_unwanted = {"mcp"} - sys.modules.keys()
sys.modules.update(dict.fromkeys(_unwanted))  # type: ignore[arg-type]
try:
    import gradio as gr
finally:
    inspect.getfile = _found
    for _name in _unwanted:
        del sys.modules[_name]
gr.utils.MatplotlibBackendMananger = nullcontext  # type: ignore[misc,assignment]

__all__ = ["gr", "without_apps"]


@contextmanager
def without_apps() -> Iterator[None]:
    """Blocks that are made within it make no application of themselves.

    They would make three, at 0.1 s each, that nobody calls: whoever mounts them makes their own.
    """
    from gradio.routes import App

    made = App.__dict__["create_app"]
    App.create_app = staticmethod(lambda *_, **__: None)  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        App.create_app = made  # type: ignore[method-assign]
