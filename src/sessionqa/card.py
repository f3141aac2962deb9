"""A session's metadata as plain sentences, one a line, to be searched and quoted as text."""

from sessionqa.datatypes import Session

# Stands once between the card and the body, and never inside the card.
CARD_END = "\n\n"

_SPEAKERS = "Presented by "
_SERVICES = "Services and tools named: "
_RECORDING = "Recording: "


def render(session: Session) -> str:
    """The card: code and title; speakers; level, track and event; services; recording."""
    lines = [_stopped(f"{session.code}: {session.title}")]
    if session.speakers:
        people = (f"{s.name}, {s.role}" if s.role else s.name for s in session.speakers)
        lines.append(_stopped(_SPEAKERS + "; ".join(people)))
    facts = [
        f"Level {session.level}" if session.level is not None else "",
        f"track {session.track}" if session.track else "",
        " ".join(filter(None, (session.event, str(session.year or "")))),
    ]
    if known := ", ".join(filter(None, facts)):
        lines.append(_stopped(known[0].upper() + known[1:]))
    if session.services:
        lines.append(_stopped(_SERVICES + ", ".join(session.services)))
    if session.url:
        lines.append(f"{_RECORDING}{session.url}")
    return "\n".join(lines)


def _stopped(line: str) -> str:
    return line if line[-1] in ".?!。！？؟।۔" else f"{line}."


def end_of(text: str) -> int:
    """Where the card ends in a session's text."""
    end = text.find(CARD_END)
    return len(text) if end < 0 else end


def field(line: str, code: str) -> str:
    """What a line of the card tells: title, speakers, services, recording, or else facts."""
    if line.startswith(f"{code}: "):
        return "title"
    for prefix, name in (
        (_SPEAKERS, "speakers"),
        (_SERVICES, "services"),
        (_RECORDING, "recording"),
    ):
        if line.startswith(prefix):
            return name
    return "facts"
