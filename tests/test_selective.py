"""Calibration error, and risk against coverage: by hand, and what must hold of any confidences."""

from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sessionqa.selective import area, reliability, risks

# Of a question: the confidence in hundredths, and whether it came true or was wrong.
CASES = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=30)


def split(cases: list[tuple[int, bool]]) -> tuple[list[float], list[bool]]:
    return [hundredths / 100 for hundredths, _ in cases], [flag for _, flag in cases]


# --- calibration


def test_the_error_is_the_mean_gap_over_bins_by_their_size() -> None:
    made = reliability([0.92, 1.0, 0.12, 0.14, 0.16], [True, True, True, False, False])
    assert made.confidences == pytest.approx((0.14, 0.96))
    assert made.shares == pytest.approx((1 / 3, 1))
    assert made.counts == (3, 2)
    assert made.error == pytest.approx((3 * (1 / 3 - 0.14) + 2 * (1 - 0.96)) / 5)


def test_a_confidence_of_1_is_in_the_last_bin_and_none_has_no_error() -> None:
    assert reliability([1.0, 0.9], [True, True]).counts == (2,)
    assert reliability([0.0, 0.1], [False, False]).counts == (1, 1)
    assert reliability([], []).error == 0


@given(CASES)
def test_the_error_is_a_share(cases: list[tuple[int, bool]]) -> None:
    made = reliability(*split(cases))
    assert 0 <= made.error <= 1
    assert sum(made.counts) == len(cases)


@given(st.lists(st.booleans(), min_size=1))
def test_certainty_that_comes_true_has_no_error_and_certainty_that_does_not_has_all(
    flags: list[bool],
) -> None:
    assert reliability([float(flag) for flag in flags], flags).error == 0
    assert reliability([float(not flag) for flag in flags], flags).error == 1


# --- risk and coverage


def test_risks_go_from_the_surest_down_and_their_mean_is_the_area() -> None:
    confidences, wrong = [0.7, 0.9, 0.8, 0.1], [False, False, True, True]
    assert risks(confidences, wrong) == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    assert area(confidences, wrong) == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    assert risks([], []) == []


@given(st.lists(st.tuples(st.sampled_from([20, 50]), st.booleans()), min_size=1, max_size=6))
def test_equal_confidences_count_as_the_mean_of_all_their_orders(
    cases: list[tuple[int, bool]],
) -> None:
    def of_order(flags: tuple[bool, ...]) -> list[float]:
        return [sum(flags[:k]) / k for k in range(1, len(flags) + 1)]

    surest_first = [order for order in permutations(cases) if is_falling([c for c, _ in order])]
    curves = [of_order(tuple(flag for _, flag in order)) for order in surest_first]
    means = [sum(at) / len(curves) for at in zip(*curves, strict=True)]
    assert risks(*split(cases)) == pytest.approx(means)


def is_falling(values: list[int]) -> bool:
    return values == sorted(values, reverse=True)


@given(CASES, st.data())
def test_the_area_falls_when_a_wrong_answer_gets_a_lower_confidence(
    cases: list[tuple[int, bool]], data: st.DataObject
) -> None:
    errors = [n for n, (_, wrong) in enumerate(cases) if wrong]
    assume(errors)
    chosen = data.draw(st.sampled_from(errors))
    before = cases[chosen][0]
    after = data.draw(st.integers(0, before))
    lowered = [(after, True) if n == chosen else case for n, case in enumerate(cases)]
    was, now = area(*split(cases)), area(*split(lowered))
    assert now <= was + 1e-9
    if any(not wrong and after < c < before for c, wrong in cases):
        assert now < was - 1e-9


@given(CASES)
def test_the_area_is_a_share_that_depends_on_the_order_alone(cases: list[tuple[int, bool]]) -> None:
    confidences, wrong = split(cases)
    found = area(confidences, wrong)
    assert 0 <= found <= 1
    assert area([c / 2 + 0.1 for c in confidences], wrong) == pytest.approx(found)
    assert risks(confidences, wrong)[-1] == pytest.approx(sum(wrong) / len(wrong))
