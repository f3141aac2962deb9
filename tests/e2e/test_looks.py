"""Light and dark: what is written can be read (WCAG 2 AA), and whatever takes input has a name."""

import pytest
from harness import Chat, Open, Server
from playwright.sync_api import expect

# Of each piece of visible text that is too faint: what it says, its contrast, and what it needs.
FAINT = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      const [, , , alpha = 1] = channels(colour);
      if (alpha > 0.9) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const said = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (!said || !element.checkVisibility({ checkVisibilityCSS: true })) continue;
    if (element.closest("script, style, :disabled, [aria-disabled=true]")) continue;
    const style = getComputedStyle(element);
    const [over, under] = [light(style.color), light(behind(element))].sort((a, b) => b - a);
    const contrast = (over + 0.05) / (under + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const needed = large ? 3 : 4.5;
    if (contrast < needed) faint.push([said.slice(0, 40), contrast.toFixed(2), needed]);
  }
  return faint;
}"""
NAMELESS = """() => [...document.querySelectorAll("input, textarea, button, [role=button]")]
  .filter((one) => one.checkVisibility({ checkVisibilityCSS: true }))
  .filter((one) => !(one.labels?.length || one.getAttribute("aria-label") || one.title
    || one.innerText?.trim() || one.querySelector("title")))
  .map((one) => one.outerHTML.slice(0, 200))"""

# How far the last question is below the top of what is seen of the conversation, and whether the
# conversation goes on below.
PLACE = """() => {
  const log = document.querySelector("#chat [role=log]");
  const asked = [...log.querySelectorAll(".message.user")].at(-1);
  const below = log.scrollHeight - log.clientHeight - log.scrollTop;
  return [asked.getBoundingClientRect().top - log.getBoundingClientRect().top, below];
}"""


def last_question_is_at_the_top(chat: Chat) -> bool:
    """Or as near to it as what comes behind it allows."""
    chat.page.wait_for_timeout(500)
    top, below = chat.page.evaluate(PLACE)
    return 0 <= top <= 40 or (top > 0 and below < 2)


@pytest.mark.parametrize(("width", "height", "filters"), [(390, 844, False), (1280, 900, True)])
def test_each_answer_is_scrolled_into_view(
    width: int, height: int, filters: bool, open_chat: Open, chat_server: Server
) -> None:
    chat = open_chat(chat_server, width)
    chat.page.set_viewport_size({"width": width, "height": height})
    if filters:
        chat.page.get_by_text("Where to look").click()
    for question in (
        "What is shuffle sharding?",
        "Which sessions talk about resilience?",
        "What is ARC310 about?",
        "Which sessions talk about cost?",
    ):
        chat.ask(question)
        assert last_question_is_at_the_top(chat), question
    assert not chat.page.locator(".scroll-down-button-container").is_visible()
    # Whoever scrolls is left alone until the next question.
    log = chat.page.locator("#chat [role=log]")
    log.hover()
    chat.page.mouse.wheel(0, -5000)
    chat.page.wait_for_function("() => !document.querySelector('#chat [role=log]').scrollTop")
    chat.page.set_viewport_size({"width": width, "height": height - 20})
    chat.page.wait_for_timeout(500)
    assert log.evaluate("log => log.scrollTop") == 0
    chat.ask("What is zonal autoshift?")
    assert last_question_is_at_the_top(chat)


def test_what_is_asked_from_elsewhere_is_seen(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server, 390)
    chat.ask("Which sessions talk about resilience?")
    button = chat.sources.get_by_role("button", name="Ask about").last
    with chat.answered():
        button.click()
    assert last_question_is_at_the_top(chat)
    box = chat.page.locator("#chat").bounding_box()
    assert box
    assert box["y"] > -1
    assert box["y"] + box["height"] < 741


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_written_can_be_read(theme: str, open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server, query=f"?__theme={theme}")
    assert chat.page.evaluate(FAINT) == []
    chat.ask("What is shufle sharding?")
    chat.ask("What does a kilo of cherries cost?")
    chat.sources.get_by_text("Why this answer?").first.click()
    chat.sources.get_by_text("The whole summary").first.click()
    chat.page.get_by_text("Where to look").click()
    assert chat.page.evaluate(FAINT) == []
    for tab in ("Sessions", "Overview"):
        chat.page.get_by_role("tab", name=tab).click()
        chat.page.wait_for_timeout(500)
        assert chat.page.evaluate(FAINT) == []


def test_whatever_takes_input_has_a_name(open_chat: Open, chat_server: Server) -> None:
    chat = open_chat(chat_server)
    chat.ask("What is shuffle sharding?")
    chat.page.get_by_text("Where to look").click()
    chat.page.locator("#saved .toggle-button").click()
    assert chat.page.evaluate(NAMELESS) == []
    for tab in ("Sessions", "Overview"):
        chat.page.get_by_role("tab", name=tab).click()
        assert chat.page.evaluate(NAMELESS) == []


# Whether the keyboard has come to what is at the side.
FOCUSED = "() => !!document.activeElement.closest('#saved .sidebar-content')"


def test_what_is_closed_at_the_side_is_not_reached_by_the_keyboard(
    open_chat: Open, chat_server: Server
) -> None:
    chat = open_chat(chat_server)
    reached = {}
    for opened in (True, False):
        toggle = chat.page.locator("#saved .toggle-button")
        toggle.click()
        # What moves aside takes a moment.
        expect(chat.page.get_by_text("Delete it")).to_be_visible(visible=opened)
        toggle.focus()
        reached[opened] = False
        for _ in range(6):
            chat.page.keyboard.press("Tab")
            reached[opened] |= chat.page.evaluate(FOCUSED)
    assert reached == {True: True, False: False}
