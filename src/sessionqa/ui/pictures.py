"""Pictures of the corpus: a map by meaning, and how many sessions there are of what."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Literal

import numpy as np

from sessionqa.assistant import Assistant
from sessionqa.datatypes import Session
from sessionqa.encode import Vectors

# More points than this lie on top of each other.
MOST_MAPPED = 600
# So many of the most usual services get a bar.
MOST_BARS = 12
# Of a track so many have a colour of their own; the rest share the last.
COLOURS = 6
WIDTH, HEIGHT, MARGIN = 640, 400, 28
# A longer code is cut on the map; it is whole in what is said of its point.
MOST_LETTERS = 12
# The size of letters on a wide page and on a narrow one, as in chat.css, and how wide one is at
# most on average: bold capitals.
FONT, FONT_NARROW, LETTER = 11, 18, 0.75
# How far a code stands from its point.
BESIDE = 10


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sessions, and where each lies on the map: shape (n, 2), each axis from 0 to 1."""

    sessions: Sequence[Session]
    places: Vectors

    @classmethod
    def of(cls, assistant: Assistant) -> "Corpus":
        """The sessions of the index; of more than fit, every so many."""
        every = assistant.sessions()
        sessions = every[:: max(1, -(-len(every) // MOST_MAPPED))]
        vectors = assistant.index.session_vectors([one.code for one in sessions])
        return cls(sessions, _placed(vectors))


def _placed(vectors: Vectors) -> Vectors:
    """Points on the first two principal axes (Pearson 1901), spread out by their ranks.

    By rank alone neighbours would lose how near they are, by value a few lie apart from a heap.
    """
    if len(vectors) < 3:
        return np.linspace(0.3, 0.7, 2 * len(vectors), dtype=np.float32).reshape(-1, 2)
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    points = centred @ axes[:2].T
    spread = np.ptp(points, axis=0)
    values = (points - points.min(axis=0)) / np.where(spread > 0, spread, 1)
    ranks = points.argsort(axis=0).argsort(axis=0) / (len(points) - 1)
    made: Vectors = ((values + ranks) / 2).astype(np.float32)
    return made


def mapped(corpus: Corpus, lit: Collection[str]) -> str:
    """The map as SVG, with those sessions lit; each point can be asked about."""
    tracks = [track for track, _ in Counter(one.track for one in corpus.sessions).most_common()]
    colour = {track: min(n, COLOURS - 1) for n, track in enumerate(tracks)}
    labels = _labels(corpus, lit)
    points = "".join(
        _point(session, label, colour[session.track], session.code in lit)
        for session, label in zip(corpus.sessions, labels, strict=True)
    )
    names = [track or "no track" for track in tracks[:COLOURS]]
    key = "".join(
        f'<li><span class="dot track-{n}"></span>{escape(name)}</li>'
        for n, name in enumerate(names)
    )
    told = "Those that the last answer looked at are filled." if lit else ""
    return (
        "<section><h2>The sessions by what they are about</h2>"
        f'<p class="hint">The nearer two are, the more alike are their summaries. {told}</p>'
        f'<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="Map of the sessions">{points}</svg><ul class="key">{key}</ul></section>'
    )


@dataclass(frozen=True, slots=True)
class _Label:
    """A point of the map, and its code beside it, to its left or right.

    It is shown always, where the page is wide, or only while it is pointed at.
    """

    x: float
    y: float
    text: str
    left: bool
    shown: Literal["always", "wide", "pointed"] = "pointed"

    def box(self, font: int) -> tuple[float, float, float, float]:
        """Where it stands at most, in letters of this size: left, top, right, bottom."""
        width = LETTER * font * len(self.text)
        start = self.x - BESIDE - width if self.left else self.x + BESIDE
        return start, self.y - font / 2, start + width, self.y + font / 2


def _labels(corpus: Corpus, lit: Collection[str]) -> list[_Label]:
    """The codes at their points, none shown that would overlap another; those lit come first."""
    labels = [
        _label(session.code, place)
        for session, place in zip(corpus.sessions, corpus.places.tolist(), strict=True)
    ]
    order = sorted(range(len(labels)), key=lambda at: corpus.sessions[at].code not in lit)
    always = _apart([labels[at].box(FONT_NARROW) for at in order])
    # Those that have room when narrow have it when wide.
    first = [order[n] for n in always]
    order = [*first, *sorted(set(order) - set(first), key=order.index)]
    wide = _apart([labels[at].box(FONT) for at in order])
    for n in wide:
        at = order[n]
        labels[at] = replace(labels[at], shown="always" if n < len(first) else "wide")
    return labels


def _label(code: str, place: Sequence[float]) -> _Label:
    x = MARGIN + place[0] * (WIDTH - 2 * MARGIN)
    y = MARGIN + place[1] * (HEIGHT - 2 * MARGIN)
    text = code if len(code) <= MOST_LETTERS else f"{code[: MOST_LETTERS - 1]}…"
    right = _Label(x, y, text, left=False)
    return replace(right, left=right.box(FONT_NARROW)[2] > WIDTH)


def _apart(boxes: Sequence[tuple[float, float, float, float]]) -> list[int]:
    """Which of these boxes, taken in their order, overlap none that was taken before."""
    taken: list[int] = []
    kept = np.empty((len(boxes), 4))
    for n, (left, top, right, bottom) in enumerate(boxes):
        others = kept[: len(taken)]
        over = (others[:, 0] < right) & (others[:, 2] > left)
        if not (over & (others[:, 1] < bottom) & (others[:, 3] > top)).any():
            kept[len(taken)] = left, top, right, bottom
            taken.append(n)
    return taken


def _point(session: Session, label: _Label, colour: int, lit: bool) -> str:
    name = escape(f"{session.code}: {session.title}")
    state = " lit" if lit else ""
    side, anchor = (-BESIDE, "end") if label.left else (BESIDE, "start")
    return (
        f'<g class="point track-{colour}{state}" tabindex="0" role="button" '
        f'aria-label="Ask about {name}" data-ask="{escape(session.code)}"><title>{name}</title>'
        f'<circle cx="{label.x:.0f}" cy="{label.y:.0f}" r="{7 if lit else 5}"/>'
        f'<text class="{label.shown}" x="{label.x + side:.0f}" y="{label.y + 4:.0f}" '
        f'text-anchor="{anchor}">{escape(label.text)}</text></g>'
    )


def counted(sessions: Sequence[Session]) -> str:
    """Bars: how many sessions there are of each level, and of each of the most usual services."""
    levels = Counter(f"Level {one.level}" for one in sessions if one.level is not None)
    services = Counter(name for one in sessions for name in dict.fromkeys(one.services))
    usual = sorted(services.items(), key=lambda item: (-item[1], item[0]))[:MOST_BARS]
    parts = (("Sessions by level", sorted(levels.items())), ("Sessions by service", usual))
    return "".join(_bars(heading, found) for heading, found in parts if found)


def _bars(heading: str, found: Sequence[tuple[str, int]]) -> str:
    most = max(count for _, count in found)
    rows = "".join(
        f'<dt>{escape(name)}</dt><dd><span class="bar" aria-hidden="true">'
        f'<span style="width:{100 * count / most:.0f}%"></span></span> {count}</dd>'
        for name, count in found
    )
    return f"<section><h2>{heading}</h2><dl>{rows}</dl></section>"
