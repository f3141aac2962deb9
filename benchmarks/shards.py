"""A search in many shards, simulated: how long its slowest part takes, by shards and replicas.

A question goes to one replica of each shard, the one with the fewest requests, and is answered when
the slowest shard has answered. A replica has so many workers; what finds all of them busy waits.
`hedged`: a shard that has not answered after the time in which 95% of its answers come is asked
once more, at another replica, and the earlier answer counts; one that still waits in a queue when
its question has been answered is dropped. `all`: every replica of each shard is asked at once.

How long a search takes is drawn from what `--measure` measured: it writes the seconds of the dense
and the lexical arm together, of each question several times, on an index of each size. A question
that takes long does so in every shard: each draws one of that question's own times, in seconds of a
core. With `--times wall` a search waits for other programs as well, as on the machine that was
measured, which others used too: what the clock had more than the core, drawn from all searches,
since that is chance.

    python benchmarks/shards.py --measure --data $SESSIONQA_DATA/scale --cache FOLDER 1e4 1e5
    python benchmarks/shards.py [--times wall]

Nothing is added for the network, nor for merging what the shards have found.
"""

import argparse
import heapq
import itertools
import json
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEASURED = Path(__file__).with_suffix(".json")
SHARDS = (1, 2, 4, 8, 16, 32, 64)
REPLICAS = (1, 2, 3)
UTILISATIONS = (0.3, 0.6, 0.8)
# Of a replica: the cores that deploy/milvus-values.yaml asks for.
WORKERS = 2
PERCENTILES = (50, 95, 99, 99.9)
HEDGED_AT = 95
WARM_UP = 0.1
# What other programs add to a search where there are none.
ALONE: Floats = np.zeros(1)
SEED = 17
# What is measured.
DEPTH = 200
ROUNDS = 4


# The simulation


def responses(
    arrivals: Floats,
    services: Floats,
    replicas: int,
    workers: int,
    hedge_after: float = inf,
    at_once: int = 1,
) -> Floats:
    """How long each question waits for one shard, queues included.

    `arrivals` ascend; `services`, shape (questions, copies), has the seconds that each request of
    a question takes at a replica. `at_once` requests are sent when it comes, and one more
    `hedge_after` seconds later, if none has been answered by then.
    """
    answered = [inf] * len(arrivals)
    first = [-1] * len(arrivals)
    takes = services.tolist()
    free, load = [workers] * replicas, [0] * replicas
    waiting: list[deque[tuple[int, int]]] = [deque() for _ in range(replicas)]
    running: list[tuple[float, int, int]] = []

    def send(now: float, question: int, copy: int, replica: int) -> None:
        load[replica] += 1
        if free[replica]:
            free[replica] -= 1
            heapq.heappush(running, (now + takes[question][copy], question, replica))
        else:
            waiting[replica].append((question, copy))

    def finish() -> None:
        now, question, replica = heapq.heappop(running)
        answered[question] = min(answered[question], now)
        load[replica] -= 1
        queue = waiting[replica]
        while queue:
            following, copy = queue.popleft()
            if answered[following] == inf:
                heapq.heappush(running, (now + takes[following][copy], following, replica))
                return
            load[replica] -= 1
        free[replica] += 1

    for now, question, again in _sent(arrivals, hedge_after):
        while running and running[0][0] <= now:
            finish()
        if again and answered[question] < inf:
            continue
        # Of replicas that are equally busy now one, now the other.
        order = [(question + step) % replicas for step in range(replicas)]
        order.sort(key=load.__getitem__)
        if again:
            order.remove(first[question])
            send(now, question, 1, order[0])
        else:
            first[question] = order[0]
            for copy in range(at_once):
                send(now, question, copy, order[copy])
    while running:
        finish()
    return np.array(answered) - arrivals


def _sent(arrivals: Floats, hedge_after: float) -> Iterator[tuple[float, int, bool]]:
    """When requests of each question may be sent, in order, and whether once more."""
    first = [(now, number, False) for number, now in enumerate(arrivals.tolist())]
    if hedge_after == inf:
        return iter(first)
    return heapq.merge(first, ((now + hedge_after, number, True) for now, number, _ in first))


