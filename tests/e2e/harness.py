"""A real server in a process of its own, and a tab of a real browser that is watched."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Locator, Page

from sessionqa import Settings


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

    @classmethod
    def open(cls, browser: Browser, url: str, width: int, height: int) -> "Chat":
        page = browser.new_page(viewport={"width": width, "height": height})
        chat = cls(page)
        complain = chat.complaints.append
        page.on("request", lambda request: chat.requests.append(request.url))
        page.on("response", lambda r: complain(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("console", lambda m: complain(m.text) if m.type in {"error", "warning"} else None)
        page.on("dialog", lambda dialog: (complain("dialog: " + dialog.message), dialog.dismiss()))
        page.set_default_timeout(10_000)
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
        """Waits at its end until the answer is there to its last word."""
        # Gradio cuts its stream of events off, which counts as failed, when nothing is left to come.
        with self.page.expect_event("requestfailed", lambda request: "/queue/data" in request.url):
            yield

    def ask(self, question: str) -> Locator:
        with self.answered():
            self.box.fill(question)
            self.box.press("Enter")
        return self.last


Open = Callable[..., Chat]
