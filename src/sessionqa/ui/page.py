"""What the chat shows, as HTML: every word from the corpus or the user is escaped here."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import accumulate, groupby, islice

from sessionqa import marks
from sessionqa.datatypes import WRITTEN, Answer, Citation, Hit, Session
from sessionqa.quotes import Place, pieces, places

# The session of a code, or None.
Lookup = Callable[[str], Session | None]

# How much of a session is shown on either side of a quote that stands in no passage found.
CONTEXT_CHARS = 160
CLOSEST = 3
# More would take long to load; any other code can be typed.
MOST_OFFERED = 500

# Of the passages that an answer looked at: their rank in all, by meaning, and by words.
_RANKS = ("Passage", "Session", "By meaning", "By words", "Score")

_HEADING = re.compile(r"^#{1,6} +(.+)\n*", re.MULTILINE)
_NOTHING_YET = (
    '<p class="hint">Every sentence of an answer carries a number. Here you see where that '
    "sentence stands in the summary of its session.</p>"
)


# Who writes, where no model is to.
QUOTES = "Quotes only"
WRITING = '<p class="writing" role="status">Writing …</p>'
SAVED_HINT = (
    '<p class="hint">Conversations stay in this browser, and on no other machine. Choose one to go '
    "on with it.</p>"
)


def described(sessions: Sequence[Session]) -> str:
    """What the corpus holds, in plain text: "14 sessions, AWS re:Invent 2023, track ARC"."""
    parts = [f"{len(sessions):,} session{'' if len(sessions) == 1 else 's'}"]
    events = list(dict.fromkeys(filter(None, map(_event, sessions))))
    tracks = list(dict.fromkeys(filter(None, (s.track for s in sessions))))
    for names, one, many in ((events, "", "events"), (tracks, "track ", "tracks")):
        if len(names) == 1:
            parts.append(f"{one}{names[0]}")
        elif names:
            parts.append(f"{len(names)} {many}")
    return ", ".join(parts)


def masthead(sessions: Sequence[Session], llm: str) -> str:
    """The name of the tool, what it holds, and who answers: `llm`, or empty for quotes."""
    promise = "Answers are quoted from the written summaries."
    if llm:
        promise = f"Written by {llm}, every sentence checked against the written summaries."
    return (
        '<header><h1>sessionqa</h1><p class="holds">'
        f"{escape(described(sessions))}</p>"
        f'<p class="promise">{escape(promise)}</p></header>'
    )


def examples(sessions: Sequence[Session]) -> list[str]:
    """Questions that suit any corpus, made of this one's titles, codes and services."""
    found = []
    plain = [s for s in sessions if s.title[-1].isalnum()]
    presented = sorted((s for s in plain if s.speakers), key=lambda s: len(s.title))
    if presented:
        found.append(f"Who presented {presented[0].title}?")
    others = [s for s in sessions if s not in presented[:1]] or list(sessions)
    found.append(f"What is {others[len(others) // 2].code} about?")
    named = Counter(service for s in sessions for service in dict.fromkeys(s.services))
    shared = sorted((-count, service) for service, count in named.items() if count > 1)
    if shared:
        found.append(f"Which sessions mention {shared[0][1]}?")
    return found


def question(asked: str) -> str:
    """A message of the chat: what the user asked."""
    return f'<p class="asked">{escape(asked)}</p>'


def answer(given: Answer, turn: int, text: str) -> str:
    """A message of the chat: `text` is as much of the answer as is shown yet."""
    note = f'<p class="asked-as">{escape(_note(given))}</p>' if _note(given) else ""
    if given.refused:
        said = f'<p class="verdict">No answer</p><p>{escape(text)}</p>'
        return f'<div class="refusal">{note}{said}</div>'
    parts = []
    for of_list, paragraphs in groupby(_paragraphs(given, text), _is_item):
        shown = "".join((_item if of_list else _prose)(paragraph, turn) for paragraph in paragraphs)
        parts.append(f'<ul class="found">{shown}</ul>' if of_list else shown)
    writer = f'<p class="written-by">{escape(_writer(given))}</p>' if _writer(given) else ""
    return f'<div class="answer">{note}{"".join(parts)}{writer}</div>'


def _note(given: Answer) -> str:
    """How the question was read, if otherwise than it was asked."""
    if given.topic_added:
        return f"Asked as: {given.standalone_question}"
    pairs = (f"“{c.written}” as “{c.read}”" for c in given.corrections)
    return f"Read {', '.join(pairs)}" if given.corrections else ""


