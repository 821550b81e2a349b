"""Pictures of laws as inline SVG: measured curves as lines, published values as rings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from pipeline.types import Float64, Plot

WIDTH, HEIGHT, LEFT, RIGHT, HEAD, FOOT = 460.0, 300.0, 52.0, 12.0, 30.0, 38.0
"""Of a picture and its margins, in its own units."""
LEGEND_ROW = 15.0
"""Height of a line of the legend, under the picture."""
SHADES = 6
"""Curves that can be told apart; their colours are in the style sheet, .shade0 and on."""
MOST_POINTS = 400
"""Of a curve, more would not be seen."""


def pictures(plots: Sequence[Plot]) -> list[Markup]:
    """One picture for each title, in the order of their first appearance."""
    titles = dict.fromkeys(plot.title for plot in plots)
    return [_picture([plot for plot in plots if plot.title == title]) for title in titles]


@dataclass(frozen=True)
class _Scale:
    """Where values of both axes lie."""

    low: tuple[float, float]
    high: tuple[float, float]

    def x(self, value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - self.low[0]) / (self.high[0] - self.low[0]), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - FOOT - (HEIGHT - HEAD - FOOT) * (value - self.low[1]) / (self.high[1] - self.low[1]), 1)


def _picture(plots: Sequence[Plot]) -> Markup:
    """All curves of plots that share a title; what several of them publish under one name is drawn once."""
    lines = {name: line for plot in plots for name, line in plot.lines.items()}
    published = {name: points for plot in plots for name, points in plot.reference.items()}
    scale = _scale([*lines.values(), *published.values()])
    marks = [_frame(scale, plots[0])]
    marks += [_line(scale, line, index) for index, line in enumerate(lines.values())]
    marks += [_rings(scale, points, index) for index, points in enumerate(published.values())]
    entries = [(name, f"shade{index % SHADES}") for index, name in enumerate(lines)]
    marks += _legend([*entries, *((name, "ring") for name in published)])
    height = HEIGHT + LEGEND_ROW * (len(lines) + len(published))
    title = escape(plots[0].title)
    return Markup(
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">'
        f'<text class="title" x="{LEFT}" y="16">{title}</text>{"".join(marks)}</svg>'
    )


def _scale(curves: Iterable[tuple[Float64, Float64]]) -> _Scale:
    bounds = []
    for axis in (0, 1):
        values = np.concatenate([np.asarray(curve[axis], float) for curve in curves] or [np.zeros(1)])
        finite = values[np.isfinite(values)]
        low, high = float(finite.min(initial=np.inf)), float(finite.max(initial=-np.inf))
        if not low <= high:
            low, high = 0.0, 1.0
        low = min(low, 0.0) if low < 0.4 * high else low
        room = 0.04 * (high - low) or max(abs(high), 1.0) * 0.05
        bounds.append((low if low == 0 else low - room, high + room))
    return _Scale((bounds[0][0], bounds[1][0]), (bounds[0][1], bounds[1][1]))


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between low and high, 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _frame(scale: _Scale, plot: Plot) -> str:
    across = [(scale.x(value), f"{value:.4g}") for value in ticks(scale.low[0], scale.high[0])]
    up = [(scale.y(value), f"{value:.4g}") for value in ticks(scale.low[1], scale.high[1])]
    return axes(across, up, plot.x_label, plot.y_label)


def axes(across: Iterable[tuple[float, str]], up: Iterable[tuple[float, str]], x_label: str, y_label: str) -> str:
    """Grid lines with their words, at x or y [px of the drawing], and the names of both axes."""
    base, right = HEIGHT - FOOT, WIDTH - RIGHT
    marks = []
    for x, word in across:
        marks.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{HEAD}" y2="{base}"/>')
        marks.append(f'<text class="tick" x="{x}" y="{base + 14}" text-anchor="middle">{word}</text>')
    for y, word in up:
        marks.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{word}</text>')
    middle = (HEAD + base) / 2
    marks.append(f'<text class="tick" x="{right}" y="{HEIGHT - 8}" text-anchor="end">{escape(x_label)}</text>')
    marks.append(
        f'<text class="tick" x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
        f"{escape(y_label)}</text>"
    )
    return "".join(marks)


def _line(scale: _Scale, line: tuple[Float64, Float64], index: int) -> str:
    """A path that breaks where a value is missing; a single point is a dot."""
    x, y = (np.asarray(values, float)[:: max(1, len(line[0]) // MOST_POINTS)] for values in line)
    steps, pen = [], "M"
    for at, value in zip(x, y, strict=True):
        if math.isfinite(at) and math.isfinite(value):
            steps.append(f"{pen}{scale.x(at)} {scale.y(value)}")
            pen = "L"
        else:
            pen = "M"
    shade = f"shade{index % SHADES}"
    dots = "".join(
        f'<circle class="{shade}" cx="{scale.x(at)}" cy="{scale.y(value)}" r="3.5"/>'
        for at, value in zip(x, y, strict=True)
        if len(x) <= 12 and math.isfinite(value)
    )
    return f'<path class="{shade}" d="{"".join(steps)}"/>{dots}'


def _rings(scale: _Scale, points: tuple[Float64, Float64], index: int) -> str:
    radius = 3.5 + index
    return "".join(
        f'<circle class="ring" cx="{scale.x(x)}" cy="{scale.y(y)}" r="{radius}"/>'
        for x, y in zip(*points, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    )


def _legend(entries: Sequence[tuple[str, str]]) -> list[str]:
    marks = []
    for row, (name, kind) in enumerate(entries):
        x, y = LEFT, HEIGHT + LEGEND_ROW * row + 8
        sign = (
            f'<circle class="ring" cx="{x + 8}" cy="{y - 4}" r="3.5"/>'
            if kind == "ring"
            else f'<path class="{kind}" d="M{x} {y - 4}L{x + 16} {y - 4}"/>'
        )
        marks.append(f'{sign}<text class="tick" x="{x + 22}" y="{y}">{escape(name)}</text>')
    return marks
