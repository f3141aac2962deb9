"""Batches of sessions -> what the workers of a Ray make of them: docs/decisions/0026.

Ray Data holds a pool of actors, each a process with one encoder. It restarts those that die, gives
what they left unfinished to others, and holds back what nobody has fetched yet.
"""

import logging
import os
import pickle
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sessionqa import __version__, exports, installed, models
from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.errors import (
    ClusterError,
    IndexUnusable,
    ModuleMissing,
    OutgoingRefused,
    SessionQAError,
    UsageError,
    first_line,
)
from sessionqa.index.builds import ENCODERS
from sessionqa.index.cut import Report
from sessionqa.offline import is_here
from sessionqa.settings import SECRETS, Settings
from sessionqa.threads import usable_cores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A session and its place in the corpus.
Placed = tuple[int, Session]
Batch = Sequence[Placed]
Made = TypeVar("Made")
Work = Callable[[Encoder, Batch], Made]

PACKAGES = {"ray": "ray", "pandas": "pandas", "pyarrow": "pyarrow"}
CLIENT = "ray://"
# What a worker has done since its last result is lost with it: some seconds of work.
BATCH_CHARACTERS = 20_000
# A worker has so many batches at hand, of which it works on one.
AT_HAND = 2
# So many workers begin a batch, each after the one before has died. A batch that kills all of them,
# for want of memory say, must not do so for ever.
MOST_TRIES = 5
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


def batches(sessions: Sequence[Placed]) -> list[list[Placed]]:
    """The sessions in their order, in batches of about BATCH_CHARACTERS of text."""
    cut: list[list[Placed]] = []
    room = 0
    for placed in sessions:
        if room <= 0:
            cut.append([])
            room = BATCH_CHARACTERS
        cut[-1].append(placed)
        room -= len(placed[1].text)
    return cut


