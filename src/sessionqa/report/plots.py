"""Numbers -> plots, as SVG that stands in a page and takes on its colours, light or dark.

matplotlib draws with colours that mean something to us only; in the SVG each becomes a CSS
variable of the page (`--series-1` ..., `--other`, `--line`) or the colour of its text.
"""

import io
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Series beyond these share a colour with an earlier one, and differ by the dashes of the line.
COLOURS = 6
DASHES: tuple[tuple[int, ...], ...] = ((), (5, 2), (1, 2), (6, 2, 1, 2), (3, 1), (8, 3))
BINS = 30

_INK, _LINE, _OTHER, _SERIES = "#a1b200", "#a1b2fe", "#a1b2ff", "#a1b2{:02x}"
# Inches, of 72 units each: on a phone a plot is as wide as the page, and its text as drawn.
_WIDTH, _HEIGHT = 4.3, 2.8
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "sessionqa",  # the same ids for the same plot
    "svg.fonttype": "none",  # text stays text: selected, searched, read aloud
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.use": True,
}
_ROUND_NUMBERS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 30_000)

# The xs and the ys of a line; a value with the ends of its interval.
Curve = tuple[Sequence[float], Sequence[float]]
Bar = tuple[float, float, float]


def lines(
    curves: Sequence[Curve],
    x: str,
    y: str,
    within: tuple[float, float] = (0.0, 1.0),
    log: bool = False,
    diagonal: bool = False,
    weights: Sequence[Sequence[float]] = (),
    dots: Sequence[tuple[float, float] | None] = (),
) -> str:
    """One line for each curve, y `within` that. `log`: the x axis, which then begins above 0.

    `diagonal`: the line of y = x, for comparison, and x from 0 to 1. `weights`: for each curve the
    area of a dot at each of its points, as a share of the largest. `dots`: for each curve a point
    that stands out.
    """
    with _drawing():
        figure, axes = _axes(x, y)
        low, high = within
        margin = (high - low) / 50
        axes.set_ylim(low - margin, high + margin)
        if diagonal:
            axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, dashes=(3, 3))
        for n, (xs, ys) in enumerate(curves):
            axes.plot(xs, ys, color=_colour(n), dashes=DASHES[n % len(DASHES)])
            if weights:
                sizes = 6 + 70 * np.asarray(weights[n])
                axes.scatter(xs, ys, s=sizes, color=_colour(n), alpha=0.75, linewidths=0)
        for n, dot in enumerate(dots):
            if dot:
                axes.plot(*dot, "o", color=_colour(n), markersize=8, zorder=3)
        if log:
            _log_scale(axes, [value for xs, _ in curves for value in xs])
        elif diagonal:
            axes.set_xlim(-0.02, 1.02)
        return _svg(figure)


def histograms(groups: Sequence[Sequence[float]], x: str, y: str) -> str:
    """How the values of two groups are spread over the same bins, each as shares of its group."""
    with _drawing():
        figure, axes = _axes(x, y)
        edges = np.histogram_bin_edges(np.concatenate([np.asarray(g) for g in groups]), BINS)
        for values, colour in zip(groups, (_SERIES.format(1), _OTHER), strict=True):
            shares = np.histogram(values, edges)[0] / max(len(values), 1)
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.25)
            axes.stairs(shares, edges, color=colour, linewidth=1.6)
        axes.set_ylim(bottom=0)
        return _svg(figure)


def bars(labels: Sequence[str], groups: Sequence[Sequence[Bar | None]], x: str) -> str:
    """For each label a bar of every group, lying, from 0 to 1, with its interval as a whisker.

    `groups[g][i]` is that of group g at label i; None leaves it out.
    """
    with _drawing():
        room = 0.3 + 0.1 * len(groups)
        figure, axes = _axes(x, "", height=0.7 + room * len(labels))
        thickness = 0.76 / len(groups)
        for n, values in enumerate(groups):
            drawn = [(row, value) for row, value in enumerate(values) if value is not None]
            if not drawn:
                continue
            rows = np.array([row for row, _ in drawn])
            means, lows, highs = np.array([value for _, value in drawn]).T
            where = rows + (n - (len(groups) - 1) / 2) * thickness
            axes.barh(where, means, thickness * 0.88, color=_colour(n), alpha=0.8)
            spread = np.maximum([means - lows, highs - means], 0)
            axes.errorbar(means, where, xerr=spread, fmt="none", ecolor=_INK, elinewidth=0.9)
        axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlim(0, 1.02)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        return _svg(figure)


def _drawing() -> Any:
    return mpl.rc_context(_STYLE)


def _axes(x: str, y: str, height: float = _HEIGHT) -> "tuple[Figure, Axes]":
    figure = Figure(figsize=(_WIDTH, height))
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def _log_scale(axes: "Axes", xs: Sequence[float]) -> None:
    """A logarithmic x axis with whole numbers at its ticks where they are whole."""
    axes.set_xscale("log")
    low, high = min(xs), max(xs)
    ticks = [number for number in _ROUND_NUMBERS if low <= number <= high]
    if len(ticks) > 1:
        ticks = ticks if len(ticks) <= 8 else ticks[:: -(-len(ticks) // 8)]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_minor_locator(NullLocator())


def _colour(n: int) -> str:
    return _SERIES.format(n % COLOURS + 1)


def _short(label: str, most: int = 16) -> str:
    label = " ".join(label.split())
    return label if len(label) <= most else label[: most - 1] + "…"


def _svg(figure: Figure) -> str:
    """The figure as an element for HTML: no ids but those it refers to, and no size of its own."""
    drawn = io.BytesIO()
    with warnings.catch_warnings():
        # Text is drawn by the browser, which has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(drawn, format="svg", transparent=True, metadata=nothing)
    svg = drawn.getvalue().decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(style|metadata)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<g id=\"[^\"]*\"", "<g", svg)
    svg = re.sub(r"<svg [^>]*viewBox=(\"[^\"]*\")[^>]*>", r"<svg viewBox=\1>", svg, count=1)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg.replace("xlink:href", "href"))
    for colour, value in _css_colours().items():
        svg = svg.replace(colour, value)
    return svg.strip()


def _css_colours() -> dict[str, str]:
    series = {_SERIES.format(n): f"var(--series-{n})" for n in range(1, COLOURS + 1)}
    return {_INK: "currentColor", _LINE: "var(--line)", _OTHER: "var(--other)", **series}
