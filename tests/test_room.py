"""Memory and disk are asked for before anything is built."""

from pathlib import Path

import pytest

from sessionqa import Assistant, Session, Settings, build_index
from sessionqa.errors import IndexUnusable
from sessionqa.index import room
from sessionqa.index.local import LocalIndex


def machine(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def test_the_least_of_machine_and_container_counts(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__meminfo="MemTotal: 9000 kB\nMemAvailable:  8000 kB\n")
    assert room.available_memory(root) == 8_192_000
    newer = root / "sys/fs/cgroup"
    newer.mkdir(parents=True)
    (newer / "memory.current").write_text("3000\n")
    (newer / "memory.stat").write_text("anon 1000\ninactive_file 2000\n")
    (newer / "memory.max").write_text("max\n")
    assert room.available_memory(root) == 8_192_000
    (newer / "memory.max").write_text("501000\n")
    assert room.available_memory(root) == 500_000
    (newer / "memory").mkdir()
    (newer / "memory/memory.limit_in_bytes").write_text("3000\n")
    (newer / "memory/memory.usage_in_bytes").write_text("1000\n")
    (newer / "memory/memory.stat").write_text("cache 0\ninactive_file 0\n")
    assert room.available_memory(root) == 2_000


def test_a_system_that_does_not_say_forbids_nothing(tmp_path: Path) -> None:
    assert room.available_memory(tmp_path) is None
    assert room.available_memory(machine(tmp_path, proc__meminfo="nonsense")) is None


def test_this_machine_has_memory() -> None:
    available = room.available_memory()
    assert available is None or available > 10_000_000


@pytest.mark.parametrize("missing", ["memory", "disk"])
def test_too_little_is_said_before_anything_is_built(
    garden: Settings, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    # As if every passage took a terabyte.
    name = {"memory": "BYTES_IN_MEMORY", "disk": "BYTES_ON_DISK"}[missing]
    monkeypatch.setattr(room, name, 10**12)
    told: list[str] = []
    with pytest.raises(
        IndexUnusable, match=r"takes about \d+\.\d GB .* are (available|free)"
    ) as error:
        build_index(garden, report=lambda stage, *_: told.append(stage))
    assert ("on disk" in str(error.value)) == (missing == "disk")
    assert not [stage for stage in told if "cutting" in stage]
    assert not (garden.index / "CURRENT").exists()


def test_the_estimate_is_about_right(shipped: Settings, assistant: Assistant) -> None:
    index = assistant.index
    assert isinstance(index, LocalIndex)
    sessions, counts = index.sessions(), index.manifest.counts
    passages = room.passages_of(sessions, shipped)
    assert counts["passages"] / 2 < passages < 2 * counts["passages"]
    size = sum(file["size"] for file in index.manifest.files.values())
    assert size / 2 < room.disk_needed(sessions, passages, shipped, 384, 64) < 6 * size


def test_more_sessions_need_more_of_both() -> None:
    settings = Settings()
    some = [Session(f"A{n}", "A title", "A title\n\n" + "Words of a text. " * 99) for n in range(9)]
    few, many = room.passages_of(some, settings), room.passages_of(9 * some, settings)
    assert many == pytest.approx(9 * few, rel=0.05)
    assert room.memory_needed(1_000_000, 384) > 2e9 > room.memory_needed(100_000, 384)
