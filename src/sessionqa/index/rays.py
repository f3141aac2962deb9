"""The Ray to which a build gives its work: one of this machine, or one that is there already."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from sessionqa import installed
from sessionqa.errors import ClusterError, ModuleMissing, OutgoingRefused, UsageError
from sessionqa.index.cut import Report
from sessionqa.offline import is_here
from sessionqa.settings import Settings
from sessionqa.threads import usable_cores

PACKAGES = {"ray": "ray", "pandas": "pandas", "pyarrow": "pyarrow"}
CLIENT = "ray://"
CONNECT_SECONDS = 5.0
# What a client of HTTP/2 says first, with settings that change nothing.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
# Ray would tell its makers of its use, and its user of each death that it mends itself.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# A Ray of our own listens on this machine's loopback alone; another is there, or is not.
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_WITH_OTHERS = {"RAY_NUM_REDIS_GET_RETRIES": "1"}


@contextmanager
def connected(address: str, settings: Settings, report: Report) -> Iterator[None]:
    """Is in the Ray at `address` meanwhile, else in one of this machine, which ends with it.

    A process that is in a Ray already stays in that. Whatever Ray prints meanwhile is dropped.
    Raises ModuleMissing, UsageError or OutgoingRefused for an address that is none or that
    `offline` forbids, and ClusterError if no Ray is there.
    """
    if missing := installed.lacking(PACKAGES):
        raise ModuleMissing(
            "to build an index with Ray takes packages that are not installed "
            f"({', '.join(missing)}): run `pip install 'sessionqa[ray]'`"
        )
    _check(address, settings)
    report("connecting to Ray" if address else "starting Ray", 0, 1)
    os.environ.update(_QUIET | (_WITH_OTHERS if address else _ALONE))
    import ray
    import ray.data

    with _silence():
        begun = not ray.is_initialized()
        try:
            if begun:
                with _without_stderr():
                    _begin(address)
            if settings.offline:
                _checknodes()
            yield
        finally:
            if begun:
                # One that others began goes on: this only leaves it.
                ray.shutdown()


def _check(address: str, settings: Settings) -> None:
    """Raises if nothing can be, or must not be, at the address; Ray would try for minutes."""
    if address in {"", "auto"}:
        return
    host, colon, port = address.removeprefix(CLIENT).rpartition(":")
    host = host.strip("[]")
    if not (host and colon and port.isascii() and port.isdigit()):
        raise UsageError(
            f"{address} is no address of a Ray: give HOST:PORT (6379 by default), "
            "ray://HOST:PORT (10001), auto for the one that runs on this machine, or none"
        )
    if settings.offline and not is_here(host):
        raise _refused(host)
    try:
        _greet(host, int(port))
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _greet(host: str, port: int) -> None:
    """Raises OSError where nothing is, or a server that does not speak gRPC as Ray's do."""
    with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as server:
        server.sendall(GREETING)
        answer = server.recv(9)
    # The fourth byte of a frame tells its type, that of the first is SETTINGS; with `RAY_USE_TLS`
    # it is an alert that comes.
    if answer[3:4] != b"\x04" and answer[:1] != b"\x15":
        raise ConnectionError("something else answers")


def _begin(address: str) -> None:
    import ray

    try:
        ray.init(
            address=address or "local",
            num_cpus=None if address else usable_cores(),
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    except Exception as error:  # Ray, its client and gRPC each raise their own
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> ClusterError:
    if not address:
        return ClusterError(
            f"Ray cannot be started on this machine ({reason(error)}): see what is in "
            "/tmp/ray/session_latest/logs, or build without --ray"
        )
    if address == "auto":
        return ClusterError(
            f"no Ray can be found from this machine ({reason(error)}): start one (`ray start "
            "--head`), give its address, or none, for a Ray that ends with this build"
        )
    return ClusterError(
        f"no Ray answers at {address} ({reason(error)}): see that `ray status` tells of it there, "
        "that its port can be reached, and that RAY_AUTH_MODE=token is set if it wants a token; or "
        "give no address, for a Ray of this machine alone"
    )


def _refused(host: str) -> OutgoingRefused:
    return OutgoingRefused(
        f"{host} was to be given texts to encode, and `offline` is set: leave `offline` out to "
        "allow it, or the address, for a Ray of this machine alone"
    )


def _checknodes() -> None:
    """Raises OutgoingRefused if machines other than this one belong to the Ray."""
    import ray

    here = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    for node in nodes():
        if node["NodeManagerAddress"] != here and not is_here(node["NodeManagerAddress"]):
            raise _refused(node["NodeManagerAddress"])


def nodes() -> list[dict[str, Any]]:
    """What Ray tells of each of its machines that is there."""
    import ray

    every: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in every if node["Alive"]]


@contextmanager
def _silence() -> Iterator[None]:
    """Drops what Ray prints: it goes to stdout, where our result is to stand."""
    handlers = logging.getLogger("ray.data").handlers
    shown = [one for one in handlers if isinstance(one, logging.StreamHandler)]
    levels = [handler.level for handler in shown]
    for handler in shown:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield
    finally:
        for handler, level in zip(shown, levels, strict=True):
            handler.setLevel(level)


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Drops what code that is not Python prints: at its start Ray tells how much it will tell."""
    kept = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def reason(error: BaseException) -> str:
    """The line of Ray's message that tells most: a call stack's last, or else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return (lines[-1] if "Traceback" in str(error) or "::" in lines[0] else lines[0])[:300]
