"""Whether time runs forwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._motion import by_arrival, check_pair, moving_speed, score, typical
from pipeline.types import Float64, Score, Take


@dataclass
class TimeDirection(Metric):
    """By how much better a piece of the clip's kinetic-energy curve fits the truth's backwards than forwards.

    Falls get faster and stop at a stroke, waves die down: the curve has a direction. Each piece of it is laid beside
    every piece of the truth's curve, as it is and turned around, so that what merely happens too early, too late, or
    elsewhere keeps its direction. A truth without one (a body that rests, a wave that swings) says nothing: both fit.
    Unit: share of the truth's motion.
    """

    still: float = 0.25
    """Motion below this counts as rest [px per frame]."""
    piece: int = 7
    """Pairs of frames in a piece, up to the frame at hand."""

    def __post_init__(self) -> None:
        if self.still < 0 or self.piece < 3:
            raise ValueError(
                f"metric time_direction: still must be >= 0 px and piece >= 3 frames, got {self.still}, {self.piece}"
            )

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the excess of the forward misfit over the backward one; both stand among the parts."""
        check_pair(truth, other, "time_direction")
        expected, got = (moving_speed(truth, take, self.still) for take in (truth, other))
        scale = typical(expected)
        forward, backward = (self._misfit(got, curve) / scale for curve in (expected, expected[::-1]))
        away = np.maximum(forward - backward, 0)
        parts = {"forward": float(forward.mean()), "backward": float(backward.mean())}
        # The truth fits itself forwards: it has no excess.
        curves = {"runs backwards by [px/frame]": (by_arrival(0 * away, truth), by_arrival(scale * away, truth))}
        unit = "share of the truth's motion"
        return score(truth, other, "time_direction", unit, by_arrival(away, truth), parts, curves)

    def _misfit(self, got: Float64, expected: Float64) -> Float64:
        """Root of the mean squared distance of each piece from the nearest piece of the other curve [px], (T-1,)."""
        size = min(self.piece, len(got))
        pieces, known = (
            np.lib.stride_tricks.sliding_window_view(np.pad(curve, (size - 1, 0), mode="edge"), size)
            for curve in (got, expected)
        )
        apart = np.mean((pieces[:, None] - known[None]) ** 2, axis=-1)
        return np.asarray(np.sqrt(apart.min(axis=1)))
