"""Small charts as inline SVG. Ink is the truth, the accent colour is the model, grey is the truth drawn again.

Colours and type sizes come from the page's style sheet, so that dark mode reaches the charts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from pipeline._report.nouns import Curve, ModelSummary
from pipeline._report.summary import BAD
from pipeline.types import Float32, Float64

LADDER_WIDTH, LADDER_ROW, LADDER_LABEL, LADDER_FOOT = 640.0, 34.0, 136.0, 22.0
"""Width, height of a line, room for names, room for the scale, in the ladder's own units."""


def ladder(summaries: Sequence[ModelSummary]) -> Markup:
    """One line a model on a scale of 0..100: every clip a thin tick, the mean a dot, its standard error a bar."""
    height = LADDER_ROW * len(summaries) + LADDER_FOOT
    marks = [
        f'<line class="grid" x1="{_rung(v)}" x2="{_rung(v)}" y1="0" y2="{height - LADDER_FOOT}"/>'
        f'<text class="tick" x="{_rung(v)}" y="{height - 5}" text-anchor="middle">{v}</text>'
        for v in (0, 25, 50, 75, 100)
    ]
    marks += [_step(one, LADDER_ROW * (number + 0.5)) for number, one in enumerate(summaries)]
    return Markup(
        f'<svg class="ladder" viewBox="0 0 {LADDER_WIDTH} {height}" role="img" '
        f'aria-label="Mean plausibility of every model, 0 to 100">{"".join(marks)}</svg>'
    )


def _rung(value: float) -> float:
    return round(LADDER_LABEL + (LADDER_WIDTH - LADDER_LABEL - 16) * min(100.0, max(0.0, value)) / 100, 1)


def _step(one: ModelSummary, y: float) -> str:
    kind = "answer" if one.role == "model" else "plain"
    name = "truth, drawn again" if one.role == "reference" else one.model
    label = f'<text class="name {kind}" x="{LADDER_LABEL - 14}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
    if one.plausibility is None:
        return f'{label}<text class="tick" x="{LADDER_LABEL}" y="{y + 4}">not measured: no clip was judged</text>'
    ticks = "".join(
        f'<line class="clip" x1="{_rung(v)}" x2="{_rung(v)}" y1="{y - 8}" y2="{y + 8}"/>' for v in one.by_clip.values()
    )
    mean, error = one.plausibility.mean, one.plausibility.standard_error or 0.0
    return (
        f'{label}{ticks}<line class="error {kind}" x1="{_rung(mean - error)}" x2="{_rung(mean + error)}" '
        f'y1="{y}" y2="{y}"/><circle class="dot {kind}" cx="{_rung(mean)}" cy="{y}" r="5"/>'
    )


def breaks(per_frame: Float32, prompt_frames: int, pictured: Iterable[int]) -> Markup:
    """Plausibility of every frame as bars that stand under the pictures of a strip, stretched to the strip's width."""
    bars = [_bar(frame, float(value), frame < prompt_frames) for frame, value in enumerate(per_frame)]
    bars += [f'<rect class="pictured" x="{frame + 0.1:.1f}" y="104" width="0.8" height="6"/>' for frame in pictured]
    return Markup(
        f'<svg class="breaks" viewBox="0 0 {len(per_frame)} 110" preserveAspectRatio="none" role="img" '
        f'aria-label="Plausibility of every frame">{"".join(bars)}'
        f'<line class="half" x1="0" x2="{len(per_frame)}" y1="{100 - BAD}" y2="{100 - BAD}"/></svg>'
    )


def _bar(frame: int, value: float, given: bool) -> str:
    if given:
        kind, tall = "given", 100.0
    elif not math.isfinite(value):
        kind, tall = "unknown", 4.0
    else:
        kind, tall = "bad" if value < BAD else "fine", min(100.0, max(2.0, value))
    return f'<rect class="{kind}" x="{frame + 0.1:.1f}" y="{100 - tall:.1f}" width="0.8" height="{tall:.1f}"/>'


@dataclass(frozen=True)
class _Axes:
    """Where frames and values lie in a curve chart."""

    frames: int
    bottom: float
    top: float
    width: float = 300.0
    height: float = 118.0
    left: float = 4.0
    head: float = 18.0
    foot: float = 18.0

    def x(self, frame: float) -> float:
        return round(self.left + (self.width - 2 * self.left) * frame / max(1, self.frames - 1), 1)

    def y(self, value: float) -> float:
        inside = (self.top - value) / (self.top - self.bottom)
        return round(self.head + (self.height - self.head - self.foot) * inside, 1)

    def path(self, line: Float64) -> str:
        """Path through the measured values; it is broken where a value is missing."""
        steps, pen = [], "M"
        for frame, value in enumerate(line):
            if math.isfinite(value):
                steps.append(f"{pen}{self.x(frame)} {self.y(value)}")
            pen = "L" if math.isfinite(value) else "M"
        return "".join(steps)

    def band(self, low: Float64, high: Float64) -> str:
        """Closed path around the frames in which both bounds are known."""
        known = [frame for frame in range(len(low)) if math.isfinite(low[frame]) and math.isfinite(high[frame])]
        corners = [(frame, high[frame]) for frame in known] + [(frame, low[frame]) for frame in reversed(known)]
        return "M" + "L".join(f"{self.x(frame)} {self.y(value)}" for frame, value in corners) + "Z" if known else ""


def curve_chart(curve: Curve, fps: float, prompt_frames: int, bad: int | None) -> Markup:
    """Truth, answer and the band of re-draws over time; the frames that were given are shaded."""
    lines = np.concatenate([line for line in (curve.truth, curve.answer, curve.low, curve.high) if line is not None])
    finite = lines[np.isfinite(lines)]
    bottom = min(0.0, float(finite.min(initial=0.0)))
    peak = max(float(finite.max(initial=0.0)), bottom + 1e-9)
    axes = _Axes(len(curve.truth), bottom, peak + 0.06 * (peak - bottom))
    head, base, right = axes.head, axes.height - axes.foot, axes.width - axes.left
    start = axes.x(prompt_frames - 1) - axes.left
    given = f'<rect class="given" x="{axes.left}" y="{head}" width="{start:.1f}" height="{base - head}"/>'
    band = axes.band(curve.low, curve.high) if curve.low is not None and curve.high is not None else ""
    mark = f'<line class="mark" x1="{axes.x(bad)}" x2="{axes.x(bad)}" y1="{head}" y2="{base}"/>' if bad else ""
    return Markup(
        f'<svg class="curve" viewBox="0 0 {axes.width} {axes.height}" role="img" '
        f'aria-label="{escape(curve.name)} over time: truth, answer, re-draws">{given}<path class="band" d="{band}"/>'
        f'<line class="axis" x1="{axes.left}" x2="{right}" y1="{base}" y2="{base}"/>{mark}'
        f'<path class="truth" d="{axes.path(curve.truth)}"/><path class="answer" d="{axes.path(curve.answer)}"/>'
        f'<text class="tick" x="{axes.left}" y="12">{escape(f"{peak:.3g} {curve.unit}")}</text>'
        f'<text class="tick" x="{axes.left}" y="{axes.height - 5}">0 s</text>'
        f'<text class="tick" x="{right}" y="{axes.height - 5}" text-anchor="end">'
        f"{(len(curve.truth) - 1) / fps:.2f} s</text></svg>"
    )
