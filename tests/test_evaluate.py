"""Measures by hand-sized examples, the gold format, and the shipped gold questions."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sessionqa import Answer, Assistant, Citation, Hit, Passage
from sessionqa.errors import UsageError
from sessionqa.evaluate import GoldQuestion, Outcome, interval, read_gold, report, run, samples

GOLD = Path(__file__).parents[1] / "corpus" / "gold.jsonl"


def outcome(
    sessions: str = "A",
    found: str = "",
    cited: str = "",
    text: str = "",
    facts: tuple[tuple[str, ...], ...] = (),
    kind: str = "fact",
    refuse: bool = False,
    refused: bool = False,
    latency: float = 1.0,
) -> Outcome:
    """An outcome of sessions with one-letter codes: `found` and `cited` in order."""
    gold = GoldQuestion("q", "?", kind, tuple(sessions), facts, refuse)
    hits = tuple(Hit(Passage(f"{n}", code, "", "", 0, 0, 0), 0.0) for n, code in enumerate(found))
    citations = tuple(Citation(n, code, "", "", 0, 0, "") for n, code in enumerate(cited, 1))
    answer = Answer("?", "?", text, citations, hits, 0.5, refused, "by hand", {})
    return Outcome(gold, answer, latency)


# --- measures


def test_hit_at_k_and_rr_count_sessions_not_passages() -> None:
    values = samples([outcome("A", "A"), outcome("A", "BBBCA"), outcome("A", "BCDEFA")])
    assert values["hit@1"] == [1, 0, 0]
    assert values["hit@3"] == [1, 1, 0]
    assert values["hit@5"] == [1, 1, 0]
    assert values["RR"] == [1, 1 / 3, 1 / 6]


def test_nothing_found_counts_as_zero() -> None:
    values = samples([outcome("A", ""), outcome("A", "BC")])
    assert values["hit@5"] == values["RR"] == [0, 0]


def test_any_of_several_right_sessions_is_a_hit() -> None:
    assert samples([outcome("AB", "CB")])["RR"] == [1 / 2]


def test_nuggets_are_the_share_of_groups_with_an_alternative_stated() -> None:
    facts = (("data plane",), ("control plane", "control planes"), ("STRASSE",))
    text = "The Data Plane and the control planes meet in the Straße."
    values = samples([outcome(text=text, facts=facts), outcome(text="A data plane.", facts=facts)])
    assert values["nuggets"] == [1, 1 / 3]
    assert values["correct"] == [1, 0]


def test_a_refused_question_has_no_nuggets_whatever_its_text_says() -> None:
    one = outcome(text="The closest: data plane", facts=(("data plane",),), refused=True)
    without_facts = outcome(refused=True)
    assert samples([one, without_facts])["nuggets"] == [0, 0]
    assert samples([one, without_facts])["correct"] == [0, 0]


def test_a_list_is_measured_by_what_is_cited() -> None:
    values = samples([outcome("ABCD", "ABCD", cited="AABX", kind="list")])
    assert values["list_recall"] == [2 / 4]
    assert values["list_precision"] == [2 / 3]
    assert values["hit@1"] == values["RR"] == values["citation_precision"] == []


def test_a_list_without_citations_has_no_recall_and_no_precision() -> None:
    values = samples([outcome("AB", "AB", kind="list", refused=True)])
    assert values["list_recall"] == [0]
    assert values["list_precision"] == []


def test_citation_precision_counts_each_citation() -> None:
    values = samples([outcome("A", cited="AAB"), outcome("A", cited="B"), outcome("A", cited="")])
    assert values["citation_precision"] == [2 / 3, 0]


def test_refusals_are_measured_both_ways() -> None:
    outcomes = [
        outcome("", refuse=True, refused=True),
        outcome("", refuse=True, refused=True),
        outcome("", refuse=True, refused=False),
        outcome("A", refuse=False, refused=True),
        outcome("A", "A", refuse=False, refused=False),
    ]
    values = samples(outcomes)
    assert values["refusal_precision"] == [1, 1, 0]
    assert values["refusal_recall"] == [1, 1, 0]
    assert len(values["hit@1"]) == len(values["nuggets"]) == 2


def test_the_report_means_them_by_kind_and_leaves_out_what_has_no_value() -> None:
    outcomes = [
        outcome("A", "A", kind="fact", latency=10),
        outcome("A", "B", kind="fact", latency=20),
        outcome("", kind="unanswerable", refuse=True, refused=True, latency=30),
    ]
    made = report(outcomes)
    assert made["questions"] == 3
    assert made["scores"]["hit@1"] == 0.5
    assert made["scores"]["latency_p50_ms"] == 20
    assert made["scores"]["latency_p95_ms"] == 29
    assert made["scores"]["refusal_recall"] == 1
    assert "list_recall" not in made["scores"]
    assert made["by_kind"]["fact"]["questions"] == 2
    assert "hit@1" not in made["by_kind"]["unanswerable"]
    assert made["by_kind"]["unanswerable"]["refusal_precision"] == 1
    assert json.loads(json.dumps(made))["questions"] == 3


# --- intervals


def test_an_interval_is_the_same_each_time_and_contains_the_mean() -> None:
    values = [1.0] * 70 + [0.0] * 30
    low, high = interval(values)
    assert (low, high) == interval(values)
    assert low < 0.7 < high
    # The normal approximation: 0.7 -/+ 1.96 * sqrt(0.7 * 0.3 / 100).
    assert (low, high) == pytest.approx((0.61, 0.79), abs=0.02)


def test_an_interval_narrows_with_more_values() -> None:
    few, many = interval([0.0, 1.0] * 10), interval([0.0, 1.0] * 1000)
    assert many[1] - many[0] < (few[1] - few[0]) / 5


def test_values_that_agree_have_no_spread() -> None:
    assert interval([0.25] * 9) == (0.25, 0.25)
    assert interval([1.0]) == (1.0, 1.0)


# --- the gold format


def write(folder: Path, *lines: str) -> Path:
    path = folder / "gold.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_gold_line_is_read_with_its_defaults(tmp_path: Path) -> None:
    full: dict[str, Any] = {
        "id": "a",
        "question": "Wer? 堆肥",
        "kind": "who",
        "sessions": ["S1", "S2"],
        "answer_any": [["x", "y"], ["z"]],
        "refuse": False,
        "history": ["before"],
        "split": "dev",
    }
    least = '{"id": 7, "question": "?"}'
    first, second = read_gold(write(tmp_path, json.dumps(full), "", least))
    assert first == GoldQuestion(
        "a", "Wer? 堆肥", "who", ("S1", "S2"), (("x", "y"), ("z",)), False, ("before",), "dev"
    )
    assert second == GoldQuestion("7", "?", "fact", (), (), False)


def test_a_split_is_chosen(tmp_path: Path) -> None:
    lines = [json.dumps({"id": s, "question": "?", "split": s}) for s in ("dev", "heldout", "dev")]
    path = write(tmp_path, *lines)
    assert [len(read_gold(path, split)) for split in (None, "dev", "heldout")] == [3, 2, 1]
    with pytest.raises(UsageError, match=r"gold\.jsonl has no question of split test"):
        read_gold(path, "test")


@pytest.mark.parametrize(
    "line",
    [
        "{broken",
        "[]",
        '"text"',
        "null",
        "17",
        '{"question": "no id"}',
        '{"id": "no question"}',
        '{"id": "a", "question": "?", "answer_any": 5}',
        '{"id": "a", "question": "?", "sessions": 5}',
        '{"id": "a", "question": "?", "answer_any": [5]}',
    ],
)
def test_a_bad_line_is_named(line: str, tmp_path: Path) -> None:
    path = write(tmp_path, '{"id": "a", "question": "?"}', "", line)
    with pytest.raises(UsageError) as raised:
        read_gold(path)
    assert str(raised.value).startswith(f"{path}:3: not a gold question")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "a", "question": "?", "sessions": "ARC310"}',
        '{"id": "a", "question": "?", "answer_any": ["data plane"]}',
        '{"id": "a", "question": "?", "history": "What is it?"}',
        '{"id": "a", "question": "?", "refuse": "false"}',
        '{"id": "a", "question": null}',
    ],
)
def test_a_value_of_the_wrong_type_is_named(line: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gold\.jsonl:1"):
        read_gold(write(tmp_path, line))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe"])
def test_a_gold_file_without_questions_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="gold"):
        read_gold(path)


def test_a_missing_gold_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl cannot be read"):
        read_gold(tmp_path / "none.jsonl")


# --- the shipped gold questions


@pytest.fixture(scope="module")
def gold() -> list[GoldQuestion]:
    return read_gold(GOLD)


def test_there_are_enough_questions_of_every_kind(gold: list[GoldQuestion]) -> None:
    kinds = Counter(question.kind for question in gold)
    assert len(gold) >= 200
    assert set(kinds) == {"fact", "who", "meta", "list", "typo", "long", "followup", "unanswerable"}
    assert kinds["unanswerable"] >= 50
    assert min(kinds["list"], kinds["followup"], kinds["typo"]) >= 20


def test_no_question_stands_twice(gold: list[GoldQuestion]) -> None:
    ids = Counter(question.id for question in gold)
    asked = Counter((question.question.casefold(), question.history) for question in gold)
    assert [id_ for id_, count in ids.items() if count > 1] == []
    assert [question for question, count in asked.items() if count > 1] == []


def test_the_splits_are_about_three_to_two(gold: list[GoldQuestion]) -> None:
    splits = Counter(question.split for question in gold)
    assert set(splits) == {"dev", "heldout"}
    assert splits["dev"] / len(gold) == pytest.approx(0.6, abs=0.05)
    for kind in {question.kind for question in gold}:
        of_kind = Counter(question.split for question in gold if question.kind == kind)
        assert of_kind["dev"] / of_kind.total() == pytest.approx(0.6, abs=0.15), kind


def test_kinds_fit_what_is_expected(gold: list[GoldQuestion]) -> None:
    for question in gold:
        assert question.refuse == (question.kind == "unanswerable"), question.id
        assert bool(question.sessions) != question.refuse, question.id
        assert not (question.refuse and question.answer_any), question.id
        assert question.history or question.kind != "followup", question.id
        assert question.refuse or question.answer_any or question.kind == "list", question.id


def test_the_sessions_exist(gold: list[GoldQuestion], assistant: Assistant) -> None:
    codes = {session.code for session in assistant.sessions()}
    assert {code for question in gold for code in question.sessions} <= codes


def test_each_fact_stands_in_one_of_its_sessions(
    gold: list[GoldQuestion], assistant: Assistant
) -> None:
    texts = {session.code: session.text.casefold() for session in assistant.sessions()}
    nowhere = [
        (question.id, group)
        for question in gold
        if question.kind != "list"
        for group in question.answer_any
        if not any(fact.casefold() in texts[c] for c in question.sessions for fact in group)
    ]
    assert nowhere == []


# --- the floor


def test_progress_is_told_after_each_question(assistant: Assistant) -> None:
    told: list[tuple[int, int]] = []
    asked = [GoldQuestion(f"{n}", "What is FinOps?", "fact", (), (), False) for n in range(3)]
    outcomes = run(assistant, asked, lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert all(o.latency > 0 for o in outcomes)


def test_the_dev_questions_score_above_the_floor(assistant: Assistant) -> None:
    made = report(run(assistant, read_gold(GOLD, "dev")))
    floors = {"hit@3": 0.9, "nuggets": 0.7, "refusal_precision": 0.75, "refusal_recall": 0.75}
    below = {name: made["scores"][name] for name in floors if made["scores"][name] < floors[name]}
    assert below == {}
    for name, (low, high) in made["intervals"].items():
        assert low <= made["scores"][name] <= high, name
