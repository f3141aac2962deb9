"""Whether a machine has the memory and the disk that building an index takes, before it begins."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from sessionqa.datatypes import Session
from sessionqa.errors import IndexUnusable
from sessionqa.index.dense import EXACT_UP_TO, TRAINED_ON, cluster_count
from sessionqa.settings import Settings

# Measured by benchmarks/scale.py, and rounded up: docs/decisions/0019.
CHARACTERS_OF_A_TOKEN = 3.5
CHARACTERS_OF_A_SENTENCE = 60
BYTES_IN_MEMORY = 2_600  # of a passage, while everything is held to be written
BASE_MEMORY = 400_000_000  # the encoder and the libraries
BYTES_ON_DISK = 2_300  # of a passage, beside its vectors

MEMINFO = "proc/meminfo"
# The limit of a container, what is taken of it, and how much of that is of files and would be given
# back; by the newer way and by the older.
LIMITS = (
    ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat"),
    (
        "sys/fs/cgroup/memory/memory.limit_in_bytes",
        "sys/fs/cgroup/memory/memory.usage_in_bytes",
        "sys/fs/cgroup/memory/memory.stat",
    ),
)


def check(
    folder: Path, sessions: Sequence[Session], settings: Settings, dim: int, token_dim: int
) -> None:
    """Raises IndexUnusable if there is no room in `folder` or in memory for an index of these."""
    passages = passages_of(sessions, settings)
    needed = memory_needed(passages, dim)
    available = available_memory()
    about = f"an index of about {passages:,} passages"
    if available is not None and needed > available:
        raise IndexUnusable(
            f"{about} takes about {_gigabytes(needed)} of memory to build, and "
            f"{_gigabytes(available)} are available: free some, give the container more, or index "
            "a part of the corpus"
        )
    needed = disk_needed(sessions, passages, settings, dim, token_dim)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise IndexUnusable(
            f"{about} takes about {_gigabytes(needed)} on disk, and {_gigabytes(free)} are free in "
            f"{folder}: make room, or name another folder with --index"
        )


def passages_of(sessions: Sequence[Session], settings: Settings) -> int:
    """About how many passages these sessions are cut into."""
    if settings.chunking == "document":
        return len(sessions)
    characters = sum(len(session.text) for session in sessions)
    own = CHARACTERS_OF_A_TOKEN * (settings.chunk_tokens - settings.chunk_overlap)
    # The card is one of its own.
    return int(characters / own) + len(sessions)


def memory_needed(passages: int, dim: int) -> int:
    """The bytes of memory that building so many passages takes at most."""
    trained = TRAINED_ON * cluster_count(passages) * dim * 4 if passages > EXACT_UP_TO else 0
    return BASE_MEMORY + BYTES_IN_MEMORY * passages + 2 * trained


def disk_needed(
    sessions: Sequence[Session], passages: int, settings: Settings, dim: int, token_dim: int
) -> int:
    """The bytes that the build takes on disk."""
    characters = sum(len(session.text) for session in sessions)
    read = characters / (1 - settings.chunk_overlap / settings.chunk_tokens)
    tokens = token_dim * read / CHARACTERS_OF_A_TOKEN
    # What is encoded is kept once more until the build is live, as float32.
    vectors = (4 + 4) * dim * passages
    if passages <= settings.sentence_vectors_up_to:
        vectors += int((2 + 4) * dim * characters / CHARACTERS_OF_A_SENTENCE)
    return int(2 * tokens + vectors + BYTES_ON_DISK * passages)


def available_memory(root: Path = Path("/")) -> int | None:
    """The bytes of memory that this process may still take; None where the system does not say."""
    found = []
    try:
        lines = (root / MEMINFO).read_text(encoding="ascii").splitlines()
        values = dict(line.split(":", 1) for line in lines)
        found.append(1024 * int(values["MemAvailable"].split()[0]))
    except (OSError, ValueError, KeyError):
        pass
    for limit, taken, kinds in LIMITS:
        try:
            # "max" is no number: there is no limit.
            allowed = int((root / limit).read_text(encoding="ascii"))
            used = int((root / taken).read_text(encoding="ascii"))
            counted = (root / kinds).read_text(encoding="ascii").splitlines()
            files = dict(line.split() for line in counted)["inactive_file"]
            found.append(allowed - used + int(files))
        except (OSError, ValueError, KeyError):
            continue
    return min(found, default=None)


def _gigabytes(count: int) -> str:
    return f"{max(0, count) / 1e9:.1f} GB"
