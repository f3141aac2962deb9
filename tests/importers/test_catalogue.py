"""Catalogues in CSV and JSON -> drafts, and how what is none is refused."""

import csv
import io
import json
import re
import time
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa import Speaker
from sessionqa.errors import SourceError, UsageError
from sessionqa.importers import decode
from sessionqa.importers.catalogues import catalogue, tables
from sessionqa.importers.catalogues.columns import field_of
from sessionqa.importers.drafts import Block, Draft, Imported, Source

Record = dict[str, Any]

KILN = {
    "Session Code": "OVN310",
    "Session Title": "Firing clay, slowly",
    "Abstract": "Clay cracks if it is heated fast.",
    "Speakers": "Ada Bell, Acme Pottery; Cy Dunn (Kiln & Co)",
    "Level": "300 – Advanced",
    "Topic": "Ceramics",
    "Event": "Garden Days 2024",
    "Date": "2023-11-28",
    "Tags": "Kilns; Glaze",
    "Video link": "https://example.org/v?a=1&copy=2",
}
DRAFT = Draft(
    title="Firing clay, slowly",
    body=(Block("Clay cracks if it is heated fast."),),
    code="OVN310",
    event="Garden Days",
    year=2023,
    track="Ceramics",
    level=300,
    speakers=(Speaker("Ada Bell", "Acme Pottery"), Speaker("Cy Dunn", "Kiln & Co")),
    services=("Kilns", "Glaze"),
    url="https://example.org/v?a=1&copy=2",
)


def csv_of(records: Sequence[Record], **dialect: Any) -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(records[0]), **dialect)
    writer.writeheader()
    writer.writerows(records)
    return file.getvalue()


def read(
    content: str | bytes, columns: dict[str, str] | None = None, name: str = "talks.csv"
) -> Imported:
    raw = content if isinstance(content, bytes) else content.encode()
    media = "text/csv" if name.endswith("csv") else "application/json"
    return catalogue.read(Source(name, media, raw), columns)


def only(content: str | bytes, **told: str) -> Draft:
    (draft,) = read(content, told).drafts
    return draft


# What is read


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_any_delimiter_gives_every_field(delimiter: str) -> None:
    imported = read(csv_of([KILN], delimiter=delimiter))
    assert list(imported.drafts) == [DRAFT]
    assert list(imported.notes) == [
        "code <- Session Code",
        "title <- Session Title",
        "abstract <- Abstract",
        "speakers <- Speakers",
        "level <- Level",
        "track <- Topic",
        "event <- Event",
        "year <- Date",
        "services <- Tags",
        "url <- Video link",
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_unicode_is_read_and_nothing_is_said_of_it(encoding: str) -> None:
    imported = read(csv_of([KILN]).encode(encoding))
    assert list(imported.drafts) == [DRAFT]
    assert imported.notes[0] == "code <- Session Code"


def test_windows_1252_is_read_and_told() -> None:
    imported = read("Title;Sprecher\nÖfen – gestern;Zoë Ångström\n".encode("cp1252"))
    assert (imported.drafts[0].title, imported.drafts[0].speakers) == (
        "Öfen – gestern",
        (Speaker("Zoë Ångström"),),
    )
    assert "talks.csv:2: not UTF-8" in imported.notes[0]


def test_lines_may_end_as_they_like() -> None:
    for end in ("\n", "\r\n", "\r"):
        assert only(f'Title,Text{end}A,"one{end}{end}two"').body == (Block("one"), Block("two"))


def test_excel_names_its_delimiter() -> None:
    assert only("sep=|\nTitle|Text\nA, B; C|x\n").title == "A, B; C"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.json", json.dumps([KILN])),
        ("inside.json", json.dumps({"title": "Days", "data": {"sessions": [KILN]}})),
        ("days.json", json.dumps({"days": [{"day": "Monday", "items": [KILN]}]})),
        ("one.json", json.dumps(KILN)),
        ("lines.jsonl", f"{json.dumps(KILN)}\n\n"),
        ("lines.json", f"{json.dumps(KILN)}\n{json.dumps(KILN | {'Abstract': 'x'})}\n"),
    ],
)
def test_json_is_read_wherever_the_list_stands(name: str, content: str) -> None:
    assert read(content, name=name).drafts[0] == DRAFT


