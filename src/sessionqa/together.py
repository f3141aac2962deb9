"""One call for what several threads ask at the same time."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Given = TypeVar("Given")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Asked, Given]):
    asked: Asked
    given: Given | None = None
    problem: BaseException | None = None
    done: bool = False


class Together(Generic[Asked, Given]):
    """Calls `run` with all that is waiting, at most `most` at a time, in the order of asking.

    Nobody waits for company: what is asked while no call runs is called for alone, and what is
    asked meanwhile goes into the next call. `run` gives as many results as it is given things, in
    their order. What it raises is raised to all of whom the call was for.
    """

    def __init__(self, run: Callable[[Sequence[Asked]], Sequence[Given]], most: int) -> None:
        self._run = run
        self._most = most
        self._queue: deque[_Waiting[Asked, Given]] = deque()
        self._turn = Lock()

    def __call__(self, asked: Asked) -> Given:
        """What `run` gives for `asked`."""
        mine = _Waiting[Asked, Given](asked)
        self._queue.append(mine)
        with self._turn:
            # Another thread's call may have been for this one as well.
            while not mine.done:
                self._call()
        if mine.problem is not None:
            raise mine.problem
        return mine.given  # type: ignore[return-value]

    def _call(self) -> None:
        together = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
        try:
            given = self._run([one.asked for one in together])
            for one, result in zip(together, given, strict=True):
                one.given = result
        except BaseException as problem:
            for one in together:
                one.problem = problem
            raise
        finally:
            for one in together:
                one.done = True
