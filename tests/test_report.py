"""The report of an evaluation: what stands in it, what it never does, and when it refuses."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sessionqa import Answer, Assistant, Settings, report
from sessionqa.compare import Comparison
from sessionqa.errors import SessionQAError, UsageError
from sessionqa.evaluate import Evaluation, Outcome, evaluated, run
from sessionqa.gold import GoldQuestion, GoldSet
from sessionqa.report.curves import (
    latencies,
    operating_point,
    recall_curve,
    reliability,
    risk_coverage,
)
from sessionqa.report.failures import failures
from sessionqa.report.page import WORST, render

WHEN = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"
VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
GOLD = GoldSet(
    "garden",
    (
        GoldQuestion("q1", "How long do worms need?", "fact", {"GAR101": 1}, (("six weeks",),)),
        GoldQuestion("q2", "How hot is tea brewed?", "fact", {"GAR202": 1}, (("ninety degrees",),)),
        GoldQuestion("q3", "Who grows mint?", "who", {"GAR101": 1}, (("Zoë",), ("mint", "Mint"))),
        GoldQuestion("q4", "What is the capital of Peru?", "unanswerable", refuse=True),
        GoldQuestion("q5", "When are leaves of mint harvested?", "unanswerable", refuse=True),
    ),
    answered=True,
    left_out=(f"gold.jsonl:7: {SCRIPT} is no session",),
)


class Page(HTMLParser):
    """The page read: its texts, ids and addresses; tags that do not match are an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.text = ""
        self.feed(html)
        self.close()
        self.text = " ".join(self.text.split())
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
            self.ids += [value or ""] if name == "id" else []
            self.targets += [value or ""] if name in ("href", "src", "xlink:href") else []
            self.targets += re.findall(r"url\((.*?)\)", value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


@pytest.fixture
def garden_evaluation(planted: Settings) -> Evaluation:
    """The questions above, asked of the garden."""
    return evaluated("hybrid", run(Assistant.open(planted), GOLD), ["nDCG@10"])


def rendered(
    evaluations: Iterable[Evaluation],
    comparisons: Iterable[Comparison] = (),
    gold: GoldSet = GOLD,
) -> str:
    return render(list(evaluations), list(comparisons), gold, explained, WHEN)


def explained(question: GoldQuestion) -> str:
    return f"why {question.id} was missed"


def outcome(
    found: str = "",
    sessions: str = "A",
    confidence: float | None = None,
    refused: bool = False,
    refuse: bool = False,
    text: str = "",
    id_: str = "q",
    latency: float = 0.0,
) -> Outcome:
    """An outcome of sessions with one-letter codes, `found` in that order."""
    facts = () if refuse else (("fact",),)
    relevant = {} if refuse else dict.fromkeys(sessions, 1)
    gold = GoldQuestion(id_, "?", "fact", relevant, facts, refuse)
    ranking = tuple((code, 1 / rank) for rank, code in enumerate(found, 1))
    answer = None
    if confidence is not None:
        answer = Answer("?", "?", text, (), (), confidence, refused, "by hand", {})
    return Outcome(gold, ranking, answer, latency)


# --- the page


def test_a_report_is_written_with_tables_plots_and_failures(
    garden_evaluation: Evaluation, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text("an earlier report")
    report.write(path, [garden_evaluation], [], GOLD, explained)
    page = Page(path.read_text(encoding="utf-8"))
    assert list(tmp_path.glob("*.part")) == []
    assert "Evaluation: garden" in page.text
    assert "5 questions 2 unanswerable 3 kinds 1 left out" in page.text
    for measure, score in garden_evaluation.scores.items():
        plain = measure.endswith(("_ms", "_words"))
        shown = f"{score:,.1f}" if plain else f"{score:.3f}"
        assert f"{measure} {shown}" in page.text
    low, high = garden_evaluation.intervals["nDCG@10"]
    assert f"{low:.3f} to {high:.3f}" in page.text
    for title in (
        "Recall at k",
        "hit@1 by kind of question",
        "Scores of sessions, hybrid",
        "Best score of a question, hybrid",
        "Calibration of the confidence",
        "Risk and coverage",
        "Time of a question",
    ):
        assert title in page.text
    assert page.tags.count("figure") == page.attributes["role"].count("img") == 7
    assert min(map(len, page.attributes["aria-label"])) > 5


def test_every_failure_is_listed_with_its_explanation(garden_evaluation: Evaluation) -> None:
    page = Page(rendered([garden_evaluation]))
    failed = [failure.outcome.gold for failure in failures([garden_evaluation])]
    assert {"q2", "q3"} <= {gold.id for gold in failed} < {gold.id for gold in GOLD.questions}
    for gold in failed:
        assert gold.question in page.text
        assert f"why {gold.id} was missed" in page.text
    assert page.text.count("why q") == len(failed)
    assert "ninety degrees" in page.text
    assert "GAR202 Tea from your own garden" in page.text


def test_the_page_asks_for_nothing_and_runs_nothing(garden_evaluation: Evaluation) -> None:
    page = Page(rendered([garden_evaluation, replace(garden_evaluation, configuration="dense")]))
    assert {"script", "link", "img", "iframe", "object"} & set(page.tags) == set()
    assert page.targets
    assert {target for target in page.targets if not target.startswith("#")} == set()
    assert {target[1:] for target in page.targets} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.attributes["content"]


def test_markup_in_any_text_is_text(garden_evaluation: Evaluation) -> None:
    bad = f"{SCRIPT}\"'&{{{{ 7 * 7 }}}}"
    asked = garden_evaluation.outcomes[0]
    assert asked.answer is not None
    hit = asked.answer.hits[0]
    passage = replace(hit.passage, session_code=bad, title=bad)
    wrong = replace(
        asked,
        gold=replace(
            asked.gold,
            id=bad,
            question=bad,
            kind=bad,
            relevant={bad: 1},
            answer_any=((bad, bad),),
            history=(bad,),
        ),
        ranking=(("other", 0.9), (bad, 0.5)),
        answer=replace(
            asked.answer, text=f"{bad}.", hits=(replace(hit, passage=passage),), refused=True
        ),
    )
    outcomes = [wrong, *garden_evaluation.outcomes[1:]]
    evaluations = [evaluated(name, outcomes, ["nDCG@10"]) for name in (bad, "plain")]
    versus = Comparison(bad, bad, bad, 1, 2, 3, 0.5, 0.0001, 0.04)
    gold = replace(GOLD, name=bad)
    html = render(evaluations, [versus], gold, lambda _: bad, WHEN)
    page = Page(html)
    assert "script" not in page.tags
    assert "49" not in re.findall(r"\}+(\d+)", page.text)
    assert html.count("alert(1)") == html.count("&lt;script&gt;alert(1)")
    # Set, question, id, kind, expected, facts, history, found, answer, explanation, table ...
    assert page.text.count(SCRIPT) > 15


def test_the_same_evaluation_makes_the_same_page(garden_evaluation: Evaluation) -> None:
    assert rendered([garden_evaluation]) == rendered([garden_evaluation])


def test_configurations_stand_side_by_side_with_the_best_in_bold() -> None:
    better = evaluated("hybrid", [outcome("A", id_="1"), outcome("BCA", id_="2")], ["RR"])
    worse = evaluated("dense", [outcome("BA", id_="1"), outcome("B", id_="2")], ["RR"])
    versus = Comparison("RR", "dense", "hybrid", 12, 3, 4, 0.4321, 0.00001, 0.00003)
    html = rendered([better, worse], [versus])
    assert re.findall(r"<strong>(.*?)</strong>", html) == ["0.667", "&lt; 0.001"]
    page = Page(html)
    assert "hybrid against dense 12 3 4 +0.432 < 0.001 < 0.001" in page.text
    # The failure of the first configuration tells how the other one fared.
    assert "found at rank 3" in page.text
    assert "dense: not found" in page.text
    assert "Calibration" not in page.text
    assert "Refused" not in page.text


def test_only_the_worst_failures_are_shown_and_the_rest_counted() -> None:
    outcomes = [outcome("BA", id_=f"second{n}") for n in range(WORST)]
    outcomes += [outcome("B", id_=f"lost{n}") for n in range(3)]
    page = Page(rendered([evaluated("hybrid", outcomes, ["RR"])]))
    assert f"{WORST} are shown, 3 are not" in page.text
    assert [f"lost{n}, fact" in page.text for n in range(3)] == [True] * 3
    assert f"second{WORST - 4}, fact" in page.text
    assert f"second{WORST - 3}, fact" not in page.text


def test_a_perfect_run_has_no_failures() -> None:
    page = Page(rendered([evaluated("hybrid", [outcome("A", id_="1")], ["RR"])]))
    assert "Failed questions None." in page.text


@pytest.mark.parametrize(
    "odd",
    [
        outcome(""),
        outcome("A", confidence=0.5, text="fact"),
        outcome("", confidence=0.0, refused=True, refuse=True),
        replace(outcome("A"), ranking=(("A", float("nan")),)),
        replace(outcome("AB"), ranking=(("A", float("-inf")), ("B", float("-inf")))),
        replace(outcome("BA"), gold=GoldQuestion("q", "\ud800 \x00", "$x$\n_", {"A": 1})),
        replace(outcome("BA"), gold=GoldQuestion("堆肥", "堆肥 🙂 مرحبا", "堆肥", {"A": 1})),
    ],
)
def test_odd_outcomes_have_a_report_without_a_warning(
    odd: Outcome, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    others = [outcome("BA", id_="other", latency=3), odd]
    for outcomes in ([odd], others):
        path = tmp_path / "report.html"
        report.write(path, [evaluated("hybrid", outcomes, ["RR"])], [], GOLD, explained)
        Page(path.read_text(encoding="utf-8"))
    assert [str(warning.message) for warning in recwarn] == []


def test_an_explanation_that_cannot_be_had_says_why() -> None:
    def explain(question: GoldQuestion) -> str:
        raise UsageError(f"there is no session for {question.id}")

    lost = evaluated("hybrid", [outcome("B", id_="lost")], ["RR"])
    assert "there is no session for lost" in render([lost], [], GOLD, explain, WHEN)


# --- the numbers of the plots


def test_recall_at_k_is_a_share_of_the_relevant_sessions() -> None:
    outcomes = [
        outcome("XAYB", sessions="AB"),
        outcome("A"),
        outcome(""),
        outcome("Z", refuse=True),
    ]
    assert recall_curve(outcomes) == pytest.approx([1 / 3, 1.5 / 3, 1.5 / 3, 2 / 3])
    assert recall_curve([outcome("Z", refuse=True)]) == recall_curve([outcome("")]) == []


def test_recall_agrees_with_ir_measures(garden_evaluation: Evaluation) -> None:
    names = ["R@1", "R@2"]
    measured = evaluated("hybrid", garden_evaluation.outcomes, names)
    recall = recall_curve(garden_evaluation.outcomes)
    assert recall[:2] == pytest.approx([measured.scores[name] for name in names], abs=1e-4)


def test_calibration_compares_confidence_with_being_answerable() -> None:
    made = reliability(
        [
            outcome(confidence=0.92),
            outcome(confidence=1.0),
            outcome(confidence=0.12),
            outcome(confidence=0.14, refuse=True),
        ]
    )
    assert made.confidences == pytest.approx((0.13, 0.96))
    assert made.shares == (0.5, 1.0)
    assert made.counts == (2, 2)
    assert made.error == pytest.approx((0.37 + 0.04) / 2)
    assert reliability([outcome(confidence=0.5), outcome()]).counts == ()


def test_risk_counts_what_is_wrong_from_the_surest_down() -> None:
    outcomes = [
        outcome(confidence=0.9, text="a fact"),
        outcome(confidence=0.8, text="a guess", refuse=True),
        outcome(confidence=0.7, text="a fact"),
        outcome(confidence=0.6, text="something else"),
        outcome(confidence=0.1, refused=True),
    ]
    shares, risks = risk_coverage(outcomes)
    assert shares == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1])
    assert risks == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4, 3 / 5])
    assert operating_point(outcomes) == (4 / 5, 2 / 4)
    assert risk_coverage([outcome("A")]) == ([], [])
    assert operating_point([outcome("A")]) is operating_point(outcomes[-1:]) is None


