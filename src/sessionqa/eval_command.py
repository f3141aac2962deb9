"""What `sessionqa eval` does: gold sets -> an index if they need one -> scores, runs, a report."""

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import platformdirs

from sessionqa import compare, eval_tables, evaluate, installed, measures, runs
from sessionqa.assistant import Assistant, build_index
from sessionqa.errors import IndexUnusable, UsageError
from sessionqa.evaluate import Evaluation
from sessionqa.explain import explain_miss
from sessionqa.gold import GoldQuestion, GoldSet, joined, read_gold_set
from sessionqa.index.inputs import corpus_fingerprint
from sessionqa.index.stores import store_of
from sessionqa.settings import Settings

PASSED, UNDER_LIMIT = 0, 1
# The configuration where none is named.
AS_SET = "as set"
MOST_SHOWN = 10
# So many of the sessions that a failed question expects are followed.
MOST_EXPLAINED = 3

Report = Callable[[str, int, int], None]


def measure(
    arguments: argparse.Namespace, report: Report, open_corpus: Callable[[], Assistant]
) -> int:
    """Runs the command and returns its exit code: 1 if a score is under its limit.

    `report(stage, done, of)` is told the progress; `open_corpus` opens the index of the settings'
    corpus, for a set without documents. An option that is of no use raises UsageError or
    SettingsError before anything costly is begun.
    """
    opened = cache(open_corpus)
    searching = bool(arguments.compare) or not arguments.runs
    gold = _gold(arguments, report, opened if searching else None)
    limits = _limits(arguments.fail_under, gold.answered and searching)
    names = _names(arguments, limits, gold.answered and searching)
    _check_outputs(arguments, gold, searching)
    ranked, gold = _read_runs(arguments.runs, gold, names)
    _tell_left_out(gold)
    assistants = _assistants(arguments, gold, report, opened) if searching else {}
    found = [_searched(*item, gold, names, report) for item in assistants.items()]
    if arguments.run_out:
        _write_runs(arguments.run_out, found)
    evaluations = [*found, *ranked]
    _show(arguments, evaluations, gold, report, next(iter(assistants.values()), None))
    return _verdict(limits, evaluations[0])


def _show(
    arguments: argparse.Namespace,
    evaluations: Sequence[Evaluation],
    gold: GoldSet,
    report: Report,
    assistant: Assistant | None,
) -> None:
    """Compares the evaluations, writes the report that is asked for, and prints the scores."""
    report("comparing", 0, 1)
    compared = compare.comparisons(evaluations)
    report("comparing", 1, 1)
    if arguments.report:
        from sessionqa import report as page

        explain = partial(_explained, assistant)
        page.write(arguments.report, evaluations, compared, gold, explain)
    if arguments.json:
        made = eval_tables.as_json(evaluations, compared, gold.left_out)
        print(json.dumps(made, ensure_ascii=False, indent=2))
    else:
        print(eval_tables.as_text(evaluations, compared))


def _explained(assistant: Assistant | None, question: GoldQuestion) -> str:
    """Where each session that was expected got lost; empty for the scores of a run."""
    if assistant is None:
        return ""
    misses = (
        explain_miss(assistant, question.question, code, question.history)
        for code in question.sessions[:MOST_EXPLAINED]
    )
    return "\n\n".join(f"{miss.session_code}\n{miss.to_text()}" for miss in misses)


def _gold(
    arguments: argparse.Namespace, report: Report, corpus: Callable[[], Assistant] | None
) -> GoldSet:
    """The gold sets as one; judged on what `corpus` has, where that is to be searched."""

    def codes() -> list[str]:
        return [session.code for session in corpus().sessions()] if corpus else []

    sets = []
    for path in arguments.gold:
        report(f"reading {path.name}", 0, 1)
        known = codes if corpus else None
        sets.append(read_gold_set(path, arguments.split, arguments.queries, known))
        report(f"reading {path.name}", 1, 1)
    gold = joined(sets)
    if arguments.chunking and gold.sessions is None:
        raise UsageError(
            f"{gold.name} brings no documents to cut: `sessionqa index --chunking` cuts the corpus"
        )
    return gold


def _names(arguments: argparse.Namespace, limits: Mapping[str, float], answers: bool) -> list[str]:
    """The measures of rankings to compute: those asked for, those with a limit, or the usual."""
    asked = [measures.named(name) for name in arguments.measure]
    if not asked and (arguments.runs or not answers):
        asked = list(measures.STANDARD)
    limited = [name for name in limits if not (answers and name in evaluate.OF_ANSWERS)]
    return list(dict.fromkeys([*asked, *limited]))


def _limits(texts: Sequence[str], answers: bool) -> dict[str, float]:
    """The least score of each measure; `answers` says whether those of answers are scored."""
    limits = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        try:
            limit = float(value)
        except ValueError:
            limit = math.nan
        if not equals or math.isnan(limit):
            raise UsageError(f"--fail-under {text}: write MEASURE=LIMIT, nDCG@10=0.72 say")
        of_answers = answers and name in evaluate.OF_ANSWERS
        if of_answers and name in evaluate.LOWER_IS_BETTER:
            raise UsageError(
                f"--fail-under {text}: the lower {name} is the better, so it has no least value; "
                "check it in what --json prints"
            )
        limits[name if of_answers else measures.named(name)] = limit
    return limits


