"""Measures worked out by hand on five documents, and what never drops out of them."""

from math import isnan, log2

import pytest

from sessionqa.errors import UsageError
from sessionqa.measures import STANDARD, depth_for, named, values

GRADES = {"q": {"a": 2, "c": 1, "e": 0}}
FOUND = {"q": ["b", "a", "c", "d", "e"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nDCG@10", (2 / log2(3) + 1 / log2(4)) / (2 / log2(2) + 1 / log2(3))),
        ("nDCG@2", (2 / log2(3)) / (2 / log2(2) + 1 / log2(3))),
        ("R@100", 1),
        ("R@2", 1 / 2),
        ("RR", 1 / 2),
        ("RR(rel=1)", 1 / 2),
        ("AP", (1 / 2 + 2 / 3) / 2),
        ("AP(rel=2)", 1 / 2),
        ("P@5", 2 / 5),
        ("P@10", 2 / 10),
        ("Success@1", 0),
        ("Success@5", 1),
        ("RR@1", 0),
        ("RR@10", 1 / 2),
        ("Judged@5", 3 / 5),
        ("Rprec", 1 / 2),
    ],
)
def test_five_documents_and_a_worked_number(name: str, value: float) -> None:
    assert values([name], GRADES, FOUND)[name]["q"] == pytest.approx(value)


@pytest.mark.parametrize("measure", [*STANDARD, "AP", "P@5", "RR@10", "Judged@10", "Bpref"])
@pytest.mark.parametrize("found", [{}, {"r": ["a"]}, {"r": ["a"], "q": []}])
def test_a_question_without_results_counts_zero(measure: str, found: dict[str, list[str]]) -> None:
    made = values([measure], {"q": {"a": 1}, "r": {"a": 1}, "none": {}, "zero": {"a": 0}}, found)
    assert made[measure].keys() == {"q", "r", "none", "zero"}
    assert made[measure]["q"] == made[measure]["none"] == made[measure]["zero"] == 0
    assert not any(isnan(value) for value in made[measure].values())


def test_a_question_that_nobody_judged_has_no_value() -> None:
    assert values(["RR"], GRADES, {**FOUND, "other": ["a"]})["RR"].keys() == {"q"}


def test_no_question_has_no_values() -> None:
    assert values(["RR", "AP"], {}, {}) == {"RR": {}, "AP": {}}


def test_the_order_found_decides_and_not_the_ids() -> None:
    # trec_eval would order equal scores by id, the last first.
    assert values(["RR"], {"q": {"a": 1}}, {"q": ["a", "z"]})["RR"] == {"q": 1}
    assert values(["RR"], {"q": {"z": 1}}, {"q": ["a", "z"]})["RR"] == {"q": 0.5}
    assert values(["RR@10"], {"q": {"z": 1}}, {"q": ["a", "z"]})["RR@10"] == {"q": 0.5}


def test_several_measures_at_once_keep_their_names_and_order() -> None:
    made = values(["R@100", "nDCG@10", "RR"], GRADES, FOUND)
    assert list(made) == ["R@100", "nDCG@10", "RR"]


@pytest.mark.parametrize(
    ("written", "standard"),
    [("nDCG(cutoff=10)", "nDCG@10"), ("Recall@5", "R@5"), ("MRR", "RR"), ("AP(rel=2)@9", None)],
)
def test_a_name_has_one_standard_form(written: str, standard: str | None) -> None:
    assert named(written) == (standard or written)


@pytest.mark.parametrize(
    "name",
    [
        *("", "bogus", "nDCG@", "nDCG@x", "P", "P@0", "P@-5", "P@1.5", "P@True", "P@2000"),
        *("P(rel=0)@5", "P(rel='x')@5", "P(zz=3)@5", "nDCG(gains={1:'x'})@10", "hit@1"),
        *("__import__('os')", "ERR@20", "alpha_nDCG@10", "a\nb", "P@5; P@6"),
    ],
)
def test_a_bad_name_is_refused_with_examples(name: str) -> None:
    with pytest.raises(UsageError, match=r"is no measure .* write one as nDCG@10"):
        named(name)


def test_a_ranking_is_as_deep_as_the_deepest_measure() -> None:
    assert depth_for([]) == depth_for(["nDCG@10", "AP"]) == 100
    assert depth_for(["nDCG@10", "R@1000"]) == 1000