def slowest(
    times: Floats,
    questions: int,
    utilisation: float,
    shards: int,
    replicas: int,
    workers: int = WORKERS,
    hedge_after: float = inf,
    at_once: int = 1,
    rate: float | None = None,
    chance: Floats = ALONE,
) -> Floats:
    """How long each question takes in the first, the first two, ... of `shards` shards.

    Shape (shards, questions), without those that came while the queues filled. `times`, shape
    (questions that were measured, times of each), are drawn from, and one of `chance` is added to
    each. Questions come at random, so many that one request to each shard takes `utilisation` of
    its workers, or `rate` a second.
    """
    random = np.random.default_rng(SEED)
    rate = rate or utilisation * replicas * workers / float(times.mean() + chance.mean())
    arrivals = np.cumsum(random.exponential(1 / rate, questions))
    drawn = random.integers(0, len(times), questions)
    copies = min(replicas, at_once + (hedge_after < inf))
    worst = np.zeros(questions)
    found = []
    for _ in range(shards):
        column = random.integers(0, times.shape[1], (questions, copies))
        services = times[drawn[:, None], column] + random.choice(chance, column.shape)
        own = responses(arrivals, services, replicas, workers, hedge_after, at_once)
        worst = np.maximum(worst, own)
        found.append(worst[round(WARM_UP * questions) :])
    return np.stack(found)


# What is printed


def setups(utilisation: float) -> list[tuple[int, str]]:
    """The replicas, and how they are asked; all at once only where they have the time for it."""
    found = []
    for replicas in REPLICAS:
        found.append((replicas, "one"))
        if replicas > 1:
            found.append((replicas, "hedged"))
            if utilisation * replicas < 1:
                found.append((replicas, "all"))
    return found


def simulated(
    times: Floats, chance: Floats, questions: int, utilisation: float
) -> Iterator[tuple[str, Floats]]:
    """The heading of each setup, and how long its questions take; see `slowest`."""
    after = inf
    for replicas, how in setups(utilisation):
        given: dict[str, Any] = {"shards": max(SHARDS), "replicas": replicas, "chance": chance}
        if how == "hedged":
            given["hedge_after"] = after
        elif how == "all":
            given["at_once"] = replicas
        found = slowest(times, questions, utilisation, **given)
        if how == "one":
            # Of one shard, in which no question waits for another shard.
            after = float(np.percentile(found[0], HEDGED_AT))
        yield f"{replicas}{'' if how == 'one' else f', {how}'}", found