def test_nested_values_become_fields() -> None:
    session = {
        "sessionId": "OVN310",
        "title": "Firing",
        "description": "Hot.",
        "speakers": [
            {"firstName": "Ada", "lastName": "Bell", "title": "Potter", "company": "Acme"},
            {"name": "Cy Dunn"},
            {"name": "Ada Bell"},
        ],
        "attributes": [
            {"name": "Level", "value": "300 – Advanced"},
            {"name": "Services", "value": "Kilns"},
            {"name": "Services", "value": "Glaze"},
        ],
        "track": {"id": "t7", "title": "Ceramics"},
        "event": {"name": "Garden Days", "year": 2024},
        "video": {"url": "https://example.org/v"},
    }
    draft = read(json.dumps({"items": [session]}), name="a.json").drafts[0]
    assert draft == Draft(
        title="Firing",
        body=(Block("Hot."),),
        code="OVN310",
        event="Garden Days",
        year=2024,
        track="Ceramics",
        level=300,
        # Of one name twice, the later has no role.
        speakers=(Speaker("Ada Bell", "Potter, Acme"), Speaker("Cy Dunn")),
        services=("Kilns", "Glaze"),
        url="https://example.org/v",
    )


def test_numbers_of_json_stay_as_they_are_written() -> None:
    long = "9" * 10_000
    content = f'[{{"title": "A", "code": 1e3, "year": NaN}}, {{"title": "B", "level": {long}}}]'
    imported = read(content, name="a.json")
    assert [(d.code, d.year, d.level) for d in imported.drafts] == [
        ("1e3", None, None),
        ("", None, None),
    ]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("sessionTitle", "title"),
        ("SESSION_NAME", "title"),
        ("Titel", "title"),
        ("Intitulé", None),
        ("Titre de la session", "title"),
        ("Título", "title"),
        ("talk-code", "code"),
        ("Session ID", "code"),
        ("Speaker 2", "speakers"),
        ("Speaker Title", None),
        ("Referent:innen", None),
        ("Conférenciers", "speakers"),
        ("Ponentes", "speakers"),
        ("Schwierigkeitsgrad", "level"),
        ("AWS Services", "services"),
        ("Fecha", "year"),
        ("Room", None),
        ("track.title", "track"),
        ("track.id", None),
        ("2", None),
        ("", None),
    ],
)
def test_a_name_tells_its_field(name: str, field: str | None) -> None:
    assert field_of(name) == field


def test_values_tell_where_names_do_not() -> None:
    rows = [
        {"A": "OVN310", "B": "R1", "C": "Firing clay slowly", "D": "Clay cracks. " * 20},
        {"A": "OVN311", "B": "R1", "C": "Glazing without lead", "D": "Lead harms. " * 20},
    ]
    imported = read(csv_of(rows))
    assert [(d.code, d.title) for d in imported.drafts] == [
        ("OVN310", "Firing clay slowly"),
        ("OVN311", "Glazing without lead"),
    ]
    assert imported.drafts[0].body[0].text.startswith("Clay cracks.")
    assert list(imported.notes) == [
        "code <- A (by its values)",
        "title <- C (by its values)",
        "abstract <- D (by its values)",
        "left out: B",
    ]


def test_values_that_mislead() -> None:
    rows = [
        {
            "Group": "OVN100",
            "Mark": f"OVN31{n}",
            "What": f"Talk number {n}",
            "Speaker bio": "Ada fires clay. " * 30,
            "Told": "Clay cracks. " * 20,
        }
        for n in range(5)
    ]
    imported = read(csv_of(rows))
    assert list(imported.notes) == [
        "code <- Mark (by its values)",
        "title <- What (by its values)",
        "abstract <- Told (by its values)",
        "left out: Group, Speaker bio",
    ]


