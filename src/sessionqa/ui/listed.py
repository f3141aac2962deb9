"""The sessions to browse: found by words, in an order of the user's, each with its whole text."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Literal

from sessionqa.assistant import Assistant
from sessionqa.datatypes import Session
from sessionqa.terms import fold
from sessionqa.ui import page

Order = Literal["Code", "Title", "Level", "Nearest in meaning"]
ORDERS: tuple[Order, ...] = ("Code", "Title", "Level", "Nearest in meaning")
# More at once would take long to show; words narrow them down.
MOST_SHOWN = 200
# So many passages are looked at for the nearest sessions.
DEPTH = 200

_KEYS: dict[str, Callable[[Session], tuple[object, ...]]] = {
    "Code": lambda session: (session.code,),
    "Title": lambda session: (fold(session.title), session.code),
    "Level": lambda session: (session.level is None, session.level or 0, session.code),
}


def browsed(assistant: Assistant, words: str, order: str) -> str:
    """The sessions as HTML: those that have all of `words`, or come nearest to them in meaning."""
    words = words.strip()
    if order == "Nearest in meaning" and words:
        found = _nearest(assistant, words)
    else:
        wanted = fold(words).split()
        every = [one for one in assistant.sessions() if _has(one, wanted)]
        found = sorted(every, key=_KEYS.get(order, _KEYS["Code"]))
    shown = "".join(_entry(session) for session in found[:MOST_SHOWN])
    return f'<p class="count" role="status">{_count(len(found))}</p><ul class="listed">{shown}</ul>'


def _nearest(assistant: Assistant, words: str) -> list[Session]:
    hits = assistant.search(words, DEPTH)
    codes = dict.fromkeys(hit.passage.session_code for hit in hits)
    known = {session.code: session for session in assistant.index.sessions(codes)}
    return [known[code] for code in codes if code in known]


def _has(session: Session, wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    told = (session.code, session.title, session.track, *session.people, *session.services)
    text = fold(" ".join(told))
    return all(word in text for word in wanted)


def _count(found: int) -> str:
    if found > MOST_SHOWN:
        return f"{MOST_SHOWN} of {found:,} sessions: more words narrow them down"
    return {0: "No session has these words", 1: "1 session"}.get(found, f"{found} sessions")


def _entry(session: Session) -> str:
    """A session that opens to its text, and can be asked about."""
    return (
        f'<li><details><summary><span class="code">{escape(session.code)}</span> '
        f'<span class="title">{escape(session.title)}</span></summary>'
        f'{page.facts(session)}<p class="meta">{page.link(session.url)}</p>'
        f"{page.ask_about(session.code)}"
        f'<div class="text">{page.plain(session.text)}</div></details></li>'
    )
