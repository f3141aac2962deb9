"""The page itself: what stands where, and what happens upon what."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse

from sessionqa.assistant import Assistant
from sessionqa.datatypes import Session
from sessionqa.ui import listed, page, pictures
from sessionqa.ui.quick import gr
from sessionqa.ui.talk import Judged, Talk

ASKING_AT_ONCE = 8
MOST_WAITING, MOST_PAGES = 256, 300
# A question can be kept to sessions with some value of these, where there is more than one.
NARROWING = ("track", "level", "speaker", "service")
MOST_PASSAGES = 20

_STYLE, _SCRIPT = Path(__file__).with_name("chat.css"), Path(__file__).with_name("chat.js")
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
_WELCOME = "<h2>Ask about the sessions</h2>Type a question below{}."

# What the browser does by itself, before the server hears of anything: while an answer comes, it
# can be stopped, and nothing else be done with the conversation.
_BUSY = "() => sessionqa.busy(true)"
_IDLE = "() => sessionqa.busy(false)"
# A button inside HTML asks about a session; points of the map are buttons too.
_ABOUT = """
const about = (event) => {
  const button = event.target.closest("[data-ask]");
  if (!button || sessionqa.isBusy()) return;
  event.preventDefault();
  trigger("select", { code: button.dataset.ask });
};
element.addEventListener("click", about);
element.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") about(event);
});
"""
_AWAKE = "() => ({__type__: 'update', interactive: true})"
_TO_THE_CHAT = "() => ({__type__: 'update', selected: 'ask'})"
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class _Desk:
    """What asking and answering take."""

    chat: gr.Chatbot
    sources: gr.HTML
    answers: gr.State
    box: gr.Textbox
    judgement: gr.Column
    said: gr.HTML
    right: gr.Dropdown
    judged: gr.State
    turns: gr.Textbox
    narrowing: list[Any]
    buttons: "_Buttons"

    @property
    def shown(self) -> list[Any]:
        """What a step of an answer changes."""
        return [self.chat, self.sources, self.answers, self.box, self.judgement, self.turns]

    @property
    def given(self) -> list[Any]:
        """What a question is asked with, besides itself."""
        return [self.answers, self.turns, *self.narrowing]


@dataclass(frozen=True)
class _Buttons:
    """What can be done with the conversation."""

    new: gr.Button
    again: gr.Button
    edit: gr.Button
    stop: gr.Button
    copy: gr.Button
    markdown: gr.Button
    json: gr.Button

    @property
    def switched(self) -> list[gr.Button]:
        """Those that an answer that is coming turns off, and the one that it turns on."""
        return [self.new, self.again, self.edit, self.stop]


@dataclass(frozen=True)
class _Saved:
    """Conversations in the browser: which there are, and which this is."""

    names: gr.Radio
    name: gr.Textbox
    remove: gr.Button
    ident: gr.Textbox


def build(assistant: Assistant, running: AbstractContextManager[None]) -> gr.Blocks:
    """The page: the chat beside its sources, the sessions to browse, and pictures of them.

    `running` is entered for as long as an answer is being given.
    """
    sessions = assistant.sessions()
    fields = [field for field in NARROWING if len(assistant.index.values(field)) > 1]
    talk = Talk(assistant, fields, running)
    blocks = gr.Blocks(title="sessionqa", analytics_enabled=False, fill_width=True)
    with blocks:
        gr.HTML(page.masthead(sessions), elem_id="masthead", apply_default_css=False)
        saved = _saved()
        with gr.Tabs(selected="ask", elem_id="tabs") as tabs:
            with gr.Tab("Ask", id="ask"):
                desk = _desk(assistant, talk, sessions, fields)
            with gr.Tab("Sessions", id="sessions") as listing:
                browser = _browser(assistant, listing)
            with gr.Tab("Overview", id="overview") as overview:
                drawn = _pictures(sessions)
        asked = _asked(blocks, talk, desk, saved, tabs, (desk.sources, browser, drawn))
        _judged(talk, desk)
        _taken_along(talk, desk)
        _kept(blocks, talk, desk, saved, asked)
        overview.select(_Map(assistant).drawn, desk.answers, drawn, **_QUIET)
    blocks.queue(api_open=False, max_size=MOST_WAITING)
    # What the server remembers of a page that is gone: the browser has the conversation too.
    blocks.state_session_capacity = MOST_PAGES
    return blocks


def _desk(
    assistant: Assistant, talk: Talk, sessions: Sequence[Session], fields: Sequence[str]
) -> _Desk:
    starters = [q for q in page.examples(sessions) if not assistant.ask(q).refused]
    answers, judged = gr.State(None), gr.State(Judged())
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=3, min_width=300, elem_id="conversation"):
            chat = _conversation(starters)
            judgement, said, right = _judgement()
            box = _question()
            buttons = _buttons()
            narrowing = _narrowing(assistant, fields)
        with gr.Column(scale=2, min_width=300, elem_id="panel"):
            sources = _html(talk.no_sources, "sources")
    turns = gr.Textbox(visible="hidden")
    return _Desk(
        chat, sources, answers, box, judgement, said, right, judged, turns, narrowing, buttons
    )


def _html(value: str, name: str) -> gr.HTML:
    """HTML whose buttons ask about a session."""
    return gr.HTML(value, elem_id=name, apply_default_css=False, js_on_load=_ABOUT)


def _conversation(starters: Sequence[str]) -> gr.Chatbot:
    return gr.Chatbot(
        label="Conversation",
        show_label=False,
        buttons=[],
        group_consecutive_messages=False,
        placeholder=_WELCOME.format(", or begin with one of these" if starters else ""),
        examples=[{"text": question} for question in starters],
        height=None,
        elem_id="chat",
    )


def _question() -> gr.Textbox:
    return gr.Textbox(
        label="Your question",
        show_label=False,
        placeholder="Ask a question …",
        max_lines=6,
        submit_btn="Ask",
        autofocus=True,
        elem_id="question",
    )


def _buttons() -> _Buttons:
    def button(name: str, **more: Any) -> gr.Button:
        return gr.Button(name, size="sm", **more)

    with gr.Row(elem_id="buttons"):
        return _Buttons(
            stop=button("Stop", interactive=False),
            again=button("Ask again"),
            edit=button("Edit the question"),
            copy=button("Copy the answer"),
            markdown=button("Save as Markdown"),
            json=button("Save as JSON"),
            new=button("New conversation"),
        )


def _narrowing(assistant: Assistant, fields: Sequence[str]) -> list[Any]:
    """How many passages to look at, and for each field the values to keep to."""
    with gr.Accordion("Where to look", open=False, elem_id="narrowing"), gr.Row():
        chosen = [_choice(field, assistant.index.values(field)) for field in fields]
        count = gr.Slider(
            1,
            max(MOST_PASSAGES, assistant.settings.top_k),
            value=assistant.settings.top_k,
            step=1,
            label="Passages to look at",
        )
    return [count, *chosen]


def _choice(field: str, values: dict[str, str]) -> gr.Dropdown:
    number = all(form.isdigit() for form in values)
    names = sorted(values.values(), key=lambda name: int(name) if number else name.casefold())
    # A list, or Gradio would take one value for a text.
    return gr.Dropdown([*names], value=[], multiselect=True, label=f"Only this {field}")


def _judgement() -> tuple[gr.Column, gr.HTML, gr.Dropdown]:
    """What stands below the chat once an answer is judged."""
    with gr.Column(scale=0, visible=False, elem_id="judgement") as judgement:
        said = gr.HTML(elem_id="said", apply_default_css=False)
        right = gr.Dropdown(
            [],
            label="The right session is",
            info="Choose it, or type its code",
            allow_custom_value=True,
            elem_id="right",
        )
    return judgement, said, right


def _saved() -> _Saved:
    """The conversations that this browser keeps, at the side; nothing at first."""
    with gr.Sidebar(label="Conversations", open=False, elem_id="saved"):
        gr.HTML(page.SAVED_HINT, apply_default_css=False)
        names = gr.Radio([], label="Conversations", visible=False, elem_id="conversations")
        name = gr.Textbox(label="Another name for it", submit_btn="Rename", max_lines=1)
        remove = gr.Button("Delete it", size="sm")
    return _Saved(names, name, remove, gr.Textbox(visible="hidden"))


def _browser(assistant: Assistant, tab: gr.Tab) -> gr.HTML:
    def shown(words: str, order: str) -> str:
        return listed.browsed(assistant.live(), words, order)

    with gr.Row(elem_id="search"):
        words = gr.Textbox(label="Find sessions", placeholder="Words of the title, names, services")
        order = gr.Dropdown([*listed.ORDERS], value=listed.ORDERS[0], label="In the order of")
    found = _html(shown("", listed.ORDERS[0]), "browser")
    gr.on([words.change, order.change, tab.select], shown, [words, order], found, **_QUIET)
    return found


def _pictures(sessions: Sequence[Session]) -> gr.HTML:
    drawn = _html("", "map")
    gr.HTML(pictures.counted(sessions), elem_id="counts", apply_default_css=False)
    return drawn


class _Map:
    """The map of the build that is live, worked out when somebody first looks at it."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._build = ""
        self._corpus: pictures.Corpus | None = None

    def drawn(self, answers: Sequence[Any]) -> str:
        """The map, with the sessions lit that the last answer looked at."""
        live = self._assistant.live()
        if self._corpus is None or self._build != live.index.manifest.build:
            self._corpus, self._build = pictures.Corpus.of(live), live.index.manifest.build
        hits = answers[-1].hits if answers else ()
        return pictures.mapped(self._corpus, {hit.passage.session_code for hit in hits})


