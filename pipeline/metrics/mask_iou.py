"""Where and when something moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._motion import by_arrival, check_pair, event_flow, score, speed
from pipeline.types import Float32, Score, Take


@dataclass
class MaskIou(Metric):
    """One minus the intersection over union of the two motion masks in space and time.

    Masks come from flow, not from brightness differences, so that motion between equally bright surfaces is seen
    and noise is not. They are soft: a pixel belongs to the mask by how far its speed is above `still`, wholly from
    twice that on, because what an estimator makes of noise, of a codec or of a shaking camera lies about that bound.
    Single pixels do not move by themselves and are opened away. Per frame the missing share is damped where little
    moves, (U - I) / (U + c) with a quarter of the truth's largest mask as c: two nearly empty masks that miss each
    other say little. Unit: share of the mask.
    """

    still: float = 0.5
    """Motion below this counts as rest [px per frame]; a mask forgets how fast, so it must not hold creeping noise."""
    tolerance: int = 3
    """Edge of the square by which masks are widened [px], odd: flow is not exact at a body's outline."""

    def __post_init__(self) -> None:
        if self.still <= 0:
            raise ValueError(f"metric mask_iou: still must be positive, got {self.still} px")
        if self.tolerance < 1 or self.tolerance % 2 == 0:
            raise ValueError(f"metric mask_iou: tolerance must be an odd number of pixels, got {self.tolerance}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the damped missing share; the plain space-time IoU stands among the parts."""
        check_pair(truth, other, "mask_iou")
        expected, got = (self._mask(truth, take) for take in (truth, other))
        both, either = (choose(expected, got).sum(axis=(1, 2)) for choose in (np.minimum, np.maximum))
        damping = max(0.25 * float(expected.sum(axis=(1, 2)).max()), 1e-3 * expected[0].size)
        per_frame = by_arrival((either - both) / (either + damping), truth)
        parts = {"space_time_iou": float(both.sum() / either.sum()) if either.any() else 1.0}
        moving = [by_arrival(mask.mean(axis=(1, 2)), truth) for mask in (expected, got)]
        curves = {"moving area [share of the picture]": (moving[0], moving[1])}
        return score(truth, other, "mask_iou", "share of the mask", per_frame, parts, curves)

    def _mask(self, truth: Take, take: Take) -> Float32:
        """How much each pixel moves, 0..1, (T-1, H, W)."""
        import cv2

        soft = np.clip(speed(event_flow(truth, take, self.still)) / self.still - 1, 0, 1)
        speck, square = (np.ones((edge, edge), np.uint8) for edge in (3, self.tolerance))
        return np.stack([cv2.dilate(cv2.morphologyEx(one, cv2.MORPH_OPEN, speck), square) for one in soft])
