"""What stands around and inside the sessions of an article: read, kept or left out."""

import textwrap

import pytest

from sessionqa.datatypes import Speaker
from sessionqa.importers import people
from sessionqa.importers.articles import read
from sessionqa.importers.drafts import Draft, Source

MEDIA = {"md": "text/markdown", "txt": "text/plain", "html": "text/html"}


def drafts_of(content: str, suffix: str = "md") -> list[Draft]:
    return list(read(Source(f"notes.{suffix}", MEDIA[suffix], content.encode())).drafts)


def texts(draft: Draft) -> list[str]:
    return [block.text for block in draft.body]


@pytest.mark.parametrize(
    ("heading", "title", "level", "names"),
    [
        ("🌾 RYE210: Sowing late 🚜", "Sowing late", None, []),
        ("2️⃣ RYE210 | Sowing late", "Sowing late", None, []),
        ("Workshop: 🌾 RYE210 | Sowing late | 200", "Sowing late", 200, []),
        ("RYE210 | Sowing late | Level 300 | Ada Byrne", "Sowing late", 300, ["Ada Byrne"]),
        ("Wed 9:30 am – RYE210: Sowing late", "Sowing late", None, []),
        ("RYE210: Sowing late (Wed, Dec 3, 14:00, Barn 2)", "Sowing late", None, []),
        (
            "RYE210: Sowing late [[recording](https://youtu.be/rye00000001)]",
            "Sowing late",
            None,
            [],
        ),
        # What is of the title stays in it.
        ("RYE210: Sowing on Black Friday (Friday deploys)", "", None, []),
        ("RYE210: What is new (Sower 1.29)", "", None, []),
        ("RYE210: Sowing | Reaping", "", None, []),
        ("RYE210: Below 5 °", "", None, []),
    ],
)
def test_what_decorates_a_heading(
    heading: str, title: str, level: int | None, names: list[str]
) -> None:
    (draft,) = drafts_of(f"# Notes\n\nAt the start.\n\n## {heading}\n\nRye is sown late.\n")
    assert draft.code == "RYE210"
    assert draft.title == (title or heading.partition(": ")[2])
    assert (draft.level, [one.name for one in draft.speakers]) == (level, names)
    assert texts(draft) == ["Rye is sown late."]


@pytest.mark.parametrize(
    ("title", "event", "year"),
    [
        ("What we took home from QCon San Francisco 2025", "QCon San Francisco", 2025),
        ("Cloud Next ’25 in ten minutes", "Cloud Next", 2025),
        ("RyeCon + OatCon Europe 2021 recap", "RyeCon + OatCon Europe", 2021),
        ("Ignite 2022: my list", "Ignite", 2022),
        ("re:Inforce 2024 recap", "AWS re:Inforce", 2024),
        ("How we build 2024 dashboards", "", None),
    ],
)
def test_the_event_of_the_title(title: str, event: str, year: int | None) -> None:
    (draft,) = drafts_of(f"# {title}\n\nSo.\n\n## RYE210: Sowing\n\nRye is sown late.\n")
    assert (draft.event, draft.year) == (event, year)


def test_sessions_without_a_caption_are_of_the_event_of_the_others() -> None:
    drafts = drafts_of(
        "# Milling\n\n## RYE210: Sowing\n\nLate.\n\nGrainConf 2025 - Sowing (RYE210)\n\n"
        "## RYE211: Reaping\n\nEarly.\n"
    )
    assert {(one.event, one.year) for one in drafts} == {("GrainConf", 2025)}


def test_a_repeated_session_has_the_caption_of_the_first_run() -> None:
    first, second = drafts_of(
        "**RYE210-R2 | Sowing**\n\nSown late.\n\nGrainConf 2025 - Sowing (RYE210)\n\n"
        "**RYE210 | Sowing**\n\nSown early.\n\nGrainConf 2025 - Sowing (RYE210)\n"
    )
    assert [first.code, second.code] == ["RYE210-R2", "RYE210"]
    assert first.video_title == second.video_title == "GrainConf 2025 - Sowing (RYE210)"
    assert [texts(first), texts(second)] == [["Sown late."], ["Sown early."]]


VIDEO = "https://www.youtube.com/watch?v=rye00000001"