def test_of_two_columns_for_one_field_the_first_is_taken() -> None:
    imported = read("Title,Title\nA,B\n")
    assert imported.drafts[0].title == "A"
    assert list(imported.notes) == ["title <- Title", "left out: Title (2)"]


@pytest.mark.parametrize(
    "around",
    [
        {"title": "Days", "description": "Of clay.", "url": "https://example.org", "year": 2024},
        {"sponsors": [{"code": "x", "url": "https://example.org", "year": 1, "level": 3}]},
        {"rooms": [{"name": "Hall"}, {"name": "Barn"}]},
    ],
)
def test_the_list_of_sessions_is_told_from_what_is_around(around: Record) -> None:
    speaker = {"name": "Ada Bell", "title": "Potter", "url": "x", "description": "y", "level": "z"}
    session = {"title": "Firing", "code": "OVN1", "speakers": [speaker]}
    imported = read(json.dumps(around | {"sessions": [session]}), name="a.json")
    assert [(d.title, d.code, d.speakers) for d in imported.drafts] == [
        ("Firing", "OVN1", (Speaker("Ada Bell", "Potter"),))
    ]


def test_a_single_speaker_and_commas_in_lists() -> None:
    sessions = [
        {"title": "A", "speakers": {"name": "Ada Bell", "company": "Acme"}, "tags": ["Hot, dry"]},
        {"title": "B", "speakers": ["Ada Bell, Acme Pottery"], "tags": ["Kilns"]},
    ]
    first, second = read(json.dumps(sessions), name="a.json").drafts
    assert (first.speakers, first.services) == ((Speaker("Ada Bell", "Acme"),), ("Hot, dry",))
    assert second.speakers == (Speaker("Ada Bell", "Acme Pottery"),)


def test_a_first_row_that_is_a_session_is_one() -> None:
    rows = [["OVN310", "Firing clay slowly"], ["OVN311", "Glazing without lead"]]
    imported = read("".join(f"{a},{b}\n" for a, b in rows))
    assert [[d.code, d.title] for d in imported.drafts] == rows
    assert "the first line holds a session" in imported.notes[0]


def test_a_column_that_is_told_goes_before_a_guess() -> None:
    content = "Title,Session Name,Room\nshort,The long one,Hall\n"
    imported = read(content, {"title": "session name", "track": "Room"})
    assert (imported.drafts[0].title, imported.drafts[0].track) == ("The long one", "Hall")
    assert list(imported.notes) == ["title <- Session Name", "track <- Room", "left out: Title"]


def test_an_empty_name_leaves_a_field_out() -> None:
    assert only("Title,Tags\nA,old\n", services="").services == ()


def test_speakers_in_several_columns_are_all_taken() -> None:
    draft = only("Title,Speaker 1,Speaker 2,Speaker 3\nA,Ada Bell,Cy Dunn,\n")
    assert [speaker.name for speaker in draft.speakers] == ["Ada Bell", "Cy Dunn"]


@pytest.mark.parametrize(
    ("cell", "people"),
    [
        ("Mike Hagen, AWS; Becky Weiss, AWS", [("Mike Hagen", "AWS"), ("Becky Weiss", "AWS")]),
        ("Mike Hagen | Becky Weiss", [("Mike Hagen", ""), ("Becky Weiss", "")]),
        ("Mike Hagen, Becky Weiss & Zoë van Dyk", [(n, "") for n in
            ("Mike Hagen", "Becky Weiss", "Zoë van Dyk")]),
        ("Mike Hagen, Principal Engineer, AWS", [("Mike Hagen", "Principal Engineer, AWS")]),
        ("Mike Hagen - Research and Tools", [("Mike Hagen", "Research and Tools")]),
        ("Mike Hagen (AWS)\nBecky Weiss", [("Mike Hagen", "AWS"), ("Becky Weiss", "")]),
        ("Hagen, Mike; Weiss, Becky", [("Mike Hagen", ""), ("Becky Weiss", "")]),
        ("<b>Mike O&#39;Neill</b>", [("Mike O'Neill", "")]),
        ("Madonna, NASA", [("Madonna", "NASA")]),
        ("  ;  ", []),
    ],
)  # fmt: skip
def test_people_and_their_roles(cell: str, people: list[tuple[str, str]]) -> None:
    draft = only(csv_of([{"Title": "A", "Speakers": cell}]))
    assert [(speaker.name, speaker.role) for speaker in draft.speakers] == people


