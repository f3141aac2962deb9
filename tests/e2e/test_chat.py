import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from functools import partial

import pytest
from harness import PATIENCE_SECONDS, Chat, Open, Server, command, running
from playwright.sync_api import expect

from sessionqa import Settings
from sessionqa.corpus import read_corpus

WIDTHS = (360, 1920)


def test_the_page_says_what_it_holds(
    open_chat: Open, chat_server: Server, shipped: Settings
) -> None:
    chat = open_chat(chat_server)
    assert chat.page.title() == "sessionqa"
    header = chat.page.locator("#masthead")
    expect(header).to_contain_text(f"{len(read_corpus(shipped.corpus))} sessions")
    expect(header).to_contain_text("AWS re:Invent 2023")
    expect(chat.page.locator("footer")).to_have_count(0)


def test_an_answer_cites_its_session_and_marks_the_quote(
    open_chat: Open, chat_server: Server, shipped: Settings
) -> None:
    chat = open_chat(chat_server)
    answer = chat.ask("What is shuffle sharding?")
    expect(answer).to_contain_text("ARC306")
    expect(answer.get_by_role("link", name="[1]", exact=True)).to_be_visible()
    session = next(s for s in read_corpus(shipped.corpus) if s.code == "ARC306")
    card = chat.sources.get_by_role("article").filter(has_text=session.title)
    expect(card).to_contain_text("Level 300")
    quote = card.locator("#source-0-1 + mark").inner_text()
    assert quote in session.text
    assert quote in answer.inner_text()
    link = card.get_by_role("link", name="Recording")
    assert link.get_attribute("href") == session.url
    assert link.get_attribute("target") == "_blank"
    assert set((link.get_attribute("rel") or "").split()) == {"noopener", "noreferrer"}


def test_a_quote_from_the_card_is_marked_where_it_stands(
    open_chat: Open, chat_server: Server
) -> None:
    chat = open_chat(chat_server)
    chat.ask("Who presented Detecting and mitigating gray failures?")
    expect(chat.sources.locator("mark").first).to_contain_text("Presented by Mike Hagen")


def test_a_citation_leads_to_its_source_and_keeps_the_conversation(
    open_chat: Open, chat_server: Server
) -> None:
    chat = open_chat(chat_server, query="?__theme=dark")
    chat.ask("Which sessions mention AWS Lambda?")
    chat.last.get_by_role("link", name=re.compile(r"\[\d\]")).last.click()
    expect(chat.sources.locator(".number:target + mark")).to_be_in_viewport()
    expect(chat.last).to_contain_text("ARC206")


