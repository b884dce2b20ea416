"""Bars of a chart as figures in a picture: drawn by the server, readable without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, FOOT, GAP = 640, 210, 34, 0.25


@dataclass(frozen=True)
class Bar:
    """One bar: where it stands, what it is called (in full, and in short under it), and its figure as text."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    short: str
    text: str


@dataclass(frozen=True)
class BarChart:
    """A chart of bars on one base line."""

    width: int
    height: int
    base: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Figure:
    """What a bar stands for."""

    label: str
    short: str
    value: int
    text: str


def bar_chart(figures: Sequence[Figure]) -> BarChart:
    """Bars from 0 to the largest figure, at most forty of them; no figure draws no bar. Pure."""
    shown = list(figures)[:40]
    base = HEIGHT - FOOT
    top = max([figure.value for figure in shown], default=0)
    step = WIDTH / max(len(shown), 1)
    bars = []
    for index, figure in enumerate(shown):
        height = base * 0.95 * max(figure.value, 0) / top if top > 0 else 0
        width = min(step * (1 - GAP), 72)
        middle = step * (index + 0.5)
        bars.append(
            Bar(round(middle - width / 2, 1), round(base - height, 1), round(width, 1), round(height, 1),
                round(middle, 1), figure.label, figure.short, figure.text)
        )  # fmt: skip
    return BarChart(WIDTH, HEIGHT, base, tuple(bars))