@pytest.mark.parametrize(
    ("shown", "suffix", "kept"),
    [
        ("{{< youtube rye00000001 >}}", "md", []),
        ("{% embed https://www.youtube.com/watch?v=rye00000001 %}", "md", []),
        ("%[https://www.youtube.com/watch?v=rye00000001]", "md", []),
        ("{% include note.html %}\n\n{% youtube rye00000001 %}", "md", []),
        (VIDEO, "md", []),
        (f"🎬 [Watch the recording]({VIDEO})", "md", []),
        (
            f"There is [a video]({VIDEO}) of it, too.",
            "md",
            ["There is a video of it, too."],
        ),
        (
            "<p>The replay is <a href='https://www.google.com/url?q=https://www.youtube.com/"
            "watch?v%3Drye00000001&amp;sa=D'>here</a>.</p>",
            "html",
            ["The replay is here."],
        ),
        ("<iframe src='https://player.vimeo.com/video/42?h=1'></iframe>", "html", []),
    ],
)
def test_recordings(shown: str, suffix: str, kept: list[str]) -> None:
    heading = (
        "<h2>RYE210: Sowing</h2><p>Late.</p>" if suffix == "html" else "## RYE210: Sowing\n\nLate."
    )
    (draft,) = drafts_of(f"{heading}\n\n{shown}\n", suffix)
    assert draft.url == ("https://vimeo.com/42" if "vimeo" in shown else VIDEO)
    assert texts(draft) == ["Late.", *kept]


def test_a_heading_leads_to_its_recording_and_a_mention_gives_way() -> None:
    other = "https://youtu.be/old00000001"
    drafts = drafts_of(
        f"<h2><a href='{VIDEO}'>RYE210: Sowing</a></h2><p>Late.</p>"
        f"<h2>RYE211: Reaping</h2><p>As <a href='{other}'>last year's video</a> said.</p>"
        f"<p><a href='{VIDEO}2'>Recording</a></p>",
        "html",
    )
    assert [one.url for one in drafts] == [VIDEO, f"{VIDEO}2"]


def test_two_lists_of_other_articles_are_no_sessions() -> None:
    cards = "<h3><a href='/1'>OAT311: Flakes for beginners</a></h3><p>An older talk. Nice.</p>"
    sessions = "<h2>RYE210: Sowing</h2><p>Late.</p><h2>RYE211: Reaping</h2><p>Early.</p>"
    for between in ("<h2>Latest posts</h2>", ""):
        drafts = drafts_of(f"<h1>Notes</h1>{sessions}{between}<div>{cards}</div>", "html")
        assert [(one.code, texts(one)) for one in drafts] == [
            ("RYE210", ["Late."]),
            ("RYE211", ["Early."]),
        ]


def test_sessions_of_a_lower_group_stay() -> None:
    drafts = drafts_of(
        "## RYE210: Sowing\n\nLate.\n\n## RYE211: Reaping\n\nEarly.\n\n"
        f"## And two short ones\n\n### [OAT101: Flakes for all]({VIDEO})\n\nThin.\n\n"
        "### OAT102: Bran\n\nThick.\n"
    )
    assert [one.code for one in drafts] == ["RYE210", "RYE211", "OAT101", "OAT102"]


def test_headings_within_a_session_do_not_end_it() -> None:
    (draft,) = drafts_of(
        "# Notes\n\n## RYE210: Sowing\n\nLate.\n\n### More on frost\n\nIt bites.\n\n"
        "### See also\n\n- The almanac.\n\n### References\n\n- A book.\n"
    )
    assert texts(draft) == [
        "Late.",
        "More on frost",
        "It bites.",
        "See also",
        "The almanac.",
        "References",
        "A book.",
    ]


def test_the_sources_of_an_article_are_no_session() -> None:
    drafts = drafts_of(
        "# Talks at GrainConf 2025\n\n## Sowing\n\nThe talk was held by Ada Byrne.\n\n"
        "## Reaping\n\nPresented by Bo Lind. He reaps.\n\n## References\n\n- A book.\n"
    )
    assert [(one.title, texts(one)) for one in drafts] == [
        ("Sowing", ["The talk was held by Ada Byrne."]),
        ("Reaping", ["Presented by Bo Lind. He reaps."]),
    ]


