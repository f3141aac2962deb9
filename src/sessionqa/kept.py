"""Files of lines that people keep: added to, or replaced, and no line that was there is lost."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sessionqa.errors import WriteError
from sessionqa.gold.lines import clean

# An addition takes milliseconds: who waits so long waits for a process that hangs.
LOCK_SECONDS = 10


def as_line(record: Mapping[str, Any]) -> str:
    """The record as one line of JSON, with its line break."""
    return clean(json.dumps(record, ensure_ascii=False)) + "\n"


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Keeps other processes and threads from writing to `path`, and yields where it really is.

    Its folder is made if it is missing. Raises WriteError, also for what fails inside.
    """
    from filelock import FileLock, Timeout

    try:
        real = path.resolve()
        real.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(real.with_name(f".{real.name}.lock"), timeout=LOCK_SECONDS):
            yield real
    except Timeout:
        raise WriteError(f"{path} is being written to by another process: try again") from None
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written to ({error.strerror or error}): give it write permission "
            "and room, or name another file"
        ) from error


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Adds a line, whole or not at all; a last line that was cut off stays apart from it.

    Raises WriteError.
    """
    with writing(path) as real, real.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        broken_off = file.read(1) not in (b"", b"\n")
        line = ("\n" if broken_off else "") + as_line(record)
        raw = line.encode()
        try:
            if file.write(raw) != len(raw):
                raise OSError("there is no room for all of the line")
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def replace(real: Path, content: bytes) -> None:
    """Makes `content` the file's, at once; call it while `writing`. Raises OSError.

    What was there is not given up before the new is safe on disk; a new file may take its time.
    """
    aside = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("xb") as file:
            file.write(content)
            if real.exists():
                file.flush()
                os.fsync(file.fileno())
                shutil.copymode(real, aside)
        aside.replace(real)
    finally:
        aside.unlink(missing_ok=True)
