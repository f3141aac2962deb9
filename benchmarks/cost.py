"""What an index of 10 million or a billion passages takes: bytes, hours, cores and money.

A model on paper. Every number that it starts from stands in one table below, each with the command
that prints it or with where it was published; those of Milvus are of what our schema writes and of
FAISS, since no Milvus was there. Prices are examples, to be replaced by your own.

    python benchmarks/cost.py [--questions 50] [--replicas 2] [--core-hour 0.0408] ...
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log10

SIZES = (10_000_000, 1_000_000_000)
SEGMENTS = (1, 4, 16)

ROWS = "`python benchmarks/row_bytes.py --data ... --passages 1e4`"
SHIPPED = "`python benchmarks/row_bytes.py`"
MILLION = "`python benchmarks/scale.py 1e6`, docs/performance.md"
CLUSTERS = "`python benchmarks/clusters.py`, docs/decisions/0018"
ENCODING = "`python benchmarks/encode.py`, mixed texts, two cores of a Xeon, docs/performance.md"
SBERT = "published, not measured: sentence-transformers' table of pretrained models, one V100"


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, and where it comes from."""

    value: float
    what: str
    source: str


CONSTANTS = {
    "vector": Constant(1_536, "bytes of a vector that is searched", ROWS),
    "graph": Constant(208, "bytes that HNSW's graph adds to it", ROWS),
    "bm25": Constant(214, "bytes of a passage's words and their weights", ROWS),
    "fields": Constant(459, "bytes of a passage's key, fields and stems", ROWS),
    "records": Constant(3_212, "bytes of texts, counts, words and the vector once more", ROWS),
    "sentences": Constant(5_649, "bytes of its sentences' vectors in records, base64", ROWS),
    "tokens": Constant(8_185, "bytes of its tokens' vectors in records, base64", ROWS),
    "folder": Constant(2_500, "bytes in a folder, all but tokens and sentences", MILLION),
    "folder tokens": Constant(6_100, "bytes in a folder of its tokens' vectors", MILLION),
    "folder codes": Constant(70, "bytes of memory of its code, to search a folder", CLUSTERS),
    "folder build": Constant(3_440, "bytes of memory to build a folder, at most", MILLION),
    "pieces": Constant(98.6, "word pieces of a passage", ROWS),
    "sentence pieces": Constant(18.3, "word pieces of a sentence", ROWS),
    "with sentences": Constant(2.37, "times the encoding, with the sentences'", ROWS),
    "fp32": Constant(17.8, "passages a second of a core", ENCODING),
    "bf16": Constant(35.6, "passages a second of a core", ENCODING),
    "gpu": Constant(14_200, "sentences a second of a GPU, of what length is not said", SBERT),
    "small": Constant(
        3.8, "ms of a core to search 100,000 passages", "`shards.py --measure`, mean"
    ),
    "large": Constant(14.2, "ms to search 988,373: 9.7 and 4.5", MILLION),
    "answer": Constant(20, "ms of a core of an answer beside the search", SHIPPED),
}


def of(name: str) -> float:
    return CONSTANTS[name].value


