"""Batches of sessions -> what the workers of a Ray make of them: docs/decisions/0026.

Ray Data holds a pool of actors, each a process with one encoder. It restarts those that die, gives
what they left unfinished to others, and holds back what nobody has fetched yet.
"""

import pickle
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sessionqa import __version__, exports, models
from sessionqa.encode import Encoder
from sessionqa.errors import ClusterError, IndexUnusable, SessionQAError, first_line
from sessionqa.index.cut import Placed, Report
from sessionqa.index.rays import connected, nodes, reason
from sessionqa.settings import SECRETS, Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Batch = Sequence[Placed]
Made = TypeVar("Made")
Work = Callable[[Encoder, Batch], Made]

# What a worker has done since its last result is lost with it: some seconds of work.
BATCH_CHARACTERS = 20_000
# A worker has so many batches at hand, of which it works on one.
AT_HAND = 2
# So many workers begin a batch, each after the one before has died. A batch that kills all of them,
# for want of memory say, must not do so for ever.
MOST_TRIES = 5


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
def workers_of(address: str, settings: Settings, report: Report) -> Iterator["Workers"]:
    """The workers of a Ray. Raises as `rays.connected` does, and is in that Ray as long."""
    with connected(address, settings, report):
        yield Workers(settings)


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

        room, gpus = self._count(encoder)
        count = min(room, len(cut))
        context = DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        # A worker may be killed before it has begun as well.
        context.max_consecutive_actor_init_deaths = MOST_TRIES
        try:
            lasting = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
            tries = lasting(_Tries).remote(MOST_TRIES)
            opening = Opening.of(encoder, self._settings)
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
                f"the workers of Ray cannot go on ({reason(error)}): see their logs (`ray logs`), "
                "and run the same again, which goes on from what they had done"
            ) from error

    def _count(self, encoder: Encoder) -> tuple[int, int]:
        """How many workers there is room for, and the GPUs that each takes."""
        machines = [node["Resources"] for node in nodes()]
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
class Opening:
    """What a worker needs to open the same encoder as the process that asks for its work."""

    version: str
    settings: Settings
    fingerprint: str
    export: Any  # a reference to the files of an export by their names; None without one

    @classmethod
    def of(cls, encoder: Encoder, settings: Settings) -> "Opening":
        """What gives this encoder, whose export is put where workers can fetch it."""
        import ray

        export = None
        if encoder.backend == "onnx":
            folder = models.shelf(settings, "encoder") / encoder.fingerprint
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

    def __init__(self, opening: Opening, work: Work[Any], tries: Any) -> None:
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
