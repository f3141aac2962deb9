"""What is not imported, not sent and not written: each proved in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sessionqa
from sessionqa import Settings, build_index

HEAVY = """
torch transformers sentence_transformers gradio tiktoken yaml frontmatter markdown_it pandas scipy
pymilvus milvus_lite grpc ray
sklearn onnx onnxscript matplotlib fastapi uvicorn httpx requests huggingface_hub tqdm
ir_measures openai httpx2 xllamacpp sessionqa.llm openvino
lxml httpcore docx pptx pypdfium2 watchfiles
""".split()

MOST_MODULES = 360

ASK = """
from pathlib import Path
from sessionqa import Assistant, Settings
assistant = Assistant.open(Settings(corpus=Path(sys.argv[1]), index=Path(sys.argv[2])))
answer = assistant.ask("Which disaster recovery strategy did the bank choose?")
assert "warm standby" in answer.text, answer
"""

NO_NETWORK = """
import socket, sys
def refuse(*_, **__):
    raise AssertionError("the network was asked for")
class Refused(socket.socket):
    __init__ = refuse
socket.socket = Refused
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
"""


def python(code: str, settings: Settings | None = None, **environ: str) -> str:
    """What `code` prints in a fresh interpreter, with the folders as its arguments."""
    folders = [str(settings.corpus), str(settings.index)] if settings else []
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}", *folders],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environ},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_importing_the_package_imports_next_to_nothing() -> None:
    code = """
before = set(sys.modules)
import sessionqa, json
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""
    imported = set(json.loads(python(code)))
    assert "sessionqa" in imported
    assert {name for name in imported if name not in sys.stdlib_module_names} == {"sessionqa"}


def test_importing_the_package_is_quick() -> None:
    code = """
import time
started = time.process_time()
import sessionqa
print(time.process_time() - started)
"""
    # Of the processor's time, which others do not count in; the best of three, as caches are cold.
    assert min(float(python(code)) for _ in range(3)) < 0.05


EXPORT = """
import os
import sessionqa
print(os.environ["ORT_DISABLE_TELEMETRY"], "onnxruntime" in sys.modules)
from pathlib import Path
import torch
from sessionqa import graphs
table = torch.nn.Embedding(8, 64)
sample = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 0]])}
graphs.write_graph(
    Path(os.environ["MADE"]), table, lambda fed: (table(fed["input_ids"]),), ["out"], sample
)
"""


def test_an_export_leaves_no_record_for_the_makers_of_onnx_runtime(tmp_path: Path) -> None:
    """They would be sent it; `offline` does not see what is not Python."""
    home, cache, made = (tmp_path / name for name in ("home", "cache", "made"))
    for folder in (home, cache, made):
        folder.mkdir()
    environ = {"HOME": str(home), "XDG_CACHE_HOME": str(cache), "MADE": str(made)}
    assert python(EXPORT, ORT_DISABLE_TELEMETRY="", **environ) == "1 False\n"
    assert (made / "model.onnx").is_file()
    assert not [path for path in tmp_path.rglob("*") if path.name in {"Microsoft", ".onnxruntime"}]


def test_the_help_text_needs_none_of_the_libraries() -> None:
    code = """
from sessionqa.cli import main
try:
    main(["--help"])
except SystemExit as stop:
    assert stop.code == 0
libraries = {"numpy", "faiss", "onnxruntime", "tokenizers", "tantivy", "torch", "gradio"}
print("loaded", libraries & set(sys.modules))
"""
    assert python(code).endswith("loaded set()\n")


def test_a_question_loads_no_heavy_package(shipped: Settings) -> None:
    out = python(f"{ASK}\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))", shipped)
    assert out == "[]\n"


def test_a_question_on_the_command_line_loads_no_heavy_package(shipped: Settings) -> None:
    code = f"""
from sessionqa.cli import main
code = main(["ask", "What is FinOps?", "--corpus", sys.argv[1], "--index", sys.argv[2]])
print(code, sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    assert python(code, shipped).splitlines()[-1] == "0 []"


def test_a_question_imports_few_modules_and_few_packages(shipped: Settings) -> None:
    code = """
