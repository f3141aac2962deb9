"""The cost model, and the counting of bytes that it starts from."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cost
from row_bytes import passage_bytes, record_bytes
from sessionqa.index.milvus import entries, records

ROOT = Path(__file__).parents[1]
DIM = 384
GIVEN = cost.Given(
    questions=50,
    replicas=2,
    segment=1,
    busy=0.6,
    filled=0.7,
    core_gib=4,
    core_hour=0.04,
    gpu_hour=1,
    ssd=0.08,
    store=0.02,
)


def test_searching_takes_what_was_measured_where_it_was() -> None:
    assert cost.search_ms(1e5) == cost.of("small")
    assert cost.search_ms(988_373) == pytest.approx(cost.of("large"))
    assert cost.search_ms(1e4) == cost.search_ms(1e5)


def test_larger_segments_are_fewer_and_take_less_in_all() -> None:
    found = [cost.segments(10_000_000, gigabytes) for gigabytes in (1, 4, 16)]
    counts, spent = zip(*found, strict=True)
    assert counts == tuple(sorted(counts, reverse=True))
    assert spent == tuple(sorted(spent, reverse=True))
    assert cost.segments(1, 1)[0] == 1


def test_cores_are_as_many_as_the_scarcer_of_memory_and_time_takes() -> None:
    assert GIVEN.holding_cores(0.7 * 4 * 2**30) == pytest.approx(2)
    assert GIVEN.busy_cores(12) == pytest.approx(1)
    kind = next(one for one in cost.kinds() if one.name == "Milvus, tokens")
    mapped, _ = cost.milvus_month(kind, 10_000_000, GIVEN, True)
    held, _ = cost.milvus_month(kind, 10_000_000, GIVEN, False)
    answering = GIVEN.busy_cores(cost.of("answer"))
    assert mapped == pytest.approx(GIVEN.busy_cores(cost.segments(10_000_000, 1)[1]) + answering)
    assert held == pytest.approx(GIVEN.holding_cores(1e7 * (kind.vectors + kind.rows)) + answering)


def test_a_folder_that_no_machine_could_build_has_no_price() -> None:
    kind = next(one for one in cost.kinds() if not one.rows)
    assert cost.folder_month(kind, 10_000_000, GIVEN) is not None
    assert cost.folder_month(kind, 1_000_000_000, GIVEN) is None


def test_prices_are_those_that_are_given() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "cost.py"), "--core-hour", "0"]
    free = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "a core, fp32 | 18 | 156 h, $0 |" in free


@pytest.mark.parametrize("sentences", [0, 1, 7])
def test_the_parts_of_a_record_of_vectors_are_the_whole_row(sentences: int) -> None:
    raw = bytes(4 * DIM + 2 * DIM * sentences)
    (row,) = records.rows_of(entries.vectors_key("ARC1-0123456789ab@1"), raw, 1)
    found = record_bytes(row, DIM)
    assert sum(found.values()) == len(row["key"]) + len(row["data"]) + 8 + 8
    # Base64 has four letters for three bytes.
    assert found["records: vectors of sentences"] == 2 * DIM * sentences * 4 // 3


def test_texts_are_counted_as_utf_8_and_each_word_once() -> None:
    row = {
        "key": "k",
        "session": "é",
        "event": "",
        "track": "",
        "speakers": ["ab", "c"],
        "services": [],
        "stems": "shard shard query",
        "vector": np.zeros(DIM, dtype=np.float32),
    }
    assert passage_bytes(row, DIM) == {
        "passages: vector": 1_536,
        "passages: stems": 17,
        "passages: words by BM25": 16,
        "passages: key and fields": 1 + 2 + 3 + 24,
    }
