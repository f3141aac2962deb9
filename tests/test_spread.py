"""Building with Ray, on a cluster of two nodes: two raylets of one processor each.

What a worker does is written to a file, by which these tests see who works, kill it, and count.
"""

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from sessionqa import Assistant, Session, Settings, __version__, build_index, exports
from sessionqa.cli import main
from sessionqa.corpus import read_corpus
from sessionqa.encode import Encoder
from sessionqa.errors import ClusterError, IndexUnusable, OutgoingRefused, UsageError
from sessionqa.index import spread
from sessionqa.index.ahead import encode_ahead
from sessionqa.index.builds import ENCODERS
from sessionqa.index.cut import Placed, cut
from sessionqa.index.earlier import latest_whole
from sessionqa.index.encoding import (
    OF_PASSAGES,
    OF_SENTENCES,
    key_of,
    sentence_inputs,
    unfinished_of,
)
from sessionqa.index.spread import Batch, Workers, batches, workers_of
from sessionqa.settings import SECRETS

pytest.importorskip("ray")

BAKERY = Path(__file__).parent / "corpora" / "bakery"
WAIT = 60.0


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
    with workers_of(cluster.address, assistant.settings, silent) as workers:
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


@dataclass(frozen=True)
class Deadly:
    """Work that one session kills the worker of."""

    code: str

    def __call__(self, _: Encoder, batch: Batch) -> int:
        if any(session.code == self.code for _, session in batch):
            os.kill(os.getpid(), signal.SIGKILL)
        return len(batch)


def many(count: int) -> list[list[Placed]]:
    return [[(at, Session(f"S{at}", "A title", "Some text."))] for at in range(count)]


def codes_of(cut: list[list[Placed]]) -> list[str]:
    return sorted(session.code for batch in cut for _, session in batch)


# What is made


def test_batches_hold_every_session_in_order_and_are_cut_by_length() -> None:
    texts = [15_000, 5_000, 1, 90_000, 0, 5]
    placed = [(at, Session(f"S{at}", "T", "a" * size)) for at, size in enumerate(texts)]
    assert [[at for at, _ in batch] for batch in batches(placed)] == [[0, 1], [2, 3], [4, 5]]
    assert batches([]) == []


def test_the_result_is_that_of_a_local_build(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "BATCH_CHARACTERS", 3_000)
    corpus = shutil.copytree(BAKERY, tmp_path / "corpus")
    first = sorted(corpus.glob("*.md"))[0]
    alone = Settings(corpus=corpus, index=tmp_path / "alone")
    spread_out = alone.with_(index=tmp_path / "spread")
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        build_index(alone)
        told.clear()
        build_index(spread_out, lambda *step: told.append(step), ray=cluster.address)
        with latest_whole(alone.index) as one, latest_whole(spread_out.index) as other:
            assert one
            assert other
            assert one.pieces() == other.pieces()
        assert ranking(alone) == pytest.approx(ranking(spread_out), abs=1e-6)
        # Then with one session changed, which alone is worked on.
        first.write_text(first.read_text() + "\nA rye dough rests for eleven hours.\n")
    steps = [(done, of) for stage, done, of in told if stage == "cutting and encoding by Ray"]
    assert steps == [(1, 1)]


def test_an_index_in_milvus_is_filled_by_workers(
    cluster: Any, milvus_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "BATCH_CHARACTERS", 3_000)
    corpus = shutil.copytree(BAKERY, tmp_path / "corpus")
    alone = Settings(corpus=corpus, index=f"milvus:{milvus_server}/filled_alone")
    filled = alone.with_(index=f"milvus:{milvus_server}/filled_by_ray")
    for text in ("", "\nRye wants a longer rest.\n"):
        changed = sorted(corpus.glob("*.md"))[0]
        changed.write_text(changed.read_text("utf-8") + text, encoding="utf-8")
        build_index(alone)
        build_index(filled, ray=cluster.address)
        one, other = Assistant.open(alone), Assistant.open(filled)
        assert other.index.sessions() == one.index.sessions()
        for question in ("How long does rye rest?", "sourdough starter"):
            mine, theirs = one.search(question, 8), other.search(question, 8)
            assert [hit.passage for hit in theirs] == [hit.passage for hit in mine]