@pytest.mark.parametrize("heads", [("1. Sowing", "2. Reaping"), ("Sowing", "Reaping")])
def test_talks_of_a_year_without_codes(heads: tuple[str, str]) -> None:
    below = "" if heads[0][0] == "1" else " Both speakers agreed."
    content = (
        "# Three talks of GrainConf 2025\n\nWell, two.\n\n"
        f"## {heads[0]}\n\nRye is sown late.{below}\n\n## {heads[1]}\n\nAnd reaped.{below}\n"
    )
    assert [one.title for one in drafts_of(content)] == ["Sowing", "Reaping"]
    # A manual speaks of talks as well, but of no year.
    (whole,) = drafts_of(content.replace(" 2025", ""))
    assert whole.title == "Three talks of GrainConf"


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        ("Workshop by Ada Byrne, a teacher. We milled.", "Ada Byrne: teacher"),
        (
            "Rye is old. Presenter: Ada Byrne, head miller at Oven.",
            "Ada Byrne: head miller at Oven",
        ),
        ("Speaker Ada Byrne, an engineer at Oven, baked.", "Ada Byrne: engineer at Oven"),
        ("Presented by Ada Byrne and Bo Lind (Oven). It rose.", "Ada Byrne; Bo Lind: Oven"),
        ("It was a lecture that Ada Byrne gave twice.", "Ada Byrne"),
        (
            "The talk was given by Ada Byrne, CTO of Oven, and by Bo Lind, director.",
            "Ada Byrne: CTO of Oven; Bo Lind: director",
        ),
        ("Ada Byrne presented this talk together with Bo Lind.", "Ada Byrne; Bo Lind"),
        ("Ada Byrne gave the talk with Bo Lind, an engineer.", "Ada Byrne; Bo Lind: engineer"),
        ("In this talk Ada Byrne described yeast.", "Ada Byrne"),
        ("In this talk, Ada Byrne, CTO of Oven, kneaded.", "Ada Byrne: CTO of Oven"),
        ("In this talk, Rye Bread, a classic, returned.", ""),
        # With a thing, of a team, or of something that is no talk.
        ("Ada Byrne gave the talk with Sourdough Express.", "Ada Byrne"),
        ("Led by Ada Byrne, the bakery grew.", ""),
        ("Speakers of two metres stood on the stage.", ""),
        ("In this session Sourdough rises.", ""),
    ],
)
def test_more_sentences_that_name_speakers(text: str, speakers: str) -> None:
    found = [f"{one.name}: {one.role}" if one.role else one.name for one in people.in_text([text])]
    assert found == [one for one in speakers.split("; ") if one]


@pytest.mark.parametrize(
    "line",
    [
        "Presented by Ada Byrne, head of milling at Oven. Rye is sown late.",
        "Presented by Ada Byrne, CTO of Oven, who sows rye late.",
        "Speaker: Ada Byrne, director. Rye is sown late.",
    ],
)
def test_a_sentence_behind_the_speakers_is_not_lost(line: str) -> None:
    (draft,) = drafts_of(f"## RYE210: Sowing\n\n{line}\n\nThat was it.\n")
    assert texts(draft) == [line, "That was it."]
    assert all(len(one.role) < 30 for one in draft.speakers)


ADA = Speaker("Ada Byrne", "miller, Oven")
BO = Speaker("Bo Lind", "")


@pytest.mark.parametrize(
    ("content", "suffix", "speakers"),
    [
        (
            "### Presenters\n\n- Ada Byrne, miller, Oven\n- Bo Lind\n\n### Notes\n\nLate.",
            "md",
            [ADA, BO],
        ),
        ("<dl><dt>Speaker</dt><dd>Ada Byrne (miller, Oven)</dd></dl><p>Late.</p>", "html", [ADA]),
        (
            "<table><tr><td>Speaker</td><td>Ada Byrne, miller, Oven</td></tr>"
            "<tr><td>Track</td><td>Rye</td></tr></table><p>Late.</p>",
            "html",
            [ADA],
        ),
        ("*Ada Byrne, engineer, Oven*\n\nLate.", "md", [Speaker("Ada Byrne", "engineer, Oven")]),
        ("Ada Byrne, engineer at Oven, opened the door.\n\nLate.", "md", []),
        ("| Service | Cost |\n|---|---|\n| Mill | 3 |\n\nLate.", "md", []),
    ],
)
def test_lists_of_speakers(content: str, suffix: str, speakers: list[Speaker]) -> None:
    heading = "<h2>RYE210: Sowing</h2>" if suffix == "html" else "## RYE210: Sowing\n\n"
    (draft,) = drafts_of(heading + content, suffix)
    assert list(draft.speakers) == speakers
    assert "Late." in texts(draft)
    assert draft.services == ()