def _check_outputs(arguments: argparse.Namespace, gold: GoldSet, searching: bool) -> None:
    """Raises UsageError now for what could not be written when all is done."""
    for path in filter(None, (arguments.run_out, arguments.report)):
        if path.is_dir() or not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: it is a folder, or its folder is missing")
    if arguments.report:
        from sessionqa.report import check_writable

        check_writable(arguments.report)
    if arguments.run_out:
        if not searching:
            raise UsageError(
                "--run-out writes what a search finds, and with --run none is made: drop one"
            )
        runs.check_ids(question.id for question in gold.questions)
        runs.check_ids(session.code for session in gold.sessions or ())


def _read_runs(
    paths: Sequence[Path], gold: GoldSet, names: Sequence[str]
) -> tuple[list[Evaluation], GoldSet]:
    """The runs, scored under their files' names; what is unusable joins what was left out."""
    left_out: list[str] = []
    questions = [question for question in gold.questions if question.sessions]
    scored = [
        evaluate.evaluated(path.stem, runs.read(path, questions, left_out), names) for path in paths
    ]
    return scored, replace(gold, left_out=(*gold.left_out, *left_out))


def _assistants(
    arguments: argparse.Namespace, gold: GoldSet, report: Report, opened: Callable[[], Assistant]
) -> dict[str, Assistant]:
    """One for each configuration, by its name; the index of the set's documents is built first."""
    base = _base(arguments, gold, opened)
    wanted = arguments.compare or [AS_SET]
    if len(set(wanted)) < len(wanted):
        raise UsageError("--compare names a configuration twice: name it once")
    if len(wanted) > 1:
        installed.need_for_scoring()
    chosen = {name: base if name == AS_SET else compare.configured(base, name) for name in wanted}
    if gold.sessions is not None:
        build_index(base, report, sessions=gold.sessions)
    return {name: Assistant.open(settings) for name, settings in chosen.items()}


def _base(
    arguments: argparse.Namespace, gold: GoldSet, opened: Callable[[], Assistant]
) -> Settings:
    if gold.sessions is None:
        return opened().settings
    [path] = arguments.gold
    settings = settings_for(path, gold, arguments.index, arguments.chunking)
    return settings.with_(llm=arguments.llm) if arguments.llm is not None else settings


def settings_for(
    path: Path, gold: GoldSet, index: Path | None = None, chunking: str | None = None
) -> Settings:
    """The settings for a set that was read from `path`: it is the corpus, its index has a folder.

    Without `index` that is one in the user's cache folder, named by documents and chunking, so that
    a later version finds the vectors there; it is for the caller to build it. Raises UsageError if
    `index` is that of something else.
    """
    settings = Settings.load(corpus=path, index=index, chunking=chunking)
    if index:
        with suppress(IndexUnusable):
            there = store_of(settings).live().corpus["path"]
            if there != str(path.resolve()):
                raise UsageError(
                    f"{settings.place} is the index of {there}: name another folder with --index"
                )
        return settings
    made_of = f"{settings.chunking}-{corpus_fingerprint(gold.sessions or ())[:12]}"
    name = re.sub(r"[^\w.-]+", "-", gold.name)[:40]
    cached = platformdirs.user_cache_path("sessionqa") / "eval" / f"{name}-{made_of}"
    return settings.with_(index=cached, keep_builds=0)


def _searched(
    name: str, assistant: Assistant, gold: GoldSet, names: Sequence[str], report: Report
) -> Evaluation:
    outcomes = evaluate.run(
        assistant,
        gold,
        measures.depth_for(names),
        lambda done, of: report(f"asking ({name})", done, of),
    )
    return evaluate.evaluated(name, outcomes, names)


def _write_runs(path: Path, evaluations: Sequence[Evaluation]) -> None:
    """A run for each configuration; where there are several, its name is in the file's."""
    for evaluation in evaluations:
        name = re.sub(r"[^\w.=-]+", "-", evaluation.configuration)
        several = len(evaluations) > 1
        to = path.with_name(f"{path.stem}.{name}{path.suffix}") if several else path
        runs.write(to, name, evaluation.outcomes)


def _tell_left_out(gold: GoldSet) -> None:
    for note in gold.left_out[:MOST_SHOWN]:
        print(f"sessionqa: {note}", file=sys.stderr)
    if len(gold.left_out) > MOST_SHOWN:
        print(f"sessionqa: ... and {len(gold.left_out) - MOST_SHOWN} more", file=sys.stderr)
    if gold.left_out:
        print(
            f"sessionqa: left out {len(gold.left_out)} records; "
            f"{len(gold.questions)} questions are used",
            file=sys.stderr,
        )


def _verdict(limits: Mapping[str, float], evaluation: Evaluation) -> int:
    """Tells every score that is under its limit."""
    code = PASSED
    for name, limit in limits.items():
        score = evaluation.scores.get(name)
        if score is not None and score >= limit:
            continue
        found = "has no value" if score is None else f"is {score:.4f}"
        print(f"sessionqa: {name} {found}, the limit is {limit:g}", file=sys.stderr)
        code = UNDER_LIMIT
    return code