# The model


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of index. `vectors` are searched in memory; `rows` are kept in memory or mapped."""

    name: str
    vectors: float
    rows: float
    disk: float
    sentences: bool


def kinds() -> Iterator[Kind]:
    yield Kind(
        "a folder, with tokens",
        of("folder codes"),
        0,
        of("folder") + of("folder tokens"),
        False,
    )
    searched = of("vector") + of("graph") + of("bm25")
    for name, with_tokens, with_sentences in (
        ("Milvus, tokens and sentences", True, True),
        ("Milvus, tokens", True, False),
        ("Milvus, neither", False, False),
    ):
        rows = of("fields") + of("records")
        rows += with_tokens * of("tokens") + with_sentences * of("sentences")
        yield Kind(name, searched, rows, rows + searched + of("vector"), with_sentences)


def gpu_passages() -> float:
    """Passages a second, if the published sentences are as long as ours."""
    return of("gpu") * of("sentence pieces") / of("pieces")


def search_ms(passages: float) -> float:
    """The ms of a core that one index of so many passages takes, between those measured.

    It grows as the logarithm, and below the smaller one is that of it.
    """
    grown = log10(max(passages, 1e5) / 1e5) / log10(988_373 / 1e5)
    return of("small") + (of("large") - of("small")) * grown


def segments(passages: int, gigabytes: float) -> tuple[int, float]:
    """How many segments passages are in, and what a question takes of a core in all of them."""
    row = of("vector") + of("bm25") + of("fields")
    held = gigabytes * 2**30 / row
    count = -int(-passages // held)
    return count, count * search_ms(passages / count)


@dataclass(frozen=True, slots=True)
class Given:
    """What may be set: prices, and what is asked of the system."""

    questions: float
    replicas: int
    segment: float
    busy: float
    filled: float
    core_gib: float
    core_hour: float
    gpu_hour: float
    ssd: float
    store: float

    def busy_cores(self, ms: float) -> float:
        """The cores that all questions take, each so many ms of one."""
        return self.questions * ms / 1000 / self.busy

    def holding_cores(self, memory: float) -> float:
        """The cores whose memory holds so many bytes, in all replicas."""
        return self.replicas * memory / (self.core_gib * 2**30 * self.filled)


HOURS = 730
# No machine is taken to have more.
MOST_MEMORY = 1e12


def folder_month(kind: Kind, passages: int, given: Given) -> tuple[float, float] | None:
    """The cores of machines that each have a copy, and the money of a month for them.

    None where no machine could build it.
    """
    if passages * of("folder build") > MOST_MEMORY:
        return None
    cores = given.busy_cores(search_ms(passages) + of("answer"))
    cores = max(cores, given.holding_cores(passages * kind.vectors))
    disks = given.replicas * passages * kind.disk * given.ssd / 1e9
    return cores, cores * given.core_hour * HOURS + disks


def milvus_month(kind: Kind, passages: int, given: Given, mapped: bool) -> tuple[float, float]:
    """The cores of query nodes and of what answers; the money for them, disks and the store."""
    memory = passages * (kind.vectors + (0 if mapped else kind.rows))
    _, spent = segments(passages, given.segment)
    cores = max(given.holding_cores(memory), given.busy_cores(spent))
    cores += given.busy_cores(of("answer"))
    disks = passages * kind.rows * given.replicas * mapped * given.ssd / 1e9
    kept = passages * kind.disk * given.store / 1e9
    return cores, cores * given.core_hour * HOURS + disks + kept


# What is printed


def constants() -> None:
    rows = [[name, f"{one.value:,g}", one.what, one.source] for name, one in CONSTANTS.items()]
    table("What it starts from", ["", "", "what", "where it is from"], rows)


def bytes_of() -> None:
    rows = [
        [kind.name, f"{kind.vectors:,.0f}", f"{kind.rows:,.0f}", f"{kind.disk:,.0f}"]
        for kind in kinds()
    ]
    heads = ["a passage, bytes", "searched, in memory", "rows, in memory or mapped", "stored"]
    table("Bytes", heads, rows)


def totals(given: Given) -> None:
    rows = []
    for passages in SIZES:
        for kind in kinds():
            stored, memory = _bytes(passages * kind.disk), _bytes(passages * kind.vectors)
            if kind.rows:
                both: list[tuple[float, float] | None] = [
                    milvus_month(kind, passages, given, mapped) for mapped in (True, False)
                ]
                held = _bytes(passages * (kind.vectors + kind.rows))
            else:
                both = [folder_month(kind, passages, given), None]
                held = f"{_bytes(passages * of('folder build'))} to build"
            shown = [f"{one[0]:,.0f}, ${one[1]:,.0f}" if one else "" for one in both]
            rows.append([f"{passages:,}", kind.name, stored, memory, shown[0], held, shown[1]])
    heads = ["passages", "index", "stored", "memory, rows mapped", "cores, $ a month"]
    heads += ["memory, rows in it", "cores, $ a month"]
    what = f"{given.replicas} replicas, {given.questions:g} questions a second, "
    table(f"{what}segments of {given.segment:g} GB; memory of one replica", heads, rows)


def encoding(given: Given) -> None:
    ways: list[tuple[str, Callable[[], float], float]] = [
        ("a core, fp32", lambda: of("fp32"), given.core_hour),
        ("a core, bf16", lambda: of("bf16"), given.core_hour),
        ("a GPU, by the published figure", gpu_passages, given.gpu_hour),
    ]
    rows = []
    for name, speed, price in ways:
        cells = [name, f"{speed():,.0f}"]
        for passages in SIZES:
            for times in (1.0, of("with sentences")):
                hours = passages * times / speed() / 3600
                cells.append(f"{hours:,.0f} h, ${hours * price:,.0f}")
        rows.append(cells)
    heads = [f"{size:,}{more}" for size in SIZES for more in ("", ", with sentences")]
    table("Encoding once", ["on", "passages/s", *heads], rows)


def asking(given: Given) -> None:
    rows = []
    for passages in SIZES:
        for gigabytes in SEGMENTS:
            count, spent = segments(passages, gigabytes)
            rows.append(
                [
                    f"{passages:,}",
                    f"{gigabytes} GB",
                    f"{count:,}",
                    f"{search_ms(passages / count):.1f}",
                    f"{spent:,.0f}",
                    f"{1000 / spent:,.2f}",
                    f"{given.busy_cores(spent):,.0f}",
                ]
            )
    heads = ["passages", "segments of", "segments", "ms of a core in each", "in all"]
    heads += ["questions/s of a core", f"cores for {given.questions:g} a second"]
    table("Searching, without memory's bounds", heads, rows)
    print(
        f"\nBeside the search an answer takes {of('answer'):.0f} ms of a core where it is made: "
        f"{given.busy_cores(of('answer')):.1f} cores for {given.questions:g} a second."
    )


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _bytes(count: float) -> str:
    return f"{count / 1e12:,.1f} TB" if count >= 1e12 else f"{count / 1e9:,.1f} GB"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def number(name: str, default: float, what: str) -> None:
        parser.add_argument(name, type=float, default=default, help=f"{what}; {default:g}")

    number("--questions", 50, "a second, in all")
    parser.add_argument("--replicas", type=int, default=2, help="of everything searched; 2")
    number("--segment", 1, "gigabytes of a segment of Milvus's, whose default is 1")
    number("--busy", 0.6, "the share of its time that a core may be taken: see shards.py")
    number("--filled", 0.7, "the share of its memory that a node may fill; an assumption")
    number("--core-gib", 4, "GiB of memory that come with a core")
    # Linux on demand in us-east-1 in June 2026, as published on 17 June 2026 by FactualMinds.
    number("--core-hour", 0.0408, "$; example: half an m7g.large of AWS's, June 2026")
    number("--gpu-hour", 1.006, "$; example: a g5.xlarge (A10G) of AWS's, June 2026")
    number("--ssd", 0.08, "$ for a GB and month of disk; example: AWS's gp3, of older lists")
    number("--store", 0.023, "$ for a GB and month of objects; example: AWS's S3, July 2022")
    given = Given(**vars(parser.parse_args()))
    constants()
    bytes_of()
    totals(given)
    encoding(given)
    asking(given)


if __name__ == "__main__":
    main()
