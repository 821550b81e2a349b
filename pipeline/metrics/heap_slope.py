"""How steep and how high grains stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.metrics._outline import mean_over_columns, outline
from pipeline.types import Float64, Score, Take


@dataclass
class HeapSlope(Metric):
    """Distance between the upper outlines of the grains: their heights, and the steepness of their steepest quarter.

    Sand comes to rest at its angle of repose; sand that runs flat or stands as a wall has another outline, however
    much of it is seen. A difference of slopes counts as the height by which it is off over a quarter of the heap's
    visible width, so that both are lengths; the larger one counts. Silent in a scene without grains.
    Unit: share of the picture's side.
    """

    span: int = 8
    """Columns over which a slope is measured [px]: below, single grains are steep."""

    def __post_init__(self) -> None:
        if self.span < 1:
            raise ValueError(f"metric heap_slope: span must be >= 1 px, got {self.span}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames; parts: slope (tangent) and height at the clips' ends."""
        check_pair(truth, other, "heap_slope")
        sight = look(truth.clip, other.clip)
        lines, unit = outline(sight, "grains"), "share of the picture's side"
        if lines is None:
            silence = np.full(len(sight.exact), np.nan, np.float32)
            return score(truth, other, "heap_slope", unit, silence, {}, {})
        side = float(np.sqrt(sight.exact[0].size))
        width = np.isfinite(lines.expected).sum(axis=1)
        steep, other_steep = (self._steepness(line) for line in (lines.expected, lines.got))
        high = mean_over_columns(np.abs(lines.got - lines.expected))
        away = np.fmax(high, np.abs(other_steep - steep) * width / 4) / side
        heights = [np.where(width > 0, np.nan_to_num(one).max(axis=1), np.nan) for one in (lines.expected, lines.got)]
        parts: dict[str, float] = {}
        for who, slope, height in zip(("truth", "other"), (steep, other_steep), heights, strict=True):
            parts |= {f"slope_{who}": float(slope[-1]), f"height_{who}": float(height[-1])}
        curves = {
            "slope of the grains' outline [-]": (steep.astype(np.float32), other_steep.astype(np.float32)),
            "height of the grains' outline [px]": (heights[0].astype(np.float32), heights[1].astype(np.float32)),
        }
        return score(truth, other, "heap_slope", unit, away.astype(np.float32), parts, curves)

    def _steepness(self, line: Float64) -> Float64:
        """Mean of the steepest quarter of each frame's slopes, as a tangent, shape (T,); NaN without an outline."""
        slopes = np.abs(line[:, self.span :] - line[:, : -self.span]) / self.span
        ordered = np.sort(np.where(np.isfinite(slopes), slopes, -1.0), axis=1)[:, ::-1]
        count = -(-np.isfinite(slopes).sum(axis=1) // 4)
        chosen = np.arange(ordered.shape[1])[None] < count[:, None]
        return np.where(count > 0, np.where(chosen, ordered, 0).sum(axis=1) / np.maximum(count, 1), np.nan)
