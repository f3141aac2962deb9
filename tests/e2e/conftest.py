import os
import shutil
from collections.abc import Iterator

import pytest
from harness import PATIENCE_SECONDS, Chat, Open, Server, running
from playwright.sync_api import BrowserContext, expect, sync_playwright

from sessionqa import Settings, build_index

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A container has no sandbox and no GPU; and the browser is to make no calls of its own.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE_TITLE = (
    "Widgets <img src=x onerror=alert(1)> </script><script>alert(2)</script>"
    " ![x](http://evil.example/t.png) ${alert(3)} {{7}}"
)
HOSTILE = f"""---
code: HX1
title: "{HOSTILE_TITLE}"
event: "<b>Evil</b> Con"
speakers:
  - {{name: "<script>alert(4)</script>", role: "[x](javascript:alert(5))"}}
services: ["<svg onload=alert(6)>"]
url: "javascript:alert(7)"
---

Widget tuning is the art of <script>alert(1)</script> turning widgets, with
`![x](http://evil.example/x.png)` and [x](javascript:alert(1)) and
<img src="http://evil.example/y.png"> and `$$x^2$$`.
"""
TAME = """---
code: HX2
title: Gardens
services: ["<svg onload=alert(6)>"]
url: "https://example.org/?a=1&b=<2>"
---

Gardens need water in the morning.

<!-- at 1:02:03 -->
<!-- page 3 -->
The gardens of HX2 use <svg onload=alert(6)> every day.
"""


@pytest.fixture(scope="session")
def hostile(shipped: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A corpus whose every field tries to be more than text."""
    home = tmp_path_factory.mktemp("hostile")
    settings = Settings(corpus=home / "corpus", index=home / "index")
    settings.corpus.mkdir()
    (settings.corpus / "hx1.md").write_text(HOSTILE, encoding="utf-8")
    (settings.corpus / "hx2.md").write_text(TAME, encoding="utf-8")
    # The encoder that is there already: to export it again takes longer than all else here.
    shutil.copytree(shipped.index / "encoder", settings.index / "encoder")
    build_index(settings)
    return settings


@pytest.fixture(scope="session")
def servers(shipped: Settings, hostile: Settings) -> Iterator[list[Server]]:
    with running(shipped, hostile) as both:
        yield both


@pytest.fixture(scope="session")
def chat_server(servers: list[Server]) -> Server:
    return servers[0]


@pytest.fixture(scope="session")
def hostile_server(servers: list[Server]) -> Server:
    return servers[1]


@pytest.fixture(scope="session")
def chromium() -> Iterator[BrowserContext]:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        # A continuous build installs one, so that its silence cannot hide a broken page.
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop(f"no browser: set $CHROMIUM, or install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        patience = 1000 * PATIENCE_SECONDS
        expect.set_options(timeout=patience)
        browser = playwright.chromium.launch(
            executable_path=found, args=list(ARGUMENTS), timeout=patience
        )
        # One context for all tabs, so that Gradio's files are read once.
        context = browser.new_context()
        context.set_default_timeout(patience)
        yield context
        browser.close()


@pytest.fixture
def open_chat(chromium: BrowserContext) -> Iterator[Open]:
    """Opens the chat in a tab; in the end no tab may have complained or called elsewhere."""
    opened: list[Chat] = []

    def open_(server: Server, width: int = 1280, query: str = "") -> Chat:
        opened.append(Chat.open(chromium, server, width, query))
        return opened[-1]

    yield open_
    for chat in opened:
        chat.page.close()
        assert chat.complaints == []