def table(times: Floats, chance: Floats, questions: int, utilisation: float) -> None:
    columns = dict(simulated(times, chance, questions, utilisation))
    names = " / ".join(f"p{percentile:g}" for percentile in PERCENTILES)
    print(f"\n{utilisation:.0%} of a replica's time is taken; {names}, ms, by replicas\n")
    print("| shards | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for shards in SHARDS:
        cells = [_cell(found[shards - 1]) for found in columns.values()]
        print(f"| {shards} | " + " | ".join(cells) + " |", flush=True)


def _cell(seconds: Floats) -> str:
    return " / ".join(f"{1000 * value:.1f}" for value in np.percentile(seconds, PERCENTILES))


def split(measured: dict[int, Floats], questions: int) -> None:
    """Prints the same passages in one shard, and in several of a smaller size."""
    small, large = min(measured), max(measured)
    parts = round(large / small)
    names = " / ".join(f"p{percentile:g}" for percentile in PERCENTILES)
    print(f"\n{large:,} passages, as many questions a second for both; {names}, ms\n")
    print("| of its time one shard takes | in 1 shard | each of these takes | "
          f"in {parts} shards |\n|---|---|---|---|")  # fmt: skip
    for utilisation in UTILISATIONS:
        rate = utilisation * WORKERS / float(measured[large].mean())
        taken = rate * float(measured[small].mean()) / WORKERS
        one = slowest(measured[large], questions, utilisation, 1, 1)
        many = slowest(measured[small], questions, taken, parts, 1, rate=rate)
        print(f"| {utilisation:.0%} | {_cell(one[0])} | {taken:.0%} | {_cell(many[-1])} |")


# What is measured


def measure(data: Path, cache: Path, sizes: Sequence[int], target: Path) -> None:
    """Writes the seconds of each question's searches in an index of each size, and prints them."""
    from scale import DerivedEncoder, questions_of
    from sessionqa.encode import OnnxEncoder, exported
    from sessionqa.settings import DEFAULT_MODEL

    made: dict[str, Any] = {}
    encoder = OnnxEncoder(exported(DEFAULT_MODEL, cache / "model" / "encoder"))
    derived = DerivedEncoder(encoder, cache)
    asked = questions_of(data)
    vectors = np.stack([encoder.encode_question(text) for text in asked])
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            searches = _indexed(data, derived, size, Path(folder))
            made[f"{size}"] = timed(searches, vectors, asked)
        for kind, rows in made[f"{size}"].items():
            print(f"{size:,} passages, {kind}: p50 / p95 / p99 / p99.9 {_cell(np.array(rows))} ms")
    target.write_text(json.dumps(made) + "\n", encoding="utf-8")


def _indexed(data: Path, derived: Any, size: int, folder: Path) -> Callable[[Any, str], object]:
    """What searches both arms of an index of so many passages, as one in a folder has them."""
    from milvus import passages
    from sessionqa import terms
    from sessionqa.index import dense, lexical

    texts = [text for _, text in passages(data, derived, size)]
    blocks = (derived.encode_passages(texts[at : at + 4096]) for at in range(0, size, 4096))
    dense.write(folder, blocks, size, derived.dim, lambda *_: None)
    lexical.write(folder / "words", enumerate(texts))
    near, words = dense.open_dense(folder), lexical.LexicalArm(folder / "words")

    def search(vector: Any, text: str) -> object:
        return near.search(vector, DEPTH), words.search(terms.asked_stems(text), DEPTH)

    return search


def timed(
    search: Callable[[Any, str], object],
    vectors: Sequence[Any] | NDArray[Any],
    asked: Sequence[str],
) -> dict[str, list[list[float]]]:
    """The seconds of each question's searches, of the clock and of a core, after a warm-up."""
    import faiss

    faiss.omp_set_num_threads(1)
    wall: list[list[float]] = [[] for _ in asked]
    core: list[list[float]] = [[] for _ in asked]
    for turn, number in itertools.product(range(ROUNDS + 1), range(len(asked))):
        before, spent = time.perf_counter(), time.thread_time()
        search(vectors[number], asked[number])
        if turn:
            core[number].append(round(time.thread_time() - spent, 6))
            wall[number].append(round(time.perf_counter() - before, 6))
    return {"wall": wall, "cpu": core}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=float, default=[1e4, 1e5])
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--data", type=Path, help="for --measure: see benchmarks/scale.py")
    parser.add_argument("--cache", type=Path, help="for --measure: see benchmarks/scale.py")
    parser.add_argument("--measured", type=Path, default=MEASURED, metavar="FILE")
    parser.add_argument("--times", choices=("cpu", "wall"), default="cpu")
    parser.add_argument("--questions", type=int, default=20_000)
    given = parser.parse_args()
    if given.measure:
        if not (given.data and given.cache):
            parser.error("--measure wants --data and --cache")
        measure(given.data, given.cache, [round(size) for size in given.sizes], given.measured)
        return
    read = json.loads(given.measured.read_text(encoding="utf-8"))
    measured = {int(size): np.array(kinds["cpu"]) for size, kinds in read.items()}
    size = max(measured)
    times, wall = measured[size], np.array(read[f"{size}"]["wall"])
    chance = np.maximum(wall - times, 0).ravel() if given.times == "wall" else ALONE
    print(
        f"{given.questions:,} questions, shards of {size:,} passages, {WORKERS} workers a replica."
        f"\n{times.size:,} searches took {_cell(times)} ms of a core (p50 / p95 / p99 / p99.9),\n"
        f"and waited {_cell(chance)} ms for other programs"
    )
    for utilisation in UTILISATIONS:
        table(times, chance, given.questions, utilisation)
    if given.times == "cpu":
        split(measured, given.questions)


if __name__ == "__main__":
    main()
