"""The chat in the browser: one Gradio page, served so that it asks nothing of other hosts."""

import errno
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from logging import CRITICAL, getLogger
from pathlib import Path
from typing import Any

from sessionqa import feedback, page
from sessionqa.assistant import Assistant
from sessionqa.datatypes import Answer
from sessionqa.errors import ServerError, SessionQAError
from sessionqa.feedback import Verdict

# Gradio would call home, and reads this when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A sentence is shown every so often, and the whole answer before so long: enough to be followed.
SENTENCE_SECONDS, ANSWER_SECONDS = 0.08, 0.4
ASKING_AT_ONCE = 8

_STYLE = Path(__file__).with_name("chat.css")
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
# Scripts run only if they are files of this server or carry the page's nonce. Gradio's HTML
# component makes its template a function, which takes unsafe-eval; our templates are constant.
_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
# What the page itself calls under /gradio_api; uploads, files, proxies and the like stay shut.
_GRADIO_CALL = re.compile(r"/gradio_api/([^/?]*)")
_OPEN_CALLS = frozenset({"queue", "heartbeat", "startup-events"})
# Tags of Gradio's page for other hosts, link previews and app installs, and the <base> that turns
# a link into the sources into a reload wherever the address has a query.
_ALIEN = re.compile(
    r"<base\b[^>]*>|<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>"
    r"|<link\b[^>]*\b(?:href=\"(?:https?:)?//|rel=\"manifest\")[^>]*>"
    r"|<script\b[^>]*\bsrc=\"(?:https?:)?//[^>]*>\s*</script>"
)
_ICON = (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16'"
    " rx='4' fill='%230f766e'/%3E%3Cpath d='M4 5h8M4 8h8M4 11h5' stroke='white'/%3E%3C/svg%3E"
)
_HEAD = f'<title>sessionqa</title><link rel="icon" href="data:image/svg+xml,{_ICON}">'
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


def serve(
    assistant: Assistant, host: str, port: int, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serves the chat until Ctrl-C. `on_ready` is told its address once it answers.

    Raises ServerError if the port is taken, or `host` is no address of this machine.
    """
    with _bound(host, port) as listening:
        app = gr.mount_gradio_app(
            FastAPI(openapi_url=None),
            build(assistant),
            path="/",
            server_name=host,
            server_port=port,
            footer_links=[],
            run_history=False,
            app_kwargs={"openapi_url": None},
            theme=_theme(),
            css_paths=[_STYLE],
            ssr_mode=False,
            mcp_server=False,
        )
        config = uvicorn.Config(
            _Shield(app), ws="none", log_level="warning", timeout_graceful_shutdown=1
        )
        url = _address(host, listening)
        try:
            _Server(config, lambda: on_ready(url) if on_ready else None).run(sockets=[listening])
        except KeyboardInterrupt:
            return


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens there, held from before the page is made until the end."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(address[0]), port), family=family)
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            problem = f"port {port} on {host} is in use: choose another with `--port N`"
            raise ServerError(problem) from error
        # create_server ends its reason with the address, which is named already.
        reason = str(getattr(error, "strerror", error)).partition(" (while")[0]
        raise ServerError(
            f"{host}, port {port}, cannot be served ({reason}): choose another port with "
            "`--port N`, or with `--host H` an address of this machine"
        ) from error


def _address(host: str, listening: socket.socket) -> str:
    """Where a browser on this machine finds the chat."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{listening.getsockname()[1]}"


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


class _Server(uvicorn.Server):
    """Tells when it answers, and ends without noise."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Each open page holds a stream. That it is cut now is no error to report.
        getLogger("uvicorn.error").setLevel(CRITICAL)
        await super().shutdown(sockets)


class _Shield:
    """ASGI middleware: the page loads nothing from elsewhere; only its own calls are open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 404."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        called = _GRADIO_CALL.match(scope["path"])
        if called and called[1] not in _OPEN_CALLS:
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        is_page = scope["path"] == "/"
        if is_page:
            # Uncompressed, so that it can be cleaned on its way.
            plain = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
            scope = {**scope, "headers": plain}
        await self._app(scope, receive, _Guarded(send, is_page))


class _Guarded:
    """The sending side of one response: sets headers, and holds the page back to clean it."""

    def __init__(self, send: Send, is_page: bool) -> None:
        self._send = send
        self._is_page = is_page
        self._nonce = secrets.token_urlsafe(16)
        self._held: Message | None = None
        self._html = b""

    async def __call__(self, message: Message) -> None:
        """Sends a part of the response on, or keeps it until the page is whole."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = _POLICY.format(nonce=self._nonce)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            if self._is_page:
                self._held = message
                return
        elif self._held:
            self._html += message.get("body", b"")
            if message.get("more_body"):
                return
            message = {**message, "body": _cleaned(self._html.decode(), self._nonce).encode()}
            MutableHeaders(scope=self._held)["Content-Length"] = str(len(message["body"]))
            await self._send(self._held)
        await self._send(message)


def _cleaned(html: str, nonce: str) -> str:
    """Gradio's page without what leads elsewhere; its own scripts get the nonce."""
    own = _ALIEN.sub("", html).replace("</head>", f"{_HEAD}</head>", 1)
    return own.replace("<script", f'<script nonce="{nonce}"')
