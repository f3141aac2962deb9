"""Citations against the sessions: whether each quote stands where its answer says it does."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sessionqa.datatypes import WRITTEN, Answer, Session
from sessionqa.gold.lines import clean, shown

Verdict = Literal[
    "holds", "changed", "moved", "altered", "no session", "malformed", "unmarked", "uncited"
]
SessionOf = Callable[[str], Session | None]

_MARKER = re.compile(r"\[([0-9]{1,9})\]")
_ASK_AGAIN = "ask the question again"
_MOST_SHOWN = 60
# The largest number that a citation may have.
_MOST = 999_999_999


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one citation.

    `verdict` is "holds" if span, text and checksum are right. Else the first that applies of
    "malformed" (a field is missing or of a wrong type), "no session", "moved" (the quote stands
    elsewhere in the session), "altered" (it stands nowhere in it), "unmarked" (the answer's text
    lacks it before its [n]), "changed" (the session's file is another one, the quote stands
    where it stood). "uncited" is an [n] in the text that no citation belongs to. `finding` says
    so in words and `remedy` how to mend it, empty where there is nothing to mend.

    `hashed` is false if there is no checksum to compare, as in older answers.
    """

    number: int | None
    session_code: str
    verdict: Verdict
    finding: str
    remedy: str = ""
    hashed: bool = True

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.verdict == "holds"

    @property
    def verbatim(self) -> bool:
        """Whether the quote is the session's text between the citation's offsets."""
        return self.verdict in {"holds", "changed", "unmarked"}


def verify(answer: Answer | Mapping[str, Any], session_of: SessionOf) -> list[Check]:
    """A check for each citation, in their order, then for each [n] of the text that has none.

    `answer` may be the JSON object of one, as read_answers gives it; `session_of` looks a session
    up by its code, None if there is none.
    """
    record = answer.to_dict() if isinstance(answer, Answer) else answer
    citations: list[Any] = record["citations"]
    checks = [_checked(citation, session_of) for citation in citations]
    before: set[int] = set()
    for at, number in enumerate([check.number for check in checks]):
        if number in before:
            checks[at] = _malformed(citations[at], f"an earlier citation is [{number}] too")
        elif number is not None:
            before.add(number)
    return _in_text(record, citations, checks, session_of)


def _checked(citation: object, session_of: SessionOf) -> Check:
    if problem := _problem(citation):
        return _malformed(citation, problem)
    assert isinstance(citation, dict)
    number, code = citation["number"], citation["session_code"]
    session = session_of(clean(code))
    if session is None or session.code != code:
        finding = f"there is no session {_short(code)}"
        remedy = f"take its file back into the corpus, or {_ASK_AGAIN}"
        return Check(number, code, "no session", finding, remedy)
    return _against(session, citation)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


# A citation's fields, each with a test of its value and what that should be.
_FIELDS: tuple[tuple[str, Callable[[object], bool], str], ...] = (
    ("number", _is_number, f"a whole number from 1 to {_MOST:,}"),
    ("start", _is_whole, "a whole number"),
    ("end", _is_whole, "a whole number"),
    ("session_code", _is_text, "a text"),
    ("quote", _is_text, "a text"),
    ("sha256", lambda value: value is None or isinstance(value, str), "a text"),
)


def _problem(citation: object) -> str:
    """What keeps it from being a citation; empty if it is one."""
    if not isinstance(citation, dict):
        return f"it is {shown(citation)}, no JSON object"
    for name, right, wanted in _FIELDS:
        if not right(citation.get(name)):
            if name not in citation:
                return f"it has no {name}"
            return f"{name} is {shown(citation[name])}, and should be {wanted}"
    if not 0 <= citation["start"] < citation["end"]:
        return f"{_span(citation['start'], citation['end'])} is no stretch of text"
    return ""


def _malformed(citation: object, problem: str) -> Check:
    fields = citation if isinstance(citation, dict) else {}
    number, code = fields.get("number"), fields.get("session_code")
    return Check(
        number if _is_number(number) else None,
        code if isinstance(code, str) else "",
        "malformed",
        problem,
        _ASK_AGAIN,
    )


def _against(session: Session, citation: Mapping[str, Any]) -> Check:
    """The citation's span, text and checksum against its session's."""
    start, end, quote = (citation[name] for name in ("start", "end", "quote"))
    saved = citation.get("sha256") or ""
    hashed = bool(saved and session.sha256)
    changed = hashed and saved != session.sha256
    since = "the summary has changed since" if changed else ""
    stands = _nearest(session.text, quote, start)
    verdict: Verdict
    remedy = ""
    if stands == start and end == start + len(quote):
        verdict = "changed" if changed else "holds"
        finding = f"the quote {'still ' if changed else ''}stands, at {_span(start, end)}"
        if changed:
            remedy = f"{_ASK_AGAIN}, or set sha256 to {session.sha256}"
    elif stands is not None:
        verdict = "moved"
        place = _span(stands, stands + len(quote))
        still = "still stands" if changed else "stands"
        finding = f"the quote {still}, at {place} and not at {_span(start, end)}"
        remedy = f"set start to {stands} and end to {stands + len(quote)}"
        if changed:
            remedy += f" and sha256 to {session.sha256}, or {_ASK_AGAIN}"
    else:
        verdict = "altered"
        finding = f"the quote stands nowhere in it; {_instead(session.text, start, end)}"
        remedy = _ASK_AGAIN
    finding = f"{since}; {finding}" if since else finding
    return Check(citation["number"], session.code, verdict, finding, remedy, hashed)


