"""Questions answered beside the event loop: one in this process, more in processes of their own.

Beside the encoder a question is Python, which runs one thread at a time in a process.
"""

import signal
import threading
from asyncio import get_running_loop
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from os import _exit
from typing import Any, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread

from sessionqa.assistant import Assistant
from sessionqa.datatypes import Answer
from sessionqa.quotes import pieces
from sessionqa.server.limits import Running
from sessionqa.settings import Settings

# What `Answer.to_dict` and `Hit.to_dict` give.
Record = dict[str, Any]
Found = TypeVar("Found")

# In this process so many at a time.
THREADS = 4
# Processes that end whenever they are started are not tried again for so long.
PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as `ask --json` prints it, and its text in the pieces that are streamed.

    `again` says that it takes the place of what was told before, which did not last.
    """

    record: Record
    pieces: list[str]
    again: bool = False


class Answering:
    """Answers for a server, in up to `workers` processes beside this one.

    They are started as questions come in while another is answered, and follow the index's folder
    as the assistant does. With 0 every question is answered here.
    """

    def __init__(
        self,
        assistant: Assistant,
        workers: int,
        answered: Callable[[bool, Mapping[str, float]], None] = lambda *_: None,
    ) -> None:
        """`answered` is told of each answer whether it is a refusal, and its timings."""
        self._assistant = assistant
        self._answered = answered
        # A model that words queries is in this process alone.
        alone = assistant.settings.llm_query != "off" or assistant.settings.milvus.endswith(".db")
        self._workers = 0 if alone else workers
        self._pool = self._new_pool() if self._workers else None
        self._threads = CapacityLimiter(THREADS)
        # Who waits for a model keeps nobody waiting who does not.
        self._writing = CapacityLimiter(THREADS)
        self._running = Running()
        self._paused_until = 0.0

    async def ask(
        self,
        question: str,
        k: int | None = None,
        history: Sequence[str] = (),
        filter: str = "",
        quoted: bool = False,
    ) -> Told:
        """See Told. Raises UsageError as Assistant.ask does."""
        if self.writes(quoted):
            *_, told = [step async for step in self.stream(question, k, history, filter)]
            return told
        asked = {"question": question, "k": k, "history": tuple(history), "filter": filter}
        told = await self._run(_quote, **asked)
        self._answered(told.record["refused"], told.record["timings"])
        return told

    def writes(self, quoted: bool) -> bool:
        """Whether a language model is to write, and not `quoted` asked for."""
        return bool(self._assistant.settings.llm) and not quoted

    async def stream(
        self, question: str, k: int | None = None, history: Sequence[str] = (), filter: str = ""
    ) -> AsyncGenerator[Told]:
        """What a language model writes: each step has the pieces that are new, the last has none.

        Raises UsageError as Assistant.ask does, at the first step. Whoever leaves ends the work.
        """
        steps = self._assistant.stream(question, k, tuple(history), filter or None)
        shown = ""
        with self._running:
            try:
                while step := await self._next(steps):
                    answer = step
                    if answer.text != shown:
                        again = not answer.text.startswith(shown)
                        new = answer.text if again else answer.text[len(shown) :]
                        shown = answer.text
                        yield Told(answer.to_dict(), [new], again)
            finally:
                with CancelScope(shield=True):
                    await to_thread.run_sync(steps.close)
        self._answered(answer.refused, answer.timings)
        yield Told(answer.to_dict(), [])

    async def _next(self, steps: Generator[Answer]) -> Answer | None:
        return await to_thread.run_sync(next, steps, None, limiter=self._writing)

    async def search(self, query: str, k: int | None = None, filter: str = "") -> list[Record]:
        """The hits as `search --json` prints them. Raises UsageError likewise."""
        return await self._run(_search, query=query, k=k, filter=filter)

    def close(self) -> None:
        """Ends the other processes; what they have not begun is not answered."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, task: Callable[..., Found], **given: Any) -> Found:
        alone = not self._running.count
        with self._running:
            return await (self._here if alone else self._beside)(partial(task, **given))

    async def _beside(self, task: Callable[[Assistant], Found]) -> Found:
        loop = get_running_loop()
        # What ends one process, as a system short of memory does, breaks the pool for all.
        for _ in range(2):
            if (pool := self._pool) is None or loop.time() < self._paused_until:
                return await self._here(task)
            try:
                return await loop.run_in_executor(pool, _answered, task)
            except BrokenProcessPool:
                if self._pool is pool:
                    self._pool = self._new_pool()
        self._paused_until = loop.time() + PAUSE_SECONDS
        return await self._here(task)

    async def _here(self, task: Callable[[Assistant], Found]) -> Found:
        return await to_thread.run_sync(task, self._assistant, limiter=self._threads)

    def _new_pool(self) -> ProcessPoolExecutor:
        settings = self._assistant.settings.without_llm(threads=1)
        # Forked, a process would have locks that other threads held.
        return ProcessPoolExecutor(
            self._workers, get_context("spawn"), initializer=_start, initargs=(settings,)
        )


def _quote(
    assistant: Assistant, question: str, k: int | None, history: Sequence[str], filter: str
) -> Told:
    answer = assistant.ask(question, k, history, filter or None, quoted=True)
    return Told(answer.to_dict(), pieces(answer))


def _search(assistant: Assistant, query: str, k: int | None, filter: str) -> list[Record]:
    return [hit.to_dict() for hit in assistant.search(query, k, filter or None)]


# In a process of the pool: its own assistant.
_own: list[Assistant] = []


def _start(settings: Settings) -> None:
    """Makes a process of the pool ready. Ctrl-C and SIGTERM are the server's to hear."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    if settings.offline:
        from sessionqa.offline import refuse_outgoing

        refuse_outgoing()
    _own.append(Assistant.open(settings))


def _end_with_the_server() -> None:
    """A server that was killed has told nobody."""
    if parent := parent_process():
        parent.join()
        _exit(1)


def _answered(task: Callable[[Assistant], Found]) -> Found:
    return task(_own[0])
