"""The command line: what goes to stdout, what to stderr, and with which exit code."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sessionqa import Settings, __version__
from sessionqa.cli import main
from sessionqa.index.builds import current_build, read_manifest, sealed

COMMANDS = (
    *("ask", "search", "explain-miss", "sessions", "index", "chat"),
    *("eval", "verify", "feedback", "gold", "doctor"),
)
QUESTION = "What is shuffle sharding?"
ACID = "Why is citrus peel left out?"

Capture = pytest.CaptureFixture[str]


def place(settings: Settings) -> list[str]:
    return ["--corpus", str(settings.corpus), "--index", settings.place]


def run(*args: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a user's shell starts it."""
    command = [sys.executable, "-m", "sessionqa", *args]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=60, check=False, **kwargs
    )


def usage_error(*args: str) -> int | str | None:
    """The exit code of a call that argparse itself ends."""
    with pytest.raises(SystemExit) as stop:
        main(list(args))
    return stop.value.code


# --- help, version, wrong usage


def test_version_is_the_packages(capsys: Capture) -> None:
    assert usage_error("--version") == 0
    assert capsys.readouterr().out == f"sessionqa {__version__}\n"


def test_help_names_every_command_and_the_exit_codes(capsys: Capture) -> None:
    assert usage_error("--help") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert [command for command in COMMANDS if f" {command} " not in out] == []
    assert "1 refused" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_on_stdout(command: str, capsys: Capture) -> None:
    assert usage_error(command, "--help") == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert f"usage: sessionqa {command}" in shown.out
    assert "--corpus DIR" in shown.out
    assert "--index DIR" in shown.out


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("nonsense",),
        ("ask",),
        ("ask", "x", "-k", "0"),
        ("ask", "x", "-k", "-1"),
        ("ask", "x", "-k", "many"),
        ("ask", "x", "--history"),
        ("ask", "x", "--frobnicate"),
        ("ask", "two", "questions"),
        ("search",),
        ("search", "x", "--explain=yes"),
        ("explain-miss",),
        ("explain-miss", "x"),
        ("explain-miss", "x", "ARC310", "ARC206"),
        ("explain-miss", "x", "ARC310", "--history"),
        ("explain-miss", "x", "ARC310", "-k", "3"),
        ("eval",),
        ("index", "--chunking", "words"),
        ("verify",),
        ("feedback", "sideways", "x"),
        ("feedback", "up", "x", "--session"),
        ("feedback", "review"),
        ("feedback", "review", "one"),
        ("gold",),
        ("gold", "add"),
        ("doctor", "--port", "http"),
    ],
)
def test_wrong_usage_is_2_with_the_usage_on_stderr(args: tuple[str, ...], capsys: Capture) -> None:
    assert usage_error(*args) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("usage: sessionqa")


