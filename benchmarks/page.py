"""The chat in a real browser: seconds from the start to the first answer, and of each one after.

`sessionqa chat` is started over the shipped corpus, whose index is up to date, and a page opened in
headless Chromium as soon as the server says where it is. Prints the seconds from the start of the
process until the page shows its first answer, and of gold questions the milliseconds from the press
of Enter until the first sentence is painted and until the answer is whole, p50 and p95.

    python benchmarks/page.py [--questions 60] [--chromium PATH]
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from questions import dev_questions
from sessionqa.assistant import build_index
from sessionqa.settings import Settings

ROOT = Path(__file__).parents[1]
TURNS = 5
EMPTY = "() => !document.querySelector('#chat [data-testid=bot]')"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Resolves once the n-th answer shows its first words, and once the page is idle again, with the
# milliseconds from the press of Enter until the frame that shows it.
WATCH = """async (answers) => {
  const started = performance.now();
  const frame = () => new Promise(requestAnimationFrame);
  const shown = () => document.querySelectorAll("#chat [data-testid=bot] .answer, "
    + "#chat [data-testid=bot] .refusal").length >= answers;
  const buttons = [...document.querySelectorAll("#buttons button")];
  const stop = buttons.find((button) => button.innerText === "Stop");
  const box = document.querySelector("#question textarea");
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  box.dispatchEvent(new KeyboardEvent("keypress", { key: "Enter", bubbles: true }));
  while (!shown()) await frame();
  const first = performance.now() - started;
  while (!stop.disabled) await frame();
  await frame();
  return [first, performance.now() - started];
}"""


def ask(page: Page, question: str, number: int) -> tuple[float, float]:
    """The milliseconds until the first sentence, and until the whole answer."""
    page.get_by_label("Your question").fill(question)
    first, whole = page.evaluate(WATCH, number)
    return first, whole


def conversations(page: Page, questions: list[str]) -> list[tuple[float, float]]:
    """The same for each question, in conversations of TURNS."""
    times = []
    for number, question in enumerate(questions):
        if number % TURNS == 0:
            page.get_by_role("button", name="New conversation").click()
            page.wait_for_function(EMPTY)
        times.append(ask(page, question, number % TURNS + 1))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--questions", type=int, default=60, metavar="N")
    parser.add_argument("--chromium", default=shutil.which("chromium"), metavar="PATH")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(corpus=ROOT / "corpus", index=Path(folder) / "index")
        build_index(settings)
        browser = playwright.chromium.launch(executable_path=given.chromium, args=FLAGS)
        measure(browser.new_page(), settings, dev_questions(given.questions))
        browser.close()


def measure(page: Page, settings: Settings, questions: list[str]) -> None:
    """Starts the server, asks, and prints what it took."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    places = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
    command = [sys.executable, "-m", "sessionqa", "chat", "--port", str(port), *places]
    home = {**os.environ, "SESSIONQA_HOME": str(settings.index.parent)}
    started = time.monotonic()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=home) as server:
        try:
            assert server.stderr
            server.stderr.readline()
            served = time.monotonic() - started
            page.goto(f"http://127.0.0.1:{port}/")
            page.get_by_label("Your question").wait_for()
            opened = time.monotonic() - started
            first, *others = questions
            asked = time.monotonic() - started
            begun, whole = (asked + ms / 1000 for ms in ask(page, first, 1))
            times = conversations(page, others)
        finally:
            server.terminate()
    print(
        f"served after {served:.1f} s, opened {opened:.1f} s, its first answer stands there after"
    )
    print(f"{begun:.1f} s with its first sentence, {whole:.1f} s whole")
    for name, column in zip(
        ("first sentence", "whole answer"), zip(*times, strict=True), strict=True
    ):
        middle, slow = np.percentile(column, 50), np.percentile(column, 95)
        print(f"{name}: p50 {middle:.0f} ms, p95 {slow:.0f} ms")


if __name__ == "__main__":
    main()