def test_commas_mean_one_thing_in_a_column() -> None:
    rows = [("A", "Ada Bell, Acme Pottery"), ("B", "Ada Bell, Acme Pottery; Cy Dunn, Acme")]
    drafts = read(csv_of([{"Title": title, "Speakers": cell} for title, cell in rows])).drafts
    assert drafts[0].speakers == (Speaker("Ada Bell", "Acme Pottery"),)
    assert drafts[1].speakers == (Speaker("Ada Bell", "Acme Pottery"), Speaker("Cy Dunn", "Acme"))


@pytest.mark.parametrize(
    ("abstract", "body"),
    [
        (
            "<p>One &amp; two.</p><ul><li>a<br>b</li><li><p>c</p></li></ul>"
            "<h3>More</h3>End<script>x()</script>",
            [
                Block("One & two."),
                Block("a b", "item"),
                Block("c", "item"),
                Block("More", "heading"),
                Block("End"),
            ],
        ),
        ("<b>if</b> a < b and List<String> <!-- no", [Block("if a < b and List<String> <!-- no")]),
        ("One\nline.\n\nTwo", [Block("One line."), Block("Two")]),
        ("We see:\n- a\n  b\n• c", [Block("We see:"), Block("a b", "item"), Block("c", "item")]),
        ("One ends.\nTwo ends.", [Block("One ends."), Block("Two ends.")]),
        ("## Head\n\n**bold** text", [Block("## Head\n\n**bold** text", "markdown")]),
        ("?a=1&copy=2 &quot;x&quot;", [Block('?a=1&copy=2 "x"')]),
        ("<![if x]><p>kept", [Block("<![if x]>"), Block("kept")]),
    ],
)
def test_an_abstract_keeps_its_parts(abstract: str, body: list[Block]) -> None:
    assert list(only(csv_of([{"Title": "A", "Abstract": abstract}])).body) == body


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("2023-11-28T10:00:00Z", 2023),
        ("28.11.2023", 2023),
        ("20231128", 2023),
        ("Nov 28, 2023", 2023),
        ("28/11/23", None),
        ("1701129600000", None),
    ],
)
def test_the_year_of_a_date(date: str, year: int | None) -> None:
    assert only(csv_of([{"Title": "A", "Date": date}])).year == year


def test_a_code_in_the_title_is_taken_where_no_column_has_it() -> None:
    content = "Title\nFiring clay (OVN310)\nOVN311 - Glazing\nLessons of COVID-19\n"
    assert [(d.code, d.title) for d in read(content).drafts] == [
        ("OVN310", "Firing clay"),
        ("OVN311", "Glazing"),
        ("", "Lessons of COVID-19"),
    ]


def test_formulas_are_text_and_a_code_has_no_space() -> None:
    draft = only('Code,Title\nOVN 310,"=HYPERLINK(""x"")"\n')
    assert (draft.code, draft.title) == ("OVN-310", '=HYPERLINK("x")')


def test_halves_of_characters_are_replaced_and_controls_go() -> None:
    draft = read('[{"title": "a\\ud83d\\ude00b\\ud800\\u0007c"}]', name="a.json").drafts[0]
    assert draft.title == "a😀b\ufffd c"


def test_what_is_left_out_is_counted() -> None:
    content = (
        "Title,Level,URL\nA,Advanced,javascript:x\n,200,\nB,300,,extra\nC\nA,Advanced,javascript:x\n"
        "  ,,x\n"
    )
    imported = read(content)
    assert [(d.title, d.level, d.url) for d in imported.drafts] == [
        ("A", None, ""),
        ("B", 300, ""),
        ("C", None, ""),
    ]
    assert list(imported.notes) == [
        "rows with cells beyond the last column, which were left out: 1 (line 4): is a quotation "
        "mark missing there?",
        "title <- Title",
        "level <- Level",
        "url <- URL",
        "rows without a title, left out: 2 (line 3, line 7)",
        "rows that repeat another, left out: 1 (line 6)",
        "no level in 1 rows: 'Advanced' in line 2 has no number",
        "no url in 1 rows: 'javascript:x' in line 2 has no http address",
    ]


