"""Measures of answers by hand-sized examples, deep rankings, and the shipped gold questions."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionqa import Answer, Assistant, Citation, Hit, Passage, measures
from sessionqa.evaluate import Outcome, evaluated, interval, ranked, run, values_of
from sessionqa.gold import GoldQuestion, GoldSet, read_gold_set
from sessionqa.verify import Check

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
    id: str = "q",  # noqa: A002
    confidence: float = 0.5,
    unrefused: str = "",
) -> Outcome:
    """An outcome of sessions with one-letter codes: `found` and `cited` in order.

    `unrefused` is what a refused answer would have said.
    """
    gold = GoldQuestion(id, "?", kind, dict.fromkeys(sessions, 1), facts, refuse)
    citations = tuple(Citation(n, code, "", "", 0, 0, "") for n, code in enumerate(cited, 1))
    answer = Answer("?", "?", text, citations, (), confidence, refused, "by hand", {})
    said = replace(answer, text=unrefused, refused=False) if unrefused else None
    return Outcome(gold, ranked(hits(found)), answer, latency, unrefused=said)


def hits(codes: str) -> list[Hit]:
    """A passage of each of these sessions, best first."""
    return [Hit(Passage(f"{n}", code, "", "", 0, 0, 0), 1 / n) for n, code in enumerate(codes, 1)]


def samples(outcomes: list[Outcome]) -> dict[str, list[float]]:
    """Each measure's values in the order of the outcomes, which get ids of their own."""
    asked = [
        replace(outcome, gold=replace(outcome.gold, id=f"q{n}"))
        for n, outcome in enumerate(outcomes)
    ]
    return {name: list(values.values()) for name, values in values_of(asked).items()}


# --- measures


def test_hit_at_k_and_rr_count_sessions_not_passages() -> None:
    values = samples([outcome("A", "A"), outcome("A", "BBBCA"), outcome("A", "BCDEFA")])
    assert values["hit@1"] == [1, 0, 0]
    assert values["hit@3"] == [1, 1, 0]
    assert values["hit@5"] == [1, 1, 0]
    assert values["RR"] == [1, 1 / 3, 1 / 6]


@given(st.permutations("ABCDEFGH"), st.sets(st.sampled_from("ABCDEFGHXY"), min_size=1))
def test_hit_at_k_and_rr_are_those_of_ir_measures(found: list[str], right: set[str]) -> None:
    values = samples([outcome("".join(sorted(right)), "".join(found))])
    names = {"Success@1": "hit@1", "Success@3": "hit@3", "Success@5": "hit@5", "RR": "RR"}
    theirs = measures.values(list(names), {"q0": dict.fromkeys(right, 1)}, {"q0": found})
    for name, ours in names.items():
        assert values[ours] == [pytest.approx(theirs[name]["q0"])]


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
    assert samples([one])["nuggets"] == samples([one])["correct"] == [0]


def test_a_list_is_measured_by_what_is_cited() -> None:
    values = samples([outcome("ABCD", "ABCD", cited="AABX", kind="list")])
    assert values["list_recall"] == [2 / 4]
    assert values["list_precision"] == [2 / 3]
    assert values["hit@1"] == values["RR"] == values["citation_relevance"] == []


def test_a_list_without_citations_has_no_recall_and_no_precision() -> None:
    values = samples([outcome("AB", "AB", kind="list", refused=True)])
    assert values["list_recall"] == [0]
    assert values["list_precision"] == []


def test_citation_relevance_counts_each_citation() -> None:
    values = samples([outcome("A", cited="AAB"), outcome("A", cited="B"), outcome("A", cited="")])
    assert values["citation_relevance"] == [2 / 3, 0]


def test_citation_precision_is_the_share_of_quotes_that_stand_where_they_are_cited() -> None:
    right = Check(1, "A", "holds", "")
    wrong = replace(right, verdict="moved")
    nowhere = replace(right, verdict="uncited")
    cases = [(right, right), (right, wrong, nowhere), (wrong,), ()]
    values = samples([replace(outcome(cited="AA"), checks=checks) for checks in cases])
    assert values["citation_precision"] == [1, 1 / 2, 0]


def test_a_question_that_names_no_fact_is_not_judged_by_facts() -> None:
    values = samples([outcome(text="Anything."), outcome(refused=True)])
    assert values["nuggets"] == values["correct"] == []


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
    assert values["wrongly_refused"] == [1, 0]
    assert len(values["hit@1"]) == 2


