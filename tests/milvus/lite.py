"""A Milvus Lite in a process of its own, to be stopped, killed and started again."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTS_WITHIN = 30


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class LiteServer:
    """`milvus-lite server` on one port, whose data outlive it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it listens."""
        command = ["server", "--data-dir", str(self._folder / "data"), "--port", str(self.port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "milvus_lite", *command, "--host", "127.0.0.1"],
                stdout=log,
                stderr=log,
            )
        ends = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < ends, (self._folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Has it end by itself."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=30)

    def kill(self) -> None:
        """Ends it in the middle of whatever it does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()


@contextmanager
def served(folder: Path) -> Iterator[LiteServer]:
    """A server that is there for as long as it is wanted."""
    server = LiteServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
