"""The command line. stdout carries the result and nothing else; stderr progress and messages."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessionqa import (
    __version__,
    eval_options,
    feedback_options,
    import_options,
    index_options,
    terminal,
)
from sessionqa.errors import SessionQAError, UsageError
from sessionqa.facets import FIELDS
from sessionqa.settings import Settings, is_address
from sessionqa.terminal import positive

if TYPE_CHECKING:
    from sessionqa.assistant import Assistant
    from sessionqa.filters import Filter

ANSWERED, REFUSED, WRONG, INTERRUPTED, UNEXPECTED = 0, 1, 1, 130, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; see the errors module for 2 and 3."""
    arguments = _parser().parse_args(_whole(sys.argv[1:] if argv is None else argv))
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that cannot show a character shows a mark instead of a traceback.
        sys.stdout.reconfigure(errors="replace")
    if arguments.run is not _index:
        # A question multiplies small matrices. A second thread gains 0.1 ms by that, and where
        # something else runs it is waited for: 12 ms instead of 1 at the 95th percentile.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except SessionQAError as error:
        print(f"sessionqa: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return ANSWERED
    except Exception as error:
        if arguments.debug:
            raise
        print(
            f"sessionqa: unexpected {type(error).__name__}: {error} "
            "(this is a bug: please report it with what `--debug` prints)",
            file=sys.stderr,
        )
        return UNEXPECTED
    return code


def _whole(argv: Sequence[str]) -> list[str]:
    """The arguments, with a mark for each byte that is no text; names of files keep theirs."""
    return [
        one
        if one.isascii() or os.path.lexists(one)
        else one.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for one in argv
    ]


@dataclass(frozen=True, slots=True)
class _Command:
    """A command: what runs it, the options that it shares with others, and what adds its own.

    The first line of the docstring of `run` says in the help what it is for.
    """

    run: Callable[[argparse.Namespace], int]
    shared: Sequence[argparse.ArgumentParser] = ()
    add_own: Callable[[argparse.ArgumentParser], None] | None = None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sessionqa",
        description="Answers questions about talks from their summaries, and cites the sessions.",
        epilog="exit codes: 0 answered or done, 1 refused, or not all that was checked holds, "
        "2 wrong usage, 3 a problem with the index, corpus, model or a file to write to",
    )
    parser.add_argument("--version", action="version", version=f"sessionqa {__version__}")
    added = parser.add_subparsers(required=True, metavar="COMMAND")
    common = _common_options()
    for name, command in _commands().items():
        purpose = str(command.run.__doc__).splitlines()[0]
        one = added.add_parser(
            name, help=purpose, description=purpose, parents=[common, *command.shared]
        )
        if command.add_own:
            command.add_own(one)
        one.set_defaults(run=command.run)
    return parser


def _commands() -> dict[str, _Command]:
    """The commands by their names, in the order of the help."""
    as_json, hits, turns = _json_option(), _hits_option(), _turns_option()
    filters, writing, server = _filter_options(), _writing_option(), _server_options()
    return {
        "ask": _Command(_ask, [as_json, hits, turns, filters, writing], _add_ask),
        "search": _Command(_search, [as_json, hits, filters], _add_search),
        "explain-miss": _Command(_explain_miss, [as_json, turns, filters], _add_explain_miss),
        "sessions": _Command(_sessions, [as_json, filters], _add_sessions),
        "index": _Command(_index, add_own=index_options.add),
        "import": _Command(_import, [as_json], import_options.add),
        "chat": _Command(_chat, [server, writing]),
        "serve": _Command(_serve, [server, writing]),
        "mcp": _Command(_mcp),
        "eval": _Command(_eval, [as_json, writing], eval_options.add),
        "verify": _Command(_verify, [as_json], _add_verify),
        "feedback": _Command(_feedback, [as_json], _add_feedback),
        "gold": _Command(_gold, add_own=_add_gold),
        "bundle": _Command(_bundle, add_own=_add_bundle),
        "doctor": _Command(_doctor, add_own=_add_doctor),
    }


