"""Building with Ray, on a cluster of two nodes: two raylets of one processor each.

What a worker does is written to a file, by which these tests see who works, kill it, and count.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sessionqa import Assistant, Session, Settings, build_index
from sessionqa.cli import main
from sessionqa.datatypes import Hit
from sessionqa.encode import Encoder
from sessionqa.errors import ClusterError, IndexUnusable, ModuleMissing, OutgoingRefused, UsageError
from sessionqa.index import spread
from sessionqa.index.ahead import encode_ahead
from sessionqa.index.encoding import OF_PASSAGES, OF_SENTENCES, Unfinished, unfinished_of
from sessionqa.index.spread import Batch, Workers, batches, connected

pytest.importorskip("ray")

BAKERY = Path(__file__).parent / "corpora" / "bakery"
WAIT = 60.0
Connected = Callable[[], Workers]


def silent(stage: str, done: int, of: int) -> None:
    """Reports nothing."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two raylets of one processor each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray import cloudpickle
        from ray.cluster_utils import Cluster

        # Workers know the package, and not its tests.
        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster
        cluster.shutdown()


@pytest.fixture
def workers(cluster: Any, assistant: Assistant) -> Iterator[Workers]:
    with connected(cluster.address, assistant.settings, silent) as workers:
        yield workers


@dataclass(frozen=True)
class Noted:
    """Work that writes its batch and its process to a file, and takes a while."""

    notes: Path
    seconds: float = 0.3

    def __call__(self, encoder: Encoder, batch: Batch) -> list[str]:
        codes = [session.code for _, session in batch]
        with self.notes.open("a") as file:
            file.write(f"{codes[0]} {os.getpid()}\n")
        time.sleep(self.seconds)
        encoder.encode_passages(codes)
        return codes

    def begun(self) -> list[tuple[str, int]]:
        """The first session of each batch that was begun, and the process that began it."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [(line.split()[0], int(line.split()[1])) for line in lines]


def many(count: int) -> list[list[tuple[int, Session]]]:
    return [[(at, Session(f"S{at}", "A title", "Some text."))] for at in range(count)]


def test_a_killed_worker_costs_what_it_worked_on(
    workers: Workers, assistant: Assistant, tmp_path: Path
) -> None:
    noted, cut, killed = Noted(tmp_path / "notes"), many(16), 0
    results = []
    for codes in workers.run(assistant.encoder, cut, noted):
        results += codes
        if not killed:
            killed = noted.begun()[-1][1]
            os.kill(killed, signal.SIGKILL)
    assert sorted(results) == sorted(session.code for batch in cut for _, session in batch)
    begun = noted.begun()
    assert len(begun) == len(cut) + 1
    assert len({pid for _, pid in begun} - {killed}) == 2


def test_a_node_that_vanishes_costs_nothing(
    cluster: Any, workers: Workers, assistant: Assistant, tmp_path: Path
) -> None:
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    noted, cut = Noted(tmp_path / "notes"), many(24)
    results: list[str] = []
    for codes in workers.run(assistant.encoder, cut, noted):
        results += codes
        if node and len({pid for _, pid in noted.begun()}) == 3:
            cluster.remove_node(node, allow_graceful=False)
            node = None
    assert node is None
    assert sorted(results) == sorted(session.code for batch in cut for _, session in batch)
