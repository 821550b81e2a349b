"""Whether the right things move, the right way, at the right time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._motion import by_arrival, check_pair, event_flow, score, speed
from pipeline.types import Float32, Score, Take


@dataclass
class MotionEndpointError(Metric):
    """End-point error of the flow, weighted by motion.

    Plain end-point error is an average over a picture that mostly stands still, and is at chance level. Here every
    pixel counts by the larger of the two speeds there, e_t = sum_x w |u - v| / <sum_x |u|^2>_t with w = max(|u|, |v|):
    0 for equal motion, about 1 if nothing moves, up to 2 if the same moves elsewhere. Unit: share of the truth's
    typical motion.
    """

    still: float = 0.25
    """Motion below this counts as rest [px per frame]."""
    blur: int = 9
    """Edge of the square over which flow is averaged first [px], odd: a displacement of a pixel is no other event."""
    quiet: float = 0.05
    """Typical motion that is assumed at least, as the root of the mean over the picture [px per frame]."""

    def __post_init__(self) -> None:
        if self.still < 0 or self.quiet <= 0:
            raise ValueError(
                f"metric motion_endpoint_error: still must be >= 0 and quiet > 0 px, got {self.still} and {self.quiet}"
            )
        if self.blur < 1 or self.blur % 2 == 0:
            raise ValueError(f"metric motion_endpoint_error: blur must be an odd number of pixels, got {self.blur}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the motion-weighted error."""
        check_pair(truth, other, "motion_endpoint_error")
        expected, got = (self._smooth(event_flow(truth, take, self.still)) for take in (truth, other))
        error, weight = speed(expected - got), np.maximum(speed(expected), speed(got))
        typical = max(float(np.mean(speed(expected).astype(np.float64) ** 2)), self.quiet**2)
        wrong, moving = ((weight * each).sum(axis=(1, 2), dtype=np.float64) for each in (error, weight))
        per_frame = by_arrival(wrong / (error[0].size * typical), truth)
        parts = {"endpoint_error_px": float(wrong.sum() / max(float(moving.sum()), 1e-9))}
        fastest = tuple(by_arrival(np.quantile(speed(flow), 0.99, axis=(1, 2)), truth) for flow in (expected, got))
        curves = {"fastest hundredth [px/frame]": (fastest[0], fastest[1])}
        return score(truth, other, "motion_endpoint_error", "share of the truth's motion", per_frame, parts, curves)

    def _smooth(self, flow: Float32) -> Float32:
        import cv2

        return np.stack([cv2.blur(frame, (self.blur, self.blur)) for frame in flow])