def test_words_are_the_median_over_short_answers_that_are_given() -> None:
    outcomes = [
        outcome(text="ARC1: One  two\n\nthree. [1]", kind="fact"),
        outcome(text="Two words.", kind="typo"),
        outcome(text="A b c d e f g h", kind="long"),
        outcome(text="Not so few words as these", kind="fact", refused=True),
        outcome(text="A list", kind="list"),
        outcome(text="Somebody", kind="who"),
    ]
    made = evaluated("mine", outcomes)
    assert made.scores["answer_words"] == 5
    assert made.by_kind["typo"]["answer_words"] == 2
    assert "answer_words" not in made.by_kind["who"]
    assert "answer_words" not in made.intervals
    assert evaluated("mine", outcomes[:2]).scores["answer_words"] == 3.5


def test_the_confidence_is_measured_over_all_questions() -> None:
    facts = (("stated",),)
    outcomes = [
        outcome(text="It is stated.", facts=facts, confidence=0.96, id="a"),
        outcome(text="It is not.", facts=facts, confidence=0.94, id="b"),
        outcome("", text="A guess.", refuse=True, confidence=0.55, id="c", kind="unanswerable"),
        outcome(refused=True, unrefused="Stated.", facts=facts, confidence=0.12, id="d"),
    ]
    scores = evaluated("mine", outcomes).scores
    # Bins: 0.95 against 1 twice, 0.55 against 0, 0.12 against 1.
    assert scores["calibration_error"] == pytest.approx((2 * 0.05 + 0.55 + 0.88) / 4, abs=1e-4)
    # Surest first: right, wrong, wrong, right.
    assert scores["AURC"] == pytest.approx((0 + 1 / 2 + 2 / 3 + 2 / 4) / 4, abs=1e-4)
    alone = evaluated("mine", outcomes).by_kind["unanswerable"]
    assert (alone["calibration_error"], alone["AURC"]) == (0.55, 1)


def test_a_refusal_is_wrong_or_right_by_what_would_have_been_said() -> None:
    facts = (("stated",),)
    assert not outcome(refused=True, unrefused="It is stated.", facts=facts).wrong
    assert outcome(refused=True, unrefused="It is not.", facts=facts).wrong
    assert outcome("", refuse=True, refused=True, unrefused="A guess.").wrong
    # What is refused however sure: nothing is said that is wrong, nothing that was asked for.
    assert not outcome("", refuse=True, refused=True).wrong
    assert outcome(refused=True, facts=facts).wrong
    assert not replace(outcome(), answer=None).wrong


def test_an_evaluation_means_them_by_kind_and_leaves_out_what_has_no_value() -> None:
    outcomes = [
        outcome("A", "A", id="a", kind="fact", latency=10),
        outcome("A", "B", id="b", kind="fact", latency=20),
        outcome("", id="c", kind="unanswerable", refuse=True, refused=True, latency=30),
    ]
    made = evaluated("mine", outcomes)
    assert made.configuration == "mine"
    assert made.outcomes == tuple(outcomes)
    assert made.measures["hit@1"] == {"a": 1, "b": 0}
    assert made.scores["hit@1"] == 0.5
    assert made.scores["latency_p50_ms"] == 20
    assert made.scores["latency_p95_ms"] == 29
    assert made.scores["refusal_recall"] == 1
    assert "list_recall" not in made.scores
    assert "list_recall" not in made.intervals
    assert made.by_kind["fact"]["questions"] == 2
    assert "hit@1" not in made.by_kind["unanswerable"]
    assert made.by_kind["unanswerable"]["refusal_precision"] == 1


def test_measures_asked_for_are_over_every_question_with_a_right_session() -> None:
    outcomes = [
        outcome("A", "BA", id="a"),
        outcome("AB", "AXB", id="b", kind="list"),
        outcome("", "A", id="c", refuse=True),
        outcome("A", "", id="d"),
    ]
    made = evaluated("mine", outcomes, ["R@1", "AP", "RR"]).measures
    assert made["R@1"] == {"a": 0, "b": 0.5, "d": 0}
    assert made["AP"] == {"a": 1 / 2, "b": pytest.approx((1 + 2 / 3) / 2), "d": 0}
    assert made["RR"] == {"a": 0.5, "d": 0}, "our own RR leaves lists out"


def test_without_answers_only_rankings_are_measured() -> None:
    outcomes = [replace(outcome("A", "BA", id="a", latency=0), answer=None)]
    made = evaluated("a run", outcomes, ["RR", "Success@1"])
    assert made.scores == {"RR": 0.5, "Success@1": 0}
    assert made.by_kind == {"fact": {"RR": 0.5, "Success@1": 0, "questions": 1}}


# --- rankings


def test_a_session_ranks_by_its_best_passage() -> None:
    assert ranked(hits("BABCA")) == (("B", 1), ("A", 1 / 2), ("C", 1 / 4))


