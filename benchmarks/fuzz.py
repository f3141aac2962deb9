"""Inputs that nobody would write, against all that takes input from outside.

    python benchmarks/fuzz.py TARGET [--seconds 60] [--found DIR]
    python benchmarks/fuzz.py --list

Nothing but SessionQAError may come out, within 10 s and 1 GiB, and each target checks more
(see `fuzzed`). Inputs are made by atheris where it is installed (`pip install atheris`), which
follows what they reach in the code, else by Hypothesis. Now and then a part of one is repeated up
to 256 KB. The first input of each failure is kept in DIR/TARGET; how to go on with it is in
CONTRIBUTING.md.
"""

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

from fuzzed import LONG, REPEATED, Broken, Target, content, lengthened, tried
from sessionqa.terminal import positive

FINDINGS = Path(__file__).parents[1] / "tests" / "findings"
INSTRUMENTED = ["sessionqa", "frontmatter", "markdown_it"]
# Inputs that are lengthened take so much of the time: one takes as long as hundreds of others.
LONG_SHARE = 0.25
MOST_SHORT = 4096
HANGS_SECONDS = 120


class Run:
    """The inputs of one target, tried until the time is over."""

    def __init__(self, name: str, target: Target, seconds: float, found: Path) -> None:
        self.name, self.target, self.seconds = name, target, seconds
        self.found = found / name
        self.executions = 0
        self.failures: dict[str, Path] = {}
        self._chance = random.Random(name)
        self._folder = Path(tempfile.mkdtemp(prefix="sessionqa-fuzz-"))
        self._started = time.monotonic()
        self._of_long = 0.0

    def one(self, data: bytes) -> None:
        """Tries an input, and sometimes a long one made of it; ends the process in the end."""
        self._try(data, data, "")
        now = time.monotonic()
        if data and self._of_long < LONG_SHARE * (now - self._started):
            short = self._repeating(data)
            self._try(lengthened(short), short, LONG)
            self._of_long += time.monotonic() - now
        if now - self._started > self.seconds:
            self.end()

    def end(self) -> None:
        """Prints what was done, and ends: neither of the makers of inputs can be stopped."""
        minutes = (time.monotonic() - self._started) / 60
        print(f"{self.name}: {self.executions:,} executions in {minutes:.1f} minutes")
        for path in self.failures.values():
            print(f"  {path}")
        sys.stdout.flush()
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(bool(self.failures))

    def _repeating(self, data: bytes) -> bytes:
        """`data` with marks around some of it."""
        plain = data.replace(REPEATED, b" ")
        first = self._chance.randrange(len(plain))
        last = first + self._chance.choice((1, 2, 5, 12, 40, len(plain)))
        return REPEATED.join((plain[:first], plain[first:last], plain[last:]))

    def _try(self, data: bytes, kept: bytes, suffix: str) -> None:
        self.executions += 1
        folder = self._folder / str(self.executions)
        folder.mkdir()
        try:
            tried(self.target, data, folder)
        except KeyboardInterrupt:
            self.end()
        except BaseException as error:  # a panic of Rust is no Exception
            self._keep(error, kept, suffix)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, error: BaseException, kept: bytes, suffix: str) -> None:
        """Writes the first input of a failure to a file, and tells of it."""
        # Where the program was when its time was over is a matter of chance: its function tells.
        late = isinstance(error, Broken) and "seconds" in str(error)
        key = f"{type(error).__name__}{late}"
        for part in filter(None, (error, error.__cause__)):
            frames = traceback.extract_tb(part.__traceback__)
            ours = [one for one in frames if not late or "sessionqa" in one.filename]
            key += "".join(
                f" {one.filename}:{one.name if late else one.lineno}" for one in ours[-1:]
            )
        if key in self.failures:
            return
        self.found.mkdir(parents=True, exist_ok=True)
        path = self.found / f"{hashlib.sha256(kept).hexdigest()[:12]}{suffix}"
        path.write_bytes(kept)
        self.failures[key] = path
        print(f"{path}: {''.join(traceback.format_exception(error)[-6:])}", file=sys.stderr)


def by_atheris(run: Run) -> None:
    """Makes inputs by what earlier ones have reached."""
    import atheris

    folder = Path(tempfile.mkdtemp(prefix="sessionqa-fuzz-corpus-"))
    for number, seed in enumerate(run.target.seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    for path in (FINDINGS / run.name).glob("*"):
        if path.suffix != LONG:
            shutil.copy(path, folder)
    tokens = folder.with_suffix(".dict")
    tokens.write_text("".join(f'"{_escaped(token)}"\n' for token in run.target.tokens))
    options = {
        "max_len": MOST_SHORT,
        "timeout": HANGS_SECONDS,
        "rss_limit_mb": 0,
        "artifact_prefix": f"{run.found}-",
        "verbosity": 0,
        **({"dict": tokens} if run.target.tokens else {}),
    }
    given = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *given, str(folder)], run.one)
    atheris.Fuzz()


def by_hypothesis(run: Run) -> None:
    """Makes inputs of the seeds at random."""
    from hypothesis import HealthCheck, Phase, given, settings

    from fuzzed.mutants import mutants

    @settings(
        max_examples=sys.maxsize,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants(run.target))
    def inputs(data: bytes) -> None:
        run.one(data)

    inputs()
    run.end()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token[:60])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="?", metavar="TARGET")
    parser.add_argument("--seconds", type=positive, default=60, metavar="N")
    parser.add_argument("--found", type=Path, default=FINDINGS, metavar="DIR")
    parser.add_argument("--input", type=Path, metavar="FILE", help="try this one alone")
    parser.add_argument("--list", action="store_true", help="name the targets")
    arguments = parser.parse_args()
    instrumented: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if guided := find_spec("atheris") is not None and not arguments.list and not arguments.input:
        import atheris

        instrumented = atheris.instrument_imports(include=INSTRUMENTED)
    with instrumented:
        from fuzzed.targets import TARGETS
    if arguments.list:
        print("\n".join(TARGETS))
        return
    if arguments.target not in TARGETS:
        parser.error(f"name one of the targets: {', '.join(TARGETS)}")
    target = TARGETS[arguments.target]
    if arguments.input:
        with tempfile.TemporaryDirectory() as folder:
            tried(target, content(arguments.input), Path(folder))
        return
    run = Run(arguments.target, target, arguments.seconds, arguments.found)
    with tempfile.TemporaryDirectory() as folder:
        # What is imported only in use is instrumented too.
        tried(target, target.seeds[0], Path(folder))
    by_atheris(run) if guided else by_hypothesis(run)


if __name__ == "__main__":
    main()