def _asked(
    blocks: gr.Blocks,
    talk: Talk,
    desk: _Desk,
    saved: _Saved,
    tabs: gr.Tabs,
    html: Sequence[gr.HTML],
) -> list[Any]:
    """Everything that asks a question; gives the events, which end with an answer."""
    shared: dict[str, Any] = {"outputs": desk.shown, "concurrency_limit": ASKING_AT_ONCE, **_QUIET}
    buttons = desk.buttons
    switched = [*buttons.switched, saved.names, saved.remove]
    abouts = [one.select for one in html]
    # What the page's address asks, as in `/?q=...`.
    link = gr.Textbox(visible="hidden")
    blocks.load(None, None, link, js="() => sessionqa.linked()", **_QUIET)
    begun = [desk.box.submit, desk.chat.example_select, buttons.again.click, link.change, *abouts]
    # While a question is answered, the conversation cannot be left: the rest of the answer would
    # bring back what was left. Gradio's `cancels` is no help: it takes effect only after the
    # leaving, on whatever runs by then, be it the next question, and cannot stop what the server
    # has not given an id yet.
    gr.on(begun, None, outputs=switched, js=_BUSY, **_QUIET)
    gr.on(abouts, None, outputs=tabs, js=_TO_THE_CHAT, **_QUIET)
    asked = [
        desk.box.submit(talk.ask, [desk.box, *desk.given], **shared),
        desk.chat.example_select(talk.pick, desk.given, **shared),
        buttons.again.click(talk.again, desk.given, **shared),
        link.change(talk.ask, [link, *desk.given], **shared),
        *(about(talk.about, desk.given, **shared) for about in abouts),
    ]
    for one in asked:
        for over in (one.success, one.failure):
            over(None, outputs=switched, js=_IDLE, **_QUIET)
    buttons.stop.click(talk.stop, None, None, **_QUIET)
    buttons.edit.click(talk.edit, [desk.answers, desk.turns], **shared)
    return asked