def test_columns_of_one_name_are_told_apart() -> None:
    imported = read("Title,Room,Room,\nA,x,y,z\n")
    assert imported.notes[-1] == "left out: Room, Room (2), column 4"


# What is refused


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "talks.csv is empty"),
        (b" \n\n", "talks.csv is empty"),
        (b"Title,Text\n", "has no row"),
        (b"Title,Text\nA,\x00\n", "talks.csv:2: a NUL character"),
        (b'sep=,\nTitle,Text\nA,"open\n', "talks.csv:3: a quotation mark opens"),
        (b"Title\x00\x00,\x00\x00Text\n" * 9, "talks.csv:1: a NUL character"),
        (b"\x89PNG\r\n\x1a\n\x00\x01", "talks.csv:1: not UTF-8, and it looks like no text"),
        (b"Title\n\x81\n", "talks.csv:2: neither UTF-8 nor windows-1252"),
        (b'Title,Text\nA,x\nB,"open\nC,y\n', "talks.csv:3: a quotation mark opens"),
        (b"Room,Seats\n1,2\n", "no column is known to hold titles"),
        (b"A text of some words\nand one line more\n", "no column is known to hold titles"),
        (b"Title,Text\n,x\n", "no row has a title"),
        (b'{"title": "A"', "talks.csv:1: not JSON"),
        (b'{"title": "A"}\n{"title": \n', "talks.csv:2: not JSON"),
        (b'{"title": "A"}\n[1]\n', "talks.csv:2: a line of JSON lines must be an object"),
        (b"[1, 2]", "holds no list of objects"),
        (b"[" * 100_000, "talks.csv: JSON that is nested too deeply"),
        (b'[{"title": ' + b"[" * 900 + b"1" + b"]" * 901 + b"}]", "talks.csv"),
        (b'[{"title": ' + b'{"q": ' * 600 + b"1" + b"}" * 600 + b"}]", "talks.csv"),
        (b'{"title": "A"}\n{"x": ' + b"[" * 100_000, "talks.csv:2: nested too deeply"),
    ],
)
def test_what_is_no_catalogue_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=re.escape(message)):
        read(content)


def test_limits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    for content in ("Title\na\nb\nc\n", '{"title":"a"}\n' * 3, '[{"title":"a"},{"b":1},{"c":1}]'):
        with pytest.raises(SourceError, match="more than 2 rows"):
            read(content)
    monkeypatch.setattr(tables, "MAX_COLUMNS", 2)
    for content in ("Title,a,b\nx,y,z\n", '{"title":"a","b":1,"c":2}'):
        with pytest.raises(SourceError, match="has 3 columns, more than 2: leave out those that"):
            read(content)
    monkeypatch.setattr(tables, "MAX_CELL_CHARS", 100)
    with pytest.raises(SourceError, match=r"talks.csv:2: not CSV: field larger than field limit"):
        read(f"Title\n{'x' * 101}\n")
    monkeypatch.setattr(decode, "MAX_BYTES", 10)
    with pytest.raises(SourceError, match="more than the 0 MiB"):
        read("Title\nabcdef\n")


def test_a_limit_of_the_csv_module_is_as_it_was() -> None:
    before = csv.field_size_limit()
    for content in ("Title\nA\n", 'Title\n"A\n'):
        with suppress(SourceError):
            read(content)
        assert csv.field_size_limit() == before


def test_a_column_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no column 'Titel' for title; the nearest are 'Title'"):
        read("Room,Title\n1,A\n", {"title": "Titel"})
    with pytest.raises(UsageError, match=r"name is no field of a session: the fields are code"):
        read("Room,Title\n1,A\n", {"name": "Title"})


