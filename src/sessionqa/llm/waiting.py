"""Pieces that come from elsewhere, listened to so that whoever waits for them can leave."""

import queue
import threading
import time
from collections.abc import Callable, Generator

# Where no piece comes, an empty one does so often.
TICK_SECONDS = 0.1
Put = Callable[[str], bool]


def heard(work: Callable[[Put], None], seconds: float, waited_for: bool = False) -> Generator[str]:
    """What `work` puts, from a thread of its own; empty pieces while it puts nothing.

    To put a piece returns whether there is still somebody who listens. What `work` raises is raised
    here; TimeoutError after so many seconds in all. `waited_for`, a process does not end before
    `work` does: code that is not Python's may not bear to be cut off.
    """
    come: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
    left = threading.Event()

    def put(piece: str) -> bool:
        come.put(piece)
        return not left.is_set()

    def run() -> None:
        try:
            work(put)
            come.put(None)
        except BaseException as error:  # whatever it is, whoever listens has to hear of it
            come.put(error)

    threading.Thread(target=run, daemon=not waited_for).start()
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            try:
                piece = come.get(timeout=TICK_SECONDS)
            except queue.Empty:
                piece = ""
            if isinstance(piece, BaseException):
                raise piece
            if piece is None:
                return
            yield piece
        raise TimeoutError
    finally:
        left.set()