def _judged(talk: Talk, desk: _Desk) -> None:
    told = [desk.chat, desk.judgement, desk.said, desk.right, desk.judged]
    desk.chat.like(talk.judge, [desk.answers, desk.judged], told, **_QUIET)
    desk.right.input(
        talk.name_right, [desk.right, desk.answers, desk.judged], [desk.said, desk.judged], **_QUIET
    )


def _taken_along(talk: Talk, desk: _Desk) -> None:
    """What is copied and saved: the server writes it, the browser takes it."""
    text = gr.Textbox(visible="hidden")
    for button, written, taken in (
        (desk.buttons.copy, talk.text, "(text) => sessionqa.copy(text)"),
        (desk.buttons.markdown, talk.markdown, _save("md", "text/markdown")),
        (desk.buttons.json, talk.json, _save("json", "application/json")),
    ):
        made = button.click(written, [desk.answers, desk.turns], text, **_QUIET)
        made.success(None, text, None, js=taken, **_QUIET)


def _save(ending: str, kind: str) -> str:
    return f"(text) => sessionqa.save('sessionqa.{ending}', '{kind}', text)"


def _kept(blocks: gr.Blocks, talk: Talk, desk: _Desk, saved: _Saved, asked: Sequence[Any]) -> None:
    """The conversation is kept after each answer, and the ones that were kept can be gone on with.

    The browser does all of that by itself; the server only reads what it opens.
    """
    ident, names = saved.ident, saved.names
    blocks.load(None, None, names, js="() => sessionqa.names('')", **_QUIET)
    for one in asked:
        one.success(None, [ident, desk.turns], [ident, names], js=_call("keep", 2), **_QUIET)
    whole = [*desk.shown, desk.judged]
    opening = gr.Textbox(visible="hidden")
    taken = [opening, desk.turns, desk.box]
    opened = names.input(None, names, taken, js=_call("open", 1), **_QUIET)
    going_on = opened.success(talk.reopened, [opening, desk.turns], [*whole, ident], **_QUIET)
    going_on.failure(None, None, desk.box, js=_AWAKE, **_QUIET)
    saved.name.submit(
        None, [ident, saved.name], [names, saved.name], js=_call("rename", 2), **_QUIET
    )
    removed = saved.remove.click(None, ident, names, js=_call("remove", 1), **_QUIET)
    removed.success(talk.forget, None, [*whole, ident], **_QUIET)
    left = desk.buttons.new.click(talk.forget, None, [*whole, ident], **_QUIET)
    left.success(None, None, names, js="() => sessionqa.names('')", **_QUIET)


