"""The chat in the browser: one Gradio page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from sessionqa.assistant import Assistant
from sessionqa.ui import page
from sessionqa.ui.talk import Judged, Talk

ASKING_AT_ONCE = 8

_STYLE = Path(__file__).with_name("chat.css")
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
_WELCOME = "<h2>Ask about the sessions</h2>Type a question below{}."

# What the browser does by itself, before the server hears of anything, to a button.
_REST = "() => ({__type__: 'update', interactive: false})"
_WAKE = "() => ({__type__: 'update', interactive: true})"


def build(assistant: Assistant) -> gr.Blocks:
    """The page: a chat with the assistant beside the sources of its answers."""
    sessions = assistant.sessions()
    starters = [q for q in page.examples(sessions) if not assistant.ask(q).refused]
    talk = Talk(assistant)
    blocks = gr.Blocks(title="sessionqa", analytics_enabled=False, fill_width=True)
    with blocks:
        gr.HTML(page.masthead(sessions), elem_id="masthead", apply_default_css=False)
        answers = gr.State(())
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=3, min_width=300, elem_id="conversation"):
                chat = _conversation(starters)
                judgement, said, right = _judgement()
                box, clear = _asking()
            with gr.Column(scale=2, min_width=300, elem_id="panel"):
                sources = gr.HTML(talk.no_sources, elem_id="sources", apply_default_css=False)
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        shared: dict[str, Any] = {
            "outputs": [chat, sources, answers, box, judgement],
            "concurrency_limit": ASKING_AT_ONCE,
            **quiet,
        }
        # While a question is answered, nothing can be cleared: the rest of the answer would bring
        # back what was cleared. Gradio's `cancels` is no help: it takes effect only after the
        # clearing, on whatever runs by then, be it the next question, and cannot stop what the
        # server has not given an id yet.
        gr.on([box.submit, chat.example_select], None, outputs=clear, js=_REST, **quiet)
        for asking in (
            box.submit(talk.ask, [box, answers], **shared),
            chat.example_select(talk.pick, [answers], **shared),
        ):
            for over in (asking.success, asking.failure):
                over(None, outputs=clear, js=_WAKE, **quiet)
        judged = gr.State(Judged())
        emptied = {**shared, "outputs": [*shared["outputs"], judged]}
        clear.click(talk.forget, **emptied)
        told = [chat, judgement, said, right, judged]
        chat.like(talk.judge, [answers, judged], told, **quiet)
        right.input(talk.name_right, [right, answers, judged], [said, judged], **quiet)
    blocks.queue(api_open=False)
    return blocks


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


def _asking() -> tuple[gr.Textbox, gr.Button]:
    box = gr.Textbox(
        label="Your question",
        show_label=False,
        placeholder="Ask a question …",
        max_lines=6,
        submit_btn="Ask",
        autofocus=True,
        elem_id="question",
    )
    clear = gr.Button("Clear the conversation", size="sm", elem_id="clear")
    return box, clear


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


def mounted(app: FastAPI, assistant: Assistant) -> FastAPI:
    """`app` with the page at its root, below every route that it has."""
    whole: FastAPI = gr.mount_gradio_app(
        app,
        build(assistant),
        path="/",
        server_name=assistant.settings.host,
        server_port=assistant.settings.port,
        footer_links=[],
        run_history=False,
        app_kwargs={"openapi_url": None},
        theme=_theme(),
        css_paths=[_STYLE],
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
