"""One article in many layouts: its sessions come back as they were written, and nothing else."""

import html
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa.importers.articles.article import read
from sessionqa.importers.drafts import Draft, Source

EVENT = "GrainConf 2025"
INTRO = "Two bakers went to GrainConf and took notes of what they heard there."
OUTRO = "These are summaries of all the milling sessions. We hope that you found them helpful."


@dataclass(frozen=True)
class Told:
    """A session as an article tells it."""

    code: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def caption(self) -> str:
        return f"{EVENT} - {self.title} ({self.code})"


TOLD = (
    Told(
        "RYE210",
        "Starting a sourdough that lasts",
        (
            "Rye starters tolerate neglect better than wheat ones. Feed them twice a week.",
            "A starter that smells of acetone is hungry, not dead. It recovers in two feedings.",
        ),
    ),
    Told(
        "RYE314",
        "What does water hardness change?",
        ("Calcium strengthens gluten. Soft water makes a slack dough that spreads in the oven.",),
    ),
    Told(
        "OAT101",
        "Flakes, bran & beta-glucan: a tour",
        (
            "Steaming inactivates the lipase. Without it oats turn rancid in weeks.",
            "RYE314 had covered water before. Here it was about heat alone.",
            "Beta-glucan binds ten times its weight in water.",
        ),
    ),
)

Render = Callable[[tuple[Told, ...]], bytes]
LAYOUTS: dict[str, tuple[str, Render]] = {}


def layout(media: str) -> Callable[[Render], Render]:
    def keep(render: Render) -> Render:
        LAYOUTS[render.__name__] = (media, render)
        return render

    return keep


def plain(told: tuple[Told, ...], head: str, caption: bool = True, gap: str = "\n\n") -> str:
    parts = ["Notes from the mill", INTRO]
    for one in told:
        top = head.format(code=one.code, title=one.title)
        first, *others = one.paragraphs
        parts += [f"{top}{gap}{first}", *others, *([one.caption] if caption else [])]
    return "\n\n".join([*parts, OUTRO, "Milling\nAda Bran", "Get in touch"])


@layout("text/plain")
def code_and_title(told: tuple[Told, ...]) -> bytes:
    return plain(told, "{code} {title}").encode()


@layout("text/plain")
def code_bar_title_crlf_and_mark(told: tuple[Told, ...]) -> bytes:
    return b"\xef\xbb\xbf" + plain(told, "{code} | {title}").replace("\n", "\r\n").encode()


@layout("text/plain")
def title_and_code_in_brackets(told: tuple[Told, ...]) -> bytes:
    return plain(told, "{title} ({code})", caption=False).encode()


@layout("text/plain")
def numbered_with_no_empty_line(told: tuple[Told, ...]) -> bytes:
    return plain(told, "{code}: {title}", gap="\n").encode()


@layout("text/plain")
def wrapped_with_tabs_and_hard_spaces(told: tuple[Told, ...]) -> bytes:
    text = plain(told, "{code} - {title}").replace(" of ", "\u00a0of ")
    wrapped = ("\n".join(textwrap.wrap(part, 72)) for part in text.split("\n\n"))
    return "\n\n\t\n".join(wrapped).encode("utf-16")


@layout("text/plain")
def with_contents_and_rules(told: tuple[Told, ...]) -> bytes:
    contents = "\n".join(f"{one.code} {one.title}" for one in told)
    body = "\n\n----------------\n\n".join(
        "\n\n".join([f"{one.code} {one.title}", *one.paragraphs]) for one in told
    )
    return f"{INTRO}\n\n{contents}\n\n{body}\n\n----------------\n\nShare this\n".encode()


@layout("text/plain")
def underlined(told: tuple[Told, ...]) -> bytes:
    parts = ["Notes\n=====", INTRO]
    for one in told:
        top = f"[{one.code}] {one.title}"
        parts += [f"{top}\n{'-' * len(top)}", *one.paragraphs]
    return "\n\n".join([*parts, "Conclusion\n----------", "Bread is good."]).encode()