def _add_ask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", metavar="QUESTION")
    parser.add_argument("--explain", action="store_true", help="show the hits and the confidence")


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", metavar="QUERY")
    parser.add_argument("--explain", action="store_true", help="show what each score is made of")


def _add_explain_miss(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", metavar="QUESTION")
    parser.add_argument("code", metavar="SESSION", help="the code of the session that was expected")


def _add_sessions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "answers",
        nargs="+",
        type=terminal.path,
        metavar="ANSWER.json",
        help="what `ask --json` printed, one or several of them in a file; - for stdin",
    )


def _add_feedback(parser: argparse.ArgumentParser) -> None:
    feedback_options.add(parser, [*_inner_options(), _turns_option()])


def _add_gold(parser: argparse.ArgumentParser) -> None:
    feedback_options.add_gold(parser, _inner_options()[:1])


def _inner_options() -> list[argparse.ArgumentParser]:
    """The common options and that of JSON, for a command's own commands.

    What stands before one of these is not to be undone by what is not said after it.
    """
    return [_common_options(argparse.SUPPRESS), _json_option(argparse.SUPPRESS)]


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "out",
        nargs="?",
        type=terminal.path,
        metavar="OUT",
        help="the tar file (sessionqa-bundle.tar)",
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=positive, metavar="N")


def _place(text: str) -> Path | str:
    """Where an index is; an address is no path."""
    return text if is_address(text) else Path(text)


def _common_options(default: Any = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, argument_default=default)
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="the folder of session files")
    parser.add_argument(
        "--index", type=_place, metavar="DIR", help="its folder, a bundle, or milvus:ADDRESS"
    )
    parser.add_argument("--offline", action="store_true", help="refuse to call any other machine")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


def _server_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--host", metavar="H", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=positive, metavar="N", help="the port to listen on (7860)")
    parser.add_argument(
        "--no-auth",
        action="store_true",
        help="let anyone ask who reaches H, without a token or a password",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes for questions asked at the same time"
    )
    return parser


def _writing_option() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--llm",
        metavar="KIND:WHERE",
        help="the language model that writes: ollama:NAME, openai:ADDRESS#NAME, gguf:FILE, smollm2",
    )
    return parser


def _json_option(default: Any = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, argument_default=default)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _hits_option() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-k", type=positive, metavar="N", help="how many passages to look at")
    return parser


def _turns_option() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--history", action="append", default=[], metavar="EARLIER", help="an earlier question"
    )
    return parser


def _filter_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group(
        "filters", "An option may be repeated: one of its values is enough."
    )
    for field in FIELDS:
        group.add_argument(f"--{field}", action="append", metavar="VALUE")
    group.add_argument(
        "--where",
        metavar="EXPR",
        help="such as: level>=300 and (service=DynamoDB or speaker='Mike Hagen')",
    )
    return parser


def _ask(arguments: argparse.Namespace) -> int:
    """Answer a question, with the sessions that say so."""
    assistant = _assistant(arguments)
    asked = (arguments.question, arguments.k, arguments.history, _filter(arguments))
    if arguments.json:
        answer = assistant.ask(*asked)
        terminal.print_json(answer.to_dict())
    else:
        answer = terminal.follow(assistant.stream(*asked), assistant.session)
        if arguments.explain:
            from sessionqa.explain import ranking

            print(
                f"\nconfidence {answer.confidence:.3f}, an answer needs "
                f"{assistant.settings.refuse_below}; timings {answer.timings}"
            )
            print(ranking(answer.hits, assistant.settings, answer.filter))
    return REFUSED if answer.refused else ANSWERED


def _search(arguments: argparse.Namespace) -> int:
    """Find the passages nearest to a query."""
    wanted = _filter(arguments)
    assistant = _assistant(arguments)
    hits = assistant.search(arguments.query, arguments.k, wanted)
    if wanted and not hits:
        _say_none_passes(wanted)
    if arguments.json:
        terminal.print_json([hit.to_dict() for hit in hits])
        return ANSWERED
    if corrections := assistant.understood(arguments.query).corrections:
        print(f"{terminal.read_as(corrections)}\n")
    for hit in hits:
        print(terminal.found(hit))
        print(terminal.indented(" ".join(hit.passage.text.split())))
    if arguments.explain:
        from sessionqa.explain import ranking

        print(f"\n{ranking(hits, assistant.settings, str(wanted or ''))}")
    return ANSWERED