def test_lines_that_each_tell_one_thing_are_not_run_together() -> None:
    (draft,) = drafts_of(
        "## RYE210: Sowing\n\nPresenter: Ada Byrne (Oven)\nHall: Barn, second floor\nLevel: 400\n"
        "\nNote: rye is sown\nlate in the year.\n"
    )
    assert (draft.speakers, draft.level) == ((Speaker("Ada Byrne", "Oven"),), 400)
    assert texts(draft) == ["Hall: Barn, second floor", "Note: rye is sown late in the year."]


def test_lines_of_a_text_that_is_not_wrapped_are_paragraphs() -> None:
    lines = [
        "Sow late, says the almanac.",
        "It is old.",
        "Rye is older than the almanac, and nobody knows who sowed it first.",
    ]
    (draft,) = drafts_of("\n".join(["RYE210: Sowing", *lines]), "txt")
    assert texts(draft) == lines
    # In a text of wrapped lines such lines are of one paragraph.
    text = " ".join(lines * 5)
    (wrapped,) = drafts_of("\n".join(["RYE210: Sowing", "", *textwrap.wrap(text, 60)]), "txt")
    assert texts(wrapped) == [text]


def test_a_page_copied_as_lines() -> None:
    drafts = drafts_of(
        "Home\nAbout\nGrainConf 2025 in short\nTwo talks, one of them about frost.\n"
        "RYE210: Sowing\nSow late, says the almanac, and never on a Friday or in a frost.\n"
        "GrainConf 2025 - Sowing (RYE210)\nRYE211: Reaping\nReap early. Rye shatters.\n"
        "GrainConf 2025 - Reaping (RYE211)\nShare this\nMore stories\nRYE110: Seeds\nSmall.\n",
        "txt",
    )
    assert [(one.code, texts(one)) for one in drafts] == [
        ("RYE210", ["Sow late, says the almanac, and never on a Friday or in a frost."]),
        ("RYE211", ["Reap early. Rye shatters."]),
    ]
    assert [one.video_title for one in drafts] == [
        "GrainConf 2025 - Sowing (RYE210)",
        "GrainConf 2025 - Reaping (RYE211)",
    ]


def test_footnotes_stand_below_what_they_are_about() -> None:
    page = (
        "<h2>RYE210: Sowing</h2><p>Late.<sup><a href='https://mill.example/p#fn1'>[1]</a></sup></p>"
        "<p>Deep.<a href='#fn2' role='doc-noteref'><sup>2</sup></a></p>"
        "<h2>RYE211: Reaping</h2><p>Early.</p><section class='footnotes'><ol>"
        "<li id='fn1'><p>In May. <a href='#r1'>↩</a></p></li>"
        "<li id='fn2'>A span.</li></ol></section>"
    )
    text = (
        "## RYE210: Sowing\n\nLate.[^1]\n\nDeep.[^two]\n\n## RYE211: Reaping\n\nEarly. [^x]\n\n"
        "[^1]: In\n    May.\n[^two]: A span.\n"
    )
    for content, suffix, end in ((page, "html", "Early."), (text, "md", "Early. [^x]")):
        first, second = drafts_of(content, suffix)
        assert texts(first) == ["Late.", "In May.", "Deep.", "A span."]
        assert texts(second) == [end]


def test_callouts_and_bullets_lose_their_marks() -> None:
    (draft,) = drafts_of("## RYE210: Sowing\n\n> [!WARNING]\n> Frost kills.\n\nSo beware.\n")
    assert texts(draft) == ["Frost kills.", "So beware."]
    (draft,) = drafts_of(
        "<h2>RYE210: Sowing</h2><p>•&nbsp; Sow late.</p><p>§ 5 says so.</p>", "html"
    )
    assert [(one.kind, one.text) for one in draft.body] == [
        ("item", "Sow late."),
        ("paragraph", "§ 5 says so."),
    ]


