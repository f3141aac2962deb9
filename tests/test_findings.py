"""What the fuzzer has found stays mended, and a few new inputs of each target hold as well."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from fuzzed import content, lengthened, tried
from fuzzed.mutants import mutants
from fuzzed.targets import TARGETS

FINDINGS = Path(__file__).parent / "findings"
FOUND = sorted(path for path in FINDINGS.rglob("*") if path.is_file())
# In each run of the tests; `python benchmarks/fuzz.py` makes thousands.
EXAMPLES = 15
# They start a process, or an assistant, for each.
SLOW = {"pdf": 3, "commands": 3}
MOST_BYTES = 8192


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_stays_mended(path: Path, tmp_path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
    tried(TARGETS[path.parent.name], content(path), tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_target(name: str) -> None:
    """Seeds that are cut, repeated, and with awkward bytes in them."""

    @settings(
        max_examples=SLOW.get(name, EXAMPLES),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants(TARGETS[name]))
    def holds(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tried(TARGETS[name], data, Path(folder))

    holds()


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken(name: str, tmp_path: Path) -> None:
    """Inputs that are refused at once would be poor ones to begin with."""
    if name in {"manifest", "current", "build", "sealed"}:
        pytest.skip("what is damaged is to be refused")
    for number, seed in enumerate(TARGETS[name].seeds):
        folder = tmp_path / str(number)
        folder.mkdir()
        TARGETS[name].check(seed, folder)


def test_a_long_input_is_kept_short() -> None:
    """A finding in a file of a few bytes stands for many."""
    long = lengthened(b"<b>\x1dab\x1d</b>")
    assert long == b"<b>" + b"ab" * 2**17 + b"</b>"