def markdown(told: tuple[Told, ...], head: str, caption: str = "") -> str:
    parts = ["# Notes from the mill", INTRO]
    for number, one in enumerate(told, 1):
        title = one.title.replace("&", "&amp;")
        parts.append(head.format(code=one.code, title=title, number=number))
        parts += one.paragraphs
        if caption:
            parts.append(caption.format(caption=one.caption, code=one.code))
    return "\n\n".join([*parts, "## About the author", "Ada Bran bakes.", "# Related posts"])


@layout("text/markdown")
def second_headings(told: tuple[Told, ...]) -> bytes:
    return markdown(told, "## {code}: {title}").encode()


@layout("text/markdown")
def numbered_headings_with_videos(told: tuple[Told, ...]) -> bytes:
    link = "[{caption}](https://www.youtube.com/watch?v={code})"
    return markdown(told, "### {number}. {code} - {title}", link).encode()


@layout("text/markdown")
def bold_headings_with_front_matter(told: tuple[Told, ...]) -> bytes:
    return f"---\ntitle: Notes\n---\n{markdown(told, '**{code} — {title}**')}".encode()


@layout("text/markdown")
def setext_with_contents(told: tuple[Told, ...]) -> bytes:
    text = markdown(told, "{code} {title}\n-----")
    contents = "\n".join(f"{n}. [{one.code} {one.title}](#{n})" for n, one in enumerate(told, 1))
    return text.replace(INTRO, f"{INTRO}\n\n## Contents\n\n{contents}").encode()


FRAME = """<!doctype html><html><head><meta charset="{charset}"><title>Notes | Mill</title>
<style>p {{ color: red }}</style><script>var a = "<p>No text.</p>";</script></head>
<body class="post has-sidebar"><header><nav><ul><li><a href="/">Home</a></li></ul></nav></header>
<div id="cookie-consent"><p>We use cookies. All of them.</p></div>
{content}
<aside><h2>RYE999 A related session</h2><p>It was good. Read on.</p></aside>
<div class="comments-area"><h3>2 comments</h3><p>Great notes. Thanks a lot.</p></div>
<p style="display: none">Nobody sees this.</p>
<footer><p>All rights reserved by the mill.</p></footer></body></html>"""


def page(content: str, charset: str = "utf-8") -> bytes:
    return FRAME.format(content=content, charset=charset).encode(charset)


def paragraphs(one: Told) -> str:
    return "".join(f"<p>{html.escape(text)}</p>\n" for text in one.paragraphs)


@layout("text/html")
def semantic(told: tuple[Told, ...]) -> bytes:
    inside = "".join(
        f"<section><header><h2><a href='#{one.code}'>#</a>{one.code}: {html.escape(one.title)}</h2>"
        f"</header>{paragraphs(one)}<div class='share-buttons'><p>Tweet this.</p></div></section>"
        for one in told
    )
    author = "<div class='author-box'><p>Ada bakes. She mills.</p></div>"
    return page(f"<main><article><h1>Notes</h1><p>{INTRO}</p>{inside}{author}</article></main>")


@layout("text/html")
def bold_in_divs(told: tuple[Told, ...]) -> bytes:
    inside = "".join(
        f"<div><div><p><b>{one.code}</b> <strong>{html.escape(one.title)}</strong></p></div>"
        f"<div>{paragraphs(one)}</div><p><em>{html.escape(one.caption)}</em></p></div>"
        for one in told
    )
    return page(f"<div class='wrap'><h1>Notes</h1><p>{INTRO}</p>{inside}<p>{OUTRO}</p></div>")


@layout("text/html")
def breaks_and_videos_in_windows_1252(told: tuple[Told, ...]) -> bytes:
    inside = "".join(
        f"<b>{one.code} – {html.escape(one.title)}</b><br>"
        + "<br><br>".join(html.escape(text) for text in one.paragraphs)
        + f"<iframe src='//www.youtube.com/embed/{one.code}'></iframe>"
        for one in told
    )
    return page(f"<div>{INTRO}<br><br>{inside}</div><hr>", "windows-1252")