def test_the_report_says_where_the_system_stands_on_the_curve() -> None:
    outcomes = [
        outcome("A", confidence=0.9, text="a fact", id_="1"),
        outcome("A", confidence=0.6, text="else", id_="2"),
        outcome("A", confidence=0.1, refused=True, refuse=True, id_="3"),
        outcome("A", confidence=0.2, refused=True, refuse=True, id_="4"),
    ]
    page = Page(rendered([evaluated("hybrid", outcomes)]))
    # Risks 0, 1/2, 1/3 and 1/4: two answered, one of them wrong.
    assert "the share wrong of that: 0.271; 50.0% answered, 50.0% wrong." in page.text
    assert "AURC 0.271" in page.text
    silent = Page(rendered([evaluated("hybrid", outcomes[2:])]))
    assert "the share wrong of that: 0.000; none answered." in silent.text


def test_the_lower_is_the_best_where_it_is_better() -> None:
    asked = [outcome("A", confidence=0.9, text="a fact", id_=f"{n}") for n in range(4)]
    refused = [replace(o, answer=replace(o.answer, refused=True)) for o in asked if o.answer]
    html = rendered([evaluated("hybrid", asked), evaluated("silent", refused)])
    row = re.search(r"wrongly_refused</th>(.*?)</tr>", html, re.DOTALL)
    assert row
    assert re.findall(r"<strong>(.*?)</strong>", row[1]) == ["0.000"]


