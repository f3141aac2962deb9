"""What several threads ask at once is answered by one call, each with its own result."""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from sessionqa.together import Together


def test_what_is_asked_alone_is_called_for_alone() -> None:
    calls: list[list[int]] = []

    def doubled(numbers: Sequence[int]) -> list[int]:
        calls.append(list(numbers))
        return [2 * number for number in numbers]

    double = Together(doubled, most=8)
    assert [double(number) for number in range(3)] == [0, 2, 4]
    assert calls == [[0], [1], [2]]


def test_what_is_asked_during_a_call_shares_the_next_ones() -> None:
    begun, go_on = Event(), Event()
    sizes: list[int] = []

    def doubled(numbers: Sequence[int]) -> list[int]:
        sizes.append(len(numbers))
        if not begun.is_set():
            begun.set()
            assert go_on.wait(10)
        return [2 * number for number in numbers]

    double = Together(doubled, most=4)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(double, 0)
        assert begun.wait(10)
        others = [pool.submit(double, number) for number in range(1, 7)]
        while len(double._queue) < len(others):
            time.sleep(0.001)
        go_on.set()
        assert [one.result(10) for one in (first, *others)] == [0, 2, 4, 6, 8, 10, 12]
    assert sizes == [1, 4, 2]


def test_many_threads_each_get_their_own() -> None:
    double = Together(lambda numbers: [2 * number for number in numbers], most=3)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(16) as pool:
            given = list(pool.map(double, range(2000)))
    finally:
        sys.setswitchinterval(before)
    assert given == [2 * number for number in range(2000)]


def test_a_problem_reaches_everyone_it_concerns_and_nobody_else() -> None:
    barrier = Barrier(4)

    def picky(numbers: Sequence[int]) -> Sequence[int]:
        if 13 in numbers:
            raise ValueError("unlucky")
        return numbers

    ask = Together(picky, most=1)

    def told(number: int) -> int | str:
        barrier.wait(10)
        try:
            return ask(number)
        except ValueError as problem:
            return str(problem)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(told, [1, 13, 2, 3])) == [1, "unlucky", 2, 3]
    assert ask(4) == 4


def test_too_few_results_are_a_problem_and_no_thread_hangs() -> None:
    ask = Together(lambda numbers: list(numbers)[1:], most=8)
    with pytest.raises(ValueError, match="zip"):
        ask(1)
