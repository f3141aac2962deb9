"""Light and dark: what is written can be read (WCAG 2 AA), and whatever takes input has a name."""

import pytest
from harness import Open, Server

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
