"""How much faster two workers of a Ray encode a corpus than one, each with one thread.

The sessions of the corpus, again and again under other titles, are cut and encoded as `sessionqa
index --ray` has it done: by one raylet of one processor, then by two such, for some rounds; and
without Ray by two threads of one process. Each run is timed from its start, that of the workers
included, and from its first result on; the ratio of the latter two is asked to be FLOOR or more.

    python benchmarks/spread.py [--copies 12] [--rounds 2]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sessionqa.corpus import read_corpus
from sessionqa.datatypes import Session
from sessionqa.encode import Encoder
from sessionqa.index.ahead import encode_ahead
from sessionqa.index.cut import cut
from sessionqa.index.encoding import sentence_inputs
from sessionqa.index.spread import workers_of
from sessionqa.models import encoder_for_building
from sessionqa.settings import Settings, included_corpus
from sessionqa.terminal import positive

FLOOR = 1.7


class Speed(NamedTuple):
    """Texts a second: of the whole run, and from its first result on."""

    whole: float
    going: float

    def __str__(self) -> str:
        return f"{self.whole:8.1f} texts/s, {self.going:8.1f} once the first was done"


def copies(sessions: Sequence[Session], count: int) -> Iterator[Session]:
    """As many sessions as `count` times, no text of which the encoder reads twice."""
    for number in range(count):
        for session in sessions:
            code, title = f"{session.code}-{number}", f"{session.title}, {number}"
            yield replace(session, code=code, title=title, sha256=f"{number}{session.sha256}")


def texts_of(sessions: Sequence[Session], encoder: Encoder, settings: Settings) -> int:
    made = cut(sessions, encoder, settings, {}, silent)
    return len({*made.passage_inputs, *sentence_inputs(sessions, made, encoder)})


def silent(stage: str, done: int, of: int) -> None:
    """Reports nothing."""


def by_ray(
    address: str, sessions: Sequence[Session], encoder: Encoder, settings: Settings
) -> Speed:
    steps: list[tuple[float, int]] = []
    started = time.perf_counter()

    def report(stage: str, done: int, of: int) -> None:
        if done:
            steps.append((time.perf_counter(), done))

    with (
        tempfile.TemporaryDirectory() as folder,
        workers_of(address, settings, silent) as workers,
    ):
        encode_ahead(workers, Path(folder), sessions, encoder, {}, None, report)
    (first, done), (last, of) = steps[0], steps[-1]
    each = texts_of(sessions, encoder, settings) / of
    return Speed(of * each / (last - started), (of - done) * each / (last - first))


def alone(sessions: Sequence[Session], encoder: Encoder, settings: Settings) -> float:
    """Texts a second without Ray, by the encoder's threads."""
    started = time.perf_counter()
    made = cut(sessions, encoder, settings, {}, silent)
    texts = list(dict.fromkeys(made.passage_inputs))
    encoder.encode_with_tokens(texts)
    sentences = list(dict.fromkeys(sentence_inputs(sessions, made, encoder)))
    encoder.encode_passages(sentences)
    return (len(texts) + len(sentences)) / (time.perf_counter() - started)


def measured(rounds: int, run: Callable[[str], Speed]) -> tuple[list[Speed], list[Speed]]:
    """The speeds of one worker and of two, in turn."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    one, two = [], []
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        for _ in range(rounds):
            one.append(run(cluster.address))
            print("one worker ", one[-1], f" load {os.getloadavg()[0]:.1f}", flush=True)
            node = cluster.add_node(num_cpus=1)
            cluster.wait_for_nodes()
            two.append(run(cluster.address))
            print("two workers", two[-1], f" load {os.getloadavg()[0]:.1f}", flush=True)
            cluster.remove_node(node)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
    return one, two


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=positive, default=12, metavar="N")
    parser.add_argument("--rounds", type=positive, default=2, metavar="N")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus=included_corpus(), index=Path(folder) / "index", threads=2)
        encoder = encoder_for_building(settings, silent)
        sessions = list(copies(read_corpus(settings.corpus), arguments.copies))
        print(f"{texts_of(sessions, encoder, settings):,} texts of {len(sessions):,} sessions")
        local = alone(sessions, encoder, settings)
        print(f"without Ray  {local:.1f} texts/s by two threads  load {os.getloadavg()[0]:.1f}")
        one, two = measured(
            arguments.rounds, lambda address: by_ray(address, sessions, encoder, settings)
        )
    whole = statistics.median(b.whole / a.whole for a, b in zip(one, two, strict=True))
    going = statistics.median(b.going / a.going for a, b in zip(one, two, strict=True))
    share = statistics.median(speed.going for speed in two) / local
    print(f"two workers to one: {going:.2f} ({whole:.2f} with their start); floor {FLOOR}")
    print(f"two workers to two threads without Ray: {share:.2f}")
    return 0 if going >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
