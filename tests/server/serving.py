"""`sessionqa serve` in a process of its own, on a free port."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from sessionqa import Settings

# What a busy machine may need for a step that is done at once on an idle one.
PATIENCE_SECONDS = 60


@dataclass
class Served:
    url: str
    process: subprocess.Popen[str]

    def client(self, **given: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS, **given)  # type: ignore[arg-type]


@contextmanager
def serving(
    settings: Settings, *options: str, host: str = "127.0.0.1", **environ: str
) -> Iterator[Served]:
    """The server, from when it answers; its settings are in `options` or the environment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    places = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
    listen = ["--host", host, "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "sessionqa", "serve", *listen, *places, *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SESSIONQA_HOME": str(settings.index.parent), **environ},
    )
    try:
        assert process.stderr
        said = process.stderr.readline()
        assert "is at http" in said, said + process.stderr.read()
        yield Served(f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()


def wait_until(there: Callable[[], bool], seconds: float = 30) -> None:
    """Returns once `there` says so; fails if it takes too long."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)
