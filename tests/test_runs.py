"""TREC run files: what is written is read again, and what others wrote as well."""

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessionqa import runs
from sessionqa.errors import UsageError
from sessionqa.evaluate import Outcome
from sessionqa.gold import GoldQuestion

QUESTIONS = [GoldQuestion("q1", "?", relevant={"a": 1}), GoldQuestion("q2", "?")]


def read(folder: Path, *lines: str) -> tuple[dict[str, list[str]], list[str]]:
    path = folder / "given.trec"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    left_out: list[str] = []
    outcomes = runs.read(path, QUESTIONS, left_out)
    ranked = {outcome.gold.id: outcome.ranked_sessions for outcome in outcomes}
    return ranked, [note.replace(str(path), "given.trec") for note in left_out]


def test_six_columns_with_ranks_from_1(tmp_path: Path) -> None:
    path = tmp_path / "out.trec"
    found = (("b", 0.75), ("a", 0.5))
    outcomes = [Outcome(QUESTIONS[0], found, None, 1.0), Outcome(QUESTIONS[1], (), None, 1.0)]
    runs.write(path, "mine", outcomes)
    assert path.read_bytes() == b"q1 Q0 b 1 0.750000 mine\nq1 Q0 a 2 0.500000 mine\n"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 1), max_size=12), st.randoms(use_true_random=False))
def test_a_run_read_again_has_its_order_even_of_equal_scores(
    tmp_path: Path, scores: list[float], random: Random
) -> None:
    codes = [f"d{n}" for n in range(len(scores))]
    random.shuffle(codes)
    found = tuple(zip(codes, sorted(scores, reverse=True), strict=True))
    always = Outcome(QUESTIONS[1], (("a", 1.0),), None, 1.0)
    path = tmp_path / "out.trec"
    runs.write(path, "mine", [Outcome(QUESTIONS[0], found, None, 1.0), always])
    again, _ = runs.read(path, QUESTIONS, [])
    assert again.ranked_sessions == codes
    written = [float(line.split()[4]) for line in path.read_text().splitlines()[: len(codes)]]
    assert all(one > two for one, two in pairwise(written))


def test_scores_decide_then_ranks(tmp_path: Path) -> None:
    ranked, _ = read(
        tmp_path, "q1 Q0 a 1 0.5 x", "q1 Q0 b 3 0.7 x", "q1 Q0 c 2 0.7 x", "q1 Q0 d 4 -1e3 x"
    )
    assert ranked == {"q1": ["c", "b", "a", "d"], "q2": []}


def test_lines_of_other_questions_are_passed_over(tmp_path: Path) -> None:
    ranked, left_out = read(tmp_path, "q9 Q0 a 1 0.5 x", "q9 Q0 a 1 0.5 x", "q2 0 a 1 0.5 x")
    assert ranked == {"q1": [], "q2": ["a"]}
    assert left_out == []


def test_broken_lines_are_left_out_by_name(tmp_path: Path) -> None:
    ranked, left_out = read(
        tmp_path,
        "q1 Q0 a 1 0.5 x",
        "q1 Q0 b 2 0.4",
        "q1 Q0 c second 0.3 x",
        "q1 Q0 d 3 nan x",
        "q1 Q0 a 4 0.1 x",
    )
    assert ranked["q1"] == ["a"]
    assert left_out == [
        "given.trec:2: 5 columns instead of 6 (QUESTION Q0 SESSION RANK SCORE NAME)",
        "given.trec:3: rank and score are 'second' and '0.3': no numbers",
        "given.trec:4: the score is nan",
        "given.trec:5: question q1 has the session a before",
    ]


@pytest.mark.parametrize("lines", [[], ["q9 Q0 a 1 0.5 x"], ["nonsense"]])
def test_a_run_of_none_of_the_questions_is_refused(lines: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"given\.trec ranks sessions for none"):
        read(tmp_path, *lines)


def test_an_id_with_white_space_is_refused(tmp_path: Path) -> None:
    for question, code in ((QUESTIONS[0], "a b"), (GoldQuestion("q 1", "?"), "a")):
        outcome = Outcome(question, ((code, 1.0),), None, 1.0)
        with pytest.raises(UsageError, match="which has white space"):
            runs.write(tmp_path / "out.trec", "mine", [outcome])


def test_a_run_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        runs.write(tmp_path / "none" / "out.trec", "mine", [])