def ranking(settings: Settings) -> dict[str, float]:
    """The passages found for some questions, in their order, and their scores."""
    assistant = Assistant.open(settings)
    found: dict[str, float] = {}
    for question in ("How long does rye dough rest?", "Who speaks of ovens?", "sourdough"):
        for rank, hit in enumerate(assistant.search(question, 10)):
            found[f"{question} {rank} {hit.passage.id}"] = hit.score
    return found


def test_an_export_is_received_once_and_again_if_it_is_not_whole(
    shipped: Settings, own_cache: Path
) -> None:
    (sent,) = (shipped.index / ENCODERS).iterdir()
    fetched = []

    def fetch() -> dict[str, bytes]:
        fetched.append(sent.name)
        return exports.files_of(sent)

    for _ in range(2):
        folder = exports.received("encoder", sent.name, fetch)
    assert own_cache in folder.parents
    assert exports.damaged_files("encoder", folder) == []
    assert len(fetched) == 1
    (folder / exports.TOKENIZER).write_text("{")
    assert exports.received("encoder", sent.name, fetch) == folder
    assert exports.damaged_files("encoder", folder) == []
    assert len(fetched) == 2


# Deaths


def test_a_killed_worker_costs_what_it_worked_on(
    workers: Workers, assistant: Assistant, tmp_path: Path
) -> None:
    noted, cut, killed = Noted(tmp_path / "notes"), many(10), 0
    results = []
    for codes in workers.run(assistant.encoder, cut, noted):
        results += codes
        if not killed:
            killed = noted.begun()[-1][1]
            os.kill(killed, signal.SIGKILL)
    assert sorted(results) == codes_of(cut)
    begun = noted.begun()
    assert len(begun) <= len(cut) + 1
    # Who goes on is the other, or the one in its place, or both: as they come.
    assert {pid for _, pid in begun} - {killed}


def test_a_node_that_vanishes_costs_what_it_worked_on(
    cluster: Any, workers: Workers, assistant: Assistant, tmp_path: Path
) -> None:
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    noted, cut = Noted(tmp_path / "notes"), many(15)
    results: list[str] = []
    for codes in workers.run(assistant.encoder, cut, noted):
        results += codes
        if node and len({pid for _, pid in noted.begun()}) == 3:
            cluster.remove_node(node, allow_graceful=False)
            node = None
    assert node is None
    assert sorted(results) == codes_of(cut)
    assert len(noted.begun()) <= len(cut) + spread.AT_HAND


def test_a_batch_that_kills_every_worker_is_named_and_does_not_go_on_for_ever(
    workers: Workers, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "MOST_TRIES", 2)
    with pytest.raises(ClusterError, match="worker after worker died as it worked on S2:"):
        list(workers.run(assistant.encoder, many(4), Deadly("S2")))


IN_SMALL_BATCHES = """
import sys
from sessionqa.index import spread
from sessionqa.cli import main
spread.BATCH_CHARACTERS = 1
sys.exit(main())
"""