def test_a_signature_is_left_out_and_what_dashes_part_is_not() -> None:
    (draft,) = drafts_of("RYE210: Sowing\n\nSow late.\n\n--\nAda Byrne\nMill House\n", "txt")
    assert texts(draft) == ["Sow late."]
    (draft,) = drafts_of("RYE210: Sowing\n\nSow late.\n\n--\nReap early, then.\n", "txt")
    assert " ".join(texts(draft)).endswith("Reap early, then.")


def test_links_to_other_pages_are_no_table_of_contents() -> None:
    saved = "".join(
        f"<li><a href='https://mill.example/p#{n}'>RYE21{n}: Rye {n}</a></li>" for n in (0, 1)
    )
    books = "<ul><li><a href='https://a.example/#x'>A book</a></li></ul>"
    drafts = drafts_of(
        f"<ul>{saved}</ul><h2>RYE210: Rye 0</h2><p>Late.</p>{books}"
        "<h2>RYE211: Rye 1</h2><p>So.</p>",
        "html",
    )
    assert [texts(one) for one in drafts] == [["Late.", "A book"], ["So."]]


def test_a_paragraph_that_ends_with_a_caption_is_not_lost() -> None:
    text = "Sow late, they say. GrainConf 2025 - Sowing (RYE210)"
    first, second = drafts_of(
        f"RYE210: Sowing\n\n{text}\n\nRYE211: Reaping\n\nReap early.\n", "txt"
    )
    assert [texts(first), texts(second)] == [[text], ["Reap early."]]


@pytest.mark.parametrize(
    ("content", "suffix", "codes"),
    [
        ("## RYE210\n\n### Sowing\n\nLate.\n\n## RYE211\n\n### Reaping\n\nEarly.\n", "md", None),
        (
            "<p>RYE210</p><h4>Sowing</h4><p>Late.</p><p>[RYE211]</p><h4>Reaping</h4><p>Early.</p>",
            "html",
            None,
        ),
        (
            "## Sowing {#sow}\n\nTalk by Ada Byrne.\n\nLate.\n\n## Reaping {.x lang=en}\n\nTalk by "
            "Bo Lind.\n\nEarly.\n",
            "md",
            ["", ""],
        ),
        (
            "#+TITLE: Rye\n#+DATE: today\n* Talks\n** RYE210: Sowing\nLate.\n"
            "** RYE211: Reaping\nEarly.\n",
            "txt",
            None,
        ),
        (
            "<h2>RYE210: Sowing</h2><p>Late.</p><time>Tue 9:30</time><h2>RYE211: Reaping</h2>"
            "<p>Early.</p>",
            "html",
            None,
        ),
    ],
)
def test_titles_beside_codes_anchors_stars_and_times(
    content: str, suffix: str, codes: list[str] | None
) -> None:
    first, second = drafts_of(content, suffix)
    assert [first.code, second.code] == (codes or ["RYE210", "RYE211"])
    assert [first.title, second.title] == ["Sowing", "Reaping"]
    assert [texts(first)[-1], texts(second)[-1]] == ["Late.", "Early."]


def test_a_code_above_its_notes_keeps_them() -> None:
    content = "<h2>RYE210</h2><h3>Key takeaways</h3><p>Sow late.</p>"
    (draft,) = drafts_of(content, "html")
    assert "Key takeaways" in texts(draft)
    assert "Sow late." in texts(draft)


def test_an_address_and_fields_with_emoji_below_a_heading_are_no_title() -> None:
    (draft,) = drafts_of(f"3) RYE210 - Sowing late\n   {VIDEO}\n\n   Late.\n", "txt")
    assert (draft.title, draft.url, texts(draft)) == ("Sowing late", VIDEO, ["Late."])
    (draft,) = drafts_of(
        f"## RYE210: Sowing\n**👩‍🌾 Presenters:** Ada Byrne, Bo Lind\n🎚️ Level: 300\n"
        f"▶️ Recording: {VIDEO}\n\nLate.\n"
    )
    assert [one.name for one in draft.speakers] == ["Ada Byrne", "Bo Lind"]
    assert (draft.level, draft.url, texts(draft)) == (300, VIDEO, ["Late."])