def _nearest(text: str, quote: str, start: int) -> int | None:
    """Where `quote` stands in `text`, of several places the one nearest to `start`."""
    if text.startswith(quote, start):
        return start
    return min(_places(text, quote, 1), key=lambda place: abs(place - start), default=None)


def _places(text: str, words: str, step: int) -> Iterator[int]:
    """Where `words` begin in `text`, from each place on after `step` characters."""
    at = text.find(words)
    while at >= 0:
        yield at
        at = text.find(words, at + step)


def _instead(text: str, start: int, end: int) -> str:
    if end > len(text):
        return f"it has {len(text):,} characters, and {_span(start, end)} is not among them"
    return f'at {_span(start, end)} it says "{_short(text[start:end])}"'


def _in_text(
    record: Mapping[str, Any],
    citations: Sequence[Any],
    checks: Sequence[Check],
    session_of: SessionOf,
) -> list[Check]:
    """`checks`, with those of quotes that the answer's text lacks, and of an [n] without one.

    Of an answer that a model wrote, a sentence of its own stands before each [n].
    """
    text: str = record["text"]
    written = str(record.get("answerer", "")).startswith(WRITTEN)
    quotes = {
        check.number: citation["quote"]
        for citation, check in zip(citations, checks, strict=True)
        if check.verdict != "malformed"
    }
    shown_right: dict[int, bool] = {}
    for marker in _markers(text, [*quotes.values(), *_titles(record, session_of)]):
        number = int(marker[1])
        right = number in quotes and (
            written or _stands_before(text, marker.start(), quotes[number])
        )
        shown_right[number] = shown_right.get(number, True) and right
    made = [
        check
        if not check.verbatim or (check.number and shown_right.get(check.number))
        else _unmarked(check)
        for check in checks
    ]
    numbers = {check.number for check in checks}
    return [*made, *(_uncited(n) for n in shown_right if n not in numbers)]


def _unmarked(check: Check) -> Check:
    finding = f"the answer's text does not have the quote before [{check.number}]"
    return replace(check, verdict="unmarked", finding=finding, remedy=_ASK_AGAIN)


def _uncited(number: int) -> Check:
    return Check(
        number, "", "uncited", f"the answer's text has [{number}], and no citation", _ASK_AGAIN
    )


def _markers(text: str, quoted: Sequence[str]) -> Iterator[re.Match[str]]:
    """Each [n] of the answer itself; a quote or a title may have brackets of its own."""
    inside = [
        (start, start + len(words))
        for words in dict.fromkeys(quoted)
        for start in _places(text, words, len(words))
    ]
    for marker in _MARKER.finditer(text):
        if not any(start <= marker.start() and marker.end() <= end for start, end in inside):
            yield marker


def _titles(record: Mapping[str, Any], session_of: SessionOf) -> list[str]:
    """The titles of the sessions that the answer's text names, of those that it cites or found."""
    hits = record.get("hits")
    codes = [
        part["session_code"]
        for part in (*record["citations"], *(hits if isinstance(hits, list) else ()))
        if isinstance(part, dict) and isinstance(part.get("session_code"), str)
    ]
    named = (code for code in dict.fromkeys(codes) if code and code in record["text"])
    return [session.title for code in named if (session := session_of(clean(code)))]


def _stands_before(text: str, at: int, quote: str) -> bool:
    """Whether `quote`, in quotation marks or not, ends at `at`.

    Space and other markers may stand in between.
    """
    wanted = quote.rstrip()
    while True:
        before = text[:at].rstrip()
        if before.endswith((wanted, f"{quote}”")):
            return True
        marker = re.search(r"\[[0-9]{1,9}\]$", before[-11:])
        if not marker:
            return False
        at = len(before) - len(marker[0])


def _span(start: int, end: int) -> str:
    return f"{_short(str(start))}-{_short(str(end))}"


def _short(text: str) -> str:
    """`text` in one short line, in characters that can be printed."""
    line = " ".join(clean(text).split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}..."


def as_json(checked: Mapping[str, Sequence[Check]]) -> dict[str, Any]:
    """The object that `sessionqa verify --json` prints; `checked` holds checks by answer."""
    checks = [check for of_answer in checked.values() for check in of_answer]
    citations = [check for check in checks if check.verdict != "uncited"]
    return {
        "answers": len(checked),
        "citations": len(citations),
        "holding": sum(check.holds for check in citations),
        "without_checksum": sum(not check.hashed for check in citations),
        "checks": [
            {"answer": place, **asdict(check)}
            for place, of_answer in checked.items()
            for check in of_answer
        ],
    }


def as_text(checked: Mapping[str, Sequence[Check]]) -> str:
    """A line for each check that does not hold, then how many citations do."""
    wrong = [
        f"{place}: {_line(check)}"
        for place, checks in checked.items()
        for check in checks
        if not check.holds
    ]
    return "\n".join([*wrong, _summary(as_json(checked))])


def _line(check: Check) -> str:
    session = f" {_short(check.session_code)}" if check.session_code else ""
    return f"[{check.number or '?'}]{session} {check.verdict}: {check.finding}; {check.remedy}"


def _summary(counts: Mapping[str, Any]) -> str:
    answers, citations = counts["answers"], counts["citations"]
    said = (
        f"{answers} answer{'' if answers == 1 else 's'}, "
        f"{citations} citation{'' if citations == 1 else 's'}, {counts['holding']} hold"
        f"{'s' if counts['holding'] == 1 else ''}"
    )
    if old := counts["without_checksum"]:
        said += f" ({old} without a checksum: checked by span and text only)"
    return said
