"""Nothing gains energy of motion without a cause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._motion import by_arrival, check_pair, moving_speed, score, typical
from pipeline.types import Float64, Score, Take


@dataclass
class EnergyGrowth(Metric):
    """By how much motion grows from one frame to the next where it does not grow in the truth.

    A cause (a body that hits, a wave that breaks) lies in the truth within a few frames; what it lets grow by any
    amount up to the truth's own largest step nearby is no fault. Motion that dies down too early is none either: other
    metrics see that. Unit: share of the truth's motion.
    """

    still: float = 0.25
    """Motion below this counts as rest [px per frame]."""
    nearby: int = 2
    """Frames by which a cause may come earlier or later."""

    def __post_init__(self) -> None:
        if self.still < 0 or self.nearby < 0:
            raise ValueError(
                f"metric energy_growth: still must be >= 0 px and nearby >= 0 frames, got {self.still}, {self.nearby}"
            )

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the growth that has no cause; part: the largest such step, as the same share."""
        check_pair(truth, other, "energy_growth")
        expected, got = (moving_speed(truth, take, self.still) for take in (truth, other))
        growth, allowed = _growth(got), _largest_around(_growth(expected), self.nearby)
        away = np.maximum(growth - allowed, 0) / typical(expected)
        curves = {"growth of motion [px/frame]": (by_arrival(_growth(expected), truth), by_arrival(growth, truth))}
        parts = {"largest": float(away.max())}
        return score(
            truth, other, "energy_growth", "share of the truth's motion", by_arrival(away, truth), parts, curves
        )


def _growth(curve: Float64) -> Float64:
    """Steps upwards, the same shape; 0 in the first pair, which has none before it."""
    return np.maximum(np.diff(curve, prepend=curve[:1]), 0)


def _largest_around(curve: Float64, reach: int) -> Float64:
    """Largest value within `reach` places of each."""
    padded = np.pad(curve, reach, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=-1))
