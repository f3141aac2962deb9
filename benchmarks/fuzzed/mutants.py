"""Inputs made of a target's seeds by Hypothesis: cut, repeated, and with its tokens put in."""

from collections.abc import Callable

from hypothesis import strategies as st

from fuzzed import Target

MOST_EDITS = 6

Edit = Callable[[bytes], bytes]


def mutants(target: Target) -> st.SearchStrategy[bytes]:
    """Any of the seeds, changed in a few places, or bytes of no form at all."""
    edits = st.lists(_edits(target), min_size=1, max_size=MOST_EDITS)
    changed = st.builds(_edited, st.sampled_from(list(target.seeds)), edits)
    return st.one_of(changed, changed, changed, st.binary(max_size=200))


def _edited(data: bytes, edits: list[Edit]) -> bytes:
    for edit in edits:
        data = edit(data)
    return data


def _edits(target: Target) -> st.SearchStrategy[Edit]:
    inserted: st.SearchStrategy[bytes] = st.one_of(
        st.binary(max_size=8), st.text(max_size=4).map(_raw)
    )
    if target.tokens:
        inserted = st.one_of(st.sampled_from(list(target.tokens)), inserted)
    return st.builds(_edit, st.floats(0, 1), st.integers(0, 40), inserted, st.integers(0, 3))


def _edit(where: float, length: int, inserted: bytes, again: int) -> Edit:
    """Puts `inserted` in the place of so many bytes, or repeats these."""

    def edit(data: bytes) -> bytes:
        at = int(where * len(data))
        cut = data[at : at + length]
        return data[:at] + (cut * again if again > 1 else inserted) + data[at + length :]

    return edit


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
