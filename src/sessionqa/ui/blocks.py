"""The page, put together, and mounted into the server's application."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse

from sessionqa.assistant import Assistant
from sessionqa.datatypes import Session
from sessionqa.ui import layout, listed, page, pictures, wiring
from sessionqa.ui.quick import gr, without_apps
from sessionqa.ui.talk import Answered, Talk
from sessionqa.ui.wiring import QUIET

MOST_WAITING, MOST_PAGES = 256, 300
# A question can be kept to sessions with some value of these, where there is more than one.
NARROWING = ("track", "level", "speaker", "service")

_STYLE, _SCRIPT = Path(__file__).with_name("chat.css"), Path(__file__).with_name("chat.js")
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def build(
    assistant: Assistant,
    running: AbstractContextManager[None],
    answered: Answered,
) -> gr.Blocks:
    """The page: the chat beside its sources, the sessions to browse, and pictures of them.

    `running` is entered for as long as an answer is being given, `answered` told of each.
    """
    sessions = assistant.sessions()
    fields = [field for field in NARROWING if len(assistant.index.values(field)) > 1]
    talk = Talk(assistant, fields, running, answered)
    starters = [q for q in page.examples(sessions) if not assistant.ask(q, quoted=True).refused]
    blocks = gr.Blocks(title="sessionqa", analytics_enabled=False, fill_width=True)
    with blocks:
        gr.HTML(
            page.masthead(sessions, assistant.llm),
            elem_id="masthead",
            apply_default_css=False,
        )
        saved = layout.saved()
        with gr.Tabs(selected="ask", elem_id="tabs") as tabs:
            with gr.Tab("Ask", id="ask"):
                desk = layout.desk(assistant, talk.no_sources, starters, fields)
            with gr.Tab("Sessions", id="sessions") as listing:
                browser = _browser(assistant, listing)
            with gr.Tab("Overview", id="overview") as overview:
                drawn = _pictures(sessions)
        asked = wiring.asking(blocks, talk, desk, saved, tabs, (desk.sources, browser, drawn))
        wiring.judging(talk, desk)
        wiring.taking_along(talk, desk)
        wiring.keeping(blocks, talk, desk, saved, asked)
        overview.select(_Map(assistant).drawn, desk.answers, drawn, **QUIET)
    blocks.queue(api_open=False, max_size=MOST_WAITING)
    # What the server remembers of a page that is gone: the browser has the conversation too.
    blocks.state_session_capacity = MOST_PAGES
    return blocks


def _browser(assistant: Assistant, tab: gr.Tab) -> gr.HTML:
    def shown(words: str, order: str) -> str:
        return listed.browsed(assistant.live(), words, order)

    with gr.Row(elem_id="search"):
        words = gr.Textbox(label="Find sessions", placeholder="Words of the title, names, services")
        order = gr.Dropdown([*listed.ORDERS], value=listed.ORDERS[0], label="In the order of")
    found = layout.asking_html(shown("", listed.ORDERS[0]), "browser")
    gr.on([words.change, order.change, tab.select], shown, [words, order], found, **QUIET)
    return found


def _pictures(sessions: Sequence[Session]) -> gr.HTML:
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            drawn = layout.asking_html("", "map")
        with gr.Column(scale=3, min_width=320):
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


def mounted(
    app: FastAPI,
    assistant: Assistant,
    running: AbstractContextManager[None],
    answered: Answered,
) -> FastAPI:
    """`app` with the page at its root, below every route that it has. See `build`."""

    def script() -> Response:
        return FileResponse(_SCRIPT, media_type="text/javascript")

    app.get("/chat.js", include_in_schema=False, response_model=None)(script)
    with without_apps():
        blocks = build(assistant, running, answered)
    whole: FastAPI = gr.mount_gradio_app(
        app,
        blocks,
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
