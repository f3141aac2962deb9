"""What was worked out lately, by what was asked."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Remembered(Generic[Kept]):
    """The `most` values that were kept or wanted last; safe among threads.

    Beside functools.lru_cache it tells whether a value was there, and takes one that was made on
    the way to another.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, asked: Hashable) -> Kept | None:
        """What was kept for `asked`, if it still is."""
        with self._lock:
            value = self._kept.get(asked)
            if value is not None:
                self._kept.move_to_end(asked)
            return value

    def keep(self, asked: Hashable, value: Kept) -> None:
        """Keeps it, and forgets what was wanted the longest ago where there are too many."""
        with self._lock:
            self._kept[asked] = value
            self._kept.move_to_end(asked)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
