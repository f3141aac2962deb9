"""A command run to its end: what it printed, and what the system accounts to it. Not for Windows.

The system counts to a process's peak the memory of the one that started it, until its own program
runs. So each command is started by a small launcher, which is this file run as a script.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# `ru_maxrss` is in bytes on macOS and in KiB elsewhere.
PER_MIB = 1 << 20 if sys.platform == "darwin" else 1 << 10


class Finished(NamedTuple):
    """A command that ended well: seconds from start to end, its peak memory, what it printed."""

    seconds: float
    peak_mib: float
    out: str


class Failed(Exception):
    """A command that ended with another exit code than 0; says the last that it told."""


def finish(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Finished:
    """Runs `command`, its first word a path, with the variables of `environment` besides ours.

    Raises Failed.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", __file__, *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    out, _, accounted = done.stdout.removesuffix("\n").rpartition("\n")
    if done.returncode:
        told = (done.stderr.strip() or out.strip()).splitlines()
        raise Failed(told[-1] if told else f"it ended with {done.returncode} and told nothing")
    seconds, peak_mib = json.loads(accounted)
    return Finished(seconds, peak_mib, out)


def _launch(command: list[str]) -> int:
    """Runs the command, and prints its accounting after whatever it prints."""
    started = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    print(f"\n{json.dumps([seconds, usage.ru_maxrss / PER_MIB])}")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_launch(sys.argv[1:]))
