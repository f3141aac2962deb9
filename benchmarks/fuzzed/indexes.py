"""An index with a file of it damaged, and the command line over a whole one."""

import contextlib
import io
import json
import os
import re
import shutil
import tempfile
from functools import lru_cache, partial
from pathlib import Path

from fuzzed import Broken, Target
from sessionqa import Settings, build_index
from sessionqa.cli import main
from sessionqa.exports import sha256_of
from sessionqa.index import builds
from sessionqa.index.local import LocalIndex

CORPUS = Path(__file__).parents[2] / "tests" / "corpora" / "bakery"
# They serve, wait, or ask another machine; or take long, like a build that is not only looked at.
_NOT_TRIED = re.compile(r"chat|serve|mcp|--(?:wa\w*|ll\w*|allow\S*)(?:=.*)?|.*://.*", re.DOTALL)
_ELSEWHERE = re.compile(r"(?:^|=|\s)/|\.\.|\\")


@lru_cache(maxsize=1)
def home() -> Path:
    """A folder with a small corpus and its index, made once."""
    folder = Path(tempfile.mkdtemp(prefix="sessionqa-fuzz-"))
    shutil.copytree(CORPUS, folder / "corpus")
    build_index(Settings(corpus=folder / "corpus", index=folder / "index"))
    return folder


def manifest(data: bytes, folder: Path) -> None:
    """The manifest of a build, alone."""
    (folder / builds.MANIFEST).write_bytes(data)
    builds.read_manifest(folder)


def current(data: bytes, folder: Path) -> None:
    """The file that names the live build."""
    index = folder / "index"
    shutil.copytree(home() / "index", index, copy_function=os.link)
    (index / builds.CURRENT).unlink()
    (index / builds.CURRENT).write_bytes(data)
    LocalIndex.open(index).close()


def build(data: bytes, folder: Path, sealed: bool) -> None:
    """A file of the live build, damaged: which one the first byte says, and how the second.

    If `sealed`, the manifest has the sizes and checksums of what is there then.
    """
    index = folder / "index"
    shutil.copytree(home() / "index", index)
    live = builds.current_build(index)
    known = builds.read_manifest(live)
    files = [live / name for name in sorted(known.files)]
    if not sealed:
        files.append(live / builds.MANIFEST)
    which, how, rest = (*data[:1], 0)[0], (*data[1:2], 0)[0], data[2:]
    path = files[which % len(files)]
    before = path.read_bytes()
    after = _damaged(before, how, rest)
    path.write_bytes(after)
    if sealed:
        name = path.relative_to(live).as_posix()
        known.files[name].update(size=len(after), sha256=sha256_of(path))
        (live / builds.MANIFEST).write_bytes(builds.sealed(known))
    LocalIndex.open(index).close()
    # White space between its fields may differ: it is sealed by what it says.
    says_the_same = path.name == builds.MANIFEST and builds.read_manifest(live) == known
    if not sealed and after != before and not says_the_same:
        raise Broken(f"{path.name} is damaged, and the index was opened")


def _damaged(before: bytes, how: int, rest: bytes) -> bytes:
    """The file replaced, cut off, added to, or with some of its bytes changed."""
    at = int.from_bytes(rest[:3], "big") % (len(before) + 1)
    match how % 5:
        case 0:
            return rest
        case 1:
            return before[:at]
        case 2:
            return before[:at] + rest[3:] + before[at:]
        case 3:
            return before[:at] + rest[3:] + before[at + len(rest[3:]) :]
        case _:
            changed = bytearray(before)
            for n in range(0, len(rest) - 3, 4):
                place = int.from_bytes(rest[n : n + 3], "big") % max(1, len(before))
                changed[place : place + 1] = rest[n + 3 : n + 4]
            return bytes(changed)


def command(data: bytes, folder: Path) -> None:
    """A command line, an argument in each line, run where a corpus and its index are."""
    # No system passes a NUL, nor any number of arguments.
    arguments = data.replace(b"\0", b"").decode("utf-8", "surrogateescape").split("\n")[:50]
    if any(_NOT_TRIED.fullmatch(one) or _ELSEWHERE.search(one) for one in arguments):
        return
    if "index" in arguments and not {"--dry-run", "--verify"} & {*arguments}:
        return
    for part in ("corpus", "index"):
        shutil.copytree(home() / part, folder / part)
    (folder / "talks.csv").write_text("Code,Title,Abstract\nA1,Rye,Rye is sour.\n")
    (folder / "answer.json").write_text(json.dumps({"text": "Rye.", "citations": []}))
    told = io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(told),
    ):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    if code not in range(4) or "this is a bug" in told.getvalue():
        raise Broken(f"exit code {code}: {told.getvalue()[-2000:]}")


_OPTIONS = (
    *"ask search explain-miss sessions index import eval verify feedback gold doctor".split(),
    *"up down review add -k --json --explain --history --where --speaker --level --year".split(),
    *"--track --event --dry-run --verify --force --into --column --measure --compare".split(),
    *"--split --queries --run --fail-under --from-feedback --session --answer --note".split(),
    *"corpus index talks.csv answer.json corpus/gold.jsonl feedback.jsonl BR-7 late rrf".split(),
    *("level>=300 and (service=DynamoDB", "nDCG@10", "MRR=0.5", "title=Title", "-1", "\n", "-"),
)
_COMMANDS = (
    "ask\nHow long does dough rest?\n-k\n3\n--explain",
    "ask\nWhich sessions are about rye?\n--json\n--history\nWhat is rye?",
    "search\nsourdough\n--where\nlevel>=100 and (speaker='Ada' or not year=2024)",
    "explain-miss\nHow is rye baked?\nBR-7",
    "sessions\n--level\n200\n--json",
    "sessions\nBR-7",
    "import\ntalks.csv\n--into\ncorpus\n--column\ntitle=Title\n--year\n2026",
    "eval\ncorpus/gold.jsonl\n--measure\nnDCG@10\n--compare\nlate\nrrf\n--fail-under\nMRR=0.1",
    "verify\nanswer.json\n--json",
    "feedback\nup\nHow long does dough rest?\n--note\nyes",
    "gold\nadd\n--from-feedback\nfeedback.jsonl\n--into\ngold.jsonl\n--dry-run",
    "index\n--verify",
)


_SEAL = b'{"format": 7, "sha256": "0", "files": {}, "counts": {"passages": 1}, "corpus": {}}'

TARGETS = {
    "manifest": Target(manifest, [_SEAL], (b"1e999", b"NaN", b"null", b"\\ud800", b"[", b"{")),
    "current": Target(current, [b"20260301T100000-abc\n"], (b"..", b"/", b"\0", b"\xff", b".")),
    "build": Target(partial(build, sealed=False), [bytes([n, n, 0, 9, 9, 7]) for n in range(20)]),
    "sealed": Target(partial(build, sealed=True), [bytes([n, n, 0, 9, 9, 7]) for n in range(20)]),
    "commands": Target(
        command,
        [one.encode() for one in _COMMANDS],
        tuple(f"\n{one}\n".encode() for one in _OPTIONS),
    ),
}
