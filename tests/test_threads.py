"""The number of threads is what the machine, and a container's limit, allow."""

import math
import os
from pathlib import Path

import pytest

from sessionqa.threads import container_limit, usable_cores


def groups(folder: Path, lines: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A list of groups, and their files below a mount."""
    own = folder / "cgroup"
    own.write_text(lines)
    for name, content in files.items():
        path = folder / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return own, folder / "mount"


@pytest.mark.parametrize(
    ("lines", "files", "limit"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", {}, math.inf),
        ("0::/\n", {"cpu.max": ""}, math.inf),
        ("0::/\n", {"cpu.max": "100000 0\n"}, math.inf),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2),
        ("0::/a/b\n", {"a/cpu.max": "400000 100000\n", "a/b/cpu.max": "50000 100000\n"}, 0.5),
        # A container sees its own group at the top, under the name that it has outside.
        ("0::/docker/0123\n", {"cpu.max": "100000 100000\n"}, 1),
        (
            "5:memory:/m\n4:cpu,cpuacct:/c\n",
            {"cpu/c/cpu.cfs_quota_us": "300000\n", "cpu/c/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        (
            "4:cpuacct,cpu:/c\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            math.inf,
        ),
        ("4:cpuset:/c\n", {"cpu.max": "100000 100000\n"}, math.inf),
        ("no group\n", {}, math.inf),
    ],
)
def test_a_containers_limit_is_the_least_of_its_groups(
    tmp_path: Path, lines: str, files: dict[str, str], limit: float
) -> None:
    assert container_limit(*groups(tmp_path, lines, files)) == limit


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert container_limit(tmp_path / "none", tmp_path) == math.inf


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_that_may_use_one_processor_has_one_thread() -> None:
    allowed = os.sched_getaffinity(0)
    assert 1 <= usable_cores() <= len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
