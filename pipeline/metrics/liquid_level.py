"""How high a liquid stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.metrics._outline import mean_over_columns, outline
from pipeline.types import Score, Take


@dataclass
class LiquidLevel(Metric):
    """Distance between the liquid's levels, and between the shapes of its upper outline.

    Waves move the outline up here and down there; its mean over the picture's columns is what the volume fixes, and
    what it settles to. The outline itself counts half: a liquid that heaps keeps its mean and loses its level shape.
    Silent in a scene without a liquid. Unit: share of the picture's side.
    """

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames; parts: the level of the last quarter of both clips [px]."""
        check_pair(truth, other, "liquid_level")
        sight = look(truth.clip, other.clip)
        lines, unit = outline(sight, "liquid"), "share of the picture's side"
        if lines is None:
            silence = np.full(len(sight.exact), np.nan, np.float32)
            return score(truth, other, "liquid_level", unit, silence, {}, {})
        levels = [mean_over_columns(line) for line in (lines.expected, lines.got)]
        shape = mean_over_columns(np.abs(lines.got - lines.expected))
        away = np.fmax(np.abs(levels[1] - levels[0]), 0.5 * shape) / np.sqrt(sight.exact[0].size)
        settled = slice(-max(len(away) // 4, 1), None)
        names = ("settled_truth", "settled_other")
        parts = {name: _mean(level[settled]) for name, level in zip(names, levels, strict=True)}
        curves = {"level of the liquid [px]": (levels[0].astype(np.float32), levels[1].astype(np.float32))}
        return score(truth, other, "liquid_level", unit, away.astype(np.float32), parts, curves)


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
