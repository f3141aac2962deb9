"""What stands where on the page: its components, and nothing of what happens upon them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sessionqa.assistant import Assistant
from sessionqa.ui import page
from sessionqa.ui.quick import gr
from sessionqa.ui.talk import Judged

MOST_PASSAGES = 20
_WELCOME = "<h2>Ask about the sessions</h2>Type a question below{}."
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


@dataclass(frozen=True)
class Desk:
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
    buttons: "Buttons"

    @property
    def shown(self) -> list[Any]:
        """What a step of an answer changes."""
        return [self.chat, self.sources, self.answers, self.box, self.judgement, self.turns]

    @property
    def given(self) -> list[Any]:
        """What a question is asked with, besides itself."""
        return [self.answers, self.turns, *self.narrowing]


@dataclass(frozen=True)
class Buttons:
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
class Saved:
    """Conversations in the browser: which there are, and which this is."""

    names: gr.Radio
    name: gr.Textbox
    remove: gr.Button
    ident: gr.Textbox


def desk(
    assistant: Assistant, no_sources: str, starters: Sequence[str], fields: Sequence[str]
) -> Desk:
    """The conversation, beside it the sources; `starters` are questions to begin with."""
    answers, judged = gr.State(None), gr.State(Judged())
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=3, min_width=300, elem_id="conversation"):
            chat = _conversation(starters)
            judgement, said, right = _judgement()
            box = _question()
            buttons = _buttons()
            narrowing = _narrowing(assistant, fields)
        with gr.Column(scale=2, min_width=300, elem_id="panel"):
            sources = asking_html(no_sources, "sources")
    turns = hidden()
    return Desk(
        chat, sources, answers, box, judgement, said, right, judged, turns, narrowing, buttons
    )


def hidden() -> gr.Textbox:
    """A text that the browser and the server hand each other, and nobody sees."""
    return gr.Textbox(visible="hidden")


def asking_html(value: str, name: str) -> gr.HTML:
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
        # chat.js does it.
        autoscroll=False,
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


def _buttons() -> Buttons:
    def button(name: str, **more: Any) -> gr.Button:
        return gr.Button(name, size="sm", **more)

    with gr.Row(elem_id="buttons"):
        return Buttons(
            stop=button("Stop", interactive=False),
            again=button("Ask again"),
            edit=button("Edit the question"),
            copy=button("Copy the answer"),
            markdown=button("Save as Markdown"),
            json=button("Save as JSON"),
            new=button("New conversation"),
        )


def _narrowing(assistant: Assistant, fields: Sequence[str]) -> list[Any]:
    """Who writes, how many passages to look at, and for each field the values to keep to."""
    llm = assistant.llm
    # Above all else, for it changes every answer; without a model there is nothing to choose.
    who = gr.Radio(
        [llm, page.QUOTES] if llm else [page.QUOTES],
        value=llm or page.QUOTES,
        label="Answers are written by",
        visible=bool(llm),
        elem_id="who",
    )
    with gr.Accordion("Where to look", open=False, elem_id="narrowing"), gr.Row():
        chosen = [_choice(field, assistant.index.values(field)) for field in fields]
        count = gr.Slider(
            1,
            max(MOST_PASSAGES, assistant.settings.top_k),
            value=assistant.settings.top_k,
            step=1,
            label="Passages to look at",
        )
    return [who, count, *chosen]


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


def saved() -> Saved:
    """The conversations that this browser keeps, at the side; nothing at first."""
    with gr.Sidebar(label="Conversations", open=False, elem_id="saved"):
        gr.HTML(page.SAVED_HINT, apply_default_css=False)
        names = gr.Radio([], label="Conversations", visible=False, elem_id="conversations")
        name = gr.Textbox(label="Another name for it", submit_btn="Rename", max_lines=1)
        remove = gr.Button("Delete it", size="sm")
    return Saved(names, name, remove, hidden())
