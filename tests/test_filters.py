"""Filters: what passes, what is said of what does not exist, and that no result is lost."""

import doctest
import random
import re
import shlex
import unicodedata
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, ge, gt, le, lt, or_
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sessionqa import Answer, Assistant, Session, Settings, Speaker, terms
from sessionqa.cli import main
from sessionqa.errors import UsageError
from sessionqa.facets import FIELDS
from sessionqa.filters import MAX_CHARS, MAX_DEPTH, AllOf, AnyOf, Condition, Filter, parse, where

PAGE = Path(__file__).parents[1] / "docs" / "filters.md"
SPEAKERS = ("Mike Hagen", "Ann Hagen", "Zoë Ångström", "Bo Leaf", "李 娜", "🙂")
SERVICES = ("Amazon DynamoDB", "DynamoDB", "DynamoDB global tables", "EC2", "C++", "C")
WORDS = "cells fail over regions shard caches retries queues blocks alarms tests zones".split()
SEVERAL = examples(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def many_sessions() -> list[Session]:
    drawn = random.Random(7)
    return [
        Session(
            code=f"{drawn.choice(('SEC', 'arc-', 'D_'))}{number}",
            title=f"Talk {number}",
            text=" ".join(
                f"{' '.join(drawn.choices(WORDS, k=8)).capitalize()} {number}." for _ in range(3)
            ),
            event=drawn.choice(("AWS re:Invent", "AWS re:Inforce", "")),
            year=drawn.choice((None, 2021, 2022, 2023)),
            track=drawn.choice(("SEC", "Straße", "")),
            level=drawn.choice((None, 100, 200, 300, 400)),
            speakers=tuple(Speaker(n) for n in drawn.sample(SPEAKERS, drawn.randrange(3))),
            services=tuple(drawn.sample(SERVICES, drawn.randrange(4))),
        )
        for number in range(100, 170)
    ]


SESSIONS = many_sessions()
VALUES = {
    "session": [session.code for session in SESSIONS],
    "track": ["SEC", "Straße", "STRASSE"],
    "level": ["100", "200", "300", "400"],
    "year": ["2021", "2022", "2023"],
    "speaker": [*SPEAKERS, "hagen", "HAGEN ann", unicodedata.normalize("NFD", "Zoë Ångström")],
    "service": [*SERVICES, "amazon", "tables dynamodb"],
    "event": ["aws RE:INVENT", "AWS"],
}
CONDITIONS = st.one_of(
    st.sampled_from([(field, "=", value) for field, values in VALUES.items() for value in values]),
    st.tuples(
        st.sampled_from(("level", "year")),
        st.sampled_from((">=", "<=", ">", "<")),
        st.sampled_from(("0", "100", "250", "400", "2022", "9999")),
    ),
).map(lambda condition: Condition(*condition))
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.builds(
        reduce, st.sampled_from((and_, or_)), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def many(assistant_over: Callable[[Sequence[Session]], Assistant]) -> Assistant:
    return assistant_over(SESSIONS)


# The slow and obvious way to decide who passes.


def told(session: Session, field: str) -> list[str]:
    one = {
        "session": session.code,
        "track": session.track,
        "level": session.level,
        "year": session.year,
        "event": session.event,
    }
    several = {"speaker": [s.name for s in session.speakers], "service": session.services}
    return list(
        several.get(field) or [str(one[field])] if one.get(field) else several.get(field, [])
    )


def plain(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def passes(session: Session, wanted: Filter) -> bool:
    if isinstance(wanted, AllOf):
        return all(passes(session, part) for part in wanted.parts)
    if isinstance(wanted, AnyOf):
        return any(passes(session, part) for part in wanted.parts)
    assert isinstance(wanted, Condition)
    values = told(session, wanted.field)
    if wanted.sign != "=":
        compare = {">=": ge, "<=": le, ">": gt, "<": lt}[wanted.sign]
        return any(compare(int(value), int(wanted.value)) for value in values)
    asked = plain(wanted.value)
    alike = any(plain(value) == asked for value in values)
    known = any(plain(value) == asked for other in SESSIONS for value in told(other, wanted.field))
    if wanted.field == "session" or (known and wanted.field != "service"):
        return alike
    words = set(terms.words(asked))
    return alike or any(words and words <= set(terms.words(plain(value))) for value in values)


# What passes


@SEVERAL
@given(FILTERS)
def test_a_filter_passes_what_passes_by_hand(many: Assistant, wanted: Filter) -> None:
    expected = [session.code for session in SESSIONS if passes(session, wanted)]
    assert wanted.select(many.index) == set(expected)
    assert [session.code for session in many.sessions(wanted)] == expected


@SEVERAL
@given(FILTERS, st.sampled_from(("caches and cells fail", "zones", "Talk 101")), st.integers(1, 9))
def test_neither_arm_loses_a_result_to_a_filter(
    many: Assistant, wanted: Filter, question: str, k: int
) -> None:
    codes = {session.code for session in SESSIONS if passes(session, wanted)}
    vector = many.encoder.encode_question(question)
    stems = [terms.stem(word) for word in terms.content_words(question)]
    for arm in (
        lambda k, sessions: many.index.dense(vector, k, sessions),
        lambda k, sessions: many.index.lexical(stems, k, sessions),
    ):
        everything = arm(10_000, None)
        of = {p.id: p.session_code for p in many.index.passages([id_ for id_, _ in everything])}
        expected = [pair for pair in everything if of[pair[0]] in codes]
        found = arm(10_000, wanted.select(many.index))
        assert dict(found) == pytest.approx(dict(expected), abs=1e-5)
        best = arm(k, wanted.select(many.index))
        assert [s for _, s in best] == pytest.approx([s for _, s in expected[:k]], abs=1e-5)


@pytest.mark.parametrize("code", ["ARC206", "ARC310", "ARC327"])
def test_a_single_session_gives_each_of_its_passages(assistant: Assistant, code: str) -> None:
    hits = assistant.search("How do I bake bread?", k=1000, filter=where(session=code))
    everything = assistant.search("How do I bake bread?", k=1000)
    of_it = {hit.passage.id for hit in everything if hit.passage.session_code == code}
    assert {hit.passage.id for hit in hits} == of_it


def test_every_field_filters_the_shipped_corpus(assistant: Assistant) -> None:
    everything = assistant.sessions()
    for field in FIELDS:
        for value in assistant.index.values(field).values():
            condition = Condition(field, "=", value)
            found = condition.select(assistant.index)
            assert found, condition
            assert found >= {s.code for s in everything if value in told(s, field)}


@pytest.mark.parametrize("spelling", ["ARC310", "arc310", "arc-310", "Arc 310", "ARC_310"])
def test_a_code_is_known_in_any_spelling(assistant: Assistant, spelling: str) -> None:
    assert where(session=spelling).select(assistant.index) == {"ARC310"}


def test_of_codes_that_are_spelt_alike_the_exact_one_is_meant(
    assistant_over: Callable[[Sequence[Session]], Assistant],
) -> None:
    alike = [Session(code, "A talk", "Text.") for code in ("1-23", "12-3", "X1")]
    index = assistant_over(alike).index
    assert where(session="12-3").select(index) == {"12-3"}
    assert where(session="123").select(index) == {"1-23", "12-3"}


@pytest.mark.parametrize("name", ["Zoë Ångström", "zoë ångström", "ZOË  ÅNGSTRÖM", "ångström"])
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKD"])
def test_a_name_is_known_however_it_is_composed(many: Assistant, name: str, form: str) -> None:
    expected = {s.code for s in SESSIONS if any(p.name == SPEAKERS[2] for p in s.speakers)}
    given_name = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    assert where(speaker=given_name).select(many.index) == expected
    assert parse(f'speaker="{given_name}"').select(many.index) == expected


# What a question is answered from


def test_an_answer_keeps_to_the_filter_and_names_it(assistant: Assistant) -> None:
    question = "How are failures detected?"
    answer = assistant.ask(question, filter="session=arc-306 or session=ARC313")
    assert {hit.passage.session_code for hit in answer.hits} == {"ARC306", "ARC313"}
    assert answer.filter == "session=arc-306 or session=ARC313"
    assert assistant.ask(question).filter == ""
    assert answer.to_dict()["filter"] == answer.filter


def test_a_filter_that_all_pass_changes_nothing(assistant: Assistant) -> None:
    question = "Which disaster recovery strategy did the bank choose?"
    free, filtered = assistant.ask(question), assistant.ask(question, filter="level>=0")
    assert (free.text, free.citations) == (filtered.text, filtered.citations)
    assert len(free.hits) == len(filtered.hits)


def refused(answer: Answer) -> str:
    assert answer.refused
    assert answer.citations == answer.hits == ()
    assert answer.confidence == 0
    return answer.text


def test_a_filter_that_none_passes_is_no_error(assistant: Assistant) -> None:
    none = "level=200 and speaker=hagen"
    assert assistant.search("cells", filter=none) == assistant.sessions(none) == []
    assert refused(assistant.ask("What is a cell?", filter=none)) == (
        "No session passes the filter level=200 and speaker=hagen."
    )
    assert assistant.sessions("level>=1000") == []


def test_a_session_that_the_question_names_does_not_override_the_filter(
    assistant: Assistant,
) -> None:
    said = refused(assistant.ask("What is ARC310 about?", filter="level=200"))
    assert said == "ARC310 does not pass the filter level=200."
    said = refused(assistant.ask("What do Mike Hagen and Todd Golding say?", filter="level=200"))
    assert said == "ARC310, ARC311 do not pass the filter level=200."
    hits = assistant.search("What is ARC310 about?", filter="level=200")
    assert {hit.passage.session_code for hit in hits} == {"ARC206"}


def test_the_sessions_that_a_question_names_narrow_the_filter(assistant: Assistant) -> None:
    hits = assistant.search("ARC310 and ARC206 on scaling", k=50, filter="level=300")
    assert {hit.passage.session_code for hit in hits} == {"ARC310"}
    overview = assistant.ask("What are ARC310 and ARC206 about?", filter="level=300")
    assert {citation.session_code for citation in overview.citations} == {"ARC310"}


# What does not exist


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('speaker="Mik Hagn"', r'no speaker "Mik Hagn"; the nearest: Mike Hagen, .+, .+$'),
        ('speaker="Hagn, Mike"', r'no speaker "Hagn, Mike"; the nearest: Mike Hagen,'),
        ("service=Dynamo", r"; the nearest: .*DynamoDB global tables"),
        ("session=arc31O", r'no session "arc31O"; the nearest: .*ARC31'),
        ("session=-", r'no session "-"; the nearest: ARC'),
        ("track=XYZ", r'no track "XYZ"; the nearest: ARC$'),
        ("level=250", r'no level "250"; the nearest: 200, 300$'),
        ("year=1999", r'no year "1999"; the nearest: 2023$'),
        ("level=300 and speaker=🙂", r'no speaker "🙂"; the nearest: '),
        ("level=300 or track=" + "x" * 500, r'no track "x{80}"; the nearest: ARC$'),
        ("levl=300", r'no field "levl": filter by session, .*, service or event$'),
        ("level=high", r'^level is "high" in the filter: give a whole number$'),
        ("level>=-1", r'^level is "-1" in the filter'),
        ("speaker>=Mike", r"^speaker cannot be compared by >=: use =$"),
        ('track="  "', r"^the filter has no value for track: give one, as in track=\"...\"$"),
        ("track=\udcff", "^the filter is not text in UTF-8"),
    ],
)
def test_what_is_unknown_is_answered_with_what_is_known(
    assistant: Assistant, text: str, message: str
) -> None:
    for use in (assistant.ask, assistant.search):
        with pytest.raises(UsageError, match=message):
            use("What is a cell?", filter=text)


def test_a_field_that_no_session_has_is_named(planted: Settings) -> None:
    garden = Assistant.open(planted)
    with pytest.raises(UsageError, match=r'^no service "Bees": no session here has a service$'):
        garden.sessions("service=Bees")
    assert garden.sessions("level>=100")[0].code == "GAR101"


def test_an_empty_filter_is_refused() -> None:
    for make in (where, lambda: where(track=[]), lambda: where(track=""), lambda: parse(" ")):
        with pytest.raises(UsageError, match=r"the filter (is empty|has no value for track): give"):
            make()


# The text form


@given(FILTERS)
def test_a_filter_prints_as_it_parses(wanted: Filter) -> None:
    assert parse(str(wanted)) == wanted
    assert parse(f" ( {wanted} )\n") == wanted


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=4))
def test_any_value_can_be_written(values: list[str]) -> None:
    wanted = where(speaker=values, level=300)
    assert parse(str(wanted)) == wanted


