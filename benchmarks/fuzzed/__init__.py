"""What the fuzzer tries: for each target a check that takes any bytes, and inputs to begin with.

A check raises what must not come out of the program; SessionQAError is what may. A finding whose
name ends in `.long` is written short: what stands between two group separators (0x1d) is repeated
up to 256 KB.
"""

import resource
import signal
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from sessionqa.errors import SessionQAError

MAX_SECONDS = 10
MAX_BYTES = 2**30
# What is written of a megabyte may be a hundred thousand files.
LONG_BYTES = 2**18
LONG = ".long"
REPEATED = b"\x1d"
# A message names what it is about, a table's columns say; it is no page.
MAX_MESSAGE_CHARS = 4000

Check = Callable[[bytes, Path], None]


class Broken(AssertionError):
    """The program did what it must never do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A check of any bytes, which may write below the folder that it is given.

    `seeds` are inputs to begin with, `tokens` what is worth being put into them.
    """

    check: Check
    seeds: Sequence[bytes]
    tokens: Sequence[bytes] = ()


def tried(target: Target, data: bytes, folder: Path) -> None:
    """Runs the check within the limits.

    Raises Broken, or whatever came out of the program, unless it answers or refuses as it should.
    """
    peak, started = _peak(), _seconds()
    try:
        with _ended():
            target.check(data, folder)
    except SessionQAError as error:
        message = str(error)
        if not message or any(unicodedata.category(letter) == "Cc" for letter in message):
            raise Broken(f"a message is not one line that can be shown: {message!r}") from error
        if len(message) > MAX_MESSAGE_CHARS or ":" not in message:
            raise Broken(f"a message is long, or has no remedy: {message[:500]!r}") from error
    if (seconds := _seconds() - started) > MAX_SECONDS:
        raise Broken(f"{seconds:.1f} seconds for {len(data):,} bytes")
    if (grown := _peak() - peak) > MAX_BYTES:
        raise Broken(f"{grown / 2**20:,.0f} MiB of memory for {len(data):,} bytes")


def lengthened(data: bytes) -> bytes:
    """The input that a `.long` one stands for."""
    head, unit, tail = [*data.split(REPEATED), b"", b""][:3]
    return head + unit * (LONG_BYTES // max(1, len(unit))) + tail


def content(path: Path) -> bytes:
    """The input that is kept in a file."""
    return lengthened(path.read_bytes()) if path.suffix == LONG else path.read_bytes()


@contextmanager
def _ended() -> Iterator[None]:
    """Raises Broken in the middle of what takes too long."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Broken(f"more than {MAX_SECONDS} seconds")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _seconds() -> float:
    """Of processors' time, of this process and of those that it waited for."""
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + waited.ru_utime + waited.ru_stime


def _peak() -> int:
    """The most memory that the process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