def _writer(given: Answer) -> str:
    """Who wrote the answer, or why no model did; empty for quotes that were asked for."""
    if given.written:
        return f"Written by {given.answerer.removeprefix(WRITTEN)}, each sentence checked."
    return given.note


def problem(message: str) -> str:
    """A message of the chat about what went wrong."""
    sentence = f"{message[:1].upper()}{message[1:]}"
    return f'<div class="problem" role="alert"><p>{escape(sentence)}</p></div>'


def thanks(sessions: Sequence[str] = ()) -> str:
    """A note below the chat, that a judgement was kept; with the sessions it named."""
    named = f" {' and '.join(sessions)} is kept as the right session." if sessions else ""
    return f'<p class="thanks" role="status">Thank you, noted.{escape(named)}</p>'


def offered(given: Answer, codes: Iterable[str]) -> list[str]:
    """Those of `codes` to choose the right session from: the closest first, and not too many."""
    known = dict.fromkeys(codes)
    nearest = (hit.passage.session_code for hit in given.hits)
    near = (code for code in nearest if code in known)
    return list(islice(dict.fromkeys([*near, *known]), MOST_OFFERED))


def growing(given: Answer) -> list[str]:
    """The answer's text, longer by a cited sentence each time, whole at the end."""
    return list(accumulate(pieces(given)))


def sources(answers: Sequence[Answer], session: Lookup) -> str:
    """The panel beside the chat: the last answer's sources, those of earlier ones folded up."""
    if not answers:
        return _panel("Sources", _NOTHING_YET)
    latest = answers[-1]
    heading = "Closest sessions" if latest.refused else "Sources"
    parts = [_cards(latest, len(answers) - 1, session), _why(latest)]
    for turn in range(len(answers) - 2, -1, -1):
        earlier = answers[turn]
        parts.append(
            f'<details class="earlier"><summary>Earlier: {escape(earlier.question)}</summary>'
            f"{_cards(earlier, turn, session)}</details>"
        )
    return _panel(heading, "".join(parts))


def _why(given: Answer) -> str:
    """How it came to the answer, folded up: the confidence, the question as read, the hits."""
    facts = [("Confidence", f"{given.confidence:.2f}")]
    if given.topic_added:
        facts.append(("Asked as", given.standalone_question))
    facts += [("Read", f"“{c.written}” as “{c.read}”") for c in given.corrections]
    if given.filter:
        facts.append(("Only sessions with", given.filter))
    told = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    rows = "".join(_row(rank, hit) for rank, hit in enumerate(given.hits, 1))
    heads = "".join(f'<th scope="col">{name}</th>' for name in _RANKS)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return (
        f'<details class="why"><summary>Why this answer?</summary><dl>{told}</dl>'
        f"{table if rows else ''}</details>"
    )


def _row(rank: int, hit: Hit) -> str:
    """A passage that was looked at: its place in all, by meaning and by words."""
    shown = (rank, hit.passage.session_code, hit.dense_rank or "–", hit.lexical_rank or "–")
    cells = "".join(f"<td>{escape(str(value))}</td>" for value in (*shown, f"{hit.score:.2f}"))
    return f"<tr>{cells}</tr>"


def _panel(heading: str, content: str) -> str:
    # It scrolls by itself, so the keyboard must reach it.
    return (
        f'<section class="sources" aria-label="{heading}" tabindex="0">'
        f"<h2>{heading}</h2>{content}</section>"
    )


def _cards(given: Answer, turn: int, session: Lookup) -> str:
    """A card for each session that the answer cites, or else comes closest."""
    best: dict[str, Hit] = {}
    for hit in given.hits:
        best.setdefault(hit.passage.session_code, hit)
    if given.refused:
        closest = list(best.values())[:CLOSEST]
        found = [(session(hit.passage.session_code), hit) for hit in closest]
        return "".join(_card(known, hit, "", ()) for known, hit in found if known)
    cited: dict[str, list[Citation]] = {}
    for citation in given.citations:
        cited.setdefault(citation.session_code, []).append(citation)
    return "".join(
        _card(known, best.get(code), _quotes(known, citations, given, turn), citations)
        for code, citations in cited.items()
        # A session may have gone, or been written anew, since an earlier question was answered.
        if (known := session(code)) and all(map(partial(_stands, known.text), citations))
    )


def _stands(text: str, citation: Citation) -> bool:
    return text[citation.start : citation.end] == citation.quote