def _explain_miss(arguments: argparse.Namespace) -> int:
    """Tell where a session that was expected got lost."""
    from sessionqa.explain import explain_miss

    wanted = _filter(arguments)
    assistant = _assistant(arguments)
    miss = explain_miss(assistant, arguments.question, arguments.code, arguments.history, wanted)
    terminal.print_json(miss.to_dict()) if arguments.json else print(miss.to_text())
    return ANSWERED


def _sessions(arguments: argparse.Namespace) -> int:
    """List the sessions, or show one with its whole text."""
    assistant = _assistant(arguments)
    wanted = _filter(arguments)
    if arguments.code:
        if wanted:
            raise UsageError(f"both {arguments.code} and a filter are given: drop one of them")
        session = assistant.session(arguments.code)
        terminal.print_json(session.to_dict()) if arguments.json else print(session.text)
        return ANSWERED
    sessions = assistant.sessions(wanted)
    if wanted and not sessions:
        _say_none_passes(wanted)
    if arguments.json:
        terminal.print_json([session.to_head() for session in sessions])
        return ANSWERED
    width = max((len(session.code) for session in sessions), default=0)
    for session in sessions:
        speakers = ", ".join(session.people)
        print(f"{session.code:{width}}  {session.title}{f'  ({speakers})' if speakers else ''}")
    return ANSWERED


def _import(arguments: argparse.Namespace) -> int:
    """Make corpus files of articles, transcripts, catalogues and documents."""
    from sessionqa.import_command import run

    return run(arguments, _settings(arguments), terminal.Progress())


def _index(arguments: argparse.Namespace) -> int:
    """Build the index, or bring it up to date."""
    from sessionqa.index_command import run

    return run(arguments, _settings(arguments, chunking=arguments.chunking), terminal.Progress())


def _chat(arguments: argparse.Namespace) -> int:
    """Open the chat in the browser; the index is brought up to date first."""
    return _served(arguments, page=True)


def _serve(arguments: argparse.Namespace) -> int:
    """Serve the API and MCP alone, without the chat's page."""
    return _served(arguments, page=False)


def _served(arguments: argparse.Namespace, page: bool) -> int:
    from sessionqa.server.gate import Access

    settings = _settings(
        arguments, host=arguments.host, port=arguments.port, workers=arguments.workers
    )
    access = Access.of(settings, open_to_all=arguments.no_auth)
    assistant = _up_to_date(settings)
    from sessionqa.server.run import serve

    what = "the chat" if page else "the API"

    def ready(url: str) -> None:
        print(f"sessionqa: {what} is at {url} (Ctrl-C ends it)", file=sys.stderr)

    serve(assistant, access, page, ready)
    return ANSWERED


def _mcp(arguments: argparse.Namespace) -> int:
    """Serve the tools of MCP on stdin and stdout, for a program that starts this one."""
    from sessionqa.server.answering import Answering
    from sessionqa.server.tools import tools

    assistant = _up_to_date(_settings(arguments))
    tools(assistant, Answering(assistant, workers=0)).run("stdio")
    return ANSWERED


def _up_to_date(settings: Settings) -> "Assistant":
    """An assistant of the index brought up to date, or else of the last good one, with a warning.

    As on the command line, that serves.
    """
    from sessionqa import installed
    from sessionqa.assistant import Assistant, build_index

    # Where nothing can be built, and there is nothing to build it from, nobody meant to.
    served = installed.serves_only() and not settings.corpus.exists()
    if settings.bundled or served:
        return Assistant.open(settings)
    try:
        build_index(settings, terminal.Progress())
        return Assistant.open(settings)
    except SessionQAError as error:
        try:
            assistant = Assistant.open(settings)
        except SessionQAError:
            raise error from None
        print(f"sessionqa: {error}; the last good index is used", file=sys.stderr)
        return assistant


