"""`sessionqa eval`: sets of every format, comparisons, runs, limits, and what is refused early."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from sessionqa import Settings
from sessionqa.cli import main
from sessionqa.index.stores import store_of

GOLD = {
    "id": "g1",
    "question": "Why is citrus peel left out?",
    "sessions": ["GAR101"],
    "answer_any": [["acid"]],
}
UNANSWERABLE = {"id": "g2", "question": "How do I mend a car?", "kind": "no", "refuse": True}
DOCUMENTS = {
    "moon": "The moon pulls the sea and makes the tides.",
    "salt": "Salt lowers the freezing point, so that ice melts.",
    "bread": "Bread rises because yeast makes gas.",
    "bees": "Bees dance to tell where flowers are.",
    "glass": "Glass is made of molten sand.",
}
QUESTIONS = {
    "q1": "Why are there tides in the sea?",
    "q2": "What makes ice melt?",
    "q3": "How do bees tell where the flowers are?",
}

Capture = pytest.CaptureFixture[str]
Eval = Callable[..., tuple[int, str, str]]


@pytest.fixture
def evaluate(capsys: Capture) -> Eval:
    """Runs the command; gives its exit code, stdout and stderr."""

    def run(*args: str | Path) -> tuple[int, str, str]:
        code = main(["eval", *map(str, args)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def place(settings: Settings) -> list[str]:
    return ["--corpus", str(settings.corpus), "--index", settings.place]


def lines(path: Path, *records: dict[str, Any] | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (r if isinstance(r, str) else json.dumps(r) for r in records)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BEIR folder of five documents; its third question is judged on one that is not there."""
    folder = tmp_path_factory.mktemp("sets") / "facts"
    texts = DOCUMENTS.items()
    lines(folder / "corpus.jsonl", *({"_id": id_, "title": "", "text": t} for id_, t in texts))
    lines(folder / "queries.jsonl", *({"_id": i, "text": q} for i, q in QUESTIONS.items()))
    judged = ["q1\tmoon\t2", "q1\tsalt\t0", "q2\tsalt\t1", "q3\tbees\t1", "q3\tants\t1"]
    lines(folder / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore", *judged)
    return folder


@pytest.fixture(scope="module")
def facts_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the index of `facts` is kept between tests."""
    return tmp_path_factory.mktemp("facts") / "index"


def test_every_option_is_documented(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["eval", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--debug"}
    options -= {"--offline"}  # every command's: the README has it
    page = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert "--run-out" in options
    assert [option for option in options - {"--corpus"} if option not in page] == []


# --- our own format


def test_json_has_the_scores_of_answers(planted: Settings, tmp_path: Path, evaluate: Eval) -> None:
    gold = lines(tmp_path / "gold.jsonl", GOLD, UNANSWERABLE)
    code, out, err = evaluate(gold, "--json", *place(planted))
    made = json.loads(out)
    assert (code, err) == (0, "")
    assert set(made) == {
        *("questions", "scores", "intervals", "by_kind", "left_out", "left_out_lines"),
    }
    assert (made["questions"], made["left_out"], made["left_out_lines"]) == (2, 0, [])
    assert made["scores"]["hit@1"] == made["scores"]["nuggets"] == 1
    assert made["scores"]["citation_precision"] == made["scores"]["citation_relevance"] == 1
    assert made["scores"]["refusal_recall"] == 1
    assert made["scores"]["wrongly_refused"] == 0
    # The surest is right; to answer the other one as well would be wrong.
    assert made["scores"]["AURC"] == (0 + 1 / 2) / 2
    assert made["scores"]["answer_words"] > 3
    assert 0 < made["scores"]["calibration_error"] < 1
    assert made["by_kind"]["fact"]["answer_words"] == made["scores"]["answer_words"]
    assert "answer_words" not in made["by_kind"]["no"]
    assert set(made["scores"]) >= {"hit@3", "hit@5", "RR", "citation_precision", "latency_p50_ms"}
    assert made["by_kind"]["no"]["questions"] == 1


def test_a_table(planted: Settings, tmp_path: Path, evaluate: Eval) -> None:
    code, out, _ = evaluate(lines(tmp_path / "gold.jsonl", GOLD), *place(planted))
    rows = out.splitlines()
    assert code == 0
    assert rows[0] == "1 questions"
    assert rows[1].split()[:2] == ["hit@1", "1.000"]
    assert rows[-1].split()[:2] == ["fact", "1"]
    assert dict(zip(rows[-2].split(), rows[-1].split(), strict=True))["wrongly_refused"] == "0.000"


def test_measures_by_name_come_on_top(planted: Settings, tmp_path: Path, evaluate: Eval) -> None:
    gold = lines(tmp_path / "gold.jsonl", GOLD, UNANSWERABLE)
    asked = ("--measure", "nDCG@10", "--measure", "Recall@1")
    made = json.loads(evaluate(gold, "--json", *asked, *place(planted))[1])
    assert list(made["scores"])[:1] == ["hit@1"]
    assert made["scores"]["nDCG@10"] == made["scores"]["R@1"] == 1


def test_what_is_broken_is_left_out_named_and_counted(
    planted: Settings, tmp_path: Path, evaluate: Eval
) -> None:
    unknown = {**GOLD, "id": "g3", "sessions": ["GAR999"]}
    gold = lines(tmp_path / "gold.jsonl", "{broken", GOLD, GOLD, unknown, *["[]"] * 9)
    code, out, err = evaluate(gold, "--json", *place(planted))
    told = err.splitlines()
    assert code == 0
    assert json.loads(out)["questions"] == 1
    assert json.loads(out)["left_out"] == len(json.loads(out)["left_out_lines"]) == 12
    assert len(told) == 12
    assert told[0].startswith(f"sessionqa: {gold}:1: not a gold question: not JSON")
    assert told[1] == f"sessionqa: {gold}:3: not a gold question: a line before has the id g1"
    assert told[2].endswith(":4: not a gold question: the corpus has no session GAR999")
    assert told[-2:] == [
        "sessionqa: ... and 2 more",
        "sessionqa: left out 12 records; 1 questions are used",
    ]


def test_several_files_are_one_set(planted: Settings, tmp_path: Path, evaluate: Eval) -> None:
    one, two = lines(tmp_path / "1.jsonl", GOLD), lines(tmp_path / "2.jsonl", UNANSWERABLE)
    assert json.loads(evaluate(one, two, "--json", *place(planted))[1])["questions"] == 2


@pytest.mark.parametrize(
    ("records", "extra", "complaint"),
    [
        (["{broken"], [], "gold.jsonl:1: not a gold question"),
        ([GOLD], ["--split", "nope"], "no question of split nope"),
        ([""], [], "no question"),
        ([GOLD], ["--measure", "nDCG10"], "nDCG10 is no measure"),
        ([GOLD], ["--fail-under", "hits=1"], "hits is no measure"),
        ([GOLD], ["--fail-under", "nuggets"], "write MEASURE=LIMIT"),
        ([GOLD], ["--fail-under", "nuggets=nan"], "write MEASURE=LIMIT"),
        (
            [GOLD],
            ["--fail-under", "wrongly_refused=0.05"],
            "the lower wrongly_refused is the better, so it has no least value",
        ),
        ([GOLD], ["--fail-under", "AURC=0.1"], "the lower AURC is the better"),
        ([GOLD], ["--compare", "dense", "best"], "best is no configuration"),
        ([GOLD], ["--compare", "dense", "dense"], "names a configuration twice"),
        ([GOLD], ["--compare", "chunk_tokens=90"], "cannot be compared on one index"),
        ([GOLD], ["--chunking", "document"], "gold brings no documents to cut"),
        ([GOLD], ["--queries", "q.tsv"], "--queries goes with TREC qrels"),
        ([GOLD], ["--run-out", "none/x.trec"], "x.trec cannot be written"),
        ([GOLD], ["--report", "none/x.html"], "x.html cannot be written"),
        ([GOLD], ["--run", "none.trec"], "none.trec cannot be read"),
        ([GOLD], ["--run", "none.trec", "--fail-under", "hit@1=1"], "hit@1 is no measure"),
    ],
)
def test_an_unusable_set_or_option_is_2(
    records: list[Any],
    extra: list[str],
    complaint: str,
    planted: Settings,
    tmp_path: Path,
    evaluate: Eval,
) -> None:
    gold = lines(tmp_path / "gold.jsonl", *records)
    code, out, err = evaluate(gold, *extra, *place(planted))
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_a_missing_gold_file_is_2(planted: Settings, tmp_path: Path, evaluate: Eval) -> None:
    code, _, err = evaluate(tmp_path / "none.jsonl", *place(planted))
    assert code == 2
    assert "none.jsonl cannot be read" in err


# --- sets with documents


def test_a_beir_folder_is_indexed_once_and_scored_by_standard_measures(
    facts: Path, facts_index: Path, evaluate: Eval
) -> None:
    code, out, err = evaluate(facts, "--json", "--index", facts_index)
    made = json.loads(out)
    assert code == 0
    assert made["questions"] == 3
    names = ["nDCG@10", "R@100", "RR", "Success@1", "Success@5", "Success@10"]
    assert list(made["scores"]) == [*names, "latency_p50_ms", "latency_p95_ms"]
    assert all(made["scores"][name] == 1 for name in names)
    assert "question q3 is judged on ants, which is not there" in err
    built = (facts_index / "CURRENT").read_text()
    assert evaluate(facts, "--index", facts_index)[0] == 0
    assert (facts_index / "CURRENT").read_text() == built


def test_without_a_folder_the_index_is_in_the_cache(
    facts: Path,
    facts_index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    evaluate: Eval,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = platformdirs.user_cache_path("sessionqa")
    if not cache.is_relative_to(tmp_path):
        pytest.skip("this system's cache folder does not follow XDG_CACHE_HOME")
    if (facts_index / "encoder").is_dir():
        # Exporting it again would take half a minute.
        shutil.copytree(facts_index / "encoder", cache / "encoder")
    monkeypatch.chdir(tmp_path)
    assert evaluate(facts)[0] == 0
    [cached] = (cache / "eval").iterdir()
    assert cached.name.startswith("facts-")
    assert (cached / "CURRENT").is_file()


def test_an_index_of_something_else_is_not_overwritten(
    facts: Path, planted: Settings, evaluate: Eval
) -> None:
    built = store_of(planted).live()
    code, _, err = evaluate(facts, "--index", planted.place)
    assert code == 2
    assert f"{planted.place} is the index of" in err
    assert store_of(planted).live() == built


def test_odd_documents_are_indexed_and_found(tmp_path: Path, evaluate: Eval) -> None:
    texts = [
        {"_id": "a b", "title": "T" * 3000, "text": "Moles dig tunnels."},
        {"_id": "no-title", "text": "Owls\x00 hunt \ud83d at night."},
        {"_id": "no-text", "title": "Why frogs croak"},
        {"_id": "markup", "title": "# <b>", "text": "## Head\n\n- Foxes live in dens.\n\n\n---"},
        {"_id": "MARKUP", "title": "twin", "text": "of another case"},
        {"_id": "", "text": "no id"},
        {"_id": "📖", "title": "أهلا", "text": "堆肥"},
    ]
    asked = {"a b": "moles tunnels", "no-title": "owls night", "markup": "foxes dens"}
    lines(tmp_path / "odd" / "corpus.jsonl", *texts)
    lines(tmp_path / "odd" / "queries.jsonl", *({"_id": i, "text": q} for i, q in asked.items()))
    lines(tmp_path / "odd" / "qrels" / "test.tsv", *(f"{id_}\t{id_}\t1" for id_ in asked))
    code, out, err = evaluate(tmp_path / "odd", "--json", "--index", tmp_path / "index")
    assert code == 0
    assert json.loads(out)["scores"]["Success@1"] == 1
    assert "left out 2 records" in err
    run_out = ("--run-out", tmp_path / "out.trec", "--index", tmp_path / "index")
    code, _, err = evaluate(tmp_path / "odd", *run_out)
    assert code == 2
    assert "cannot hold the id 'a b'" in err


def test_squad_by_whole_paragraphs(tmp_path: Path, evaluate: Eval) -> None:
    asked = [
        {"id": f"s{n}", "question": question, "answers": [{"text": answer, "answer_start": 0}]}
        for n, (question, answer) in enumerate([("What pulls the sea?", "The moon"), ("?!", "x")])
    ]
    asked.append({"id": "i", "question": "Who?", "answers": [], "is_impossible": True})
    paragraphs = [{"context": text, "qas": []} for text in DOCUMENTS.values()]
    paragraphs[0]["qas"] = asked
    data = {"version": "2.0", "data": [{"title": "Facts", "paragraphs": paragraphs}]}
    path = lines(tmp_path / "dev.json", data)
    options = ("--chunking", "document", "--measure", "Success@1", "--index", tmp_path / "index")
    code, out, _ = evaluate(path, "--json", *options)
    made = json.loads(out)
    assert code == 0
    assert made["questions"] == 2
    assert made["scores"]["Success@1"] >= 0.5
    build = (tmp_path / "index" / "CURRENT").read_text().strip()
    manifest = json.loads((tmp_path / "index" / "builds" / build / "manifest.json").read_text())
    assert manifest["counts"]["passages"] == manifest["counts"]["sessions"] == 5


def test_trec_qrels_about_the_corpus(planted: Settings, tmp_path: Path, evaluate: Eval) -> None:
    qrels = lines(tmp_path / "garden.qrels", "1 0 gar101 1", "2 0 GAR202 1", "2 0 GAR303 1")
    queries = lines(tmp_path / "q.tsv", "1\tWhat do worms eat?", "2\tHow hot is tea brewed?")
    code, out, err = evaluate(qrels, "--queries", queries, "--json", *place(planted))
    assert code == 0
    assert json.loads(out)["scores"]["Success@1"] == 1
    assert f"{qrels}:3: question 2 is judged on GAR303, which is not there" in err


# --- comparisons, runs, limits, reports


def test_configurations_side_by_side(facts: Path, facts_index: Path, evaluate: Eval) -> None:
    compared = ("--compare", "hybrid", "dense", "lexical_weight=0.9", "--index", facts_index)
    made = json.loads(evaluate(facts, "--json", *compared)[1])
    assert list(made["configurations"]) == ["hybrid", "dense", "lexical_weight=0.9"]
    assert made["configurations"]["hybrid"]["scores"] == made["scores"]
    first, *_ = made["comparisons"]
    assert set(first) == {
        *("measure", "first", "second", "wins", "losses", "ties"),
        *("difference", "p", "p_corrected"),
    }
    assert (first["first"], first["second"]) == ("hybrid", "dense")
    assert {c["wins"] + c["losses"] + c["ties"] for c in made["comparisons"]} == {3}
    table = evaluate(facts, *compared)[1]
    assert "\nlexical_weight=0.9  " in table
    assert "against hybrid, by a paired randomisation test" in table


def test_a_run_that_is_written_scores_the_same_without_an_index(
    facts: Path, facts_index: Path, tmp_path: Path, evaluate: Eval
) -> None:
    out = tmp_path / "out.trec"
    arguments = ("--json", "--index", facts_index)
    searched = json.loads(evaluate(facts, "--run-out", out, *arguments)[1])
    code, shown, _ = evaluate(facts, "--run", out, "--json", "--index", tmp_path / "none")
    scored = json.loads(shown)
    assert code == 0
    assert not (tmp_path / "none").exists()
    assert scored["scores"] == {
        name: value for name, value in searched["scores"].items() if "latency" not in name
    }
    both = json.loads(evaluate(facts, "--compare", "hybrid", "--run", out, *arguments)[1])
    assert list(both["configurations"]) == ["hybrid", "out"]
    assert {c["ties"] for c in both["comparisons"]} == {3}


def test_a_question_that_a_run_lacks_counts_zero(
    facts: Path, tmp_path: Path, evaluate: Eval
) -> None:
    run = lines(tmp_path / "x.trec", "q1 Q0 moon 1 0.9 x", "q2 Q0 bees 1 0.9 x", "broken")
    code, out, err = evaluate(facts, "--run", run, "--json")
    made = json.loads(out)
    assert code == 0
    assert made["questions"] == 3
    assert made["scores"]["Success@10"] == made["scores"]["nDCG@10"] == 0.3333
    assert f"{run}:3: 1 columns instead of 6" in err


def test_a_run_for_each_configuration(
    facts: Path, facts_index: Path, tmp_path: Path, evaluate: Eval
) -> None:
    out = tmp_path / "out.trec"
    compared = ("--compare", "dense", "lexical_weight=0.5", "--index", facts_index)
    assert evaluate(facts, "--run-out", out, *compared)[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "out.dense.trec",
        "out.lexical_weight=0.5.trec",
    }
    first = (tmp_path / "out.dense.trec").read_text().splitlines()[0].split()
    assert [first[0], first[1], first[3], first[5]] == ["q1", "Q0", "1", "dense"]


def test_scores_under_their_limit_end_with_1_after_all_is_printed(
    facts: Path, tmp_path: Path, evaluate: Eval
) -> None:
    run = lines(tmp_path / "x.trec", "q1 Q0 moon 1 0.9 x")
    limits = ("--fail-under", "RR=0.3", "--fail-under", "nDCG@10=0.72", "--fail-under", "P@5=0.5")
    code, out, err = evaluate(facts, "--run", run, "--json", *limits)
    assert code == 1
    assert json.loads(out)["scores"]["P@5"] == pytest.approx(0.2 / 3, abs=1e-4)
    assert err.splitlines()[-2:] == [
        "sessionqa: nDCG@10 is 0.3333, the limit is 0.72",
        "sessionqa: P@5 is 0.0667, the limit is 0.5",
    ]
    assert evaluate(facts, "--run", run, "--fail-under", "RR=0.3333")[0] == 0


def test_a_limit_on_answers(planted: Settings, tmp_path: Path, evaluate: Eval) -> None:
    gold = lines(tmp_path / "gold.jsonl", GOLD)
    assert evaluate(gold, "--fail-under", "nuggets=1", *place(planted))[0] == 0
    code, _, err = evaluate(gold, "--fail-under", "list_recall=0.5", *place(planted))
    assert code == 1
    assert err == "sessionqa: list_recall has no value, the limit is 0.5\n"


def test_a_report_is_written(planted: Settings, tmp_path: Path, evaluate: Eval) -> None:
    pytest.importorskip("matplotlib", reason="the extra report is not installed")
    pytest.importorskip("jinja2", reason="the extra report is not installed")
    gold = lines(tmp_path / "gold.jsonl", GOLD, UNANSWERABLE)
    page = tmp_path / "report.html"
    assert evaluate(gold, "--compare", "hybrid", "dense", "--report", page, *place(planted))[0] == 0
    assert "dense" in page.read_text(encoding="utf-8")
