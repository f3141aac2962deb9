"""What happens upon what: every event of the page."""

from collections.abc import Sequence
from typing import Any

from sessionqa.ui.layout import Desk, Saved, hidden
from sessionqa.ui.quick import gr
from sessionqa.ui.talk import Talk

ASKING_AT_ONCE = 8
# What the browser does by itself, before the server hears of anything: while an answer comes, it
# can be stopped, and nothing else be done with the conversation.
_NONE_CHOSEN = "() => sessionqa.names('')"
_BUSY = "() => sessionqa.busy(true)"
_IDLE = "() => sessionqa.busy(false)"
_AWAKE = "() => ({__type__: 'update', interactive: true})"
_TO_THE_CHAT = "() => ({__type__: 'update', selected: 'ask'})"
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def asking(
    blocks: gr.Blocks,
    talk: Talk,
    desk: Desk,
    saved: Saved,
    tabs: gr.Tabs,
    html: Sequence[gr.HTML],
) -> list[Any]:
    """Everything that asks a question; gives the events, which end with an answer."""
    shared: dict[str, Any] = {"outputs": desk.shown, "concurrency_limit": ASKING_AT_ONCE, **QUIET}
    buttons = desk.buttons
    switched = [*buttons.switched, saved.names, saved.remove]
    abouts = [one.select for one in html]
    # What the page's address asks, as in `/?q=...`.
    link = hidden()
    blocks.load(None, None, link, js=_call("linked"), **QUIET)
    begun = [desk.box.submit, desk.chat.example_select, buttons.again.click, link.change, *abouts]
    # While a question is answered, the conversation cannot be left: the rest of the answer would
    # bring back what was left. Gradio's `cancels` is no help: it takes effect only after the
    # leaving, on whatever runs by then, be it the next question, and cannot stop what the server
    # has not given an id yet.
    gr.on(begun, None, outputs=switched, js=_BUSY, **QUIET)
    gr.on(abouts, None, outputs=tabs, js=_TO_THE_CHAT, **QUIET)
    asked = [
        desk.box.submit(talk.ask, [desk.box, *desk.given], **shared),
        desk.chat.example_select(talk.pick, desk.given, **shared),
        buttons.again.click(talk.again, desk.given, **shared),
        link.change(talk.ask, [link, *desk.given], **shared),
        *(about(talk.about, desk.given, **shared) for about in abouts),
    ]
    for one in asked:
        for over in (one.success, one.failure):
            over(None, outputs=switched, js=_IDLE, **QUIET)
    buttons.stop.click(talk.stop, None, None, **QUIET)
    buttons.edit.click(talk.edit, [desk.answers, desk.turns], **shared)
    return asked


def judging(talk: Talk, desk: Desk) -> None:
    """Thumbs, and the session that is named for one that points down."""
    told = [desk.chat, desk.judgement, desk.said, desk.right, desk.judged]
    desk.chat.like(talk.judge, [desk.answers, desk.turns, desk.judged], told, **QUIET)
    named = [desk.right, desk.answers, desk.turns, desk.judged]
    desk.right.input(talk.name_right, named, [desk.said, desk.judged], **QUIET)


def taking_along(talk: Talk, desk: Desk) -> None:
    """What is copied and saved: the server writes it, the browser takes it."""
    text = hidden()
    for button, written, taken in (
        (desk.buttons.copy, talk.text, _call("copy", 1)),
        (desk.buttons.markdown, talk.markdown, _save("md", "text/markdown")),
        (desk.buttons.json, talk.json, _save("json", "application/json")),
    ):
        made = button.click(written, [desk.answers, desk.turns], text, **QUIET)
        made.success(None, text, None, js=taken, **QUIET)


def _save(ending: str, kind: str) -> str:
    return f"(text) => sessionqa.save('sessionqa.{ending}', '{kind}', text)"


def keeping(blocks: gr.Blocks, talk: Talk, desk: Desk, saved: Saved, asked: Sequence[Any]) -> None:
    """The conversation is kept after each answer, and the ones that were kept can be gone on with.

    The browser does all of that by itself; the server only reads what it opens.
    """
    ident, names = saved.ident, saved.names
    blocks.load(None, None, names, js=_NONE_CHOSEN, **QUIET)
    for one in asked:
        one.success(None, [ident, desk.turns], [ident, names], js=_call("keep", 2), **QUIET)
    whole = [*desk.shown, desk.judged]
    opening = hidden()
    taken = [opening, desk.turns, desk.box]
    opened = names.input(None, names, taken, js=_call("open", 1), **QUIET)
    going_on = opened.success(talk.reopened, [opening, desk.turns], [*whole, ident], **QUIET)
    going_on.failure(None, None, desk.box, js=_AWAKE, **QUIET)
    saved.name.submit(
        None, [ident, saved.name], [names, saved.name], js=_call("rename", 2), **QUIET
    )
    removed = saved.remove.click(None, ident, names, js=_call("remove", 1), **QUIET)
    removed.success(talk.forget, None, [*whole, ident], **QUIET)
    left = desk.buttons.new.click(talk.forget, None, [*whole, ident], **QUIET)
    left.success(None, None, names, js=_NONE_CHOSEN, **QUIET)


def _call(function: str, values: int = 0) -> str:
    """JavaScript that gives the values of as many inputs to a function of chat.js."""
    names = ", ".join("abc"[:values])
    return f"({names}) => sessionqa.{function}({names})"