def test_a_refusal_looks_like_one(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    answer = chat.ask("Who won the football world cup in 1990?")
    expect(answer.locator(".refusal")).to_contain_text("No answer")
    expect(answer.get_by_role("link")).to_have_count(0)
    expect(chat.sources.get_by_role("heading", name="Closest sessions")).to_be_visible()
    assert chat.sources.get_by_role("article").count() > 0
    expect(chat.sources.locator("mark")).to_have_count(0)


def test_an_example_is_asked_by_a_click(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    example = chat.page.get_by_role("button", name=re.compile("Who presented"))
    question = example.inner_text()
    with chat.answered():
        example.click()
    expect(chat.page.get_by_test_id("user")).to_have_text(question)
    expect(chat.last.locator(".answer")).to_contain_text("[1]")


def test_a_follow_up_knows_what_was_asked_before(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    chat.ask("What is ARC310 about?")
    answer = chat.ask("who gave it?")
    expect(answer).to_contain_text("Asked as")
    expect(answer).to_contain_text("Mike Hagen")
    earlier = chat.sources.get_by_text("Earlier: What is ARC310 about?")
    earlier.click()
    expect(chat.sources.locator("#source-0-1")).to_be_visible()


def test_clear_begins_anew(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    chat.ask("What is ARC310 about?")
    chat.new.click()
    expect(chat.page.get_by_test_id("bot")).to_have_count(0)
    expect(chat.sources.get_by_role("article")).to_have_count(0)
    expect(chat.ask("who gave it?").get_by_text("Asked as")).to_have_count(0)


def test_clearing_leaves_the_next_question_alone(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    chat.ask("What is ARC310 about?")
    # Asked before the page knows that it is cleared, as may happen where the server is slow.
    clearing = chat.held(chat.new.click)
    asking = chat.held(partial(chat.submit, "What is shuffle sharding?"))
    clearing.continue_()
    expect(chat.page.get_by_test_id("bot")).to_have_count(0)
    expect(chat.box).to_have_value("")
    asking.continue_()
    expect(chat.last).to_contain_text("ARC306")
    expect(chat.page.get_by_test_id("user")).to_have_count(1)


def test_a_conversation_is_cleared_once_its_last_question_is_answered(
    open_chat: Open, chat_server: Server
) -> None:
    chat = open_chat(chat_server)
    chat.ask("What is ARC310 about?")
    asking = chat.held(partial(chat.submit, "What is shuffle sharding?"))
    expect(chat.new).to_be_disabled()
    asking.continue_()
    chat.new.click()
    expect(chat.page.get_by_test_id("bot")).to_have_count(0)
    expect(chat.ask("who gave it?").get_by_text("Asked as")).to_have_count(0)


def test_a_question_that_did_not_get_through_leaves_the_page_usable(
    open_chat: Open, chat_server: Server
) -> None:
    chat = open_chat(chat_server)
    chat.ask("What is ARC310 about?")
    asking = chat.held(partial(chat.submit, "What is shuffle sharding?"))
    asking.fulfill(status=500, json={"detail": "out of order"})
    chat.new.click()
    expect(chat.page.get_by_test_id("bot")).to_have_count(0)
    assert all("500" in complaint for complaint in chat.complaints)
    chat.complaints.clear()


def test_an_empty_question_does_nothing(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    chat.box.fill("  ")
    with chat.answered():
        chat.box.press("Enter")
    expect(chat.page.get_by_test_id("user")).to_have_count(0)


def test_a_question_that_fails_is_explained_and_kept(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    chat.ask("What is shuffle sharding?")
    long = "why " * 21_000
    expect(chat.ask(long).get_by_role("alert")).to_contain_text("80,000")
    expect(chat.box).to_have_value(long)
    expect(chat.page.get_by_test_id("user")).to_have_count(1)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(open_chat: Open, chat_server: Server, width: int) -> None:
    chat = open_chat(chat_server, width=width)
    assert _overflow(chat) == 0
    chat.ask("Which sessions mention AWS Lambda?")
    assert _overflow(chat) == 0
    chat.ask("x" * 400)
    assert _overflow(chat) == 0


def _overflow(chat: Chat) -> int:
    """By how many pixels the page, or any box on it that does not scroll, is too wide."""
    widest: int = chat.page.evaluate(
        """() => {
            const boxes = document.querySelectorAll('#masthead, #desk, #chat .message, .source');
            const ends = [...boxes].map(box => box.getBoundingClientRect().right);
            return Math.max(document.documentElement.scrollWidth, ...ends) - innerWidth;
        }"""
    )
    return max(widest, 0)


def test_text_of_the_corpus_stays_text(open_chat: Open, hostile_server: Server) -> None:
    # That no dialog opened and nothing was fetched, open_chat checks at the end.
    chat = open_chat(hostile_server)
    expect(chat.page.locator("#masthead")).to_contain_text("<b>Evil</b> Con")
    for shown in (chat.ask("What is widget tuning?"), chat.sources):
        expect(shown).to_contain_text("<script>alert(1)</script>")
        expect(shown).to_contain_text("![x](http://evil.example/x.png)")
        expect(shown).to_contain_text("[x](javascript:alert(1))")
        expect(shown.locator("script, img, svg, [onerror], [onload]")).to_have_count(0)
    title = chat.sources.get_by_role("heading", name="HX1")
    expect(title).to_contain_text("</script><script>alert(2)</script>")
    expect(title).to_contain_text("${alert(3)} {{7}}")
    expect(chat.sources.get_by_role("article")).to_contain_text("<script>alert(4)</script>")
    expect(chat.page.locator("[href^='javascript']")).to_have_count(0)


def test_text_of_the_user_stays_text(open_chat: Open, hostile_server: Server) -> None:
    chat = open_chat(hostile_server)
    question = "<img src=x onerror=alert(1)> **gardens** ![x](http://evil.example/z.png)?"
    chat.ask(question)
    expect(chat.page.get_by_test_id("user")).to_have_text(question)
    chat.ask("When do gardens need water?")
    expect(chat.sources.get_by_text("Earlier:")).to_contain_text(question)
    link = chat.sources.get_by_role("link", name="Recording").first
    assert link.get_attribute("href") == "https://example.org/?a=1&b=<2>"


def test_a_quote_links_to_its_moment_of_the_recording(
    open_chat: Open, hostile_server: Server
) -> None:
    chat = open_chat(hostile_server)
    chat.ask("What do the gardens of HX2 use every day?")
    for name in ("at 1:02:03, page 3", "Recording"):
        link = chat.sources.get_by_role("link", name=name)
        expect(link).to_have_attribute("href", "https://example.org/?a=1&b=<2>#t=3723")


def test_the_page_allows_and_names_no_other_host(chat_server: Server) -> None:
    with urllib.request.urlopen(chat_server.url) as response:
        policy = response.headers["Content-Security-Policy"]
        html = response.read().decode()
    assert "default-src 'self'" in policy
    assert not re.search(r"script-src[^;]*'unsafe-inline'", policy)
    assert not re.search(r"https?:", policy)
    assert not re.search(r"<(?:link|meta|script|img)\b[^>]*=\"(?:https?:)?//", html)


@pytest.mark.parametrize(
    "path", ["upload", "file=app.py", "proxy=http://localhost/", "vibe-edit/", "cancel"]
)
def test_what_the_page_does_not_need_is_shut(chat_server: Server, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{chat_server.url}/gradio_api/{path}")
    assert refused.value.code == 404


def test_a_port_in_use_is_one_line_with_the_remedy(shipped: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            command(shipped, port),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"port {port}" in done.stderr
    assert "--port N" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_it_quietly_with_a_page_open(shipped: Settings) -> None:
    with running(shipped) as [server]:
        # Such a stream is held by an open page.
        page = urllib.request.urlopen(f"{server.url}/gradio_api/heartbeat/somebody")
        server.process.send_signal(signal.SIGINT)
        _, errors = server.process.communicate(timeout=PATIENCE_SECONDS)
        page.close()
    assert server.process.returncode == 0
    assert errors == ""