@pytest.mark.parametrize("name", ["a" * 300, "b" * 100_000, "a/" * 3000, "loop/x"])
@pytest.mark.parametrize(
    "args",
    [
        ("eval",),
        ("eval", "gold.jsonl", "--queries"),
        ("eval", "gold.jsonl", "--run"),
        ("eval", "gold.jsonl", "--run-out"),
        ("eval", "gold.jsonl", "--report"),
        ("verify",),
        ("feedback", "up", "--answer"),
        ("gold", "add", "--from-feedback"),
        ("gold", "add", "--from-feedback", "feedback.jsonl", "--into"),
        ("import", "talks.csv", "--into"),
        ("bundle",),
    ],
)
def test_a_path_that_nothing_can_be_at_is_wrong_usage(
    args: tuple[str, ...],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    assert usage_error(*args, name) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("): give another\n")
    assert len(shown.err) < 5000


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize(
    ("question", "complaint"),
    [("", "empty"), (" \t\n", "empty"), ("x" * 100_000, "100,000 characters")],
)
def test_an_unusable_question_is_2(
    command: str, question: str, complaint: str, shipped: Settings, capsys: Capture
) -> None:
    assert main([command, question, *place(shipped)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("sessionqa: ")
    assert complaint in shown.err
    assert shown.err.count("\n") == 1


def test_a_port_out_of_range_is_2(shipped: Settings, capsys: Capture) -> None:
    assert main(["doctor", *place(shipped), "--port", "70000"]) == 2
    assert "port is 70000" in capsys.readouterr().err


# --- verify


def test_verify_holds_what_was_answered_and_names_what_was_changed(
    shipped: Settings, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["ask", QUESTION, "--json", *place(shipped)]) == 0
    saved, changed = tmp_path / "answer.json", tmp_path / "changed.json"
    saved.write_text(capsys.readouterr().out, encoding="utf-8")
    record = json.loads(saved.read_text(encoding="utf-8"))
    record["citations"][0]["quote"] += " Always."
    changed.write_text(json.dumps(record), encoding="utf-8")

    assert main(["verify", str(saved), *place(shipped)]) == 0
    assert capsys.readouterr().out == "1 answer, 1 citation, 1 holds\n"
    assert main(["verify", str(saved), str(changed), *place(shipped)]) == 1
    shown = capsys.readouterr()
    wrong, summary = shown.out.splitlines()
    assert wrong.startswith(f"{changed}: [1] ARC306 altered: the quote stands nowhere in it; at ")
    assert summary == "2 answers, 2 citations, 1 holds"
    assert shown.err == ""
    assert main(["verify", "--json", str(changed), *place(shipped)]) == 1
    made = json.loads(capsys.readouterr().out)
    assert (made["answers"], made["citations"], made["holding"]) == (1, 1, 0)
    [check] = made["checks"]
    assert (check["answer"], check["number"], check["session_code"]) == (str(changed), 1, "ARC306")
    assert (check["verdict"], check["remedy"]) == ("altered", "ask the question again")


def test_verify_notices_that_a_summary_has_changed_since(
    planted: Settings, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["ask", ACID, "--json", *place(planted)]) == 0
    saved = tmp_path / "answer.json"
    saved.write_text(capsys.readouterr().out, encoding="utf-8")
    [path] = planted.corpus.glob("GAR101*")
    path.write_text(path.read_text(encoding="utf-8") + "\nAnd more.\n", encoding="utf-8")
    assert main(["index", *place(planted)]) == 0
    capsys.readouterr()
    assert main(["verify", str(saved), *place(planted)]) == 1
    out = capsys.readouterr().out
    assert "[1] GAR101 changed: the summary has changed since; the quote still stands, at " in out


@pytest.mark.parametrize("content", ["", "no JSON", "{}", "[" * 100_000, '{"text": 1}', "[1]"])
def test_verify_of_what_is_no_answer_is_2(
    content: str, shipped: Settings, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "answer.json"
    path.write_text(content, encoding="utf-8")
    assert main(["verify", str(path), *place(shipped)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"sessionqa: {path}")
    assert shown.err.count("\n") == 1


def test_verify_without_an_index_is_3(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "answer.json"
    path.write_text('{"text": "", "citations": []}', encoding="utf-8")
    assert main(["verify", str(path), "--index", str(tmp_path / "none")]) == 3
    assert "sessionqa index" in capsys.readouterr().err


def test_verify_prints_what_no_terminal_can_show_without_a_traceback(shipped: Settings) -> None:
    hostile = {"number": 1, "session_code": "\ud800", "start": 0, "end": 1, "quote": "\udfff"}
    saved = json.dumps({"text": "\ud83d [3]", "citations": [hostile, [[[]]], None]})
    done = run("verify", "-", *place(shipped), input=saved)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("\n") == 5
    done = run("verify", "--json", "-", *place(shipped), input=saved)
    assert (done.returncode, done.stderr) == (1, "")


# --- explain-miss


def test_explain_miss_tells_every_stage_and_where_it_was_lost(
    shipped: Settings, capsys: Capture
) -> None:
    args = [QUESTION, "arc206", *place(shipped)]
    assert main(["explain-miss", *args]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = shown.out.splitlines()
    stages = ["corpus", "meaning", "words", "fused", "answer"]
    assert [line.split()[0] for line in lines[:-1]] == stages
    assert lines[-1].startswith("lost at   ")
    assert main(["explain-miss", "--json", *args]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record.keys() == {"question", "session_code", "steps", "lost_at"}
    assert (record["question"], record["session_code"]) == (QUESTION, "ARC206")
    assert record["lost_at"] == lines[-1].split()[-1]
    assert [f"{s['stage']:9} {s['finding']}" for s in record["steps"]] == lines[:-1]


@pytest.mark.parametrize(
    ("args", "stage", "said"),
    [
        ((QUESTION, "ARC399"), "corpus", "there is no session ARC399"),
        ((QUESTION, "ARC310", "--session", "ARC206"), "filter", "does not pass session=ARC206"),
        ((QUESTION, "ARC310", "--where", "level<300"), "filter", "does not pass level<300"),
        (("And ARC206?", "ARC310", "--history", QUESTION), "named", "names ARC206"),
    ],
)
def test_explain_miss_stops_where_a_session_is_lost(
    args: tuple[str, ...], stage: str, said: str, shipped: Settings, capsys: Capture
) -> None:
    assert main(["explain-miss", *args, *place(shipped)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"lost at   {stage}"
    assert lines[-2].startswith(f"{stage:9} ")
    assert said in lines[-2]


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("", "ARC310"), "the question is empty"),
        ((QUESTION, "ARC310", "--where", "colour=red"), "colour"),
        ((QUESTION, "ARC310", "--history", "x" * 100_000), "100,000 characters"),
    ],
)
def test_explain_miss_refuses_what_ask_refuses(
    args: tuple[str, ...], complaint: str, shipped: Settings, capsys: Capture
) -> None:
    assert main(["explain-miss", *args, *place(shipped)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert complaint in shown.err
    assert shown.err.count("\n") == 1


# --- ask


def test_ask_prints_the_answer_and_its_sources_and_nothing_else(
    shipped: Settings, capsys: Capture
) -> None:
    assert main(["ask", QUESTION, *place(shipped)]) == 0
    shown = capsys.readouterr()
    answer, sources = shown.out.split("\n\nSources\n")
    assert answer.startswith("ARC306: ")
    assert "smaller subsets of users" in answer
    assert sources.startswith("[1]")
    assert " ARC306: Reducing your area of impact and surviving difficult days\n" in sources
    assert "https://www.youtube.com/" in sources
    assert shown.err == ""


def test_a_refusal_is_1_and_offers_the_closest_sessions(shipped: Settings, capsys: Capture) -> None:
    assert main(["ask", "How do I bake bread?", *place(shipped)]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("The summaries do not say. The closest sessions: ARC")
    assert "Sources" not in shown.out
    assert shown.err == ""


def test_ask_json_has_every_field_with_its_type(shipped: Settings, capsys: Capture) -> None:
    assert main(["ask", QUESTION, "--json", *place(shipped)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {name: type(value) for name, value in answer.items()} == {
        "question": str,
        "standalone_question": str,
        "text": str,
        "citations": list,
        "hits": list,
        "confidence": float,
        "refused": bool,
        "answerer": str,
        "timings": dict,
        "filter": str,
        "corrections": list,
        "note": str,
        "writing": type(None),
    }
    assert {name: type(value) for name, value in answer["citations"][0].items()} == {
        "number": int,
        "session_code": str,
        "title": str,
        "passage_id": str,
        "start": int,
        "end": int,
        "quote": str,
        "sha256": str,
        "emphasis": type(None),
        "seconds": type(None),
        "page": type(None),
        "url": str,
    }
    first = answer["hits"][0]
    assert {name: type(value) for name, value in first.items()} == {
        "passage_id": str,
        "session_code": str,
        "title": str,
        "text": str,
        "start": int,
        "end": int,
        "tokens": int,
        "seconds": type(None),
        "page": type(None),
        "score": float,
        "dense_rank": int,
        "dense_score": float,
        "sentence_score": float,
        "token_score": float,
        "lexical_rank": int,
        "lexical_score": float,
        "session_score": float,
        "by_meaning": float,
        "by_words": float,
        "rerank_score": type(None),
    }
    assert answer["question"] == QUESTION
    assert answer["refused"] is False
    assert 0 <= answer["confidence"] <= 1
    assert set(answer["timings"]) == {"retrieve_ms", "answer_ms"}


def test_ask_json_of_a_refusal_has_the_same_fields(shipped: Settings, capsys: Capture) -> None:
    main(["ask", QUESTION, "--json", *place(shipped)])
    answered = json.loads(capsys.readouterr().out)
    assert main(["ask", "How do I bake bread?", "--json", *place(shipped)]) == 1
    refused = json.loads(capsys.readouterr().out)
    assert refused.keys() == answered.keys()
    assert refused["refused"] is True
    assert refused["citations"] == []
    assert refused["confidence"] < answered["confidence"]


def test_a_citation_is_a_span_of_what_sessions_prints(shipped: Settings, capsys: Capture) -> None:
    main(["ask", QUESTION, "--json", *place(shipped)])
    citation = json.loads(capsys.readouterr().out)["citations"][0]
    main(["sessions", citation["session_code"], "--json", *place(shipped)])
    text = json.loads(capsys.readouterr().out)["text"]
    assert text[citation["start"] : citation["end"]] == citation["quote"]


@pytest.mark.parametrize("k", [1, 3, 1000])
def test_k_bounds_the_hits(k: int, shipped: Settings, capsys: Capture) -> None:
    assert main(["ask", QUESTION, "--json", "-k", str(k), *place(shipped)]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert 1 <= len(hits) <= k
    assert len({hit["passage_id"] for hit in hits}) == len(hits)
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_history_gives_a_question_its_topic(shipped: Settings, capsys: Capture) -> None:
    earlier = ["--history", "What is FinOps?", "--history", "Which session covers gray failures?"]
    assert main(["ask", "Who gave it?", *earlier, *place(shipped)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("(asked as: Who gave ARC310?)\n\n")
    assert "Mike Hagen" in out
    assert "FinOps" not in out


def test_without_history_the_same_question_is_asked_as_it_is(
    shipped: Settings, capsys: Capture
) -> None:
    main(["ask", QUESTION, *place(shipped), "--history", "What is FinOps?"])
    assert "asked as" not in capsys.readouterr().out


@pytest.mark.parametrize("command", ["ask", "search"])
def test_what_was_corrected_is_shown_in_one_line(
    command: str, shipped: Settings, capsys: Capture
) -> None:
    main([command, "What is zonal autoshfit?", *place(shipped)])
    out = capsys.readouterr().out
    assert out.startswith('(read "autoshfit" as "autoshift")\n\n')
    assert "asked as" not in out


def test_explain_adds_the_confidence_and_the_hits(shipped: Settings, capsys: Capture) -> None:
    main(["ask", QUESTION, *place(shipped)])
    plain = capsys.readouterr().out
    assert main(["ask", QUESTION, "--explain", "-k", "2", *place(shipped)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(plain)
    added = out.removeprefix(plain).split("\n")
    assert added[1].startswith("confidence 0.")
    assert added[2].startswith("filter none; fusion convex, words weigh 0.")
    assert added[3].startswith("score = share of meaning")
    assert added[4].startswith("  1. ARC306-")
    assert " = meaning 0." in added[4]
    assert added[5].startswith("  2. ")
    assert added[6:] == [""]


@pytest.mark.parametrize(
    "question",
    ['"', "'); DROP TABLE passages; --", "a OR b AND NOT (c", "*" * 50, "🙂", "what " * 200, "\0"],
)
def test_odd_questions_are_answered_or_refused(
    question: str, shipped: Settings, capsys: Capture
) -> None:
    assert main(["ask", question, *place(shipped)]) in (0, 1)
    shown = capsys.readouterr()
    assert shown.out.strip()
    assert shown.err == ""


def test_a_question_that_is_not_utf8_is_no_bug_of_ours(shipped: Settings, capsys: Capture) -> None:
    broken = b"What is \xff shuffle sharding?".decode(errors="surrogateescape")
    assert main(["ask", broken, *place(shipped)]) in (0, 1, 2)
    assert "unexpected" not in capsys.readouterr().err


# --- search, sessions


def test_search_lists_passages_best_first(shipped: Settings, capsys: Capture) -> None:
    assert main(["search", "shuffle sharding", "-k", "3", *place(shipped)]) == 0
    shown = capsys.readouterr()
    heads = [line for line in shown.out.splitlines() if not line.startswith(" ")]
    assert heads[0].split()[1] == "ARC306"
    assert len(heads) == 3
    assert shown.err == ""


def test_search_json_is_a_list_of_hits(shipped: Settings, capsys: Capture) -> None:
    assert main(["search", "shuffle sharding", "--json", "-k", "2", *place(shipped)]) == 0
    hits = json.loads(capsys.readouterr().out)
    assert len(hits) == 2
    assert hits[0]["session_code"] == "ARC306"
    assert "Shuffle Sharding" in hits[0]["text"]


def test_search_explain_adds_what_each_score_is_made_of(shipped: Settings, capsys: Capture) -> None:
    query = ["search", "shuffle sharding", "-k", "3", *place(shipped)]
    assert main(query) == 0
    plain = capsys.readouterr().out
    assert main([*query, "--explain", "--track", "ARC"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.startswith(plain)
    added = shown.out.removeprefix(plain).split("\n")
    assert (added[0], added[-1]) == ("", "")
    assert added[1].startswith("filter track=ARC; fusion convex, words weigh 0.")
    assert [line[:8] for line in added[3:-1]] == ["  1. ARC", "  2. ARC", "  3. ARC"]


@pytest.mark.parametrize("command", ["ask", "search"])
def test_explain_leaves_json_one_object(command: str, shipped: Settings, capsys: Capture) -> None:
    assert main([command, QUESTION, "--json", "--explain", *place(shipped)]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    hits = found if command == "search" else found["hits"]
    assert hits[0]["by_meaning"] + hits[0]["by_words"] == pytest.approx(hits[0]["score"])


def test_sessions_lists_each_once_with_its_speakers(shipped: Settings, capsys: Capture) -> None:
    assert main(["sessions", *place(shipped)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:6] for line in lines] == sorted(p.stem for p in shipped.corpus.glob("ARC*.md"))
    assert "ARC310  Detecting and mitigating gray failures  (Mike Hagen)" in lines


def test_sessions_json_has_no_texts(shipped: Settings, capsys: Capture) -> None:
    assert main(["sessions", "--json", *place(shipped)]) == 0
    sessions = json.loads(capsys.readouterr().out)
    assert len(sessions) == 14
    assert "text" not in sessions[0]
    assert sessions[0]["speakers"][0].keys() == {"name", "role"}


@pytest.mark.parametrize("code", ["ARC310", "arc310", " ARC310 "])
def test_one_session_is_shown_whole(code: str, shipped: Settings, capsys: Capture) -> None:
    assert main(["sessions", code, *place(shipped)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("ARC310: Detecting and mitigating gray failures.\nPresented by Mike")
    assert "differential observability" in text.casefold()


def test_an_unknown_session_is_2_with_the_nearest_codes(shipped: Settings, capsys: Capture) -> None:
    assert main(["sessions", "ARC318", *place(shipped)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no session ARC318; did you mean" in shown.err
    assert "ARC319" in shown.err


def test_nothing_near_an_unknown_session_is_suggested(shipped: Settings, capsys: Capture) -> None:
    assert main(["sessions", "qqq", *place(shipped)]) == 2
    shown = capsys.readouterr()
    assert "did you mean" not in shown.err
    assert "sessionqa sessions" in shown.err


# --- filters


def listed(capsys: Capture, *args: str) -> list[str]:
    assert main(["sessions", "--json", *args]) == 0
    return [session["code"] for session in json.loads(capsys.readouterr().out)]


def test_values_of_one_option_are_alternatives_and_options_add_up(
    shipped: Settings, capsys: Capture
) -> None:
    both = ("--speaker", "Mike Hagen", "--speaker", "hart")
    assert listed(capsys, *both, *place(shipped)) == ["ARC206", "ARC310"]
    assert listed(capsys, *both, "--level", "300", *place(shipped)) == ["ARC310"]
    where = ("--where", "level<300 or service=zonal")
    assert listed(capsys, *both, *where, *place(shipped)) == ["ARC206", "ARC310"]


def test_ask_and_search_keep_to_the_filter(shipped: Settings, capsys: Capture) -> None:
    args = ("How are failures handled?", "--json", "--session", "arc 306", *place(shipped))
    main(["ask", *args])
    answer = json.loads(capsys.readouterr().out)
    assert answer["filter"] == 'session="arc 306"'
    assert {hit["session_code"] for hit in answer["hits"]} == {"ARC306"}
    assert main(["search", *args]) == 0
    hits = json.loads(capsys.readouterr().out)
    assert {hit["session_code"] for hit in hits} == {"ARC306"}


def test_a_filter_that_none_passes_refuses_or_lists_nothing(
    shipped: Settings, capsys: Capture
) -> None:
    none = ("--level", "200", "--session", "ARC310", *place(shipped))
    said = "no session passes the filter session=ARC310 and level=200"
    assert main(["ask", QUESTION, *none]) == 1
    assert capsys.readouterr().out == f"{said[0].upper()}{said[1:]}.\n"
    for args in (["search", QUESTION], ["sessions"]):
        assert main([*args, *none]) == 0
        shown = capsys.readouterr()
        assert (shown.out, shown.err) == ("", f"sessionqa: {said}\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--speaker", "Mik Hagn"), 'no speaker "Mik Hagn"; the nearest: Mike Hagen, '),
        (("--level", "high"), 'level is "high" in the filter: give a whole number'),
        (("--where", "level=300 and"), "the filter has the end at character 14, where a field"),
        (("--where", ""), "the filter is empty"),
        (("--track", ""), "the filter has no value for track"),
    ],
)
@pytest.mark.parametrize("command", [("ask", "x"), ("search", "x"), ("sessions",)])
def test_a_filter_that_makes_no_sense_is_2(
    command: tuple[str, ...],
    args: tuple[str, ...],
    message: str,
    shipped: Settings,
    capsys: Capture,
) -> None:
    assert main([*command, *args, *place(shipped)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"sessionqa: {message}")
    assert shown.err.count("\n") == 1


def test_a_code_and_a_filter_together_are_2(shipped: Settings, capsys: Capture) -> None:
    assert main(["sessions", "ARC310", "--level", "300", *place(shipped)]) == 2
    assert "both ARC310 and a filter are given: drop one" in capsys.readouterr().err


# --- index


def test_index_builds_once_and_again_only_by_force(garden: Settings, capsys: Capture) -> None:
    printed = []
    for extra in ([], [], ["--force"]):
        assert main(["index", *place(garden), *extra]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        printed.append(shown.out)
    assert printed[0].startswith(f"{garden.place}: 2 sessions, ")
    assert printed[1] == printed[0]
    assert printed[2] != printed[0]


def test_a_new_session_is_answered_from_after_an_index(
    planted: Settings, write_session: Callable[..., Path], capsys: Capture
) -> None:
    write_session("GAR303", "Bees", "Bees prefer the blue flowers of borage above all others.")
    assert main(["index", *place(planted)]) == 0
    assert "3 sessions" in capsys.readouterr().out
    assert main(["ask", "Which flowers do bees prefer?", *place(planted)]) == 0
    shown = capsys.readouterr()
    assert "borage" in shown.out
    assert shown.err == ""


def test_index_by_document_is_another_build(planted: Settings, capsys: Capture) -> None:
    assert main(["index", *place(planted), "--chunking", "document"]) == 0
    assert "2 sessions, 2 passages" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\xfe broken", "GAR101.md:1: not UTF-8"),
        (b"", "GAR101.md is empty"),
        (b"no front matter", "GAR101.md:1: no front matter"),
        (b"---\ntitle: x\n---\nbody", "GAR101.md:1: no code"),
        (b"---\ncode: [\n---\nbody", "GAR101.md:"),
    ],
)
def test_a_broken_corpus_is_3_and_leaves_the_last_good_index(
    content: bytes, complaint: str, planted: Settings, capsys: Capture
) -> None:
    (planted.corpus / "GAR101.md").write_bytes(content)
    assert main(["index", *place(planted)]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert complaint in shown.err
    assert shown.err.count("\n") == 1
    assert main(["ask", ACID, *place(planted)]) == 0
    assert "the acid harms the worms" in capsys.readouterr().out


def test_an_empty_corpus_is_3(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "corpus").mkdir()
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    assert main(["index", *place(settings)]) == 3
    assert f"{settings.corpus} holds no session" in capsys.readouterr().err


@pytest.mark.of_folders
def test_an_index_cannot_be_built_where_a_file_is(garden: Settings, capsys: Capture) -> None:
    garden.index.write_text("a file")
    assert main(["index", *place(garden)]) == 3
    err = capsys.readouterr().err
    assert garden.place in err
    assert "unexpected" not in err


# --- a missing, damaged or stale index


@pytest.mark.parametrize("args", [["ask", "x"], ["search", "x"], ["sessions"], ["sessions", "A1"]])
def test_a_missing_index_is_3_and_says_how_to_get_one(
    args: list[str], tmp_path: Path, capsys: Capture
) -> None:
    nowhere = Settings(corpus=tmp_path / "no", index=tmp_path / "none")
    assert main([*args, *place(nowhere)]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"sessionqa: there is no index in {nowhere.index}: run `sessionqa index`, "
        "with the same --corpus and --index if you gave any\n"
    )
    assert not nowhere.index.exists()


def test_a_missing_corpus_is_3_naming_it(tmp_path: Path, capsys: Capture) -> None:
    nowhere = Settings(corpus=tmp_path / "no", index=tmp_path / "none")
    assert main(["index", *place(nowhere)]) == 3
    err = capsys.readouterr().err
    assert f"{nowhere.corpus} does not exist" in err
    assert "--corpus" in err


def test_an_index_without_its_corpus_answers(planted: Settings, capsys: Capture) -> None:
    planted.corpus.rename(planted.corpus.with_name("elsewhere"))
    assert main(["ask", ACID, *place(planted)]) == 0
    assert "acid" in capsys.readouterr().out


@pytest.mark.of_folders
def test_every_truncated_file_is_3_with_one_line(planted: Settings, capsys: Capture) -> None:
    files = [
        path
        for path in planted.index.rglob("*")
        if path.stat().st_size > 1 and path.is_file() and not path.name.startswith(".")
    ]
    assert {path.name for path in files} >= {
        "CURRENT",
        "manifest.json",
        "passages.sqlite",
        "vectors.faiss",
        "sentences.npy",
        "meta.json",
        "model.onnx",
        "model.weights",
        "tokenizer.json",
        "encoder.json",
    }
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert main(["ask", ACID, *place(planted)]) == 3, path
        shown = capsys.readouterr()
        assert shown.out == "", path
        assert shown.err.startswith("sessionqa: "), path
        assert shown.err.count("\n") == 1, path
        assert "unexpected" not in shown.err, path
        assert "sessionqa index" in shown.err, path
        path.write_bytes(whole)
    assert main(["ask", ACID, *place(planted)]) == 0


@pytest.mark.of_folders
def test_a_damaged_index_is_mended_by_what_the_message_says(
    planted: Settings, capsys: Capture
) -> None:
    vectors = next(planted.index.rglob("vectors.faiss"))
    vectors.write_bytes(vectors.read_bytes()[:-5])
    assert main(["ask", ACID, *place(planted)]) == 3
    assert main(["index", *place(planted)]) == 0
    capsys.readouterr()
    assert main(["ask", ACID, *place(planted)]) == 0
    assert "acid" in capsys.readouterr().out


@pytest.mark.of_folders
def test_an_index_of_another_model_is_3(planted: Settings, capsys: Capture) -> None:
    build = current_build(planted.index)
    manifest = read_manifest(build)
    other = replace(manifest, encoder={**manifest.encoder, "name": "another/model"})
    (build / "manifest.json").write_bytes(sealed(other))
    assert main(["ask", ACID, *place(planted)]) == 3
    assert "made with another/model" in capsys.readouterr().err


def test_a_stale_index_answers_and_names_the_changed_files(
    planted: Settings, write_session: Callable[..., Path], capsys: Capture
) -> None:
    write_session("GAR202", "Tea from your own garden", "Tea is brewed at ninety degrees.")
    write_session("GAR303", "Bees", "Bees prefer borage.")
    assert main(["ask", ACID, "--json", *place(planted)]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["refused"] is False
    assert "GAR202.md, GAR303.md" in shown.err
    assert "GAR101" not in shown.err
    assert f"run `sessionqa index --corpus {planted.corpus} --index {planted.place}`" in shown.err


def test_a_removed_session_is_named_as_stale(planted: Settings, capsys: Capture) -> None:
    (planted.corpus / "GAR202.md").unlink()
    assert main(["sessions", *place(planted)]) == 0
    assert "(GAR202.md)" in capsys.readouterr().err


def test_a_file_saved_unchanged_is_not_stale(planted: Settings, capsys: Capture) -> None:
    path = planted.corpus / "GAR101.md"
    path.write_bytes(path.read_bytes())
    os.utime(path, (4_000_000_000, 4_000_000_000))
    assert main(["ask", ACID, *place(planted)]) == 0
    assert capsys.readouterr().err == ""


def test_a_file_replaced_by_one_of_an_earlier_date_is_stale(
    planted: Settings, write_session: Callable[..., Path], capsys: Capture
) -> None:
    path = write_session("GAR202", "Tea from your own garden", "Tea is brewed at ninety degrees.")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert main(["ask", ACID, *place(planted)]) == 0
    assert "GAR202.md" in capsys.readouterr().err


def test_an_unreadable_corpus_file_does_not_stop_an_answer(
    planted: Settings, capsys: Capture
) -> None:
    (planted.corpus / "GAR202.md").unlink()
    (planted.corpus / "GAR202.md").mkdir()
    assert main(["ask", ACID, *place(planted)]) == 0
    assert "acid" in capsys.readouterr().out


# --- where corpus and index come from


@pytest.mark.of_folders
def test_home_names_corpus_and_index(
    planted: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("SESSIONQA_HOME", str(planted.corpus.parent))
    assert main(["ask", ACID]) == 0
    shown = capsys.readouterr()
    assert "acid" in shown.out
    assert shown.err == ""


def test_a_corpus_without_an_index_is_indexed_in_the_current_folder(
    garden: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("SESSIONQA_HOME", raising=False)
    corpus = ["--corpus", str(garden.corpus)]
    assert main(["ask", ACID, *corpus]) == 3
    assert str(here / "index") in capsys.readouterr().err
    assert main(["index", *corpus]) == 0
    assert (here / "index" / "CURRENT").is_file()
    assert main(["ask", ACID, *corpus]) == 0


def test_a_broken_settings_file_is_2_naming_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "sessionqa.toml").write_text("top_k = 'eight'")
    monkeypatch.setenv("SESSIONQA_HOME", str(tmp_path))
    assert main(["ask", ACID]) == 2
    err = capsys.readouterr().err
    assert str(tmp_path / "sessionqa.toml") in err
    assert "top_k" in err


# --- doctor (its checks are tested in test_doctor.py)


def test_doctor_prints_a_line_for_each_check(shipped: Settings, capsys: Capture) -> None:
    assert main(["doctor", *place(shipped)]) == 0
    shown = capsys.readouterr()
    verdicts = [line.split()[0] for line in shown.out.splitlines()]
    assert set(verdicts) <= {"ok", "warning"}
    assert len(verdicts) > 10
    assert shown.err == ""


# --- as a process


def test_an_answer_in_a_process(shipped: Settings) -> None:
    done = run("ask", QUESTION, *place(shipped))
    assert done.returncode == 0
    assert "smaller subsets of users" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_a_refusal_and_an_error_in_a_process(shipped: Settings, tmp_path: Path) -> None:
    assert run("ask", "How do I bake bread?", *place(shipped)).returncode == 1
    done = run("ask", QUESTION, "--index", str(tmp_path / "none"))
    assert done.returncode == 3
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("args", [["sessions"], ["search", "resilience", "-k", "90", "--json"]])
def test_a_closed_pipe_gives_no_traceback(args: list[str], shipped: Settings) -> None:
    command = [sys.executable, "-m", "sessionqa", *args, *place(shipped)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_a_terminal_without_unicode_does_not_crash(planted: Settings) -> None:
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run("ask", "Who is the head gardener?", *place(planted), env=ascii_only)
    assert done.returncode == 0
    assert "Zo? ?ngstr?m" in done.stdout
    assert done.stderr == ""


def test_unicode_arrives_whole_where_the_terminal_has_it(planted: Settings) -> None:
    utf8 = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = run("ask", "What does 堆肥 mean?", "--json", *place(planted), env=utf8)
    assert done.returncode == 0
    assert "堆肥" in json.loads(done.stdout)["text"]


def test_stdout_may_be_any_text_stream(shipped: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["sessions", *place(shipped)]) == 0
    assert stream.getvalue().count("\n") == 14