def _card(session: Session, hit: Hit | None, quotes: str, citations: Sequence[Citation]) -> str:
    """A session: what is known of it, its quotes, and its whole text folded up."""
    return (
        f'<article class="source"><h3><span class="code">{escape(session.code)}</span> '
        f"{escape(session.title)}</h3>{facts(session)}"
        f'<p class="meta">{_score(hit)}{link(_opened(session, citations))}</p>{quotes}'
        f"{_whole(session.text, citations)}{ask_about(session.code)}</article>"
    )


def _opened(session: Session, citations: Sequence[Citation]) -> str:
    """The session's address, at the place of its first citation if there is one."""
    # What an older version answered has no address of its own.
    return next((citation.url for citation in citations if citation.url), session.url)


def facts(session: Session) -> str:
    """Who is on stage, and the level, track and event."""
    speakers = "; ".join(f"{s.name}, {s.role}" if s.role else s.name for s in session.speakers)
    level = f"Level {session.level}" if session.level is not None else ""
    track = f"track {session.track}" if session.track else ""
    told = " · ".join(filter(None, (level, track, _event(session))))
    return "".join(f'<p class="facts">{escape(line)}</p>' for line in (speakers, told) if line)


def ask_about(code: str) -> str:
    """A button that asks for an overview of a session."""
    return (
        f'<button type="button" class="ask-about" data-ask="{escape(code)}">'
        f"Ask about {escape(code)}</button>"
    )


def _whole(text: str, citations: Sequence[Citation] = ()) -> str:
    """A session's whole text, folded up, with every quote marked."""
    shown = _marked(text, 0, len(text), sorted(citations, key=lambda c: c.start))
    return (
        '<details class="whole"><summary>The whole summary</summary>'
        f'<div class="text">{shown}</div></details>'
    )


def _score(hit: Hit | None) -> str:
    """How near the session's best passage is; nothing where no passage of it was kept."""
    if hit is None:
        return ""
    share = round(100 * min(max(hit.score, 0.0), 1.0))
    bar = f'<span class="bar" aria-hidden="true"><span style="width:{share}%"></span></span>'
    return f'<span class="score">{bar} Score {hit.score:.2f}</span>'


def link(url: str, words: str = "Recording") -> str:
    """A link to the session's recording, if `url` is one that a browser may follow."""
    if not is_address(url):
        return ""
    return (
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">'
        f'{escape(words)}<span aria-hidden="true"> ↗</span></a>'
    )


def is_address(url: str) -> bool:
    """Whether it is an address of http or https, and nothing but that."""
    return bool(re.fullmatch(r"https?://\S+", url, re.IGNORECASE))


def _quotes(session: Session, citations: Sequence[Citation], given: Answer, turn: int) -> str:
    """The stretches of the session around its citations, each quote marked."""
    passages = {hit.passage.id: hit.passage for hit in given.hits}
    stretches: list[tuple[int, int, list[Citation]]] = []
    for citation in sorted(citations, key=lambda c: c.start):
        passage = passages.get(citation.passage_id)
        if passage and passage.start <= citation.start and citation.end <= passage.end:
            start, end = passage.start, passage.end
        else:
            start, end = _around(session.text, citation.start, citation.end)
        if stretches and start <= stretches[-1][1]:
            first, last, inside = stretches.pop()
            stretches.append((min(first, start), max(last, end), [*inside, citation]))
        else:
            stretches.append((start, end, [citation]))
    return "".join(_quote(session.text, *stretch, turn) for stretch in stretches)


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    """`start` and `end` moved apart by some context, not in the middle of a word."""
    first, last = max(start - CONTEXT_CHARS, 0), min(end + CONTEXT_CHARS, len(text))
    if first and (space := text.find(" ", first, start)) >= 0:
        first = space + 1
    if last < len(text) and (space := text.rfind(" ", end, last)) >= 0:
        last = space
    return first, last


def _quote(text: str, start: int, end: int, citations: Sequence[Citation], turn: int) -> str:
    """`text[start:end]`, dots where that cuts a line, and each citation marked in it."""
    before = "… " if text[:start].rstrip(" ")[-1:] not in ("", "\n") else ""
    dots = " …" if text[end:].lstrip(" ")[:1] not in ("", "\n") else ""
    shown = _marked(text, start, end, citations, lambda number: f' id="source-{turn}-{number}"')
    return f"<blockquote>{before}{shown}{dots}</blockquote>{''.join(map(_place, citations))}"