def test_unknown_times_are_left_out() -> None:
    times, shares = latencies([outcome(latency=ms) for ms in (0, 10, 30)])
    assert (times[0], times[50], times[100]) == (10, 20, 30)
    assert (shares[0], shares[50], shares[100]) == (0, 0.5, 1)
    assert latencies([outcome()]) == ([], [])


# --- failures


def test_failures_are_named_and_ordered_by_how_bad_they_are() -> None:
    evaluation = evaluated(
        "hybrid",
        [
            outcome("A", confidence=0.9, text="a fact", id_="right"),
            outcome("BA", confidence=0.9, text="a fact", id_="second"),
            outcome("A", confidence=0.9, text="else", id_="incomplete"),
            outcome("BA", confidence=0.1, refused=True, id_="refused"),
            outcome("", confidence=0.1, refused=True, refuse=True, id_="rightly refused"),
            outcome("B", confidence=0.6, text="a guess", refuse=True, id_="guessed"),
        ],
        ["RR"],
    )
    assert [(f.outcome.gold.id, f.reasons) for f in failures([evaluation])] == [
        ("refused", ("found at rank 2", "refused, though the corpus answers it")),
        ("incomplete", ("1 of 1 facts missing",)),
        ("guessed", ("answered, though the corpus has no answer",)),
        ("second", ("found at rank 2",)),
    ]