from sessionqa.cli import main
main(["ask", "What is FinOps?", "--corpus", sys.argv[1], "--index", sys.argv[2]])
import json
found = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]
print(json.dumps(found))
"""
    modules = json.loads(python(code, shipped).splitlines()[-1])
    packages = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    named = {name for name in packages if not name.startswith(("_", "sitecustomize"))}
    needed = "Stemmer faiss numpy onnxruntime packaging sentencex sessionqa tantivy tokenizers"
    assert named == set(needed.split())
    # 320 on Python 3.11; each costs some tenth of a millisecond.
    assert len(modules) < MOST_MODULES


def test_a_reranked_question_loads_no_heavy_package_either(reranking: Settings) -> None:
    code = f"""
from pathlib import Path
from sessionqa import Assistant, Settings
corpus, index = map(Path, sys.argv[1:3])
assistant = Assistant.open(Settings(corpus=corpus, index=index, reranker={reranking.reranker!r}))
answer = assistant.ask("What do worms eat?")
assert answer.hits[0].rerank_score is not None, answer
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    assert python(code, reranking) == "[]\n"


def test_a_question_of_an_int8_index_loads_no_heavy_package_either(planted: Settings) -> None:
    build_index(planted.with_(precision="int8"))
    code = f"""
from pathlib import Path
from sessionqa import Assistant, Settings
corpus, index = map(Path, sys.argv[1:3])
assistant = Assistant.open(Settings(corpus=corpus, index=index, precision="int8"))
assert assistant.ask("What do worms eat?").citations
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    assert python(code, planted) == "[]\n"


def test_the_proof_would_notice_a_heavy_package() -> None:
    assert python(f"import yaml\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))") == "['yaml']\n"


def test_a_question_opens_no_socket(shipped: Settings) -> None:
    assert python(f"{NO_NETWORK}{ASK}\nprint('answered')", shipped) == "answered\n"


def test_the_refusing_socket_refuses() -> None:
    code = f"""{NO_NETWORK}
import http.client
try:
    http.client.HTTPConnection("127.0.0.1", 9).connect()
except AssertionError as error:
    print(error)
"""
    assert python(code) == "the network was asked for\n"


def test_a_question_leaves_nothing_behind(shipped: Settings, tmp_path: Path) -> None:
    python(ASK, shipped, XDG_CACHE_HOME=str(tmp_path), HOME=str(tmp_path))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_every_public_name_can_be_imported() -> None:
    assert [name for name in sessionqa.__all__ if not hasattr(sessionqa, name)] == []
    assert sessionqa.__all__ == sorted(set(sessionqa.__all__))
    scope: dict[str, object] = {}
    exec("from sessionqa import *", scope)
    assert set(sessionqa.__all__) == set(scope) - {"__builtins__"}


def test_dir_lists_the_public_names_and_no_other() -> None:
    assert dir(sessionqa) == sorted(sessionqa.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'sessionqa' has no attribute 'Assistent'"):
        _ = sessionqa.Assistent
    assert not hasattr(sessionqa, "numpy")


def test_public_names_are_the_very_objects_of_their_modules() -> None:
    from sessionqa import assistant, datatypes

    assert sessionqa.Assistant is assistant.Assistant
    assert sessionqa.Answer is datatypes.Answer


def test_the_page_imports_nothing_of_gradios_that_it_does_not_use(shipped: Settings) -> None:
    code = """
from contextlib import nullcontext
from pathlib import Path
from fastapi import FastAPI
from sessionqa import Assistant, Settings
from sessionqa.ui.blocks import mounted
assistant = Assistant.open(Settings(corpus=Path(sys.argv[1]), index=Path(sys.argv[2])))
mounted(FastAPI(), assistant, nullcontext(), lambda *_: None)
from gradio import utils
with utils.MatplotlibBackendMananger():  # as around every event
    pass
print(sorted({"mcp", "matplotlib"} & sys.modules.keys()))
from mcp.server import MCPServer
"""
    assert python(code, shipped) == "[]\n"
