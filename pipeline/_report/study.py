"""The page of a study: what was found, learning curves, strips, the school report, what was lost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from pipeline._report.nouns import MeanError
from pipeline._report.plots import FOOT, HEAD, HEIGHT, LEFT, LEGEND_ROW, RIGHT, SHADES, WIDTH, axes, ticks


@dataclass(frozen=True)
class Line:
    """One arm's curve."""

    name: str
    points: tuple[tuple[float, float, float | tuple[float, float]], ...]
    """Number of clips, mean, and its standard error over seeds (0 if there is one seed) or its interval."""
    law: tuple[float, float] | None = None
    """a and b of a N^-b, drawn where it was measured; None if it was not fitted."""


@dataclass(frozen=True)
class Chart:
    """A measure against the number of training clips, on one test."""

    title: str
    label: str
    """Of the vertical axis, with the unit."""
    lines: tuple[Line, ...]
    marks: tuple[tuple[str, float], ...] = ()
    """What does not depend on the clips: name and value."""


@dataclass(frozen=True)
class Strips:
    """One test scene: the truth, and what models made of it before and after."""

    title: str
    caption: str
    rows: tuple[tuple[str, str, str], ...]
    """Whose, what is said of it, frames side by side as a data URI."""


@dataclass(frozen=True)
class StudyPage:
    """Everything the page shows."""

    run: str
    quick: bool
    facts: Mapping[str, str]
    findings: Sequence[Mapping[str, Any]]
    """What they are `about`, and `sentences`."""
    limits: Sequence[str]
    charts: Sequence[Chart]
    more: Sequence[Chart]
    """Further measures, folded away."""
    strips: Sequence[Strips]
    levels: Mapping[str, Mapping[str, float]]
    """Level -> its bounds."""
    report: Sequence[Mapping[str, Any]]
    """Rows of summary.json's study.report."""
    passing: Sequence[Mapping[str, Any]]
    """Rows of summary.json's study.passing."""
    passing_charts: Sequence[Chart]
    tests: Sequence[str]
    forgetting: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]]
    """Name of arm, clips and model -> test -> row of study.changes."""
    rows: Sequence[Mapping[str, Any]]
    """Rows of study.parquet."""
    units: Mapping[str, str]
    """Measure -> unit."""
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        """Whether there is more than one model to name."""
        return len({row["model"] for row in self.rows if row["model"]}) > 1

    @property
    def grades(self) -> list[str]:
        """In the order in which they appear."""
        return list(dict.fromkeys(row["grade"] for row in self.report))


def learning_chart(chart: Chart) -> Markup:
    """Means with standard errors on a logarithmic axis of clips; power laws dotted, what does not learn as lines."""
    scale = _Scale.of(chart)
    marks = [_axes(scale, chart)]
    marks += [_level(scale, name, value, index) for index, (name, value) in enumerate(chart.marks)]
    marks += [_line(scale, line, index, len(chart.lines)) for index, line in enumerate(chart.lines)]
    for row, line in enumerate(chart.lines):
        y, shade = HEIGHT + LEGEND_ROW * row + 8, f"shade{row % SHADES}"
        law = f": {line.law[0]:.2g} N^{-line.law[1]:.2f}" if line.law else ""
        marks.append(
            f'<path class="{shade}" d="M{LEFT} {y - 4}L{LEFT + 16} {y - 4}"/>'
            f'<text class="tick" x="{LEFT + 22}" y="{y}">{escape(line.name + law)}</text>'
        )
    height = HEIGHT + LEGEND_ROW * len(chart.lines)
    title = escape(chart.title)
    return Markup(
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">'
        f'<text class="title" x="{LEFT}" y="16">{title}</text>{"".join(marks)}</svg>'
    )


def measured(row: Mapping[str, Any], name: str, unit: str) -> str:
    """'0.041 ± 0.003' of a row of study.parquet, a dash where there is no number."""
    from pipeline._report.view import error_words

    if row[name] is None:
        return error_words(None)
    return error_words(MeanError(row[name], row[f"{name}_standard_error"], row[f"{name}_clips"], unit))


