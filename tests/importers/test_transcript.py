"""Transcripts with times -> a draft whose paragraphs know their moment; no word lost or doubled."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa import Speaker
from sessionqa.errors import SourceError
from sessionqa.importers import decode
from sessionqa.importers.drafts import Block, Draft, Imported, Source
from sessionqa.importers.transcripts import transcript
from sessionqa.importers.transcripts.transcript import is_transcript


def read(content: str | bytes, name: str = "talk.vtt") -> Imported:
    raw = content if isinstance(content, bytes) else content.encode()
    return transcript.read(Source(name, "text/vtt", raw))


def only(content: str | bytes, name: str = "talk.vtt") -> Draft:
    (draft,) = read(content, name).drafts
    return draft


def said(content: str, name: str = "talk.vtt") -> list[tuple[int | None, str]]:
    return [(block.seconds, block.text) for block in only(content, name).body]


# Forms

VTT = """WEBVTT - a comment
Kind: captions
Language: en

NOTE a comment
of two lines

STYLE
::cue { color: red }

REGION
id:fred

intro
00:01.000 --> 00:03.500 align:start position:0%
Clay &amp; sand<00:00:02.000><c.red> are</c> <i>mixed</i>

2
00:00:04.000 --> 00:00:06.000
first. {\\an8}Then it [Music]
rests.

NOTE said by nobody
"""
SRT = """1
00:00:01,000 --> 00:00:03,500
Clay &amp; sand <b>are</b> mixed

2
00:00:04,000 --> 00:00:06,000
first. {\\an8}Then it

(upbeat music) rests.
"""


@pytest.mark.parametrize(
    "content",
    [
        VTT,
        "\ufeff" + VTT.replace("\n", "\r\n"),
        SRT,
        SRT.replace(",", "."),
        SRT.replace("00:00:0", "0:0"),
        # without numbers, and without empty lines
        SRT.replace("1\n", "").replace("2\n", ""),
        SRT.replace("\n\n", "\n"),
        "[00:01] Clay & sand are mixed\n[00:04] first. Then it rests.",
        "(0:01) Clay & sand are mixed\n(0:04) first. Then it rests.",
        "00:00:01 Clay & sand are mixed\n00:00:04 first. Then it rests.",
        "0:01 - Clay & sand are mixed\n0:04 - first. Then it rests.",
        "0:01\nClay & sand are mixed\n0:04\nfirst. Then it rests.\n",
        "0:01\nClay & sand\nare mixed\n\n0:04\nfirst.\nThen it [Applause] rests.\n",
    ],
)
def test_every_form_is_read_alike(content: str) -> None:
    assert is_transcript(content)
    assert said(content) == [(1, "Clay & sand are mixed first. Then it rests.")]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "An article about clay.\n\nIt has no times.",
        "09:00 Opening\n10:30 Glazing for all\n12:00 Lunch\n",
        "0:10 is the time\n" + "Clay cracks.\n" * 20,
        "The kiln of 12:30 was hot.\nThat of 14:00 was not.\n",
        "0:50 a\n0:40 b\n0:30 c\n0:20 d\n",
        "we go from A --> B\nand then to C --> D",
        '{"a": "0:10"}',
        "Ada Bell,0:10\nCy Dunn,0:20",
    ],
)
def test_other_texts_are_no_transcripts(content: str) -> None:
    assert not is_transcript(content)


def test_rolling_captions_are_unrolled() -> None:
    content = """WEBVTT
Kind: captions

00:00:00.000 --> 00:00:02.000 align:start position:0%
 
clay<00:00:00.500><c> and</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
clay and
 

00:00:02.010 --> 00:00:04.000
clay and
sand<00:00:02.500><c> are</c>

00:00:04.000 --> 00:00:04.010
sand are
 

00:00:04.010 --> 00:00:50.000
sand are
sand<00:00:05.000><c> again</c>

00:00:50.000 --> 00:00:50.010
sand again
 