def test_rankings_go_deeper_than_the_hits_of_an_answer(assistant: Assistant) -> None:
    gold = GoldSet("one", (GoldQuestion("a", "What is FinOps?"),), answered=True)
    [one] = run(assistant, gold)
    assert one.answer is not None
    assert len(one.answer.hits) == assistant.settings.top_k
    assert len(one.ranking) == len(assistant.sessions())
    scores = [score for _, score in one.ranking]
    assert scores == sorted(scores, reverse=True)
    [shallow] = run(assistant, gold, depth=3)
    assert shallow.ranking == one.ranking[:3]


def test_a_set_that_judges_rankings_is_searched_and_not_answered(assistant: Assistant) -> None:
    questions = (
        GoldQuestion("a", "What is FinOps?", relevant={"ARC204": 1}),
        GoldQuestion("b", "How do I bake bread?", refuse=True),
    )
    [one] = run(assistant, GoldSet("two", questions))
    assert (one.gold.id, one.answer) == ("a", None)
    assert one.latency > 0


def test_what_a_refusal_would_have_said_is_known(assistant: Assistant) -> None:
    asked = ("What is FinOps?", "How do I bake bread?", "What is ARC999 about?")
    questions = tuple(GoldQuestion(question, question) for question in asked)
    known, unknown, nowhere = run(assistant, GoldSet("three", questions, answered=True))
    assert known.answer is not None
    assert not known.answer.refused
    assert known.unrefused is None
    assert unknown.answer is not None
    assert unknown.answer.refused
    assert unknown.unrefused is not None
    assert unknown.unrefused.citations
    assert unknown.unrefused.confidence == unknown.answer.confidence
    assert nowhere.unrefused is not None
    assert nowhere.unrefused.refused, "no confidence makes a session"


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


# --- the shipped gold questions


@pytest.fixture(scope="module")
def gold() -> tuple[GoldQuestion, ...]:
    return read_gold_set(GOLD).questions


def test_there_are_enough_questions_of_every_kind(gold: tuple[GoldQuestion, ...]) -> None:
    kinds = Counter(question.kind for question in gold)
    assert len(gold) >= 200
    assert set(kinds) >= {"fact", "who", "meta", "list", "typo", "long", "followup", "unanswerable"}
    assert kinds["unanswerable"] >= 50
    assert min(kinds["list"], kinds["followup"], kinds["typo"]) >= 20


def test_no_question_stands_twice(gold: tuple[GoldQuestion, ...]) -> None:
    ids = Counter(question.id for question in gold)
    asked = Counter((question.question.casefold(), question.history) for question in gold)
    assert [id_ for id_, count in ids.items() if count > 1] == []
    assert [question for question, count in asked.items() if count > 1] == []


def test_each_split_is_large_and_dev_has_every_kind(gold: tuple[GoldQuestion, ...]) -> None:
    splits = Counter(question.split for question in gold)
    assert set(splits) == {"dev", "heldout"}
    assert min(splits.values()) >= 100
    of_dev, held_out = (
        Counter(question.kind for question in gold if question.split == split)
        for split in ("dev", "heldout")
    )
    assert held_out <= of_dev


def test_kinds_fit_what_is_expected(gold: tuple[GoldQuestion, ...]) -> None:
    for question in gold:
        assert question.refuse or question.kind != "unanswerable", question.id
        assert bool(question.sessions) != question.refuse, question.id
        assert not (question.refuse and question.answer_any), question.id
        assert question.history or question.kind != "followup", question.id
        assert question.refuse or question.answer_any or question.kind == "list", question.id


def test_the_sessions_exist(gold: tuple[GoldQuestion, ...], assistant: Assistant) -> None:
    codes = {session.code for session in assistant.sessions()}
    assert {code for question in gold for code in question.sessions} <= codes


def test_each_fact_stands_in_one_of_its_sessions(
    gold: tuple[GoldQuestion, ...], assistant: Assistant
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
    asked = tuple(GoldQuestion(f"{n}", "What is FinOps?") for n in range(3))
    gold = GoldSet("three", asked, answered=True)
    outcomes = run(assistant, gold, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert all(o.latency > 0 for o in outcomes)


def test_the_dev_questions_score_above_the_floor(assistant: Assistant) -> None:
    gold = read_gold_set(GOLD, "dev")
    # A third of them, of every kind.
    made = evaluated("dev", run(assistant, replace(gold, questions=gold.questions[::3])))
    floors = {
        **{"hit@3": 0.9, "nuggets": 0.75, "correct": 0.75, "citation_precision": 1.0},
        **{"list_precision": 0.85, "list_recall": 0.8},
        **{"refusal_precision": 0.75, "refusal_recall": 0.65},
    }
    below = {name: made.scores[name] for name in floors if made.scores[name] < floors[name]}
    assert below == {}
    for name, (low, high) in made.intervals.items():
        assert low <= made.scores[name] <= high, name
