"""Thumbs below an answer, and the session that would have been right."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Chat, Open, Server
from playwright.sync_api import Locator, expect

from sessionqa.feedback import Feedback, read

QUESTION = "What is shuffle sharding?"


@pytest.fixture
def kept(chat_server: Server) -> Iterator[Path]:
    """Where the chat keeps feedback; nothing is there yet."""
    path = chat_server.home / "feedback.jsonl"
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


def records(path: Path) -> list[Feedback]:
    left_out: list[str] = []
    found = [entry.feedback for entry in read(path, left_out)]
    assert left_out == []
    return found


def thumb(chat: Chat, name: str) -> Locator:
    return chat.page.locator("#chat").get_by_role("button", name=name, exact=True).last


def thanks(chat: Chat) -> Locator:
    return chat.page.locator("#judgement").get_by_role("status")


def right_session(chat: Chat) -> Locator:
    return chat.page.get_by_label("The right session is").first


def test_a_thumb_up_is_kept_with_its_answer(
    open_chat: Open, chat_server: Server, kept: Path
) -> None:
    chat = open_chat(chat_server)
    chat.ask("What is ARC310 about?")
    answer = chat.ask("who gave it?")
    thumb(chat, "Like").click()
    expect(thanks(chat)).to_contain_text("Thank you")
    expect(right_session(chat)).to_have_count(0)
    [record] = records(kept)
    assert (record.verdict, record.question, record.reviewed) == ("up", "who gave it?", False)
    assert record.history == ("What is ARC310 about?",)
    assert record.cited == ("ARC310",)
    expect(answer).to_contain_text(record.answer[-40:-5])
    assert record.build


def test_a_thumb_down_asks_for_the_right_session(
    open_chat: Open, chat_server: Server, kept: Path
) -> None:
    chat = open_chat(chat_server, width=360)
    chat.ask(QUESTION)
    thumb(chat, "Dislike").click()
    box = right_session(chat)
    box.click()
    chat.page.get_by_role("option", name=re.compile("^ARC310: ")).click()
    expect(thanks(chat)).to_contain_text("ARC310 is kept as the right session")
    assert chat.page.evaluate("document.documentElement.scrollWidth") == 360
    found = records(kept)
    assert [record.verdict for record in found] == ["down", "down"]
    assert [record.sessions for record in found] == [(), ("ARC310",)]
    box.fill("arc399")
    box.press("Enter")
    expect(chat.page.locator("#judgement").get_by_role("alert")).to_contain_text("arc399")
    box.fill("arc308")
    box.press("Enter")
    expect(thanks(chat)).to_contain_text("ARC308")
    assert [record.sessions for record in records(kept)[2:]] == [("ARC308",)]


def test_the_next_question_puts_the_note_away_and_keeps_the_thumb(
    open_chat: Open, chat_server: Server, kept: Path
) -> None:
    chat = open_chat(chat_server)
    chat.ask(QUESTION)
    thumb(chat, "Dislike").click()
    expect(right_session(chat)).to_be_visible()
    chat.ask("What is ARC310 about?")
    expect(right_session(chat)).to_have_count(0)
    expect(thumb(chat, "Disliked")).to_be_visible()
    chat.new.click()
    expect(chat.page.get_by_test_id("bot")).to_have_count(0)
    chat.ask(QUESTION)
    expect(thumb(chat, "Disliked")).to_have_count(0)
    assert len(records(kept)) == 1


def test_a_thumb_that_cannot_be_kept_says_so(
    open_chat: Open, chat_server: Server, kept: Path
) -> None:
    kept.mkdir()
    try:
        chat = open_chat(chat_server)
        chat.ask(QUESTION)
        thumb(chat, "Like").click()
        problem = chat.page.locator("#judgement").get_by_role("alert")
        expect(problem).to_contain_text("cannot be written to")
        expect(thanks(chat)).to_have_count(0)
    finally:
        kept.rmdir()


def test_a_title_in_the_list_stays_text(open_chat: Open, hostile_server: Server) -> None:
    chat = open_chat(hostile_server)
    chat.ask("What is widget tuning?")
    thumb(chat, "Dislike").click()
    right_session(chat).click()
    option = chat.page.get_by_role("option", name=re.compile("^HX1: "))
    expect(option).to_contain_text("<img src=x onerror=alert(1)>")
    option.click()
    expect(thanks(chat)).to_contain_text("HX1")
    [_, record] = records(hostile_server.home / "feedback.jsonl")
    assert record.sessions == ("HX1",)
