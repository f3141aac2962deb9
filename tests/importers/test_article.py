"""Articles that are read as a whole or in part, and those that cannot be read."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa.errors import SourceError
from sessionqa.importers.articles import article, page
from sessionqa.importers.articles.article import read
from sessionqa.importers.drafts import Draft, Source

SEED = Path(__file__).parents[3] / "shared" / "seed" / "reinvent-2023-arc.txt"
SUFFIXES = {"md": "text/markdown", "txt": "text/plain", "html": "text/html"}


def drafts_of(content: str, suffix: str = "md") -> list[Draft]:
    return list(read(Source(f"some-notes.{suffix}", SUFFIXES[suffix], content.encode())).drafts)


def texts(draft: Draft) -> list[str]:
    return [block.text for block in draft.body]


@pytest.mark.skipif(not SEED.is_file(), reason="the article is not beside the project")
def test_the_first_article_comes_out_whole() -> None:
    parts = [part.strip() for part in SEED.read_text(encoding="utf-8").split("\n\n")]
    captions = [n for n, part in enumerate(parts) if part.startswith("AWS re:Invent 2023 - ")]
    starts = [parts.index(next(p for p in parts if p.startswith("ARC206 ")))]
    starts += [n + 1 for n in captions[:-1]]
    drafts = read(Source("arc.txt", "text/plain", SEED.read_bytes())).drafts
    assert len(drafts) == len(captions) == 14
    for draft, start, end in zip(drafts, starts, captions, strict=True):
        assert f"{draft.code} {draft.title}" == parts[start]
        assert texts(draft) == parts[start + 1 : end]
        assert draft.video_title == parts[end]
        assert (draft.event, draft.year, draft.track) == ("AWS re:Invent", 2023, "ARC")
        assert draft.level == int(draft.code[3]) * 100


def test_sessions_without_codes_are_told_by_their_speakers() -> None:
    drafts = drafts_of(
        "# Talks that we liked at TideConf 2024\n\nAll were good.\n\n"
        "## Buoys that call home — Ines Calder\n\nSalt eats contacts.\n\n"
        "### Key takeaways\n\n- Seal **twice**.\n- Test.\n\n"
        "## Reading the swell — Tom Okafor and Lea Brandt\n\nRadar sees waves.\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n## Wrapping up\n\nIt was fun.\n"
    )
    assert [(one.code, one.title) for one in drafts] == [
        ("", "Buoys that call home"),
        ("", "Reading the swell"),
    ]
    names = [[speaker.name for speaker in one.speakers] for one in drafts]
    assert names == [["Ines Calder"], ["Tom Okafor", "Lea Brandt"]]
    assert [block.kind for block in drafts[0].body] == ["paragraph", "heading", "item", "item"]
    assert texts(drafts[0])[2:] == ["Seal twice.", "Test."]
    assert drafts[1].body[-1].kind == "markdown"
    assert drafts[1].body[-1].text == "| a | b |\n|---|---|\n| 1 | 2 |"
    assert {(one.event, one.year) for one in drafts} == {("TideConf", 2024)}


def test_lines_about_a_session_are_read_and_leave_its_text() -> None:
    (first, second) = drafts_of(
        "OPS101: Pipes\nSpeakers: Ada Byrne (plumber), Bo Lind\nLevel: 200\nTrack: Water\n"
        "Services: Valve Hub, Pipe Works\n\nPipes flow.\n\n"
        "OPS102: Valves\nSpeaker: Yoni\n\nValves close.\n",
        "txt",
    )
    assert [(one.name, one.role) for one in first.speakers] == [
        ("Ada Byrne", "plumber"),
        ("Bo Lind", ""),
    ]
    assert (first.level, first.track, first.services) == (200, "Water", ("Valve Hub", "Pipe Works"))
    assert texts(first) == ["Pipes flow."]
    # A line that could not be read wholly is not lost.
    assert (second.speakers, texts(second)) == ((), ["Speaker: Yoni", "Valves close."])


@pytest.mark.parametrize(
    ("heading", "code", "title"),
    [
        ("## Session 12: Pipes", "SESSION-12", "Pipes"),
        ("## BRK204 - Pipes", "BRK204", "Pipes"),
        ("## DEV-1023 Pipes", "DEV-1023", "Pipes"),
        ("## [OPS310-R1] Pipes", "OPS310-R1", "Pipes"),
        ("## OPS 307 Pipes", "OPS307", "Pipes"),
        ("## 3. OPS101-S: 5 pipes", "OPS101-S", "5 pipes"),
        ("## Breakout session OPS101 | Pipes", "OPS101", "Pipes"),
        ("## PipeConf 2024 - Pipes (OPS101)", "OPS101", "Pipes"),
        ("## S41234: Pipes", "S41234", "Pipes"),
    ],
)
def test_codes(heading: str, code: str, title: str) -> None:
    (draft,) = drafts_of(f"# Notes\n\nAt the start.\n\n{heading}\n\nPipes flow.\n")
    assert (draft.code, draft.title, texts(draft)) == (code, title, ["Pipes flow."])


@pytest.mark.parametrize(
    "heading",
    [
        "SHA256 Explained",
        "RFC 9110 Semantics",
        "EC2 Costs",
        "Step 1 — Install Docker",
        "Top 100 Tips",
    ],
)
def test_other_documents_stay_whole(heading: str) -> None:
    content = (
        f"# A manual\n\nRead it.\n\n## {heading}\n\nA session lasts an hour.\n\n## More\n\nEnd.\n"
    )
    (draft,) = drafts_of(content)
    assert (draft.code, draft.title) == ("", "A manual")
    assert texts(draft) == ["Read it.", heading, "A session lasts an hour.", "More", "End."]


@pytest.mark.parametrize(
    ("content", "suffix", "title"),
    [
        ("Only text.", "txt", "some notes"),
        ("A heading line\n\nAnd text.", "txt", "A heading line"),
        ("<title>Named</title><p>Text.</p>", "html", "Named"),
        ("---\ntitle: In front\n---\n\nText.", "md", "In front"),
        ("Text first.\n\n## Below\n\nMore.", "md", "Below"),
    ],
)
def test_titles_of_whole_documents(content: str, suffix: str, title: str) -> None:
    (draft,) = drafts_of(content, suffix)
    assert draft.title == title
    assert draft.body


def test_two_places_of_one_session_are_put_together() -> None:
    (draft, _) = drafts_of(
        "## OPS101 Pipes\n\nPipes flow.\n\n## OPS102 Valves\n\nThey close.\n\n"
        "## OPS101 Pipes\n\nAgain.\n"
    )
    assert texts(draft) == ["Pipes flow.", "Again."]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"PK\x03\x04\x00\x00\x00binary", "is no text"),
        (b"<div>" * 100_000 + b"deep", "nested too deeply"),
        (b"<b>" * 100_000 + b"deep", "nested too deeply"),
        (b"x" * (article.MAX_BYTES + 1), "more than the 10 MiB"),
        (b"<html><script>var a = 1</script></html>", "holds no text"),
        (b"<!-- nothing", "holds no text"),
        (b"<h2>OPS101 Pipes</h2><h2>OPS102 Valves</h2>", "holds no text"),
    ],
)
def test_what_cannot_be_read_is_said(raw: bytes, says: str) -> None:
    with pytest.raises(SourceError) as refused:
        read(Source("page.html", "text/html", raw))
    assert says in str(refused.value)
    assert str(refused.value).startswith(("page.html ", "page.html:"))


def test_entities_are_not_multiplied() -> None:
    bomb = '<!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    (draft,) = drafts_of(f"{bomb}<p>It says &b; &amp; &eacute;.</p>", "html")
    assert "hahaha" not in texts(draft)[-1]
    assert texts(draft)[-1].endswith("& é.")


@pytest.mark.parametrize(
    ("piece", "media"),
    [
        ("OPS101 Pipes\n", "text/plain"),
        ("OPS101 Pipes\n\nIt is. So.\n\nOPS102 Valves\n\nIt is.\n\n", "text/plain"),
        ("=", "text/plain"),
        ("(1", "text/plain"),
        ("x<img src=a>", "text/html"),
        ("<b><p>x. ", "text/html"),
    ],
)
def test_monotonous_documents_take_no_time_of_their_own(piece: str, media: str) -> None:
    """Twice the text takes about twice the time, and not four times."""

    def seconds(size: int) -> float:
        source = Source("some", media, (piece * (size // len(piece))).encode() + b" End. ")
        started = time.process_time()
        with suppress(SourceError):
            read(source)
        return time.process_time() - started

    seconds(1000)
    assert seconds(400_000) < 3 * seconds(200_000) + 0.2


@pytest.mark.parametrize("charset", ["utf-8", "windows-1252", "utf-16", "utf-8-sig", "koi8-r"])
def test_pages_are_read_in_their_charset(charset: str) -> None:
    word = "Привет" if charset == "koi8-r" else "Süß – naïve"
    declared = "" if charset.startswith("utf") else f'<meta charset="{charset}">'
    raw = f"<html><head>{declared}<title>T</title></head><p>{word}.</p>".encode(charset)
    (draft,) = read(Source("p.html", "text/html", raw)).drafts
    assert texts(draft) == [f"{word}."]


PIECES = st.sampled_from(
    "<p> </p> <div> </div> <h2> <br> <table> <tr> <td> <li> <ul> <b> <a href=#x> </a> <iframe> "
    "<pre> OPS101 OPS102 Pipes (OPS101) Speakers: Level: 300 **bold** ## # --- === - 1. | ` ``` & "
    "[x](y) < Title. text by Ada Byrne — – 2024 : , . ? \n \n\n \t é "
    "漢字 \u200b &amp; &#0; <!-- --> <![CDATA[".split(" ")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=60).map(" ".join), st.sampled_from(sorted(SUFFIXES)))
def test_nothing_but_an_error_of_ours_is_raised(content: str, suffix: str) -> None:
    try:
        drafts = drafts_of(content, suffix)
    except SourceError:
        return
    for draft in drafts:
        assert draft.title
        assert draft.body
        assert all(block.text.strip() for block in draft.body)
        assert all("\n" not in one.text for one in draft.body if one.kind != "markdown")


@pytest.mark.parametrize(
    ("suffix", "text", "says"),
    [
        ("html", "<h2>Worms</h2><p>They eat.</p>" * 20_000, "more than 20,000 paragraphs"),
        ("txt", "Worms eat.\n\n" * 20_001, "more than 20,000 paragraphs"),
        ("md", "[" * 100_001, "signs of Markdown: split it, or import it as plain text"),
    ],
)
def test_what_is_no_article_by_its_size_is_refused_in_time(
    suffix: str, text: str, says: str
) -> None:
    started = time.process_time()
    with pytest.raises(SourceError, match=says):
        drafts_of(text, suffix)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("html", "<p>" + "line<br>" * 50_000),
        ("txt", "word\n" * 100_000),
        ("html", "<table><tr>" + "<td>a" * 20_000 + "</tr>" + "<tr><td>a" * 20_000),
    ],
    ids=["lines of a page", "lines of a text", "ragged table"],
)
def test_the_time_grows_no_faster_than_the_text(suffix: str, text: str) -> None:
    started = time.process_time()
    drafts_of(f"{text}\nThe end.", suffix)
    assert time.process_time() - started < 20


def test_a_joiner_within_a_word_stays() -> None:
    (draft,) = drafts_of("# Worms\n\nمی\u200cخواهم: soft\u00adly.\n")
    assert texts(draft) == ["می\u200cخواهم: softly."]


def test_an_element_with_more_attributes_than_any_page_has_is_refused_at_once() -> None:
    """The parser would compare each with each."""
    few = "".join(f" a{n}='<x y=1>'" for n in range(4_000))
    assert [one.text for one in page.read(f"<div{few}>Bread</div>", "x").elements] == ["Bread"]
    many = "".join(f" a{n} = 1" for n in range(100_000))
    with pytest.raises(SourceError, match="more than 5,000 attributes: save its text alone"):
        page.read(f"<div{many}>Bread</div>", "x")
