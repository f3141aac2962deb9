"""What can be done with a conversation: narrowed, stopped, edited, kept, named, taken along."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Chat, Open, Server
from playwright.sync_api import Locator, expect

from sessionqa.saved import read_answers

QUESTION = "What is shuffle sharding?"


@pytest.fixture
def chat(open_chat: Open, chat_server: Server) -> Iterator[Chat]:
    """A tab whose storage is empty, before and after."""
    opened = open_chat(chat_server)
    opened.page.evaluate("localStorage.clear()")
    yield opened
    opened.page.evaluate("localStorage.clear()")


def button(chat: Chat, name: str) -> Locator:
    return chat.page.get_by_role("button", name=name, exact=True)


def side(chat: Chat) -> Locator:
    """The conversations that are kept, opened."""
    if not chat.page.locator("#saved.open").count():
        chat.page.locator("#saved .toggle-button").click()
    return chat.page.locator("#conversations")


def saved(chat: Chat, name: str) -> str:
    with chat.page.expect_download() as download:
        button(chat, name).click()
    return Path(download.value.path()).read_text(encoding="utf-8")


def test_a_question_is_kept_to_what_was_chosen(chat: Chat) -> None:
    chat.page.get_by_text("Where to look").click()
    level = chat.page.get_by_label("Only this level")
    level.click()
    chat.page.get_by_role("option", name="200", exact=True).click()
    chat.ask("How is resilience tested?")
    codes = chat.sources.locator(".source .code").all_inner_texts()
    assert {code.strip() for code in codes} == {"ARC206"}
    chat.sources.get_by_text("Why this answer?").click()
    expect(chat.sources.locator(".why")).to_contain_text("level=200")


def test_why_an_answer_was_given_is_told(chat: Chat) -> None:
    chat.ask("What is shufle sharding?")
    why = chat.sources.locator(".why")
    expect(why.locator("table")).not_to_be_visible()
    why.locator("summary").click()
    expect(why).to_contain_text("“shufle” as “Shuffle”")
    expect(why).to_contain_text(re.compile(r"Confidence\s*0\.\d\d"))
    expect(why.locator("tbody tr")).to_have_count(8)
    assert why.locator("tbody tr").first.locator("td").all_inner_texts()[:2] == ["1", "ARC306"]


def test_a_card_opens_to_the_whole_summary_with_the_quote_marked(chat: Chat) -> None:
    chat.ask(QUESTION)
    card = chat.sources.get_by_role("article").first
    card.get_by_text("The whole summary").click()
    quote = card.locator("#source-0-1 + mark").inner_text()
    expect(card.locator(".whole mark")).to_have_text(quote)
    expect(card.locator(".whole .text")).to_contain_text("ARC306: Reducing your area of impact")


def test_an_answer_can_be_stopped_while_it_comes(chat: Chat) -> None:
    asking = chat.held(lambda: chat.submit("Which sessions are about resilience?"))
    stop = button(chat, "Stop")
    expect(stop).to_be_enabled()
    expect(chat.new).to_be_disabled()
    stop.click()
    asking.continue_()
    expect(chat.new).to_be_enabled()
    expect(stop).to_be_disabled()
    expect(chat.last.get_by_role("link").first).to_be_visible()


def test_the_last_question_is_edited_and_asked_again(chat: Chat) -> None:
    chat.ask("What is ARC310 about?")
    chat.ask("What is ARC308 about?")
    button(chat, "Edit the question").click()
    expect(chat.box).to_have_value("What is ARC308 about?")
    expect(chat.page.get_by_test_id("bot")).to_have_count(1)
    with chat.answered():
        chat.box.press("Enter")
    expect(chat.last).to_contain_text("ARC308")
    with chat.answered():
        button(chat, "Ask again").click()
    expect(chat.page.get_by_test_id("bot")).to_have_count(2)
    expect(chat.last).to_contain_text("ARC308")


def test_a_link_asks_at_once(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server, query="?q=What+is+shuffle+sharding%3F")
    expect(chat.last).to_contain_text("ARC306")
    expect(chat.new).to_be_enabled()


def test_conversations_are_kept_named_and_gone_on_with(
    chat: Chat, open_chat: Open, chat_server: Server
) -> None:
    chat.ask(QUESTION)
    chat.new.click()
    expect(chat.page.get_by_test_id("bot")).to_have_count(0)
    chat.ask("What is ARC310 about?")
    expect(side(chat).get_by_role("radio")).to_have_count(2)
    later = open_chat(chat_server)
    names = side(later).get_by_role("radio")
    expect(names).to_have_count(2)
    side(later).get_by_text(QUESTION).click()
    expect(later.last).to_contain_text("ARC306")
    expect(later.sources).to_contain_text("Reducing your area of impact")
    later.ask("Who presented ARC310?")
    expect(later.page.get_by_test_id("bot")).to_have_count(2)
    expect(names).to_have_count(2)
    renamed = later.page.get_by_label("Another name for it")
    renamed.fill("Sharding <b>")
    renamed.press("Enter")
    expect(side(later)).to_contain_text("Sharding <b>")
    button(later, "Delete it").click()
    expect(names).to_have_count(1)
    expect(later.page.get_by_test_id("bot")).to_have_count(0)


def test_what_somebody_put_into_the_storage_harms_nothing(
    chat: Chat, open_chat: Open, chat_server: Server
) -> None:
    turns = json.dumps([{"question": "<img src=x onerror=alert(1)>", "text": 7}])
    broken = json.dumps([{"id": "1", "name": "<script>alert(1)</script>", "turns": turns}, 5])
    chat.page.evaluate("text => localStorage.setItem('sessionqa.conversations', text)", broken)
    later = open_chat(chat_server)
    side(later).get_by_text("<script>alert(1)</script>").click()
    expect(later.page.get_by_test_id("bot")).to_have_count(0)
    expect(later.ask(QUESTION)).to_contain_text("ARC306")


def test_a_conversation_is_saved_as_markdown_and_json(chat: Chat, tmp_path: Path) -> None:
    chat.ask(QUESTION)
    chat.ask("What is ARC310 about?")
    written = saved(chat, "Save as Markdown")
    assert written.startswith("## What is shuffle sharding?\n")
    assert "## What is ARC310 about?" in written
    assert re.search(r"- \\\[1\\\] \[ARC306: .*\]\(<https://\S+>\), characters \d+ to \d+", written)
    file = tmp_path / "saved.json"
    file.write_text(saved(chat, "Save as JSON"), encoding="utf-8")
    assert [answer.record["question"] for answer in read_answers(file)] == [
        QUESTION,
        "What is ARC310 about?",
    ]


def test_the_answer_is_copied(chat: Chat) -> None:
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.ask(QUESTION)
    button(chat, "Copy the answer").click()
    chat.page.wait_for_function(
        "navigator.clipboard.readText().then(text => text.startsWith('ARC306: “Shuffle'))"
    )
