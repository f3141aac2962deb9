"""A conversation taken along: what Markdown shows is what was said, and JSON can be verified."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sessionqa import Answer, Assistant
from sessionqa.ui import exported, kept

PARSER = MarkdownIt("commonmark")


def answers(assistant: Assistant) -> tuple[Answer, ...]:
    history: list[str] = []
    found = []
    for question in ("What is ARC310 about?", "who gave it?", "How do I bake bread?"):
        found.append(assistant.ask(question, history=history))
        history.append(question)
    return tuple(found)


def test_markdown_has_questions_answers_and_where_each_quote_stands(assistant: Assistant) -> None:
    text = exported.as_markdown(answers(assistant), assistant.index.session)
    assert text.count("\n## ") + text.startswith("## ") == 3
    assert "asked as: who gave arc310?" in text.casefold()
    html = PARSER.render(text)
    assert "<li>[1] <a href=" in html
    assert "Mike Hagen" in html


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=60))
def test_markdown_shows_any_question_as_it_is(question: str) -> None:
    answer = Answer(question, question, "*No* <b>.", (), (), 0.0, True, "extractive", {})
    html = PARSER.render(exported.as_markdown([answer], lambda _: None))
    assert html.count("<h2>") == 1
    for tag in ("<a", "<img", "<b>", "<em>", "<strong>", "<code>", "<hr", "<ul", "<ol"):
        assert tag not in html


def test_a_link_to_no_web_page_is_none(assistant: Assistant) -> None:
    answer = assistant.ask("What is shuffle sharding?")
    known = assistant.session("ARC306")
    script = "javascript:alert(1)"
    bad = replace(known, url=script)
    for url in (script, ""):
        cited = tuple(replace(citation, url=url) for citation in answer.citations)
        shown = exported.as_markdown([replace(answer, citations=cited)], lambda _: bad)
        assert "javascript" not in shown
        assert "ARC306: " in shown


def test_json_is_what_ask_prints(assistant: Assistant) -> None:
    given_ = answers(assistant)
    own = json.loads(json.dumps([answer.to_dict() for answer in given_]))
    assert json.loads(exported.as_json(given_)) == own


def test_what_the_browser_keeps_is_read_again_but_for_the_hits(assistant: Assistant) -> None:
    given_ = answers(assistant)
    assert kept.read(kept.kept(given_)) == tuple(replace(one, hits=()) for one in given_)


@given(st.text(max_size=200))
def test_anything_else_is_nothing(text: str) -> None:
    assert kept.read(text) == ()


def test_what_is_too_long_is_not_read(assistant: Assistant) -> None:
    text = kept.kept(answers(assistant))
    assert kept.read(text + " " * kept.MOST_BYTES) == ()


def test_of_a_very_long_conversation_the_end_is_kept(assistant: Assistant) -> None:
    one = replace(assistant.ask("What is shuffle sharding?"), question="q" * 50_000)
    many = (*[one] * 20, replace(one, question="the last"))
    again = kept.read(kept.kept(many))
    assert 1 < len(again) < len(many)
    assert again[-1].question == "the last"


def test_a_number_at_the_start_of_a_line_begins_no_list() -> None:
    answer = Answer("1. one", "1. one", "2) two", (), (), 0.0, True, "extractive", {})
    html = PARSER.render(exported.as_markdown([answer], lambda _: None))
    assert "<h2>1. one</h2>" in html
    assert "<p>2) two</p>" in html
