"""Moments and pages, from the comments of a corpus file to wherever a source is shown."""

import json
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from sessionqa import Assistant, Settings, build_index, marks
from sessionqa.cli import main
from sessionqa.datatypes import Citation, Mark
from sessionqa.server.tools import Passage, Quote
from sessionqa.terminal import as_text
from sessionqa.ui import exported, kept, page

VIDEO = "https://www.youtube.com/watch?v=abcdefghijk"
MOMENT = f"{VIDEO}&t=754s"
TALK = f"""---
code: GAR101
title: Composting on a balcony
speakers: [Zoë Ångström]
url: {VIDEO}
---

Zoë Ångström keeps a worm bin of forty litres on her balcony.

<!-- at 12:34 -->
Worms eat kitchen scraps within six weeks. 堆肥 is the Chinese word for compost.

<!-- at 1:02:03 -->

She never adds citrus peel, since the acid harms the worms.
"""
SHEET = """---
code: GAR202
title: Tea from your own garden
---

<!-- page 1 -->
Tea is brewed at eighty degrees.

<!-- page 2 -->
Mint and lemon balm grow in any pot.
"""
WORMS, CITRUS, MINT = (
    "How fast do worms eat kitchen scraps?",
    "Why does she never add citrus peel?",
    "Where do mint and lemon balm grow?",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("recorded")
    settings = Settings(corpus=folder / "corpus", index=folder / "index")
    settings.corpus.mkdir()
    for name, content in (("talk.md", TALK), ("sheet.md", SHEET)):
        (settings.corpus / name).write_text(content, encoding="utf-8")
    build_index(settings)
    return settings


@pytest.fixture(scope="module")
def garden_talks(recorded: Settings) -> Assistant:
    return Assistant.open(recorded)


def cited(assistant: Assistant, question: str) -> Citation:
    answer = assistant.ask(question)
    assert answer.citations, answer
    return answer.citations[0]


# --- what a citation says


def test_a_citation_has_its_moment_and_an_address_that_plays_it(garden_talks: Assistant) -> None:
    worms, citrus = (cited(garden_talks, question) for question in (WORMS, CITRUS))
    assert worms.quote == "Worms eat kitchen scraps within six weeks."
    assert (worms.seconds, worms.page, worms.url) == (754, None, MOMENT)
    assert (citrus.seconds, citrus.url) == (3723, f"{VIDEO}&t=3723s")


def test_a_citation_has_its_page_and_no_address_where_there_is_none(
    garden_talks: Assistant,
) -> None:
    mint = cited(garden_talks, MINT)
    assert (mint.seconds, mint.page, mint.url) == (None, 2, "")


def test_a_quote_of_the_card_or_before_any_mark_has_no_moment(garden_talks: Assistant) -> None:
    who = cited(garden_talks, "Who presented Composting on a balcony?")
    assert who.quote.startswith("Presented by Zoë")
    assert (who.seconds, who.page, who.url) == (None, None, VIDEO)
    before = cited(garden_talks, "How many litres has the worm bin on the balcony?")
    assert "forty litres" in before.quote
    assert (before.seconds, before.url) == (None, VIDEO)


def test_comments_are_neither_text_nor_found(garden_talks: Assistant) -> None:
    for session in garden_talks.sessions():
        assert "<!--" not in session.text
    hits = garden_talks.search("12:34")
    assert not any(hit.lexical_rank for hit in hits)


def test_marks_are_kept_in_the_index_as_they_are_in_the_files(
    garden_talks: Assistant, recorded: Settings
) -> None:
    from sessionqa.corpus import read_corpus

    indexed = {session.code: session for session in garden_talks.sessions()}
    for session in read_corpus(recorded.corpus):
        assert indexed[session.code] == session
        assert len(session.marks) == 2


def test_a_hit_has_the_place_where_its_passage_begins(garden_talks: Assistant) -> None:
    for hit in garden_talks.search("tea and worms", k=20):
        session = garden_talks.session(hit.passage.session_code)
        place = marks.at(session, hit.passage.start)
        assert (hit.passage.seconds, hit.passage.page) == (place.seconds, place.page)
    sheet = garden_talks.search("tea brewed at eighty degrees", k=1)[0]
    assert sheet.passage.page == 1


# --- where it is shown


def test_the_terminal_shows_the_place_and_its_address(garden_talks: Assistant) -> None:
    shown = as_text(garden_talks.ask(WORMS), garden_talks.session)
    assert f"GAR101: Composting on a balcony (Zoë Ångström)\n    [1] (12:34) {MOMENT}" in shown
    assert shown.count(VIDEO) == 1
    assert "\n    [1] p. 2" in as_text(garden_talks.ask(MINT), garden_talks.session)


def test_citations_from_one_place_share_a_line_below_their_session(
    garden_talks: Assistant,
) -> None:
    answer = garden_talks.ask(WORMS)
    first = replace(answer.citations[0], number=1)
    both = (first, replace(first, number=2), replace(first, number=3, seconds=None, page=4))
    lines = as_text(replace(answer, citations=both), garden_talks.session).splitlines()
    assert lines[-3].startswith("[1][2][3] GAR101")
    assert lines[-2:] == [f"    [1][2] (12:34) {MOMENT}", f"    [3] p. 4 {MOMENT}"]


def test_the_command_line_prints_places(
    recorded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--corpus", str(recorded.corpus), "--index", str(recorded.index)]
    assert main(["ask", WORMS, "--json", *where]) == 0
    citation = json.loads(capsys.readouterr().out)["citations"][0]
    assert (citation["seconds"], citation["page"], citation["url"]) == (754, None, MOMENT)
    assert main(["search", "tea brewed at eighty degrees", "-k", "1", *where]) == 0
    assert "GAR202  Tea from your own garden  p. 1\n" in capsys.readouterr().out
    assert main(["sessions", "GAR202", "--json", *where]) == 0
    session = json.loads(capsys.readouterr().out)
    assert [mark["page"] for mark in session["marks"]] == [1, 2]


def test_the_page_links_to_the_moment(garden_talks: Assistant) -> None:
    shown = page.sources([garden_talks.ask(WORMS)], garden_talks.index.session)
    opened = f'<a href="{MOMENT.replace("&", "&amp;")}" target="_blank" rel="noopener noreferrer">'
    assert f"{opened}Recording<" in shown
    assert f"{opened}at 12:34<" in shown
    without = page.sources([garden_talks.ask(MINT)], garden_talks.index.session)
    assert '<p class="place"><span class="number">1</span>page 2</p>' in without


def test_the_page_opens_the_recording_of_a_conversation_kept_by_an_older_version(
    garden_talks: Assistant,
) -> None:
    answer = garden_talks.ask(WORMS)
    old = replace(answer, citations=(replace(answer.citations[0], seconds=None, url=""),))
    shown = page.sources([old], garden_talks.index.session)
    assert f'href="{VIDEO}"' in shown
    assert 'class="place"' not in shown


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://x y", '"><script>'])
def test_the_page_follows_no_address_that_is_none(url: str, garden_talks: Assistant) -> None:
    answer = garden_talks.ask(WORMS)
    bad = replace(answer, citations=(replace(answer.citations[0], url=url),))
    shown = page.sources([bad], garden_talks.index.session)
    assert '<span class="number">1</span>at 12:34</p>' in shown
    assert "<a " not in shown
    assert "<script" not in shown


def test_a_conversation_taken_along_says_where_quotes_are_from(garden_talks: Assistant) -> None:
    given = [garden_talks.ask(question) for question in (WORMS, MINT)]
    html = MarkdownIt().render(exported.as_markdown(given, garden_talks.index.session))
    assert f'<a href="{MOMENT.replace("&", "&amp;")}">GAR101' in html
    assert "</a>, at 12:34, characters" in html
    assert "GAR202: Tea from your own garden, page 2, characters" in html


def test_a_conversation_kept_in_the_browser_keeps_places(garden_talks: Assistant) -> None:
    answer = garden_talks.ask(WORMS)
    assert kept.read(kept.kept((answer,)))[0].citations == answer.citations


def test_what_was_kept_before_there_were_places_is_still_read(garden_talks: Assistant) -> None:
    records = json.loads(kept.kept((garden_talks.ask(WORMS),)))
    for name in ("seconds", "page", "url"):
        del records[0]["citations"][0][name]
    (citation,) = kept.read(json.dumps(records))[0].citations
    assert (citation.seconds, citation.page, citation.url) == (None, None, "")


def test_the_tools_of_mcp_have_places(garden_talks: Assistant) -> None:
    record = garden_talks.ask(WORMS).to_dict()["citations"][0]
    quote = Quote.model_validate(record)
    assert (quote.seconds, quote.page, quote.url) == (754, None, MOMENT)
    hit = garden_talks.search("tea brewed at eighty degrees", k=1)[0].to_dict()
    assert Passage.model_validate(hit).page == 1


# --- addresses


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.youtube.com/watch?v=a", "https://www.youtube.com/watch?v=a&t=754s"),
        ("https://YouTube.com/watch?v=a", "https://YouTube.com/watch?v=a&t=754s"),
        ("https://m.youtube.com/watch?v=a&t=9s&b=c", "https://m.youtube.com/watch?v=a&b=c&t=754s"),
        ("https://youtube.com/live/a", "https://youtube.com/live/a?t=754s"),
        ("https://youtube.com/watch?v=a#x", "https://youtube.com/watch?v=a&t=754s#x"),
        (
            "https://www.youtube-nocookie.com/embed/a?rel=0",
            "https://www.youtube-nocookie.com/embed/a?rel=0&start=754",
        ),
        ("https://youtu.be/a", "https://youtu.be/a?t=754"),
        ("https://youtu.be/a?si=b&t=3", "https://youtu.be/a?si=b&t=754"),
        ("https://vimeo.com/1", "https://vimeo.com/1#t=754s"),
        (
            "https://player.vimeo.com/video/1?h=2#t=3s",
            "https://player.vimeo.com/video/1?h=2#t=754s",
        ),
        ("https://notvimeo.com/1", "https://notvimeo.com/1#t=754"),
        ("https://example.org/a.mp4", "https://example.org/a.mp4#t=754"),
        (
            "https://example.org/a.mp4?x=%20&y#track=de",
            "https://example.org/a.mp4?x=%20&y#track=de&t=754",
        ),
        ("https://example.org/talk#abstract", "https://example.org/talk#abstract"),
        ("recordings/a.mp4", "recordings/a.mp4#t=754"),
        ("https://youtube.com.example.org/v", "https://youtube.com.example.org/v#t=754"),
        ("http://[broken", "http://[broken"),
        ("", ""),
    ],
)
def test_an_address_opens_at_its_moment(url: str, expected: str) -> None:
    assert marks.address(url, Mark(0, 754, 3)) == expected
    assert marks.address(url, Mark(0)) == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a.PDF", "https://example.org/a.PDF#page=3"),
        ("https://example.org/a.pdf?v=1#zoom=50", "https://example.org/a.pdf?v=1#zoom=50&page=3"),
        ("https://example.org/a.pdf#part", "https://example.org/a.pdf#part"),
        ("https://example.org/a", "https://example.org/a"),
    ],
)
def test_the_address_of_a_pdf_opens_at_its_page(url: str, expected: str) -> None:
    assert marks.address(url, Mark(0, None, 3)) == expected