# What is written comes back


WORDS = st.text(st.characters(categories=["L", "N"], max_codepoint=0x2FFF), min_size=1, max_size=9)
PHRASE = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "Code": st.from_regex(r"[A-Z]{3}[1-4][0-9]{2}", fullmatch=True),
            "Title": st.tuples(PHRASE, st.sampled_from(["", ", ", "; ", "| ", '"q" ', "\t", "\n"]))
            .map(lambda parts: f"{parts[0]}{parts[1]}end"),
            "Abstract": st.lists(PHRASE, max_size=3).map("\n\n".join),
            "Level": st.sampled_from(["", "200", "300"]),
            "Room": PHRASE,
        }
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda record: record["Code"],
)  # fmt: skip
DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t|"),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    }
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


def told(record: Record) -> Draft:
    """The draft of a record, by the plainest means."""

    def flat(text: str) -> str:
        return unicodedata.normalize("NFC", " ".join(text.split()))

    return Draft(
        title=flat(record["Title"]),
        body=tuple(Block(flat(p)) for p in record["Abstract"].split("\n\n") if p),
        code=record["Code"],
        level=int(record["Level"]) if record["Level"] else None,
    )


@settings(max_examples=150, deadline=None)
@given(RECORDS, DIALECTS, ENCODINGS)
def test_csv_of_any_dialect_comes_back(
    records: list[Record], dialect: dict[str, Any], encoding: str
) -> None:
    imported = read(csv_of(records, **dialect).encode(encoding))
    assert list(imported.drafts) == [told(record) for record in records]


@settings(max_examples=100, deadline=None)
@given(RECORDS, ENCODINGS, st.booleans(), st.sampled_from(["list", "inside", "lines"]))
def test_json_of_any_form_comes_back(
    records: list[Record], encoding: str, ascii_only: bool, form: str
) -> None:
    def dumped(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    content = {
        "list": dumped(records),
        "inside": dumped({"meta": {"title": "x"}, "data": {"sessions": records}}),
        "lines": "\n".join(map(dumped, records)),
    }[form]
    imported = read(content.encode(encoding), name="a.json")
    assert list(imported.drafts) == [told(record) for record in records]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for content in (raw, b"Title,Abstract,Speakers\n" + raw, b'[{"title": ' + raw + b"}]"):
        with suppress(SourceError):
            assert all(draft.title for draft in read(content).drafts)


def test_three_thousand_rows_take_less_than_a_second() -> None:
    rows = [
        KILN | {"Session Code": f"OVN{n}", "Abstract": f"<p>{'Clay cracks. ' * 40}</p>" * 2}
        for n in range(3000)
    ]
    content = csv_of(rows)
    spent = []
    for _ in range(3):
        begun = time.process_time()
        assert len(read(content).drafts) == 3000
        spent.append(time.process_time() - begun)
    print(f"3,000 rows of {len(content) / 2**20:.1f} MiB in {min(spent):.2f} s")
    assert min(spent) < 1


def test_a_table_of_more_columns_than_any_export_has_is_refused_at_once() -> None:
    header = ",".join(["title", *["x"] * 300_000])
    keys = "\n".join(json.dumps({"title": "Bread", f"x{n}": 1}) for n in range(1_000))
    started = time.process_time()
    with pytest.raises(SourceError, match=r"talks.csv has 300,001 columns, more than 500: leave"):
        read(f"{header}\nBread\n")
    with pytest.raises(SourceError, match=r"talks.jsonl has 1,001 columns"):
        read(keys, name="talks.jsonl")
    assert time.process_time() - started < 3


def test_names_of_columns_command_no_terminal() -> None:
    """They are printed in notes."""
    content = json.dumps([{"title": "Bread", "a\x1b[2J": "b", "c": {"d\n": "e"}}])
    assert read(content, name="talks.json").notes[-1] == "left out: a [2J, c.d"
    assert read("title,a\x1b[2J\nBread,b\n").notes[-1] == "left out: a [2J"
