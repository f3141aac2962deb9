"""How many threads this process may keep busy."""

import math
import os
from pathlib import Path

GROUPS, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """The processors this process may run on, as far as a container's limit allows; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, math.ceil(min(cores, container_limit())))


def container_limit(groups: Path = GROUPS, mount: Path = MOUNT) -> float:
    """The processors' worth of time that control groups of Linux allow; infinite without a limit.

    `groups` lists the groups of the process, `mount` holds their files; versions 1 and 2 are read.
    """
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf
    least = math.inf
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = mount / "cpu" if controllers else mount
        own = top / path.lstrip("/")
        # A limit on any group above counts as well; inside a container only the top is there.
        for folder in (own, *own.parents):
            least = min(least, _limit_of(folder))
            if folder == top:
                break
    return least


def _limit_of(group: Path) -> float:
    """The limit of one group: `quota period` in one file, or each in its own."""
    try:
        if (both := group / "cpu.max").is_file():
            quota, period = both.read_text(encoding="ascii").split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (group / "cpu.cfs_period_us").read_text(encoding="ascii")
        return float(quota) / float(period) if float(quota) > 0 else math.inf
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number
        return math.inf
