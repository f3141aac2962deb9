"""A real server in a process of its own, and a tab of a real browser that is watched."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Locator, Page

from sessionqa import Settings

ANSWER_SECONDS = 10


@dataclass
class Server:
    url: str
    process: subprocess.Popen[str]


def command(settings: Settings, port: int) -> list[str]:
    """The command line that serves the chat there."""
    places = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
    listen = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "sessionqa", "chat", *listen, *places]


@contextmanager
def running(settings: Settings) -> Iterator[Server]:
    """The chat on a free port, from when it says that it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(command(settings, port), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = []
        for line in process.stderr:
            said.append(line)
            if f"127.0.0.1:{port}" in line:
                break
        else:
            raise AssertionError(f"the chat did not start: {''.join(said)}")
        try:
            yield Server(f"http://127.0.0.1:{port}/", process)
        finally:
            process.kill()


@dataclass
class Chat:
    """A tab with the chat, and whatever it does that a test may want to know of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, url: str, width: int, height: int) -> "Chat":
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        chat = cls(page)
        complain = chat.complaints.append
        page.on("request", lambda request: chat.requests.append(request.url))
        page.on("response", lambda r: complain(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("console", lambda m: complain(m.text) if m.type in {"error", "warning"} else None)
        page.on("dialog", lambda dialog: (complain("dialog: " + dialog.message), dialog.dismiss()))
        # Gradio's stream of events ends when nothing is left to come; which side is first to close
        # it, and so whether the browser calls it finished or failed, is chance.
        for end in ("requestfinished", "requestfailed"):
            page.on(end, lambda r: chat.ended.append(r.url) if "/queue/data" in r.url else None)
        page.goto(url)
        chat.box.wait_for()
        return chat

    @property
    def box(self) -> Locator:
        return self.page.get_by_label("Your question")

    @property
    def last(self) -> Locator:
        return self.page.get_by_test_id("bot").last

    @property
    def sources(self) -> Locator:
        return self.page.locator("#sources")

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Waits at its end until the answer has come to its last word."""
        before = len(self.ended)
        yield
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(self.ended) == before:
            assert time.monotonic() < deadline, "no answer came"
            self.page.wait_for_timeout(10)

    def ask(self, question: str) -> Locator:
        with self.answered():
            self.box.fill(question)
            self.box.press("Enter")
        return self.last


Open = Callable[..., Chat]