@contextmanager
def connected(address: str, settings: Settings, report: Report) -> Iterator["Workers"]:
    """The workers of the Ray at `address`, else of one of this machine, which ends with it.

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
                _check_nodes()
            yield Workers(settings)
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
            f"Ray cannot be started on this machine ({_reason(error)}): see what is in "
            "/tmp/ray/session_latest/logs, or build without --ray"
        )
    if address == "auto":
        return ClusterError(
            f"no Ray can be found from this machine ({_reason(error)}): start one (`ray start "
            "--head`), give its address, or none, for a Ray that ends with this build"
        )
    return ClusterError(
        f"no Ray answers at {address} ({_reason(error)}): see that `ray status` tells of it there, "
        "that its port can be reached, and that RAY_AUTH_MODE=token is set if it wants a token; or "
        "give no address, for a Ray of this machine alone"
    )


def _refused(host: str) -> OutgoingRefused:
    return OutgoingRefused(
        f"{host} was to be given texts to encode, and `offline` is set: leave `offline` out to "
        "allow it, or the address, for a Ray of this machine alone"
    )


def _check_nodes() -> None:
    """Raises OutgoingRefused if machines other than this one belong to the Ray."""
    import ray

    here = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    for node in _nodes():
        if node["NodeManagerAddress"] != here and not is_here(node["NodeManagerAddress"]):
            raise _refused(node["NodeManagerAddress"])


def _nodes() -> list[dict[str, Any]]:
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"]]


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


class Workers:
    """The workers of a Ray with which this process is connected."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.with_(
            threads=settings.ray_threads, **dict.fromkeys([*SECRETS, "user"], "")
        )

    @property
    def settings(self) -> Settings:
        """The settings as workers may have them: without what opens a server."""
        return self._settings

    def run(self, encoder: Encoder, cut: Sequence[Batch], work: Work[Made]) -> Iterator[Made]:
        """What `work` makes of each batch, as it is done, in any order.

        Each worker opens an encoder that gives the same vectors as `encoder`. `work` is pickled,
        and may see a batch twice, if a worker dies. Raises what `work` does, if that is a
        SessionQAError; IndexUnusable for what else it raises, naming the session; ClusterError if
        the workers cannot go on. What was yielded before is whole.
        """
        if not cut:
            return
        for done in self._done(encoder, cut, work):
            outcome = pickle.loads(done)
            if isinstance(outcome, _Failed):
                raise outcome.error
            yield outcome.made

    def _done(self, encoder: Encoder, cut: Sequence[Batch], work: Work[Any]) -> Iterator[bytes]:
        """The outcome of each batch, pickled."""
        import ray
        from ray.data import ActorPoolStrategy, DataContext, from_items

        count, gpus = self._count(encoder)
        context = DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        # A worker may be killed before it has begun as well.
        context.max_consecutive_actor_init_deaths = MOST_TRIES
        try:
            lasting = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
            tries = lasting(_Tries).remote(MOST_TRIES)
            opening = _Opening.of(encoder, self._settings)
            with DataContext.current(context):
                rows = [{"batch": pickle.dumps((at, batch))} for at, batch in enumerate(cut)]
                given = from_items(rows, override_num_blocks=len(rows))
                # Ray has them now.
                del rows
                made = given.map_batches(
                    _Worker,
                    fn_constructor_args=(opening, work, tries),
                    batch_size=1,
                    compute=ActorPoolStrategy(
                        min_size=1,
                        max_size=count,
                        initial_size=count,
                        max_tasks_in_flight_per_actor=AT_HAND,
                    ),
                    num_cpus=self._settings.threads,
                    num_gpus=gpus,
                )
            for row in made.iter_rows():
                yield row["made"]
        except Exception as error:  # Ray, Ray Data, Arrow and gRPC each raise their own
            raise ClusterError(
                f"the workers of Ray cannot go on ({_reason(error)}): see their logs (`ray logs`), "
                "and run the same again, which goes on from what they had done"
            ) from error

    def _count(self, encoder: Encoder) -> tuple[int, int]:
        """How many workers there is room for, and the GPUs that each takes."""
        machines = [node["Resources"] for node in _nodes()]
        gpus = int(sum(machine.get("GPU", 0) for machine in machines))
        if encoder.backend == "sentence-transformers" and gpus:
            return gpus, 1
        count = sum(int(machine.get("CPU", 0) // self._settings.threads) for machine in machines)
        if not count:
            raise ClusterError(
                f"no machine of the Ray has {self._settings.threads} processors, which "
                "`ray_threads` asks for each worker: set it lower, or add a machine"
            )
        return count, 0


@dataclass(frozen=True, slots=True)
class _Opening:
    """What a worker needs to open the same encoder as the process that asks for its work."""

    version: str
    settings: Settings
    fingerprint: str
    export: Any  # a reference to the files of an export by their names; None without one

    @classmethod
    def of(cls, encoder: Encoder, settings: Settings) -> "_Opening":
        import ray

        export = None
        if encoder.backend == "onnx":
            folder = settings.index / ENCODERS / encoder.fingerprint
            export = ray.put(exports.files_of(folder))
        return cls(__version__, settings, encoder.fingerprint, export)

    def encoder(self) -> Encoder:
        """Raises SessionQAError, where it is run, if it cannot be had there."""
        if self.version != __version__:
            raise ClusterError(
                f"it has sessionqa {__version__}, and this machine {self.version}: install the "
                "same on both"
            )
        if self.export is None:
            encoder = models.torch_encoder(self.settings)
            if encoder.fingerprint != self.fingerprint:
                raise ClusterError(
                    f"it has other weights of {self.settings.model} than this machine: bring both "
                    "to the same"
                )
            return encoder
        import ray

        folder = exports.received("encoder", self.fingerprint, lambda: ray.get(self.export))
        return models.onnx_encoder(folder, self.settings)


class _Tries:
    """Counts how many workers have begun each batch; it outlives them."""

    def __init__(self, most: int) -> None:
        self._begun: Counter[int] = Counter()
        self._most = most

    def may_begin(self, number: int) -> bool:
        """Whether one more may."""
        self._begun[number] += 1
        return self._begun[number] <= self._most


@dataclass(frozen=True, slots=True)
class _Done(Generic[Made]):
    made: Made


@dataclass(frozen=True, slots=True)
class _Failed:
    error: SessionQAError


class _Worker:
    """One encoder, and what is done with it, in a process of its own.

    Errors are results: Ray would tell of those that are raised with the call stacks of all the
    processes that they pass through.
    """

    def __init__(self, opening: _Opening, work: Work[Any], tries: Any) -> None:
        self._work = work
        self._opening = opening
        self._tries = tries
        self._encoder: Encoder | None = None

    def __call__(self, rows: "dict[str, NDArray[np.object_]]") -> dict[str, list[bytes]]:
        return {"made": [pickle.dumps(self._outcome(*pickle.loads(row))) for row in rows["batch"]]}

    def _outcome(self, number: int, batch: Batch) -> _Done[Any] | _Failed:
        import ray

        if not ray.get(self._tries.may_begin.remote(number)):
            return _Failed(
                ClusterError(
                    f"worker after worker died as it worked on {_named(batch)}: see their logs "
                    "(`ray logs`), give them more memory if that is what they lacked, and run the "
                    "same again, which goes on from what was done"
                )
            )
        try:
            encoder = self._encoder = self._encoder or self._opening.encoder()
        except Exception as error:  # each library has errors of its own
            return _Failed(
                ClusterError(f"the worker on {socket.gethostname()} has no encoder: {error}")
            )
        try:
            return _Done(self._work(encoder, batch))
        except SessionQAError as error:
            return _Failed(error)
        except Exception as error:  # whatever a text may bring about
            return _Failed(self._blamed(encoder, batch, error))

    def _blamed(self, encoder: Encoder, batch: Batch, error: Exception) -> SessionQAError:
        """What to say of an error, with the session that brings it about when it is alone."""
        for placed in batch:
            try:
                self._work(encoder, [placed])
            except Exception as own:  # as above
                return IndexUnusable(
                    f"{placed[1].path or placed[1].code} cannot be cut or encoded "
                    f"({type(own).__name__}: {first_line(own)}): mend or remove it, and run the "
                    "same again, which goes on from what was done"
                )
        return ClusterError(
            f"a worker could not encode {_named(batch)} ({type(error).__name__}: "
            f"{first_line(error)}), and each alone it could: run the same again"
        )


def _named(batch: Batch) -> str:
    codes = [session.code for _, session in batch]
    return codes[0] if len(codes) == 1 else f"{codes[0]} to {codes[-1]} ({len(codes)} sessions)"


def _reason(error: BaseException) -> str:
    """The line of Ray's message that tells most: a call stack's last, or else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return (lines[-1] if "Traceback" in str(error) or "::" in lines[0] else lines[0])[:300]