def begun_index(settings: Settings, *ray: str, **environ: str) -> subprocess.Popen[str]:
    """`sessionqa index --ray`, one session a batch, once some of it is kept."""
    folders = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
    process = subprocess.Popen(
        [sys.executable, "-c", IN_SMALL_BATCHES, "index", *folders, "--ray", *ray],
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + WAIT
    while len(list(settings.index.glob("unfinished/*/sentences/*.npz"))) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def kept(settings: Settings, encoder: Encoder) -> dict[str, set[str]]:
    """The keys of the texts in each file that a build that was broken off has left."""
    found = {}
    for kind in (OF_PASSAGES, OF_SENTENCES):
        for path in (unfinished_of(settings.index, encoder) / kind).glob("*.npz"):
            with np.load(path) as file:
                found[f"{kind}/{path.name}"] = {row.tobytes().hex() for row in file["keys"]}
    return found


def test_what_was_kept_before_the_driver_was_killed_is_not_encoded_again(
    workers: Workers, cluster: Any, assistant: Assistant, tmp_path: Path
) -> None:
    settings = assistant.settings.with_(index=tmp_path / "index")
    process = begun_index(settings, cluster.address)
    process.kill()
    process.communicate()
    before = kept(settings, assistant.encoder)
    sessions = read_corpus(settings.corpus)
    made = cut(sessions, assistant.encoder, settings, {}, silent)
    known = encode_ahead(workers, settings.index, sessions, assistant.encoder, {}, None, silent)
    codes = [(session.code, session.sha256) for session in sessions]
    assert known == dict(zip(codes, made.pieces(), strict=True))
    after = kept(settings, assistant.encoder)
    old = set().union(*before.values())
    new = [keys for name, keys in after.items() if name not in before]
    assert old
    assert new
    assert not old & set().union(*new)
    texts = [*made.passage_inputs, *sentence_inputs(sessions, made, assistant.encoder)]
    assert old.union(*new) == set(map(key_of, texts))


def test_an_interrupt_leaves_no_process_behind(assistant: Assistant, tmp_path: Path) -> None:
    settings = assistant.settings.with_(index=tmp_path / "index")
    process = begun_index(settings, SESSIONQA_TEST_MARK=str(tmp_path))
    assert len(marked(str(tmp_path))) > 3
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    deadline = time.monotonic() + WAIT
    while marked(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert marked(str(tmp_path)) == []


def marked(mark: str) -> list[str]:
    """The processes in whose environment this stands."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append((path.parent / "cmdline").read_text())
    return found


# Errors


def test_a_session_that_cannot_be_encoded_is_named(
    cluster: Any, assistant: Assistant, tmp_path: Path
) -> None:
    settings = assistant.settings.with_(index=tmp_path / "index")
    sessions = [Session(f"S{at}", "Bread", "It rises. It is baked.") for at in range(3)]
    sessions[1] = replace(sessions[1], text="Half a character: \ud83d. It is baked.")
    with pytest.raises(IndexUnusable, match=r"S1 cannot be cut or encoded \(\w+: .+mend"):
        build_index(settings, sessions=sessions, ray=cluster.address)
    assert not (settings.index / "CURRENT").exists()


def test_a_worker_of_another_version_or_with_other_weights_is_refused(
    planted: Settings, tiny: Path
) -> None:
    with pytest.raises(ClusterError, match=r"it has sessionqa \S+, and this machine 0\.0\.0:"):
        spread.Opening("0.0.0", planted, "", None).encoder()
    settings = planted.with_(model=str(tiny), backend="sentence-transformers")
    with pytest.raises(ClusterError, match="it has other weights of"):
        spread.Opening(__version__, settings, "another", None).encoder()


def test_where_no_ray_answers_that_is_said_soon(planted: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    started = time.monotonic()
    for one in (address, f"ray://{address}"):
        with pytest.raises(ClusterError, match=f"no Ray answers at {one} "):
            build_index(planted, force=True, ray=one)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_server_that_is_no_ray_is_told_from_one(planted: Settings, scheme: str) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"{scheme}127.0.0.1:{server.server_port}"
        with pytest.raises(ClusterError, match="something else answers"):
            build_index(planted, force=True, ray=address)
        server.shutdown()


@pytest.mark.parametrize("address", ["nowhere", "host:", ":6379", "host:port", "ray://host"])
def test_what_is_no_address_is_refused(planted: Settings, address: str) -> None:
    with pytest.raises(UsageError, match="is no address of a Ray"):
        build_index(planted, force=True, ray=address)


@pytest.mark.parametrize("address", ["192.0.2.7:6379", "ray://ray.example:10001"])
def test_no_other_machine_is_given_texts_while_offline(planted: Settings, address: str) -> None:
    with pytest.raises(OutgoingRefused, match="was to be given texts to encode"):
        build_index(planted.with_(offline=True), force=True, ray=address)


def test_without_ray_it_is_said_what_to_install(
    planted: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    folders = ["--corpus", str(planted.corpus), "--index", str(planted.index)]
    assert main(["index", "--force", "--ray", *folders]) == 3
    assert "pip install 'sessionqa[ray]'" in capsys.readouterr().err


def test_workers_are_told_no_secret(planted: Settings) -> None:
    secret = dict.fromkeys([*SECRETS, "user"], "t0ken")
    theirs = Workers(planted.with_(**secret, ray_threads=3)).settings
    assert {getattr(theirs, name) for name in secret} == {""}
    assert "t0ken" not in str(pickle.dumps(theirs))
    assert theirs.threads == 3


def test_more_threads_than_any_machine_has_are_refused(cluster: Any, planted: Settings) -> None:
    with pytest.raises(ClusterError, match="no machine of the Ray has 64 processors"):
        build_index(planted.with_(ray_threads=64, chunk_tokens=100), ray=cluster.address)
