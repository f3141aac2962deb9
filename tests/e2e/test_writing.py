"""The page where a language model writes: as it comes, stopped, chosen otherwise, failing."""

from collections.abc import Iterator

import pytest
from harness import Chat, Open, Server, running
from playwright.sync_api import expect
from speaking import Speaker, speaking

from sessionqa import Settings

QUESTION = "What is shuffle sharding?"
TRUE = (
    "Shuffle sharding is a method that limits the impact of a failure to smaller subsets of users."
)
FALSE = "It was invented on the moon in 1969."


@pytest.fixture(scope="module")
def speaker() -> Iterator[Speaker]:
    with speaking(Speaker()) as one:
        yield one


@pytest.fixture(scope="module")
def writing_server(shipped: Settings, speaker: Speaker) -> Iterator[Server]:
    with running(shipped.with_(llm=f"openai:{speaker.url}#m", workers=0)) as [server]:
        yield server


@pytest.fixture
def chat(open_chat: Open, writing_server: Server, speaker: Speaker) -> Chat:
    """A page whose model says something true and something false."""
    speaker.breaks_off, speaker.endless, speaker.pause = False, False, 0.0
    speaker.pieces = [TRUE, " [1] ", FALSE, " [1]"]
    speaker.asked.clear()
    return open_chat(writing_server)


def test_each_sentence_leads_to_its_source(chat: Chat) -> None:
    answer = chat.ask(QUESTION)
    expect(answer).to_contain_text(TRUE)
    expect(answer).not_to_contain_text("moon")
    expect(answer).to_contain_text("Written by openai:m")
    # A sentence of the model's own is no quote.
    expect(answer).not_to_contain_text("“")
    answer.get_by_role("link", name="[1]").click()
    marked = chat.sources.locator("#source-0-1")
    expect(marked).to_be_in_viewport()
    expect(chat.sources.locator("mark").first).to_contain_text("Shuffle Sharding is a method")


def test_quotes_can_be_chosen_instead(chat: Chat, speaker: Speaker) -> None:
    chat.page.get_by_label("Quotes only").check()
    answer = chat.ask(QUESTION)
    expect(answer).to_contain_text("“Shuffle Sharding is a method")
    assert not speaker.asked


def test_what_it_writes_can_be_stopped(chat: Chat, speaker: Speaker) -> None:
    speaker.endless, speaker.pause = True, 0.05
    speaker.pieces = [TRUE, " [1] ", "and ", "so ", "on "]
    speaker.left.clear()
    with chat.answered():
        chat.submit("What is Shuffle Sharding?")
        expect(chat.last).to_contain_text(TRUE)
        chat.page.get_by_role("button", name="Stop").click()
    expect(chat.last).to_contain_text(TRUE)
    assert speaker.left.wait(30)
    # And the conversation goes on.
    speaker.endless = False
    expect(chat.ask("Who presented ARC206?")).to_contain_text("Sky Hart")


def test_a_model_that_breaks_off_leaves_the_quotes(chat: Chat, speaker: Speaker) -> None:
    speaker.breaks_off = True
    answer = chat.ask("How does shuffle sharding work?")
    expect(answer).to_contain_text("“")
    expect(answer).to_contain_text("Quotes instead: the model m at")
