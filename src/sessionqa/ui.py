"""The chat in the browser: one Gradio page."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sessionqa import feedback, page
from sessionqa.assistant import Assistant
from sessionqa.datatypes import Answer
from sessionqa.errors import SessionQAError
from sessionqa.feedback import Verdict

# Gradio would call home, and reads this when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from fastapi import FastAPI

# A sentence is shown every so often, and the whole answer before so long: enough to be followed.
SENTENCE_SECONDS, ANSWER_SECONDS = 0.08, 0.4
ASKING_AT_ONCE = 8

_STYLE = Path(__file__).with_name("chat.css")
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
_WELCOME = "<h2>Ask about the sessions</h2>Type a question below{}."

Answers = tuple[Answer, ...]
# What an event hands to the page: the chat, the sources, the answers so far, the question box,
# and what stands below the chat once an answer is judged.
Shown = tuple[Any, Any, Any, Any, Any]
# What a thumb changes: the chat, what stands below it, its note, its box, and what is judged.
Judging = tuple[Any, Any, Any, Any, Any]
_UP, _DOWN = "Like", "Dislike"
# What the browser does by itself, before the server hears of anything, to a button.
_REST = "() => ({__type__: 'update', interactive: false})"
_WAKE = "() => ({__type__: 'update', interactive: true})"


def build(assistant: Assistant) -> gr.Blocks:
    """The page: a chat with the assistant beside the sources of its answers."""
    sessions = assistant.sessions()
    starters = [q for q in page.examples(sessions) if not assistant.ask(q).refused]
    talk = _Talk(assistant)
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
        judged = gr.State(_Judged())
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


@dataclass(frozen=True)
class _Judged:
    """The thumb of each answer, as the chat calls it, and the turn that was judged last.

    `code` is the session that was named for it, empty before that.
    """

    thumbs: tuple[str | None, ...] = ()
    turn: int = 0
    code: str = ""


class _Talk:
    """What happens when somebody asks, judges an answer, or clears the conversation."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self.no_sources = page.sources((), assistant.index.session)

    def ask(self, question: str, before: Answers) -> Iterator[Shown]:
        """Question, then answer, by the sentence; a question that fails stays in the box."""
        if not question.strip():
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip()
            return
        earlier = _messages(before)
        asked = _message("user", page.question(question))
        yield [*earlier, asked], gr.skip(), gr.skip(), "", gr.Column(visible=False)
        try:
            assistant = self._assistant.live()
            answer = assistant.ask(question, history=[one.question for one in before])
        except SessionQAError as error:
            problem = _message("assistant", page.problem(str(error)))
            yield [*earlier, problem], gr.skip(), gr.skip(), question, gr.skip()
            return
        answers = (*before, answer)
        sources = page.sources(answers, assistant.index.session)
        steps = page.growing(answer)
        for step, text in enumerate(steps):
            if step:
                time.sleep(min(SENTENCE_SECONDS, ANSWER_SECONDS / len(steps)))
            given = _message("assistant", page.answer(answer, len(before), text))
            yield [*earlier, asked, given], sources, answers, gr.skip(), gr.skip()

    def pick(self, picked: gr.SelectData, before: Answers) -> Iterator[Shown]:
        """Asks the example that was picked."""
        yield from self.ask(picked.value["text"], before)

    def forget(self) -> tuple[Any, ...]:
        """An empty page again, and nothing judged."""
        chat = gr.Chatbot([], feedback_value=[])
        return chat, self.no_sources, (), "", gr.Column(visible=False), _Judged()

    def judge(self, picked: gr.LikeData, answers: Answers, before: _Judged) -> Judging:
        """Keeps a thumb; after one that points down the right session may be named."""
        # Each turn is a question and an answer; the message of a problem is none of them.
        turn = picked.index // 2 if isinstance(picked.index, int) else -1
        thumb = _UP if picked.liked is True else _DOWN if picked.liked is False else None
        if thumb is None or not 0 <= turn < len(answers):
            return gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip()
        note = self._keep("up" if thumb == _UP else "down", answers, turn)
        thumbs = [*before.thumbs, *[None] * len(answers)][: len(answers)]
        thumbs[turn] = thumb
        right = gr.Dropdown(visible=False)
        if thumb == _DOWN:
            right = gr.Dropdown(self._choices(answers[turn]), value=None, visible=True)
        chat = gr.Chatbot(feedback_value=thumbs)
        return chat, gr.Column(visible=True), note, right, _Judged(tuple(thumbs), turn)

    def _choices(self, answer: Answer) -> list[tuple[str, str]]:
        """The sessions to choose the right one from, as they are shown, and their codes."""
        index = self._assistant.live().index
        codes = page.offered(answer, index.values("session").values())
        titles = {session.code: session.title for session in index.sessions(codes)}
        return [(f"{code}: {titles[code]}", code) for code in codes]

    def name_right(self, code: str | None, answers: Answers, judged: _Judged) -> tuple[Any, Any]:
        """Keeps the session that has the answer, beside the thumb that is kept already."""
        # The box tells of what stands in it again when something else is typed.
        if not code or code == judged.code or not 0 <= judged.turn < len(answers):
            return gr.skip(), gr.skip()
        return self._keep("down", answers, judged.turn, code), replace(judged, code=code)

    def _keep(self, verdict: Verdict, answers: Answers, turn: int, code: str = "") -> str:
        """Adds a judgement to the feedback; what to say of it."""
        history = [answer.question for answer in answers[:turn]]
        assistant = self._assistant.live()
        build = assistant.index.manifest.build
        try:
            sessions = [assistant.session(code).code] if code else []
            record = answers[turn].to_dict()
            made = feedback.judged(record, verdict, history, sessions, build=build)
            feedback.append(assistant.settings.feedback, made)
        except SessionQAError as error:
            return page.problem(str(error))
        return page.thanks(sessions)


def _messages(answers: Answers) -> list[dict[str, Any]]:
    """The conversation so far, as the chat wants it."""
    messages: list[dict[str, Any]] = []
    for turn, answer in enumerate(answers):
        messages.append(_message("user", page.question(answer.question)))
        messages.append(_message("assistant", page.answer(answer, turn, answer.text)))
    return messages


def _message(role: str, html: str) -> dict[str, Any]:
    """A message as a component: a string would be Markdown, or raw HTML if that is turned off."""
    return {"role": role, "content": gr.HTML(html, apply_default_css=False)}


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
