"""What was worked out lately is kept, and what nobody wanted is forgotten first."""

from sessionqa.remembered import Remembered


def test_what_was_kept_is_there_for_a_while() -> None:
    memory = Remembered[tuple[str, ...]](most=3)
    assert memory.get("a") is None
    memory.keep("a", ("ARC310",))
    memory.keep("refused", ())
    assert (memory.get("a"), memory.get("refused")) == (("ARC310",), ())
    for number in range(3):
        memory.keep(str(number), ())
    assert memory.get("a") is None
    assert memory.get("2") == ()


def test_what_is_wanted_again_stays_the_longest() -> None:
    memory = Remembered[int](most=2)
    memory.keep("one", 1)
    memory.keep("two", 2)
    assert memory.get("one") == 1
    memory.keep("three", 3)
    assert (memory.get("one"), memory.get("two"), memory.get("three")) == (1, None, 3)


def test_what_is_kept_again_is_replaced() -> None:
    memory = Remembered[int](most=2)
    memory.keep("one", 1)
    memory.keep("two", 2)
    memory.keep("one", 11)
    memory.keep("three", 3)
    assert (memory.get("one"), memory.get("two")) == (11, None)
