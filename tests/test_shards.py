"""The simulation of sharded search, against what queueing theory says."""

import math
from typing import Any

import numpy as np
import pytest

import shards
from shards import Floats, responses, slowest

QUESTIONS = 20_000
MEAN = 0.01
# As if each question took the same everywhere: its draws are independent of those of others.
ALIKE = np.random.default_rng(3).exponential(MEAN, (1, 50_000))


def random_arrivals(rate: float) -> Floats:
    return np.cumsum(np.random.default_rng(1).exponential(1 / rate, QUESTIONS))


def exponential(copies: int = 1) -> Floats:
    return np.random.default_rng(2).exponential(MEAN, (QUESTIONS, copies))


def erlang_c(workers: int, offered: float) -> float:
    """The share of requests that wait, of Poisson arrivals at so many workers."""
    busy = offered**workers / math.factorial(workers) * workers / (workers - offered)
    return busy / (sum(offered**n / math.factorial(n) for n in range(workers)) + busy)


@pytest.mark.parametrize(("workers", "utilisation"), [(1, 0.3), (1, 0.8), (2, 0.6), (4, 0.8)])
def test_waits_are_those_of_m_m_k(workers: int, utilisation: float) -> None:
    offered = utilisation * workers
    waits = (
        responses(random_arrivals(offered / MEAN), exponential(), 1, workers) - exponential()[:, 0]
    )
    expected = erlang_c(workers, offered) * MEAN / (workers - offered)
    assert waits.mean() == pytest.approx(expected, rel=0.12)
    assert (waits > 1e-9).mean() == pytest.approx(erlang_c(workers, offered), abs=0.02)


def test_waits_of_equal_searches_are_half_as_long() -> None:
    """By Pollaczek and Khinchine: a search that always takes the same waits half as long."""
    equal = np.full((QUESTIONS, 1), MEAN)
    waits = responses(random_arrivals(0.8 / MEAN), equal, 1, 1) - MEAN
    assert waits.mean() == pytest.approx(0.8 * MEAN / (2 * (1 - 0.8)), rel=0.1)


@pytest.mark.parametrize("count", [1, 4, 16])
def test_without_a_queue_the_slowest_is_the_largest_of_independent_draws(count: int) -> None:
    """That one of S draws is above the quantile p has the probability 1 - p^S."""
    found = slowest(ALIKE, 2_000, 0.001, count, 1)[count - 1]
    for share in (0.5, 0.95, 0.99):
        above = (found > np.quantile(ALIKE, share)).mean()
        assert above == pytest.approx(1 - share**count, abs=0.025)


def test_without_a_queue_nobody_waits() -> None:
    services = exponential()
    found = responses(random_arrivals(0.0001 / MEAN), services, 1, 2)
    assert np.allclose(found, services[:, 0])


def test_a_question_that_takes_long_does_so_in_every_shard() -> None:
    """One in a hundred takes ten times as long: as many at 16 shards as at one."""
    times = np.repeat(np.where(np.arange(100) == 0, 10 * MEAN, MEAN)[:, None], 5, axis=1)
    found = slowest(times, 1_000, 0.001, 16, 1)
    assert (found[0] > 2 * MEAN).any()
    assert np.array_equal(found[0] > 2 * MEAN, found[15] > 2 * MEAN)


def test_more_shards_are_never_faster() -> None:
    found = slowest(ALIKE, 500, 0.6, 8, 2)
    assert (np.diff(found, axis=0) >= 0).all()


def test_the_less_busy_replica_is_asked() -> None:
    """Two at the same moment go to both, and one that comes later to the one that is free."""
    services = np.array([[3.0], [1.0], [1.0]])
    assert responses(np.array([0.0, 0.0, 1.5]), services, 2, 1).tolist() == [3.0, 1.0, 1.0]
    assert responses(np.array([0.0, 0.0, 1.5]), services, 1, 1).tolist() == [3.0, 4.0, 3.5]


def test_a_late_answer_is_asked_for_again_and_the_earlier_one_counts() -> None:
    services = np.array([[5.0, 1.0], [0.5, 9.0], [5.0, 9.0]])
    found = responses(np.array([0.0, 10.0, 20.0]), services, 2, 1, hedge_after=1.0)
    assert found.tolist() == [2.0, 0.5, 5.0]


def test_a_second_request_that_waits_is_dropped_once_the_first_is_answered() -> None:
    """Else it would keep one of the last two, which come together, waiting."""
    services = np.array([[4.0, 9.0], [6.0, 1.0], [0.1, 0.1], [0.1, 0.1]])
    found = responses(np.array([0.0, 0.5, 6.75, 6.75]), services, 2, 1, hedge_after=1.0)
    assert found.tolist() == pytest.approx([4.0, 4.5, 0.1, 0.1])


def test_asking_all_replicas_takes_the_fastest() -> None:
    services = np.array([[3.0, 1.0, 2.0]])
    assert responses(np.array([0.0]), services, 3, 1, at_once=3).tolist() == [1.0]


def test_hedging_that_never_comes_changes_nothing() -> None:
    arrivals, services = random_arrivals(0.6 * 2 / MEAN)[:5_000], exponential(2)[:5_000]
    once = responses(arrivals, services, 2, 1)
    assert np.array_equal(once, responses(arrivals, services, 2, 1, hedge_after=1e6))


def test_hedging_shortens_the_tail_where_it_is_chance() -> None:
    chance = np.where(np.random.default_rng(5).random(10_000) < 0.02, 19 * MEAN, 0.0)
    times = np.full((1, 1), MEAN)
    given: dict[str, Any] = {"shards": 8, "replicas": 2, "chance": chance}
    once = slowest(times, 1_500, 0.3, **given)[-1]
    hedged = slowest(times, 1_500, 0.3, **given, hedge_after=2 * MEAN)[-1]
    assert np.quantile(hedged, 0.95) < np.quantile(once, 0.95) / 2


def test_it_comes_out_alike_every_time() -> None:
    assert np.array_equal(slowest(ALIKE, 500, 0.6, 3, 2), slowest(ALIKE, 500, 0.6, 3, 2))


def test_all_replicas_are_asked_only_where_they_have_the_time() -> None:
    assert [how for how in shards.setups(0.3) if how[1] == "all"] == [(2, "all"), (3, "all")]
    assert (2, "all") not in shards.setups(0.6)
