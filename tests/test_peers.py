"""The comparison with other systems: what is accounted, written and shown, and how one fails."""

import json
import os
import sys
from pathlib import Path

import pytest

from peers import SYSTEMS, Bench, size, write_scifact
from peers_report import Measured, draw, table
from processes import Failed, finish

pytestmark = pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system accounts nothing")

PLAIN, TXTAI = (
    next(system for system in SYSTEMS if system.name == name) for name in ("plain", "txtai")
)


# --- the accounting of a process


def test_a_process_is_accounted_for_its_own_memory_and_time() -> None:
    grown = bytearray(os.urandom(1)) * (300 << 20)  # ours must not count as the child's
    code = "import time; b = b'x' * (100 << 20); time.sleep(0.3); print('done')"
    done = finish([sys.executable, "-S", "-c", code])
    assert len(grown) == 300 << 20
    assert done.out == "done\n"
    assert 100 < done.peak_mib < 150
    assert 0.3 < done.seconds < 3


def test_what_a_process_prints_comes_back_whole() -> None:
    done = finish([sys.executable, "-S", "-c", "print('a\\n\\nb', end='')"])
    assert done.out == "a\n\nb"


def test_variables_are_given_to_a_process() -> None:
    code = "import os; print(os.environ['SHOWN'])"
    assert finish([sys.executable, "-S", "-c", code], {"SHOWN": "here"}).out == "here\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit('it is\\nbroken')", "broken"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("import os; os._exit(3)", "it ended with 3 and told nothing"),
    ],
)
def test_a_process_that_fails_says_why(code: str, told: str) -> None:
    with pytest.raises(Failed) as failed:
        finish([sys.executable, "-c", code])
    assert str(failed.value) == told


def test_a_command_that_is_not_there_fails_by_its_name() -> None:
    with pytest.raises(Failed, match="no/such/python"):
        finish(["no/such/python"])


# --- what the systems are given


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """Three documents, of which one has no claim, and three claims."""
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    documents = [("d1", "Bread", "Dough rises."), ("d2", "", "Ovens are hot."), ("d3", "X", "Y")]
    records = [{"_id": i, "title": title, "text": text} for i, title, text in documents]
    claims = [{"_id": i, "text": text} for i, text in (("1", "dough"), ("2", "heat"), ("3", "x"))]
    for name, lines in (("corpus", records), ("queries", claims)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(x)}\n" for x in lines))
    qrels = "query-id\tcorpus-id\tscore\n1\td1\t1\n2\td2\t1\n2\td1\t0\n3\td3\t1\n"
    (folder / "qrels" / "test.tsv").write_text(qrels)
    return folder


def test_documents_are_cut_with_the_claims_about_them(beir: Path, tmp_path: Path) -> None:
    assert write_scifact(beir, tmp_path / "all", None) == 3
    assert write_scifact(beir, tmp_path / "two", 2) == 2
    for folder, claims in (("all", ["1", "2", "3"]), ("two", ["1", "2"])):
        lines = (tmp_path / folder / "queries.jsonl").read_text().splitlines()
        assert [json.loads(line)["_id"] for line in lines] == claims
    qrels = (tmp_path / "two" / "qrels" / "test.tsv").read_text().splitlines()
    assert qrels == ["query-id\tcorpus-id\tscore", "1\td1\t1", "2\td2\t1"]


def test_links_do_not_count_as_installed(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(bytes(1000))
    (tmp_path / "link").symlink_to(tmp_path / "below" / "file")
    assert size(tmp_path) == 1000


# --- a run


def test_one_that_fails_is_reported_and_the_others_go_on(beir: Path, tmp_path: Path) -> None:
    """Both run in this environment, where plain's packages are and txtai is not."""
    bench = Bench(tmp_path / "work", [TXTAI, PLAIN])
    for system in bench.systems:
        python = bench.work / "environments" / system.name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
    bench.scifact(beir, None)
    plain, txtai = bench.found["plain"], bench.found["txtai"]
    assert txtai.failed == "ModuleNotFoundError: No module named 'txtai'"
    assert txtai.ndcg is None
    assert plain.failed == ""
    assert plain.ndcg == 1.0
    assert plain.indexing is not None
    assert plain.rate == [3 / plain.indexing[0]]
    shown = table(bench.found)
    assert "| txtai failed: ModuleNotFoundError: No module named 'txtai' |" in shown
    # Kept for a run that measures other parts.
    kept = Bench(tmp_path / "work", [PLAIN]).found
    assert kept["plain"].ndcg == 1.0
    assert kept["txtai"].failed == txtai.failed


# --- the table and the plot


def test_ratios_are_taken_round_by_round() -> None:
    plain = Measured("1", 100.0, [(2, 400), (4, 400), (8, 500)], {"search": [[10.0] * 9] * 3})
    ours = Measured("2", 200.0, [(1, 100), (1, 200), (1, 100)])
    ours.warm = {"search": [[5.0] * 9, [20.0] * 9, [10.0] * 9], "retrieval": [[2.5] * 9] * 3}
    plain.documents = ours.documents = 100
    plain.indexing, ours.indexing, ours.ndcg = (50.0, 700.0), (25.0, 350.0), 0.75
    rows = table({"sessionqa": ours, "plain": plain}).splitlines()[2:]
    assert rows == [
        "| sessionqa 2 | 1.00 (0.25) | 100 (0.25) | 10.0 (1.00) / 10.0 | 4.00 (2.00) "
        "| 350 | 200 | 0.7500 |",
        "| – its retrieval alone |  |  | 2.50 (0.25) / 2.50 |  |  |  |  |",
        "| plain 1 | 4.00 (1.00) | 400 (1.00) | 10.0 (1.00) / 10.0 | 2.00 (1.00) | 700 | 100 |  |",
    ]


def test_the_plot_has_a_bar_for_each_system_that_was_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plain = Measured("1", cold=[(4.56, 400)])
    draw({"plain": plain, "txtai": Measured(failed="no")}, tmp_path / "peers.svg")
    drawn = (tmp_path / "peers.svg").read_text()
    assert all(f">{text}<" in drawn for text in ("plain", "txtai", "4.56", "400", "documents/s"))
