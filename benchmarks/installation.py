"""What installing sessionqa takes on disk, all of it and what only serves, and the first answer.

Makes an environment of each in a temporary folder, with the versions of constraints.txt and without
compiling what nobody imports (`pip install --no-compile`), and prints for both: the size once
installed, the size once a question was asked and the chat served, which compiles what they import,
and the size with everything compiled, as pip does it by default; and the seconds until a first
question in an empty home is answered, and a second. The full installation builds its index for the
first; the other opens the bundle that is made of that. Sizes are what `du` counts, in MB of
1,000,000 bytes. Last come the ten largest packages of what only serves. Takes five minutes and a
registry that pip reaches.

    python benchmarks/installation.py
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import finish

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ["-r", "requirements-serve.txt"]
QUESTION = "Which disaster recovery strategy did the bank choose?"
PORT = 7997
LARGEST = 10
# Printed as JSON by the environment itself: the bytes of each package's files.
SIZES = """
import json
from importlib.metadata import distributions
def size(package):
    paths = {package.locate_file(file).resolve() for file in package.files or ()}
    return sum(path.stat().st_blocks * 512 for path in paths if path.is_file())
print(json.dumps({package.name: size(package) for package in distributions()}))
"""


@dataclass(frozen=True)
class Measured:
    """Sizes in MB, times in seconds."""

    installed: float
    used: float
    compiled: float
    first: float
    second: float


def environment(folder: Path, *given: Sequence[str]) -> Path:
    """A new environment with what each `given` has pip install; returns its programs' folder."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "pip"), "install", "-q", "--no-compile"]
    for what in given:
        command = [*pip, "-c", "constraints.txt", *what]
        subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return folder / "bin"


def megabytes(folder: Path) -> float:
    """What `du` counts."""
    return sum(path.lstat().st_blocks for path in folder.rglob("*")) * 512 / 1e6


def measured(programs: Path, home: Path, *place: str) -> Measured:
    """Asks twice in an empty home, and serves the chat; `place` says where the index is."""
    home.mkdir()
    os.environ.update(HOME=str(home), XDG_CACHE_HOME=str(home / "cache"))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("PYTHONPATH", None)
    os.chdir(home)
    folder = programs.parent
    installed = megabytes(folder)
    ask = [str(programs / "sessionqa"), "ask", QUESTION, *place]
    first, second = finish(ask).seconds, finish(ask).seconds
    serve(programs, *place)
    used = megabytes(folder)
    compiling = [str(programs / "python"), "-m", "compileall", "-q", str(folder / "lib")]
    # Some packages ship templates that are no Python.
    subprocess.run(compiling, check=False, stdout=subprocess.DEVNULL)
    return Measured(installed, used, megabytes(folder), first, second)


def serve(programs: Path, *place: str) -> None:
    """Serves the chat until its page is loaded."""
    command = [str(programs / "sessionqa"), "chat", "--port", str(PORT), *place]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as chat:
        assert chat.stderr is not None
        chat.stderr.readline()
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/").read()
        chat.terminate()


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        everything = environment(folder / "full", ["."])
        serving = environment(folder / "serving", REQUIREMENTS, ["--no-deps", "."])
        full = measured(everything, folder / "of full")
        bundle = str(folder / "b.tar")
        subprocess.run([str(everything / "sessionqa"), "bundle", bundle], check=True)
        listed = subprocess.run(
            [str(serving / "python"), "-c", SIZES], capture_output=True, check=True
        )
        some = measured(serving, folder / "of serving", "--index", bundle)
    print(f"{'':14}{'installed':>11}{'used':>11}{'compiled':>11}{'1st answer':>12}{'2nd':>9}")
    for name, one in (("full", full), ("serving only", some)):
        sizes = (f"{size:8.0f} MB" for size in (one.installed, one.used, one.compiled))
        print(f"{name:14}{''.join(sizes)}{one.first:10.1f} s{one.second:7.2f} s")
    shares = (some.installed / full.installed, some.used / full.used, some.compiled / full.compiled)
    print(f"{'share':14}{''.join(f'{share:11.3f}' for share in shares)}")
    largest = sorted(json.loads(listed.stdout).items(), key=lambda item: -item[1])[:LARGEST]
    for name, size in largest:
        print(f"{name:20}{size / 1e6:6.0f} MB")


if __name__ == "__main__":
    main()