def _place(citation: Citation) -> str:
    """Where a quote is from, as a link to there; nothing where that is not known."""
    words = ", ".join(filter(None, (marks.moment(citation), marks.page(citation))))
    if not words:
        return ""
    shown = link(citation.url, words) or escape(words)
    return f'<p class="place"><span class="number">{citation.number}</span>{shown}</p>'


def _marked(
    text: str,
    start: int,
    end: int,
    citations: Sequence[Citation],
    named: Callable[[int], str] = lambda _: "",
) -> str:
    """`text[start:end]`, each citation marked in it; `named` gives a number's attributes."""
    parts = []
    for citation in citations:
        # Quotes may overlap: no letter is shown twice, and each number has its place.
        opening = max(start, citation.start)
        parts.append(plain(text[start:opening]))
        number = citation.number
        parts.append(f'<span class="number"{named(number)}>{number}</span>')
        if citation.end > opening:
            shown = _strong(text, opening, citation.end, citation.emphasis)
            parts.append(f"<mark>{shown}</mark>")
        start = max(start, citation.end)
    return f"{''.join(parts)}{plain(text[start:end])}"


def plain(text: str) -> str:
    """`text` escaped, its heading lines bold and without their number signs."""
    return _HEADING.sub(r"<b>\1</b>\n", escape(text))


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """`text[start:end]` of an answer, and the quotes in it."""

    text: str
    start: int
    end: int
    quotes: tuple[Place, ...]

    @property
    def lead(self) -> str:
        """What stands before its first quote."""
        return self.text[self.start : self.quotes[0].opening]


def _paragraphs(given: Answer, text: str) -> list[_Paragraph]:
    """The paragraphs of `text`, with which the answer begins."""
    found = []
    start = 0
    for part in text.split("\n\n"):
        end = start + len(part)
        own = tuple(p for p in places(given) if start <= p.start and p.marked <= end)
        found.append(_Paragraph(text, start, end, own))
        start = end + 2
    return found


def _is_item(paragraph: _Paragraph) -> bool:
    """Whether it is about a session that it names with its title."""
    if not paragraph.quotes:
        return False
    citation = paragraph.quotes[0].citation
    return paragraph.lead.startswith(f"{citation.session_code} {citation.title}")


def _item(paragraph: _Paragraph, turn: int) -> str:
    """A session of a list: its code, title and speakers above the quotes."""
    citation = paragraph.quotes[0].citation
    code, title = citation.session_code, citation.title
    who = paragraph.lead[len(f"{code} {title}") :].strip().removesuffix(":")
    quoted = _quoted(paragraph, turn)
    return (
        f'<li><p class="session"><span class="code">{escape(code)}</span> '
        f'<span class="title">{escape(title)}</span> <span class="lead">{escape(who)}</span></p>'
        f"<p>{quoted}</p></li>"
    )


def _prose(paragraph: _Paragraph, turn: int) -> str:
    if not paragraph.quotes:
        return f"<p>{escape(paragraph.text[paragraph.start : paragraph.end])}</p>"
    lead = f'<span class="lead">{escape(paragraph.lead)}</span>' if paragraph.lead else ""
    return f"<p>{lead}{_quoted(paragraph, turn)}</p>"


def _quoted(paragraph: _Paragraph, turn: int) -> str:
    """Its quotes and what stands between them, each [n] linked to the sources."""
    text = paragraph.text
    parts = []
    at = paragraph.quotes[0].opening
    for place in paragraph.quotes:
        number = place.citation.number
        if lead := text[at : place.opening].strip():
            parts.append(f' <span class="lead">{escape(lead)}</span>')
        said = _strong(text, place.start, place.end, place.emphasis)
        parts.append(f" “{said}” " if place.quoted else f" {said} ")
        parts.append(f'<a class="cite" href="#source-{turn}-{number}">[{number}]</a>')
        at = place.marked
    return "".join([*parts, escape(text[at : paragraph.end])]).lstrip()


def _strong(text: str, start: int, end: int, emphasis: tuple[int, int] | None) -> str:
    """`text[start:end]` escaped, what is emphasised in it as <strong>."""
    first, last = emphasis or (end, end)
    first, last = max(first, start), max(last, start)
    if first >= last:
        return escape(text[start:end])
    strong = f"<strong>{escape(text[first:last])}</strong>"
    return f"{escape(text[start:first])}{strong}{escape(text[last:end])}"


def _event(session: Session) -> str:
    return " ".join(filter(None, (session.event, str(session.year or ""))))
