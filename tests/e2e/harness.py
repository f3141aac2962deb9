"""A real server in a process of its own, and a tab of a real browser that is watched."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Dialog, Locator, Page, Route, expect

from sessionqa import Settings

# What a busy machine may need for a step that is done at once on an idle one.
PATIENCE_SECONDS = 60
# How often the page has gone from busy to idle since this was asked first.
COUNT_ANSWERS = """() => {
  if (window.answersSeen === undefined) {
    window.answersSeen = 0;
    const busy = sessionqa.busy;
    sessionqa.busy = (on) => { window.answersSeen += on ? 0 : 1; return busy(on); };
  }
  return window.answersSeen;
}"""
# What the page asks of the server.
CALLS = "**/queue/join*"


@dataclass
class Server:
    url: str
    process: subprocess.Popen[str]
    home: Path

    def wait(self) -> None:
        """Until the chat says where it is."""
        assert self.process.stderr
        said = []
        for line in self.process.stderr:
            said.append(line)
            if self.url in line:
                return
        raise AssertionError(f"the chat did not start: {''.join(said)}")


def command(settings: Settings, port: int) -> list[str]:
    """The command line that serves the chat there."""
    places = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
    listen = ["--host", "127.0.0.1", "--port", str(port)]
    writing = ["--llm", settings.llm] if settings.llm else []
    return [sys.executable, "-m", "sessionqa", "chat", *listen, *places, *writing]


@contextmanager
def running(*corpora: Settings) -> Iterator[list[Server]]:
    """A chat for each, on free ports and started side by side, from when all of them answer."""
    with ExitStack() as stack:
        servers = []
        for settings in corpora:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            home = settings.index.parent
            started = subprocess.Popen(
                command(settings, port),
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "SESSIONQA_HOME": str(home)},
            )
            stack.enter_context(started)
            stack.callback(started.kill)
            servers.append(Server(f"http://127.0.0.1:{port}", started, home))
        for server in servers:
            server.wait()
        yield servers


@dataclass
class Chat:
    """A tab with the chat, and whatever it does that a test may want to know of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, server: Server, width: int, query: str) -> "Chat":
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 740})
        chat = cls(page)
        complain = chat.complaints.append
        own = (f"{server.url}/", "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(own) else complain(f"asked {r.url}"))
        page.on("response", lambda r: complain(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("console", lambda m: complain(m.text) if m.type in {"error", "warning"} else None)
        page.on("dialog", chat._refuse)
        page.goto(f"{server.url}/{query}")
        chat.box.wait_for()
        return chat

    def _refuse(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    @property
    def box(self) -> Locator:
        return self.page.get_by_label("Your question")

    @property
    def last(self) -> Locator:
        return self.page.get_by_test_id("bot").last

    @property
    def sources(self) -> Locator:
        return self.page.locator("#sources")

    @property
    def new(self) -> Locator:
        return self.page.get_by_role("button", name="New conversation")

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Waits at its end until the answer has come to its last word."""
        before = self.page.evaluate(COUNT_ANSWERS)
        yield
        self.page.wait_for_function(f"before => ({COUNT_ANSWERS})() > before", arg=before)
        expect(self.new).to_be_enabled()

    def ask(self, question: str) -> Locator:
        with self.answered():
            self.submit(question)
        return self.last

    def submit(self, question: str) -> None:
        self.box.fill(question)
        self.box.press("Enter")

    def held(self, act: Callable[[], None]) -> Route:
        """The call that the page makes upon `act`: it gets to the server once it is continued."""
        calls: list[Route] = []

        def hold(call: Route) -> None:
            # The route stays: what is held goes on by itself when a route is taken away.
            if calls:
                call.fallback()
            else:
                calls.append(call)

        self.page.route(CALLS, hold)
        act()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not calls:
            assert time.monotonic() < deadline, "the page did not call"
            self.page.wait_for_timeout(10)
        return calls[0]


Open = Callable[..., Chat]