def _eval(arguments: argparse.Namespace) -> int:
    """Measure answers against gold questions, or rankings against a test collection."""
    from sessionqa.eval_command import measure

    return measure(arguments, terminal.Progress(), lambda: _assistant(arguments))


def _verify(arguments: argparse.Namespace) -> int:
    """Check the citations of saved answers against the sessions, one by one."""
    from sessionqa import verify
    from sessionqa.saved import read_answers

    answers = [answer for path in arguments.answers for answer in read_answers(path)]
    session_of = _assistant(arguments).index.session
    checked = {saved.place: verify.verify(saved.record, session_of) for saved in answers}
    if arguments.json:
        terminal.print_json(verify.as_json(checked))
    else:
        print(verify.as_text(checked))
    held = all(check.holds for checks in checked.values() for check in checks)
    return ANSWERED if held else WRONG


def _feedback(arguments: argparse.Namespace) -> int:
    """Say whether an answer is right, or list what was said."""
    from sessionqa.feedback_command import run

    return run(arguments, _settings(arguments), lambda: _assistant(arguments))


def _gold(arguments: argparse.Namespace) -> int:
    """Make gold questions of feedback that was reviewed."""
    from sessionqa.feedback_command import grow

    return grow(arguments, _settings(arguments), lambda: _assistant(arguments))


def _bundle(arguments: argparse.Namespace) -> int:
    """Write the index and all that answers from it to one file, for other machines."""
    from sessionqa import bundle

    out = arguments.out or Path(bundle.DEFAULT_NAME)
    manifest = bundle.write(_settings(arguments), out, arguments.force)
    size = out.stat().st_size / 1e6
    print(f"{out}: {manifest.counts['sessions']} sessions, {size:.0f} MB (build {manifest.build})")
    return ANSWERED


def _doctor(arguments: argparse.Namespace) -> int:
    """Check everything that an answer needs, and say how to mend what is wrong."""
    from sessionqa.doctor import examine

    worst = ANSWERED
    for check in examine(_settings(arguments, port=arguments.port)):
        print(f"{check.verdict:7}  {check.subject}: {check.finding}")
        if check.verdict == "wrong":
            worst = SessionQAError.exit_code
    return worst


def _settings(arguments: argparse.Namespace, **given: Any) -> Settings:
    offline = arguments.offline or None
    llm = getattr(arguments, "llm", None)
    settings = Settings.load(
        corpus=arguments.corpus, index=arguments.index, offline=offline, llm=llm, **given
    )
    if settings.offline:
        from sessionqa.offline import refuse_outgoing

        refuse_outgoing()
    return settings


def _assistant(arguments: argparse.Namespace) -> "Assistant":
    """The assistant of these arguments; warns on stderr if its corpus has changed since."""
    from sessionqa.assistant import Assistant
    from sessionqa.corpus import changed_since

    settings = _settings(arguments)
    if settings.included and not settings.index.exists():
        print("sessionqa: building the index of the included corpus, once", file=sys.stderr)
    assistant = Assistant.open(settings)
    recorded = assistant.index.manifest.corpus["stamps"]
    changed = changed_since(settings.corpus, assistant.index.digests(), recorded)
    if changed:
        shown = ", ".join(changed[:3]) + (" ..." if len(changed) > 3 else "")
        print(
            f"sessionqa: {settings.corpus} has changed since the index was built ({shown}): "
            f"run `{terminal.index_command(arguments.corpus, arguments.index)}`",
            file=sys.stderr,
        )
    return assistant


def _filter(arguments: argparse.Namespace) -> "Filter | None":
    """The filter of these options, each of which must pass; None without any."""
    from sessionqa.filters import parse, where

    given = {field: values for field in FIELDS if (values := getattr(arguments, field))}
    parts = [where(**given)] if given else []
    if arguments.where is not None:
        parts.append(parse(arguments.where))
    return reduce(and_, parts) if parts else None


def _say_none_passes(wanted: "Filter") -> None:
    print(f"sessionqa: no session passes the filter {wanted}", file=sys.stderr)