@layout("text/html")
def groups_of_third_headings(told: tuple[Told, ...]) -> bytes:
    inside = "".join(
        f"<h2>About {one.code[:3].lower()}</h2><p>Now to the next group of talks.</p>"
        f"<h3>{html.escape(one.title)} ({one.code})</h3>{paragraphs(one)}"
        for one in told
    )
    return page(
        f"<div id='content'><h1>Notes</h1>{inside}<h2>Further reading</h2><p>Books.</p></div>"
    )


@layout("text/html")
def in_one_form_behind_a_dialog(told: tuple[Told, ...]) -> bytes:
    inside = "".join(
        f"<h3>[{one.code}] {html.escape(one.title)}</h3>{paragraphs(one)}" for one in told
    )
    form = "<form action='/join'><p>Join our list. It is free.</p></form>"
    hidden = "<span aria-hidden='true'>Ornament. Yes.</span>"
    return page(f"<form id='all'><div aria-hidden='true'>{inside}{hidden}{form}</div></form>")


def text_of(draft: Draft) -> tuple[str, ...]:
    return tuple(block.text for block in draft.body)


def read_as(name: str, told: tuple[Told, ...]) -> list[Draft]:
    media, render = LAYOUTS[name]
    return list(read(Source(f"notes.{name}", media, render(told))).drafts)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_reads_back(name: str) -> None:
    drafts = read_as(name, TOLD)
    assert [Told(one.code, one.title, text_of(one)) for one in drafts] == list(TOLD)
    assert [one.track for one in drafts] == ["RYE", "RYE", "OAT"]
    # Its levels are nobody's but those of AWS.
    assert {one.level for one in drafts} == {None}


@pytest.mark.parametrize(
    "name", ["code_and_title", "numbered_headings_with_videos", "bold_in_divs"]
)
def test_captions_are_no_text_and_tell_the_event(name: str) -> None:
    drafts = read_as(name, TOLD)
    assert [one.video_title for one in drafts] == [one.caption for one in TOLD]
    assert {(one.event, one.year) for one in drafts} == {("GrainConf", 2025)}


def test_links_to_videos_are_addresses() -> None:
    for name in ("numbered_headings_with_videos", "breaks_and_videos_in_windows_1252"):
        found = [one.url for one in read_as(name, TOLD)]
        assert found == [f"https://www.youtube.com/watch?v={one.code}" for one in TOLD]


WORDS = st.sampled_from(
    "amber barley crust dough ear fold gluten hull iron jar kernel loaf malt oven proof quern rise "
    "salt tin vat wheat yeast zest süß œuf café naïve 42 3.5% flour-like baker's (sifted)".split()
)
SENTENCES = st.lists(WORDS, min_size=4, max_size=16).map(
    lambda words: f"The {' '.join(words)} {'rested' if len(words) % 2 else 'rose'}."
)
TITLES = st.lists(WORDS, min_size=2, max_size=7).map(lambda words: f"Notes on {' '.join(words)}")
PARAGRAPHS = st.lists(SENTENCES, min_size=1, max_size=5).map(" ".join)
SESSIONS = st.builds(
    Told,
    st.tuples(
        st.sampled_from(["RYE", "OAT", "DEV-", "BRK", "S4"]),
        st.integers(100, 999),
        st.sampled_from(["", "-R1", "-S"]),
    ).map(lambda parts: f"{parts[0]}{parts[1]}{parts[2]}"),
    TITLES,
    st.lists(PARAGRAPHS, min_size=1, max_size=4).map(tuple),
)
ARTICLES = st.lists(SESSIONS, min_size=2, max_size=6, unique_by=lambda one: one.code).map(tuple)


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=40, deadline=None)
@given(told=ARTICLES)
def test_any_article_reads_back(name: str, told: tuple[Told, ...]) -> None:
    if "1252" in name:
        told = tuple(replace(one, title=one.title.replace("œ", "oe")) for one in told)
    drafts = read_as(name, told)
    assert [Told(one.code, one.title, text_of(one)) for one in drafts] == list(told)
    assert [one.speakers for one in drafts] == [() for _ in told]
