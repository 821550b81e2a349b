"""How a liquid's flow spreads and gathers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import by_arrival, check_pair, event_flow, score
from pipeline.metrics._thing_motion import apart
from pipeline.types import Bool, Float32, Float64, Score, Take


@dataclass
class Divergence(Metric):
    """Distance between how strongly the flow diverges inside the liquid over time.

    Seen from above a liquid spreads where something dives in and gathers where the hole fills; syrup, sand in
    disguise, or a surface that is only texture do not. The root of the mean square over the liquid's interior, where
    both clips show it, as the difference of velocity across `blur` px. Silent in a scene without a liquid.
    Unit: share of the speed.
    """

    still: float = 0.25
    """Motion below this counts as rest [px per frame]."""
    blur: int = 9
    """Edge of the square over which flow is averaged before it is differentiated [px], odd."""
    quiet: float = 1.0
    """Difference of velocity below which differences fade [px per frame]."""

    def __post_init__(self) -> None:
        if self.still < 0 or self.quiet <= 0:
            raise ValueError(
                f"metric divergence: still must be >= 0 and quiet > 0 px, got {self.still} and {self.quiet}"
            )
        if self.blur < 1 or self.blur % 2 == 0:
            raise ValueError(f"metric divergence: blur must be an odd number of pixels, got {self.blur}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean distance of the two curves; NaN per frame without a liquid."""
        check_pair(truth, other, "divergence")
        sight = look(truth.clip, other.clip)
        media = [index for index, kind in enumerate(sight.kinds, start=1) if kind == "liquid"]
        if not media:
            silence = np.full(len(sight.exact), np.nan, np.float32)
            return score(truth, other, "divergence", "share of the speed", silence, {}, {})
        inside = self._inside(np.isin(sight.truth, media) & np.isin(sight.other, media))
        expected, got = (self._curve(event_flow(truth, take, self.still), inside) for take in (truth, other))
        parts = {"mean_truth": float(expected.mean()), "mean_other": float(got.mean())}
        curves = {"divergence in the liquid [px/frame]": (by_arrival(expected, truth), by_arrival(got, truth))}
        per_frame = by_arrival(apart(expected, got, self.quiet), truth)
        return score(truth, other, "divergence", "share of the speed", per_frame, parts, curves)

    def _inside(self, liquid: Bool) -> Bool:
        """Pixels of each pair (T-1, H, W) whose neighbourhood is liquid."""
        import cv2

        square = np.ones((self.blur, self.blur), np.uint8)
        return np.stack([cv2.erode(one, square) > 0 for one in liquid[:-1].astype(np.uint8)])

    def _curve(self, flow: Float32, inside: Bool) -> Float64:
        """Root of the mean squared divergence over the interior of each pair [px per frame], (T-1,)."""
        import cv2

        found = np.zeros(len(flow))
        least = 1e-3 * inside[0].size
        for t, (frame, where) in enumerate(zip(flow, inside, strict=True)):
            smooth = cv2.blur(frame, (self.blur, self.blur))
            spread = np.gradient(smooth[..., 0], axis=1) + np.gradient(smooth[..., 1], axis=0)
            squared = np.square(self.blur * spread[where], dtype=np.float64).sum()
            found[t] = np.sqrt(squared / max(float(where.sum()), least))
        return found
