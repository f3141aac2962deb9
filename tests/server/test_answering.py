"""Questions at the same time: other processes help, and what happens to them harms no question."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import httpx
import pytest
from anyio import create_task_group
from serving import Served, serving, wait_until

from sessionqa import Assistant, Settings, build_index
from sessionqa.server.answering import Answering


@pytest.fixture
def client(shipped: Settings) -> Iterator[tuple[Served, httpx.Client]]:
    """A server of its own, whose processes may be ended."""
    with serving(shipped, "--workers", "2") as server, server.client() as client:
        yield server, client


def children(process: int) -> list[int]:
    """The processes that answer for it, not Python's own helper."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            line = status.with_name("cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == process and "spawn_main" in line:
            found.append(int(status.parent.name))
    return found


def asked_at_once(client: httpx.Client, prefix: str, count: int = 24) -> list[httpx.Response]:
    def ask(number: int) -> httpx.Response:
        return client.post("/api/ask", json={"question": f"{prefix} {number} of resilience?"})

    with ThreadPoolExecutor(8) as many:
        return list(many.map(ask, range(count)))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
def test_one_question_at_a_time_needs_no_other_process(
    client: tuple[Served, httpx.Client],
) -> None:
    server, api = client
    for number in range(3):
        assert api.post("/api/ask", json={"question": f"What is {number}?"}).status_code == 200
    assert not children(server.process.pid)


@linux
def test_a_process_that_is_killed_costs_no_answer(client: tuple[Served, httpx.Client]) -> None:
    server, api = client
    assert {r.status_code for r in asked_at_once(api, "What is the aim")} == {200}
    helpers = children(server.process.pid)
    assert 1 <= len(helpers) <= 2
    os.kill(helpers[0], signal.SIGKILL)
    assert {r.status_code for r in asked_at_once(api, "What is the price")} == {200}
    wait_until(lambda: bool(children(server.process.pid)))
    assert helpers[0] not in children(server.process.pid)


@linux
def test_no_process_outlives_a_server_that_is_killed(client: tuple[Served, httpx.Client]) -> None:
    server, api = client
    asked_at_once(api, "What is the point")
    helpers = children(server.process.pid)
    assert helpers
    server.process.kill()
    wait_until(lambda: not any(Path(f"/proc/{helper}/cmdline").exists() for helper in helpers))


def test_the_same_answer_wherever_it_is_made(client: tuple[Served, httpx.Client]) -> None:
    _, api = client
    together = asked_at_once(api, "What is the benefit", 8)
    for response in together:
        record = response.json()
        again = api.post("/api/ask", json={"question": record["question"], "k": 8}).json()
        assert {**again, "timings": 0} == {**record, "timings": 0}


def test_sigterm_ends_after_the_answers_that_are_begun(shipped: Settings) -> None:
    with (
        serving(shipped, "--workers", "1") as server,
        server.client() as client,
        ThreadPoolExecutor(12) as many,
    ):
        asked = [{"question": f"What is said of number {n}?"} for n in range(12)]
        answers = [many.submit(client.post, "/api/ask", json=one) for one in asked]
        wait_until(lambda: any(answer.done() for answer in answers))
        assert not all(answer.done() for answer in answers)
        server.process.send_signal(signal.SIGTERM)
        assert {answer.result().status_code for answer in answers} == {200}
        assert server.process.wait(30) == 0
        assert server.process.stderr
        assert server.process.stderr.read() == ""
        with pytest.raises(httpx.ConnectError):
            client.get("/healthz")


def test_a_new_build_is_answered_from_without_a_failed_request(
    shipped: Settings, tmp_path: Path
) -> None:
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    settings.corpus.mkdir()
    (settings.corpus / "one.md").write_text("---\ncode: A1\ntitle: Bees\n---\n\nBees hum.\n")
    shutil.copytree(shipped.index / "encoder", settings.index / "encoder")
    build_index(settings)
    with (
        serving(settings, "--workers", "1") as server,
        server.client() as client,
        ThreadPoolExecutor(3) as many,
    ):
        ended: list[int] = []

        def ask(number: int) -> int:
            status = 200
            while not ended and status == 200:
                asked = {"query": f"bees {number} {time.monotonic()}"}
                status = client.post("/api/search", json=asked).status_code
            return status

        statuses = [many.submit(ask, number) for number in range(3)]
        (settings.corpus / "two.md").write_text("---\ncode: A2\ntitle: Cats\n---\n\nCats purr.\n")
        places = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
        subprocess.run(
            [sys.executable, "-m", "sessionqa", "index", *places], check=True, capture_output=True
        )
        found = client.post("/api/search", json={"query": "What do cats do?", "k": 1}).json()
        assert found[0]["session_code"] == "A2"
        assert [one["code"] for one in client.get("/api/sessions").json()] == ["A1", "A2"]
        ended.append(1)
        assert [status.result() for status in statuses] == [200] * 3


def test_processes_that_cannot_start_are_not_tried_for_each_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    settings.corpus.mkdir()
    (settings.corpus / "ONE101.md").write_text(
        "---\ncode: ONE101\ntitle: Cells\n---\nA cell is a copy of a workload.\n"
    )
    build_index(settings)
    assistant = Assistant.open(settings)
    # What is open goes on; no other process can open it.
    shutil.rmtree(settings.index)
    pools = []
    new_pool = Answering._new_pool
    monkeypatch.setattr(Answering, "_new_pool", lambda self: pools.append(1) or new_pool(self))
    answering = Answering(assistant, workers=1)
    answers = []

    async def told(question: str) -> None:
        answers.append(await answering.ask(question))

    async def asked(of: str) -> None:
        async with create_task_group() as group:
            for number in range(4):
                group.start_soon(told, f"What is a cell {of} {number}?")

    with ThreadPoolExecutor(1) as thread:
        for of in ("for", "of", "in"):
            thread.submit(anyio.run, asked, of).result()
    answering.close()
    assert len(answers) == 12
    assert len(pools) <= 3