def percent(rate: Mapping[str, Any] | None) -> str:
    """'40 (28 to 55)' of a pass rate, a dash where there is none."""
    if rate is None:
        return "–"
    return f"{100 * rate['mean']:.0f} ({100 * rate['low']:.0f} to {100 * rate['high']:.0f})"


def changed(row: Mapping[str, Any] | None) -> str:
    """'-40 % (-55 to -20)' of a change."""
    if row is None:
        return "–"
    between = f" ({100 * row['low']:+.0f} to {100 * row['high']:+.0f})" if row["low"] is not None else ""
    return f"{100 * row['change']:+.0f} %{between}"


def told(row: Mapping[str, Any] | None) -> str:
    """Whether a change can be told from none: better, worse, or nothing."""
    if row is None or row["low"] is None or row["low"] <= 0 <= row["high"]:
        return ""
    return "better" if row["high"] < 0 else "worse"


@dataclass(frozen=True)
class _Scale:
    """Logarithmic in clips, linear from 0 in the measure."""

    first: float
    last: float
    top: float

    @classmethod
    def of(cls, chart: Chart) -> _Scale:
        clips = [point[0] for line in chart.lines for point in line.points] or [1.0]
        highest = [_reach(point)[1] for line in chart.lines for point in line.points]
        highest += [value for _, value in chart.marks]
        return cls(min(clips), max(clips), 1.08 * max(highest, default=1.0) or 1.0)

    def x(self, clips: float) -> float:
        span = math.log(self.last / self.first) or 1.0
        room = WIDTH - LEFT - RIGHT
        return round(LEFT + room * (0.06 + 0.88 * math.log(clips / self.first) / span), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - FOOT - (HEIGHT - HEAD - FOOT) * max(0.0, value) / self.top, 1)


def _reach(point: tuple[float, float, float | tuple[float, float]]) -> tuple[float, float]:
    """From where to where a point's bar reaches."""
    _, mean, error = point
    return error if isinstance(error, tuple) else (mean - error, mean + error)


def _axes(scale: _Scale, chart: Chart) -> str:
    sizes = sorted({round(point[0]) for line in chart.lines for point in line.points})
    across = [(scale.x(max(clips, 1)), str(clips)) for clips in sizes]
    up = [(scale.y(value), f"{value:.4g}") for value in ticks(0.0, scale.top)]
    return axes(across, up, "training clips", chart.label)


def _level(scale: _Scale, name: str, value: float, index: int) -> str:
    """What does not depend on the clips; its name changes sides so that near ones can be read."""
    y, right = scale.y(value), WIDTH - RIGHT
    x, anchor = (right, "end") if index % 2 else (LEFT + 4, "start")
    return (
        f'<line class="level" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>'
        f'<text class="tick" x="{x}" y="{y - 4}" text-anchor="{anchor}">{escape(name)}</text>'
    )


def _line(scale: _Scale, line: Line, index: int, count: int) -> str:
    """Lines are set apart a little, so that their error bars can be told."""
    shade, aside = f"shade{index % SHADES}", 4 * (index - (count - 1) / 2)
    places = [(round(scale.x(point[0]) + aside, 1), point[1], _reach(point)) for point in line.points]
    path = "".join(f"{'L' if number else 'M'}{x} {scale.y(mean)}" for number, (x, mean, _) in enumerate(places))
    bars = "".join(
        f'<path class="{shade}" d="M{x} {scale.y(low)}L{x} {scale.y(high)}"/>'
        f'<circle class="{shade}" cx="{x}" cy="{scale.y(mean)}" r="3.5"/>'
        for x, mean, (low, high) in places
    )
    if not line.law or len(places) < 2:
        return f'<path class="{shade}" d="{path}"/>{bars}'
    first, last = line.points[0][0], line.points[-1][0]
    steps = [first * (last / first) ** (step / 24) for step in range(25)]
    a, b = line.law
    along = "".join(
        f"{'L' if number else 'M'}{round(scale.x(clips) + aside, 1)} {scale.y(a * clips**-b)}"
        for number, clips in enumerate(steps)
    )
    return f'<path class="{shade} law" d="{along}"/>{bars}'
