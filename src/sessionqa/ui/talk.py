"""What happens when somebody asks: the steps of an answer, and of a conversation."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sessionqa import feedback
from sessionqa.assistant import Assistant
from sessionqa.datatypes import Answer
from sessionqa.errors import SessionQAError
from sessionqa.feedback import Verdict
from sessionqa.filters import where
from sessionqa.quotes import places
from sessionqa.ui import exported, kept, page
from sessionqa.ui.quick import gr

# A sentence is shown every so often, and the whole answer before so long: enough to be followed.
SENTENCE_SECONDS, ANSWER_SECONDS = 0.08, 0.4

Answers = tuple[Answer, ...]
# Is told of each answer whether it is a refusal, and its timings.
Answered = Callable[[bool, Mapping[str, float]], None]
# What an event hands to the page: the chat, the sources, the answers so far, the question box,
# what stands below the chat once an answer is judged, and the conversation as it is kept.
Shown = tuple[Any, Any, Any, Any, Any, Any]
# What a thumb changes: the chat, what stands below it, its note, its box, and what is judged.
Judging = tuple[Any, Any, Any, Any, Any]
_UP, _DOWN = "Like", "Dislike"
_NOTHING_WRITTEN = "Stopped before anything was written."
_NOTHING: Shown = (gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip())


@dataclass(frozen=True)
class Judged:
    """The thumb of each answer, as the chat calls it, and the turn that was judged last.

    `code` is the session that was named for it, empty before that.
    """

    thumbs: tuple[str | None, ...] = ()
    turn: int = 0
    code: str = ""


class Talk:
    """Asks, judges, and keeps what was said. `fields` are those that a question can be kept to.

    A method that asks is given, after what it needs itself, who is to write (page.QUOTES or the
    model), how many passages to look at, and the values that were chosen of each field.
    """

    def __init__(
        self,
        assistant: Assistant,
        fields: Sequence[str],
        running: AbstractContextManager[None],
        answered: Answered,
    ) -> None:
        """`running` is entered for as long as an answer is being given, `answered` told of each."""
        self._assistant = assistant
        self._fields = fields
        self._running = running
        self._told = answered
        # The pages where an answer is being given, and whether it is to stop.
        self._stopped: dict[str | None, bool] = {}
        self.no_sources = page.sources((), assistant.index.session)

    def ask(
        self,
        request: gr.Request,
        question: str,
        before: Answers | None,
        turns: str,
        who: str,
        k: int,
        *chosen: list[str],
    ) -> Iterator[Shown]:
        """Question, then answer, by the sentence; a question that fails stays in the box.

        Where the server knows of no conversation, `before` is None: it goes on from what the
        browser has of one, `turns`.
        """
        if not question.strip():
            yield _NOTHING
            return
        here = request.session_hash
        self._stopped[here] = False
        try:
            with self._running:
                known = _known(before, turns)
                yield from self._answered(here, question, known, who == page.QUOTES, k, chosen)
        finally:
            self._stopped.pop(here, None)

    def _answered(
        self,
        here: str | None,
        question: str,
        before: Answers,
        quoted: bool,
        k: int,
        chosen: Sequence[list[str]],
    ) -> Iterator[Shown]:
        earlier = _messages(before)
        asked = _message("user", page.question(question))
        yield [*earlier, asked], gr.skip(), gr.skip(), "", gr.Column(visible=False), gr.skip()
        try:
            assistant = self._assistant.live()
            history = [one.question for one in before]
            steps = assistant.stream(question, int(k), history, self._filter(chosen), quoted)
            answer = next(steps)
        except SessionQAError as error:
            problem = _message("assistant", page.problem(str(error)))
            yield [*earlier, problem], gr.skip(), gr.skip(), question, gr.skip(), gr.skip()
            return
        messages = [*earlier, asked]
        if answer.written:
            answer = yield from self._written(here, before, messages, answer, steps)
        if not answer.text:
            problem = _message("assistant", page.problem(_NOTHING_WRITTEN))
            yield [*messages, problem], gr.skip(), gr.skip(), question, gr.skip(), gr.skip()
            return
        self._told(answer.refused, answer.timings)
        yield from self._shown(here, before, messages, answer, assistant.index.session)

    def _written(
        self,
        here: str | None,
        before: Answers,
        messages: list[Any],
        answer: Answer,
        steps: Generator[Answer],
    ) -> Generator[Shown, None, Answer]:
        """Shows what a model writes as it comes; gives what there is when it ends or is stopped."""
        shown = None
        with closing(steps):
            # The first step is already there.
            for latest in chain([answer], steps):
                answer = latest
                if answer.text != shown:
                    shown = answer.text
                    html = page.answer(answer, len(before), shown) if shown else page.WRITING
                    yield [*messages, _message("assistant", html)], *_NOTHING[1:]
                if self._stopped.get(here):
                    break
        return answer

    def _shown(
        self,
        here: str | None,
        before: Answers,
        messages: list[Any],
        answer: Answer,
        session: page.Lookup,
    ) -> Iterator[Shown]:
        """Shows a whole answer: quotes by the sentence, until they are stopped."""
        # Of the whole answer, and once: they hold the text of every session that it cites.
        sources = page.sources((*before, answer), session)
        said = answer
        steps = [answer.text] if answer.written else page.growing(answer)
        for step, text in enumerate(steps):
            if step:
                time.sleep(min(SENTENCE_SECONDS, ANSWER_SECONDS / len(steps)))
            if step and self._stopped.get(here):
                break
            given = _message("assistant", page.answer(answer, len(before), text))
            said = _so_far(answer, text)
            shown = gr.skip() if step else sources
            yield [*messages, given], shown, (*before, said), *_NOTHING[3:]
        answers = (*before, said)
        left = sources if said is answer else page.sources(answers, session)
        yield gr.skip(), left, *_NOTHING[2:5], kept.kept(answers)

    def pick(
        self, request: gr.Request, picked: gr.SelectData, before: Answers | None, *given: Any
    ) -> Iterator[Shown]:
        """Asks the example that was picked."""
        yield from self.ask(request, picked.value["text"], before, *given)

    def about(
        self, request: gr.Request, pressed: gr.EventData, before: Answers | None, *given: Any
    ) -> Iterator[Shown]:
        """Asks what the session is about whose button was pressed, wherever that is."""
        yield from self.ask(request, f"What is {pressed.code} about?", before, *given)

    def again(
        self, request: gr.Request, before: Answers | None, turns: str, *given: Any
    ) -> Iterator[Shown]:
        """Asks the last question once more, with what is chosen now."""
        known = _known(before, turns)
        question = known[-1].question if known else ""
        yield from self.ask(request, question, known[:-1], "", *given)

    def edit(self, before: Answers | None, turns: str) -> Shown:
        """Takes the last question back into the box."""
        known = _known(before, turns)
        if not known:
            return _NOTHING
        left = known[:-1]
        sources = page.sources(left, self._assistant.live().index.session)
        question = known[-1].question
        return _messages(left), sources, left, question, gr.Column(visible=False), kept.kept(left)

    def stop(self, request: gr.Request) -> None:
        """Lets an answer that is being shown end with its present sentence."""
        if request.session_hash in self._stopped:
            self._stopped[request.session_hash] = True

    def _filter(self, chosen: Sequence[list[str]]) -> Any:
        wanted = {
            field: values for field, values in zip(self._fields, chosen, strict=True) if values
        }
        return where(**wanted) if wanted else None

    def forget(self) -> tuple[Any, ...]:
        """An empty page again, and nothing judged."""
        chat = gr.Chatbot([], feedback_value=[])
        return chat, self.no_sources, (), "", gr.Column(visible=False), "", Judged(), ""

    # --- what is kept in the browser

    def reopened(self, ident: str, turns: str) -> tuple[Any, ...]:
        """A conversation that the browser had kept, to go on with; it is this one from now on."""
        answers = kept.read(turns)
        sources = page.sources(answers, self._assistant.live().index.session)
        messages: Any = _messages(answers)
        chat = gr.Chatbot(messages, feedback_value=[])
        box = gr.Textbox("", interactive=True)
        return chat, sources, answers, box, gr.Column(visible=False), gr.skip(), Judged(), ident

    def markdown(self, before: Answers | None, turns: str) -> str:
        """The conversation to read elsewhere."""
        return exported.as_markdown(_known(before, turns), self._assistant.live().index.session)

    def json(self, before: Answers | None, turns: str) -> str:
        """The conversation for programs."""
        return exported.as_json(_known(before, turns))

    def text(self, before: Answers | None, turns: str) -> str:
        """The last answer, to be copied."""
        known = _known(before, turns)
        return known[-1].text if known else ""

    # --- what people say of answers

    def judge(
        self, picked: gr.LikeData, known: Answers | None, turns: str, before: Judged
    ) -> Judging:
        """Keeps a thumb; after one that points down the right session may be named."""
        # Each turn is a question and an answer; the message of a problem is none of them.
        turn = picked.index // 2 if isinstance(picked.index, int) else -1
        answers = _known(known, turns)
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
        return chat, gr.Column(visible=True), note, right, Judged(tuple(thumbs), turn)

    def _choices(self, answer: Answer) -> list[tuple[str, str]]:
        """The sessions to choose the right one from, as they are shown, and their codes."""
        index = self._assistant.live().index
        codes = page.offered(answer, index.values("session").values())
        titles = {session.code: session.title for session in index.sessions(codes)}
        return [(f"{code}: {titles[code]}", code) for code in codes]

    def name_right(
        self, code: str | None, known: Answers | None, turns: str, judged: Judged
    ) -> tuple[Any, Any]:
        """Keeps the session that has the answer, beside the thumb that is kept already."""
        answers = _known(known, turns)
        # The box tells of what stands in it again when something else is typed. What was judged
        # may be forgotten.
        is_judged = judged.thumbs and judged.turn < len(answers)
        if not code or code == judged.code or not is_judged:
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


def _known(before: Answers | None, turns: str) -> Answers:
    """The conversation as the server has it, or else the browser."""
    return kept.read(turns) if before is None else before


def _so_far(answer: Answer, text: str) -> Answer:
    """The answer as far as it has been shown."""
    if text == answer.text:
        return answer
    shown = tuple(one.citation for one in places(answer) if one.marked <= len(text))
    return replace(answer, text=text, citations=shown)


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
