"""The sessions to browse, and the pictures of them."""

import re
from importlib.resources import files

import numpy as np
import pytest
from harness import Chat, Open, Server
from playwright.sync_api import BrowserContext, Locator, expect

from sessionqa import Session
from sessionqa.ui import pictures

TABS = ("Ask", "Sessions", "Overview")


def to(chat: Chat, tab: str) -> None:
    chat.page.get_by_role("tab", name=tab).click()


def titles(chat: Chat) -> Locator:
    return chat.page.locator("#browser .title")


def test_sessions_are_found_by_words_and_open_to_their_text(
    open_chat: Open, chat_server: Server
) -> None:
    chat = open_chat(chat_server)
    to(chat, "Sessions")
    expect(titles(chat)).to_have_count(14)
    chat.page.get_by_label("Find sessions").fill("HORNSBY fault")
    expect(titles(chat)).to_have_count(1)
    expect(chat.page.locator("#browser .text")).not_to_be_visible()
    titles(chat).click()
    expect(chat.page.locator("#browser .text")).to_contain_text("Adrian Hornsby")
    chat.page.get_by_label("Find sessions").fill("no such words")
    expect(chat.page.locator("#browser")).to_contain_text("No session has these words")


def test_sessions_are_sorted(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    to(chat, "Sessions")
    order = chat.page.get_by_label("In the order of")
    order.click()
    chat.page.get_by_role("option", name="Title", exact=True).click()
    expect(titles(chat).first).to_have_text("5 things you should know about resilience at scale")
    assert titles(chat).all_inner_texts() == sorted(titles(chat).all_inner_texts(), key=str.lower)
    order.click()
    chat.page.get_by_role("option", name="Nearest in meaning").click()
    chat.page.get_by_label("Find sessions").fill("mathematical proofs of programs")
    expect(titles(chat).first).to_contain_text("formal methods")


def test_a_session_is_asked_about_from_the_list_and_from_the_map(
    open_chat: Open, chat_server: Server
) -> None:
    chat = open_chat(chat_server)
    to(chat, "Sessions")
    chat.page.locator("#browser .title", has_text="Fault Injection").click()
    with chat.answered():
        chat.page.locator("#browser").get_by_role("button", name="Ask about ARC317").click()
    expect(chat.last).to_contain_text("ARC317")
    expect(chat.box).to_be_visible()
    to(chat, "Overview")
    lit = chat.page.locator("#map .point.lit")
    expect(lit.filter(has_text="ARC317")).to_have_count(1)
    point = chat.page.locator("#map").get_by_role("button", name=re.compile("Ask about ARC310"))
    with chat.answered():
        point.press("Enter")
    expect(chat.last).to_contain_text("ARC310")


def test_the_overview_counts_sessions(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    to(chat, "Overview")
    counts = chat.page.locator("#counts")
    expect(counts).to_contain_text("Level 300")
    expect(counts).to_contain_text("AWS Lambda")
    expect(chat.page.locator("#map .point")).to_have_count(14)


@pytest.mark.parametrize("width", [360, 1920])
def test_nothing_overflows_in_any_tab(width: int, open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server, width=width)
    for tab in TABS:
        to(chat, tab)
        chat.page.wait_for_timeout(300)
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= width


def test_text_of_the_corpus_stays_text_in_every_tab(
    open_chat: Open, hostile_server: Server
) -> None:
    chat = open_chat(hostile_server)
    to(chat, "Sessions")
    expect(titles(chat).first).to_contain_text("<img src=x onerror=alert(1)>")
    titles(chat).first.click()
    expect(chat.page.locator("#browser .text").first).to_contain_text("<script>alert(1)</script>")
    to(chat, "Overview")
    expect(chat.page.locator("#map .point")).to_have_count(2)
    expect(chat.page.locator("#counts")).to_contain_text("<svg onload=alert(6)>")
    for tag in ("img", "script", "svg svg"):
        assert chat.page.locator(f"#browser {tag}, #map {tag}, #counts {tag}").count() == 0


def test_the_keyboard_is_enough(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    chat.box.focus()
    chat.page.keyboard.type("What is shuffle sharding?")
    with chat.answered():
        chat.page.keyboard.press("Enter")
    chat.page.get_by_role("link", name="[1]", exact=True).focus()
    chat.page.keyboard.press("Enter")
    expect(chat.page.locator("#source-0-1")).to_be_in_viewport()
    chat.page.get_by_role("tab", name="Ask").focus()
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Enter")
    expect(titles(chat).first).to_be_visible()
    chat.page.locator("#browser summary").first.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.page.locator("#browser .text").first).to_be_visible()


def test_the_openapi_page_works_under_the_policy(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    chat.page.goto(f"{chat_server.url}/api/docs")
    expect(chat.page.get_by_text("/api/ask", exact=True)).to_be_visible()


# The boxes of the codes that are seen, and of the map.
SEEN = """() => {
  const box = (one) => {
    const { left, top, right, bottom } = one.getBoundingClientRect();
    return [left, top, right, bottom];
  };
  const texts = [...document.querySelectorAll(".map text")];
  const seen = texts.filter((one) => getComputedStyle(one).visibility === "visible");
  return [seen.map(box), box(document.querySelector(".map"))];
}"""


@pytest.mark.parametrize("width", [390, 1280])
def test_codes_on_the_map_can_be_read(chromium: BrowserContext, width: int) -> None:
    """Of many sessions with long codes, in the widest of the usual fonts."""
    codes = [f"TRK{n}" if n % 3 else f"WHAT-WE-LEARNED-{n}" for n in range(60)]
    places = np.random.default_rng(3).random((60, 2)).astype(np.float32)
    corpus = pictures.Corpus([Session(code, "Rails", "Text.") for code in codes], places)
    style = files("sessionqa.ui").joinpath("chat.css").read_text(encoding="utf-8")
    page = chromium.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.set_content(
        f"<style>{style} body {{ font-family: 'DejaVu Sans', sans-serif }}</style>"
        + pictures.mapped(corpus, {"TRK1", "TRK2"})
    )
    seen, whole = page.evaluate(SEEN)
    page.close()
    assert len(seen) > (12 if width == 390 else 30)
    for n, (left, top, right, bottom) in enumerate(seen):
        assert whole[0] <= left
        assert right <= whole[2]
        # A line is higher than its letters.
        inset = (bottom - top) * 0.15
        for other in seen[n + 1 :]:
            apart = other[0] >= right or other[2] <= left
            assert apart or other[1] + inset >= bottom - inset or other[3] - inset <= top + inset