# --- what cannot be done


@pytest.mark.parametrize("place", ["missing/report.html", "folder"])
def test_a_place_that_cannot_be_written_is_named_beforehand(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / place
    perfect = evaluated("hybrid", [outcome("A")], ["RR"])
    for attempt in (
        lambda: report.check_writable(path),
        lambda: report.write(path, [perfect], [], GOLD, explained),
    ):
        with pytest.raises(UsageError, match="cannot be written") as raised:
            attempt()
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["folder"]


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    old, new = tmp_path / "old.html", tmp_path / "new.html"
    old.write_text("earlier")
    report.check_writable(old)
    report.check_writable(new)
    assert old.read_text() == "earlier"
    assert not new.exists()


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_a_missing_extra_names_its_command(missing: str, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(name, name={missing!r})
sys.meta_path.insert(0, Hidden())
from sessionqa import report
from sessionqa.errors import SessionQAError
for attempt in (
    lambda: report.check_writable(Path(sys.argv[1])),
    lambda: report.write(Path(sys.argv[1]), [], [], None, None),
):
    try:
        attempt()
    except SessionQAError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "report.html")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ,
    )
    said = (
        f"a report needs {missing}, which is not installed: run `pip install 'sessionqa[report]'`"
    )
    assert done.stdout.splitlines() == [said, said]
    assert SessionQAError.exit_code == 3


def test_importing_the_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, sessionqa.report; print('matplotlib' in sys.modules, 'jinja2' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "False"]