def _call(function: str, values: int) -> str:
    """JavaScript that gives the values of as many inputs to a function of chat.js."""
    names = ", ".join("abc"[:values])
    return f"({names}) => sessionqa.{function}({names})"


def mounted(app: FastAPI, assistant: Assistant, running: AbstractContextManager[None]) -> FastAPI:
    """`app` with the page at its root, below every route that it has."""

    def script() -> Response:
        return FileResponse(_SCRIPT, media_type="text/javascript")

    app.get("/chat.js", include_in_schema=False, response_model=None)(script)
    whole: FastAPI = gr.mount_gradio_app(
        app,
        build(assistant, running),
        path="/",
        server_name=assistant.settings.host,
        server_port=assistant.settings.port,
        footer_links=[],
        run_history=False,
        app_kwargs={"openapi_url": None},
        theme=_theme(),
        css_paths=[_STYLE],
        head='<script src="/chat.js"></script>',
        ssr_mode=False,
        mcp_server=False,
    )
    return whole


def _theme() -> gr.themes.Base:
    """One accent colour, and fonts that the machine has: none is fetched."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=_FONTS,
        font_mono=_MONO,
    ).set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        color_accent_soft="*primary_100",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        input_background_fill="white",
        input_background_fill_dark="*neutral_800",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_300",
        button_primary_background_fill_hover_dark="*primary_200",
        button_primary_text_color_dark="*neutral_950",
    )