00:00:50.010 --> 00:00:52.000
sand again
[Music]
"""  # noqa: W293
    assert said(content) == [(0, "clay and sand are"), (4, "sand again")]


def test_captions_that_grow_word_by_word_are_unrolled() -> None:
    shown = ["clay", "clay and", "clay and sand", "clay and sand\nrest", "rest here"]
    content = "".join(
        f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{text}\n\n" for n, text in enumerate(shown, 1)
    )
    assert said(content) == [(1, "clay and sand rest here")]


def test_what_is_said_twice_stays() -> None:
    content = "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\nNo.\n\n" for n in range(1, 6))
    assert said(content) == [(1, "No. No. No. No. No.")]


# Voices


def test_tags_of_voices_give_speakers() -> None:
    draft = only(
        "WEBVTT\n\n00:01.000 --> 00:03.000\n<v Ada Bell>Clay cracks. It</v>\n\n"
        "00:03.000 --> 00:05.000\n<v.loud Ada Bell>is dry.</v>\n<v Cy Dunn>Sand &lt; it</v>\n\n"
        "00:05.000 --> 00:06.000\ndoes not.\n\n00:06.000 --> 00:07.000\n<v Host>Thanks.\n"
    )
    assert list(draft.body) == [
        Block("Ada Bell: Clay cracks. It is dry.", seconds=1),
        Block("Cy Dunn: Sand < it does not.", seconds=3),
        Block("Host: Thanks.", seconds=6),
    ]
    assert draft.speakers == (Speaker("Ada Bell"), Speaker("Cy Dunn"))


@pytest.mark.parametrize(
    ("lines", "paragraphs"),
    [
        (["ADA BELL: Clay.", "Sand.", "CY DUNN: Yes."], ["Ada Bell: Clay. Sand.", "Cy Dunn: Yes."]),
        (["ADA BELL:", "Clay."], ["Ada Bell: Clay."]),
        (
            [">> Ada Bell: Clay.", ">> Sand.", "&gt;&gt; Ada Bell: Yes."],
            ["Ada Bell: Clay.", "Sand.", "Ada Bell: Yes."],
        ),
        (["- [Ada] Clay.\n- Sand."], ["Ada: Clay.", "Sand."]),
        (["KILN: it is hot."], ["KILN: it is hot."]),
        (["Remember: clay."], ["Remember: clay."]),
        (["Clay - sand", "- and so on."], ["Clay - sand - and so on."]),
        (["from A --> B", "and on."], ["from A --> B and on."]),
    ],
)
def test_a_change_of_voice_begins_a_paragraph(lines: list[str], paragraphs: list[str]) -> None:
    content = "".join(
        f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{line}\n\n" for n, line in enumerate(lines, 1)
    )
    draft = only(content)
    assert [block.text for block in draft.body] == paragraphs
    assert draft.speakers == ()


@pytest.mark.parametrize(
    "content",
    [
        "[0:05] Ada Bell: Clay cracks.\n[0:12] Cy Dunn: At 10:30\n[0:15] it did.",
        "Ada Bell  0:05\nClay cracks.\n\nCy Dunn  0:12\nAt 10:30\nit did.\n",
        "Ada Bell (00:05):\nClay cracks.\n\nCy Dunn (00:12):\nAt 10:30\nit did.\n",
    ],
)
def test_names_in_texts_with_stamps(content: str) -> None:
    assert is_transcript(content)
    assert said(content) == [(5, "Ada Bell: Clay cracks."), (12, "Cy Dunn: At 10:30 it did.")]


def test_only_the_usual_form_of_stamps_is_one() -> None:
    content = "[0:05] Clay cracks\n12:30 at the latest,\n(1:02) or so.\n[0:09] Sand does not."
    assert said(content) == [
        (5, "Clay cracks 12:30 at the latest, (1:02) or so. Sand does not."),
    ]


# Paragraphs


def cue(start: float, end: float, text: str) -> str:
    def clock(seconds: float) -> str:
        minutes, rest = divmod(round(seconds * 1000), 60_000)
        return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"

    return f"{clock(start)} --> {clock(end)}\n{text}\n\n"


def test_a_pause_ends_a_paragraph_where_a_sentence_ends() -> None:
    cues = [cue(0, 2, "Clay"), cue(20, 22, "cracks."), cue(30, 31, "Sand does not.")]
    assert said("WEBVTT\n\n" + "".join(cues)) == [(0, "Clay cracks."), (30, "Sand does not.")]


def test_paragraphs_last_less_than_a_minute_and_end_with_a_sentence() -> None:
    texts = [f"word{n} and then." if n % 3 == 2 else f"word{n} goes" for n in range(90)]
    cues = [cue(4 * n, 4 * n + 4, text) for n, text in enumerate(texts)]
    body = only("WEBVTT\n\n" + "".join(cues)).body
    starts = [block.seconds or 0 for block in body]
    assert all(block.text.endswith(".") for block in body)
    assert all(24 <= b - a <= 60 for a, b in pairwise(starts))


def test_without_punctuation_paragraphs_end_with_a_cue() -> None:
    cues = [cue(4 * n, 4 * n + 4, f"word{n} goes on and on") for n in range(60)]
    body = only("WEBVTT\n\n" + "".join(cues)).body
    assert [block.seconds for block in body] == [0, 44, 88, 132, 176, 220]
    assert all(block.text.endswith("on") for block in body)


def test_a_stretch_without_full_stops_is_cut_at_cues() -> None:
    cues = [cue(4 * n, 4 * n + 4, "One. Two.") for n in range(40)]
    cues += [cue(4 * n, 4 * n + 4, f"word{n} goes on") for n in range(40, 100)]
    cues += [cue(400, 404, "The end.")]
    body = only("WEBVTT\n\n" + "".join(cues)).body
    starts = [block.seconds or 0 for block in body]
    assert max(starts) > 350
    assert all(b - a <= 64 for a, b in pairwise(starts))


# Faults


def test_cues_are_sorted_and_bad_ones_counted() -> None:
    imported = read(
        "WEBVTT\n\n00:09.000 --> 00:10.000\nlast.\n\n00:01.000 --> 00:05.000\nFirst\n\n"
        "00:99.000 --> 01:00.000\nlost\n\n00:xx --> 00:04.000\nlost\n\n"
        "00:02.000 --> 00:01.000\nthen\n\n00:02.000 --> 00:99.000\nthis\n"
    )
    assert imported.drafts[0].body == (Block("First then this last.", seconds=1),)
    assert list(imported.notes) == [
        "cues without a time that can be read, left out: 2 (line 9, 12)"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "talk.vtt is empty"),
        (b"WEBVTT\n\nNOTE nothing\n", "has no words with a time"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n[Music]\n", "has no words with a time"),
        (b"just a text", "has no words with a time"),
        (b"WEBVTT\n\n\x00", "talk.vtt:3: a NUL character"),
    ],
)
def test_what_is_no_transcript_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(content)


def test_the_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_BYTES", 10)
    with pytest.raises(SourceError, match="split it"):
        read(VTT)


# Titles

TITLE = "AWS re:Invent 2023 - Firing clay (ARC310)"


@pytest.mark.parametrize(
    "name",
    [
        "AWS re_Invent 2023 - Firing clay (ARC310).vtt",
        "some/folder/AWS re：Invent 2023 - Firing clay (ARC310).en-US.srt",
        r"C:\talks\AWS re:Invent 2023 - Firing clay (ARC310).de.vtt",
        "https://example.org/AWS%20re%3AInvent%202023%20-%20Firing%20clay%20(ARC310).vtt?a=1",
    ],
)
def test_a_name_tells_title_code_event_and_year(name: str) -> None:
    draft = only(SRT, name)
    assert (draft.title, draft.code, draft.event, draft.year, draft.url) == (
        "Firing clay",
        "ARC310",
        "AWS re:Invent",
        2023,
        "",
    )
    assert draft.video_title == TITLE


def test_the_name_of_a_download_tells_the_video() -> None:
    draft = only(SRT, "AWS re_Invent 2023 - Firing clay (ARC310) [abc-DEF_123].en.vtt")
    assert draft.url == "https://www.youtube.com/watch?v=abc-DEF_123"
    assert (draft.title, draft.video_title) == ("Firing clay", TITLE)


@pytest.mark.parametrize(
    ("name", "title", "code"),
    [
        ("firing_clay.vtt", "firing clay", ""),
        ("ARC310_Firing_clay.srt", "Firing clay", "ARC310"),
        ("ARC310 - Firing clay.txt", "Firing clay", "ARC310"),
        ("ARC310.vtt", "ARC310", ""),
        (".vtt", ".vtt", ""),
        ("a/", "a", ""),
        ("Part 1_ clay [final].vtt", "Part 1: clay [final]", ""),
    ],
)
def test_other_names(name: str, title: str, code: str) -> None:
    draft = only(SRT, name)
    assert (draft.title, draft.code, draft.event, draft.video_title) == (title, code, "", "")


def test_a_title_in_the_file_goes_before_its_name() -> None:
    draft = only(VTT.replace("Kind", f"Title: {TITLE}\nKind"), "x [abc-DEF_123].vtt")
    assert (draft.title, draft.code, draft.video_title) == ("Firing clay", "ARC310", TITLE)
    assert draft.url == "https://www.youtube.com/watch?v=abc-DEF_123"


def test_lines_before_the_first_stamp_are_a_title_and_text() -> None:
    draft = only(f"{TITLE}\n\nRead by Ada.\n[0:05] Clay.", "ARC311_x.txt")
    assert (draft.title, draft.code) == ("Firing clay", "ARC310")
    assert draft.body == (Block("Read by Ada."), Block("Clay.", seconds=5))


# No word is lost or doubled


@dataclass(frozen=True)
class Shown:
    """A cue that is to be written: its words, and its times in seconds."""

    start: int
    end: int
    words: list[str]


@st.composite
def talks(draw: st.DrawFn, punctuated: bool) -> list[Shown]:
    """Sentences of words that all differ, cut into cues anywhere."""
    sentences = draw(st.lists(st.integers(1, 14), min_size=2, max_size=25))
    words: list[str] = []
    for length in sentences:
        sentence = [f"w{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in
                    range(len(words), len(words) + length)]  # fmt: skip
        if punctuated:
            sentence[0] = sentence[0].capitalize()
            sentence[-1] += draw(st.sampled_from([".", "?", "!"]))
        words += sentence
    shown: list[Shown] = []
    now = draw(st.integers(0, 5))
    while words:
        count = draw(st.integers(1, 9))
        last = draw(st.integers(1, 5))
        shown.append(Shown(now, now + last, words[:count]))
        words = words[count:]
        now += last + draw(st.sampled_from([0, 0, 0, 1, 12]))
    return shown


def as_vtt(shown: Sequence[Shown]) -> str:
    return "WEBVTT\n\n" + "".join(cue(c.start, c.end, " ".join(c.words)) for c in shown)


def as_srt(shown: Sequence[Shown]) -> str:
    cues = (cue(c.start, c.end, "\n".join(c.words)) for c in shown)
    return "".join(f"{n}\n{one.replace('.', ',', 2)}" for n, one in enumerate(cues, 1))


def as_rolling(shown: Sequence[Shown]) -> str:
    """As YouTube does: the line before above the new one, then that one alone for a moment."""
    above = " "
    cues = []
    for one in shown:
        first, *rest = one.words
        timed = "".join(f"<00:00:01.000><c> {word}</c>" for word in rest)
        cues.append(cue(one.start, one.end - 0.01, f"{above}\n{first}{timed}"))
        above = " ".join(one.words)
        cues.append(cue(one.end - 0.01, one.end, f"{above}\n "))
    return "WEBVTT\nKind: captions\n\n" + "".join(cues)


def as_stamped(shown: Sequence[Shown]) -> str:
    return "".join(f"[{c.start // 60}:{c.start % 60:02}] {' '.join(c.words)}\n" for c in shown)


def as_pasted(shown: Sequence[Shown]) -> str:
    return "".join(f"{c.start // 60}:{c.start % 60:02}\n{' '.join(c.words)}\n" for c in shown)


@pytest.mark.parametrize("render", [as_vtt, as_srt, as_rolling, as_stamped, as_pasted])
@pytest.mark.parametrize("punctuated", [True, False])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_all_words_come_back_each_paragraph_with_its_moment(
    render: object, punctuated: bool, data: st.DataObject
) -> None:
    assert callable(render)
    least = 3 if render is as_rolling else 2
    shown = data.draw(talks(punctuated).filter(lambda cues: len(cues) >= least))
    content = render(shown)
    if len(shown) > 1:
        assert is_transcript(content)
    body = only(content).body
    words = [word for one in shown for word in one.words]
    starts = [one.start for one in shown for _ in one.words]
    assert [word for block in body for word in block.text.split()] == words
    first = 0
    for block in body:
        assert block.seconds == starts[first]
        first += len(block.text.split())


PIECES = [
    *("WEBVTT", "1", "00:01.000 --> 00:02.000", "00:00:03,5 --> x", "-->", "NOTE", "", "[0:05]"),
    *("<v A B>x", ">>", "[Music]", "ADA: x", "- [", "0:05", "(1:2:3) a", "\ufeff", "&#0;"),
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=25),
    st.text(max_size=20).map(lambda name: f"{name}x"),
)
def test_any_lines_are_read_or_refused(lines: list[str], name: str) -> None:
    content = "\n".join(lines)
    is_transcript(content)
    try:
        imported = read(content.encode("utf-8", "replace"), name)
    except SourceError:
        return
    draft = imported.drafts[0]
    assert draft.title
    assert all(block.text for block in draft.body)


def test_an_hour_of_captions_takes_less_than_a_second() -> None:
    cues = [cue(2 * n, 2 * n + 2, f"Clay of kind {n} cracks. It is dry,") for n in range(1800)]
    content = "WEBVTT\n\n" + "".join(cues)
    spent = []
    for _ in range(3):
        begun = time.process_time()
        read(content)
        spent.append(time.process_time() - begun)
    print(f"1,800 cues in {min(spent):.2f} s")
    assert min(spent) < 1


def test_more_cues_than_a_recording_has_are_refused() -> None:
    with pytest.raises(SourceError, match="has 50,001 cues, more than 50,000: give each recording"):
        read("".join(f"[{n // 60}:{n % 60:02}] Go.\n" for n in range(50_001)), "talks.txt")