@given(st.text(alphabet="ab=<>()\"'\\ \n") | st.text())
def test_a_text_is_a_filter_or_a_usage_error(text: str) -> None:
    said = ""
    try:
        parsed = parse(text)
    except UsageError as error:
        said = str(error)
    assert len(said.splitlines()) == 1 or parse(str(parsed)) == parsed


def test_and_binds_more_tightly_than_or_and_case_does_not_matter() -> None:
    one, two, three = where(level=1), where(track="b"), where(year=3)
    assert parse("level=1 AND track=b OR year=3") == (one & two) | three
    assert parse("Level = 1 and (TRACK = 'b' Or year=3)") == one & (two | three)
    assert parse("level=1 and (track=b and year=3)") == one & two & three
    assert where(level=1, track=["b", "c"]) == parse("level=1 and (track=b or track=c)")


def test_values_in_quotes_are_what_they_are() -> None:
    assert parse(r'''speaker="a \"b\" (c) and 'd' \\"''') == where(
        speaker=r"""a "b" (c) and 'd' \ """
    )
    assert parse("track='and'") == where(track="and")
    assert str(where(track="And")) == 'track="And"'
    assert parse("speaker=O'Brien") == where(speaker="O'Brien")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("level", "has the end at character 6, where =, >=, <=, > or < should be"),
        ("level 300", "has `300` at character 7, where ="),
        ("level==300", "has `=` at character 7, where a value should be"),
        ("level= and year=3", "has `and` at character 8, where a value"),
        ("level=300 year=3", '`year` at character 11, where "and", "or" or the end should be'),
        ("level=300 and", "the end at character 14, where a field or a bracket"),
        ("(level=300", r'the end at character 11, where "\)", "and" or "or"'),
        ("level=300)", r'`\)` at character 10, where "and", "or" or the end'),
        ('speaker="Mike', 'has `"` at character 9, .*; close the quotes that " opens'),
        ("speaker=Mike Hagen", "`Hagen` at character 14, .*; quote a value that has spaces"),
        ("()", r"`\)` at character 2, where a field"),
        ("not level=3", "`level` at character 5"),
        ("level=3 " + "x" * 99_999, f"^the filter has 100,007 characters: use {MAX_CHARS:,}$"),
        ("(" * (MAX_DEPTH + 1) + "level=3", f"has over {MAX_DEPTH} brackets in brackets"),
    ],
)
def test_a_wrong_text_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(text)


def test_brackets_may_stand_in_brackets() -> None:
    assert parse("(" * MAX_DEPTH + "level=3" + ")" * MAX_DEPTH) == where(level=3)


# The page


def test_the_commands_on_the_page_print_what_it_shows(
    shipped: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    runs = [run for block in shown for run in block.split("$ sessionqa ")[1:]]
    assert len(runs) >= 6
    for run in runs:
        command, _, expected = run.partition("\n")
        place = ["--corpus", str(shipped.corpus), "--index", str(shipped.index)]
        code = main([*shlex.split(command), *place])
        printed = capsys.readouterr()
        assert (code == 2) == ("sessionqa: " in expected)
        if expected:
            assert printed.out + printed.err == expected


def test_the_python_on_the_page_does_what_it_shows(assistant: Assistant) -> None:
    failed, tried = doctest.testfile(
        str(PAGE), module_relative=False, globs={"assistant": assistant}, encoding="utf-8"
    )
    assert tried >= 6
    assert failed == 0
