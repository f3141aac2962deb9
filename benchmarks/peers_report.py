"""What was measured of each system -> a Markdown table and a plot."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PLAIN = "plain"
HEAD = (
    "system",
    "cold question, s",
    "peak memory, MiB",
    "warm question, ms: p50 / p95",
    "documents/s",
    "peak memory, MiB, indexing",
    "installed, MB",
    "nDCG@10",
)


@dataclass
class Measured:
    """What is known of one system.

    `cold` has seconds and MiB of each round, `warm` for each way to search the milliseconds of
    every question of each round; `indexing` has seconds and MiB of `documents`. `failed` says why
    there is no more.
    """

    version: str = ""
    installed_mb: float = 0.0
    cold: list[tuple[float, float]] = field(default_factory=list)
    warm: dict[str, list[list[float]]] = field(default_factory=dict)
    documents: int = 0
    indexing: tuple[float, float] | None = None
    ndcg: float | None = None
    failed: str = ""

    @property
    def seconds(self) -> list[float]:
        """Of a cold question, in each round."""
        return [seconds for seconds, _ in self.cold]

    @property
    def peaks(self) -> list[float]:
        """MiB of a cold question, in each round."""
        return [peak for _, peak in self.cold]

    def percentiles(self, way: str, percent: int) -> list[float]:
        """Milliseconds of a warm question, in each round."""
        return [float(np.percentile(times, percent)) for times in self.warm.get(way, ())]

    @property
    def rate(self) -> list[float]:
        """Documents per second, if they were indexed."""
        return [self.documents / self.indexing[0]] if self.indexing else []


def machine() -> str:
    """The processor, and what a process may use of the machine."""
    model = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        lines = described.read_text().splitlines()
        model = next((li.partition(": ")[2] for li in lines if li.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    cores, python = f"{os.cpu_count()} cores ({model})", platform.python_version()
    return f"{cores}, {memory:.0f} GiB, {platform.system()}, Python {python}"


def busy() -> str:
    """A warning if others use the machine; empty if it is as good as idle."""
    load = os.getloadavg()[0]
    if load < 0.5:
        return ""
    return (
        f"the machine was busy before (load {load:.1f}): PyTorch's threads wait for each other "
        "then, and its times mean little"
    )


def table(found: Mapping[str, Measured]) -> str:
    """A row for each system; in brackets the median of the ratios to the plain script's."""
    plain = found[PLAIN]
    rows: list[Sequence[str]] = [HEAD, ["---"] * len(HEAD)]
    for name, measured in found.items():
        rows.append(_row(name, measured, plain))
        rows.extend(_way(way, measured, plain) for way in measured.warm if way != "search")
        if measured.failed:
            rows.append([f"{name} failed: {measured.failed}", *[""] * (len(HEAD) - 1)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw(found: Mapping[str, Measured], path: Path) -> None:
    """The medians as bars, a panel for each measure."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = list(found)
    panels = (
        ("cold question, s", [found[name].seconds for name in names]),
        ("its peak memory, MiB", [found[name].peaks for name in names]),
        ("warm question, p50, ms", [found[name].percentiles("search", 50) for name in names]),
        ("documents/s", [found[name].rate for name in names]),
    )
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "sessionqa",
        "font.family": "DejaVu Sans",
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(11, 2.8), layout="constrained")
        for axes, (title, values) in zip(figure.subplots(1, 4, sharey=True), panels, strict=True):
            heights = [statistics.median(value) if value else 0.0 for value in values]
            colours = ["#2a6fb0" if name.startswith("sessionqa") else "#b8bcc2" for name in names]
            bars = axes.barh(names, heights, color=colours)
            shown = [_number(height) if height else "-" for height in heights]
            axes.bar_label(bars, shown, padding=3, fontsize=9)
            axes.set_title(title, fontsize=10)
            axes.set_xlim(0, 1.25 * max(heights, default=0) or 1)
            axes.set_xticks([])
            axes.spines[["top", "right", "bottom"]].set_visible(False)
            axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        figure.savefig(path, metadata={"Date": None})


def _row(name: str, measured: Measured, plain: Measured) -> list[str]:
    peak = _number(measured.indexing[1]) if measured.indexing else ""
    return [
        f"{name} {measured.version}",
        _with_ratio(measured.seconds, plain.seconds),
        _with_ratio(measured.peaks, plain.peaks),
        _warm("search", measured, plain),
        _with_ratio(measured.rate, plain.rate),
        peak,
        f"{measured.installed_mb:,.0f}" if measured.installed_mb else "",
        "" if measured.ndcg is None else f"{measured.ndcg:.4f}",
    ]


def _way(way: str, measured: Measured, plain: Measured) -> list[str]:
    """Of another way to search only the warm questions are measured."""
    return [f"– its {way} alone", "", "", _warm(way, measured, plain), "", "", "", ""]


def _warm(way: str, measured: Measured, plain: Measured) -> str:
    middle = measured.percentiles(way, 50)
    if not middle:
        return ""
    slow = statistics.median(measured.percentiles(way, 95))
    return f"{_with_ratio(middle, plain.percentiles('search', 50))} / {_number(slow)}"


def _with_ratio(values: Sequence[float], plain: Sequence[float]) -> str:
    """The median, and that of the ratios round by round."""
    if not values:
        return ""
    shown = _number(statistics.median(values))
    # Rounds are taken in order: a run that was broken off has fewer of them for the last systems.
    ratios = [a / b for a, b in zip(values, plain, strict=False)]
    return f"{shown} ({statistics.median(ratios):.2f})" if ratios else shown


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
