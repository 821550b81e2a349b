"""What is seen inside a liquid: bodies below the surface, foam, the floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import Sight, look
from pipeline.metrics._motion import check_pair, score
from pipeline.types import Bool, Float64, Score, Take, UInt8


@dataclass
class Submerged(Metric):
    """Distance between how much of the liquid looks unlike the liquid at the beginning.

    Exact layers name the first surface that a ray hits: a body below the surface is liquid to them, and no colour
    that was learned above the water finds it there. But it is seen. What differs from the liquid's own colours in the
    truth's first frame at that place is counted in both clips. A difference of areas is divided by the square root of
    the picture's area times the largest such area, as in `_amount.py`. Silent in a scene without a liquid.
    Unit: share of the picture's side.
    """

    unlike: float = 24.0
    """Distance in 8-bit Lab from which a colour is another one."""
    smallest: float = 0.002
    """Area that is taken to be unlike at least, as a share of the picture."""

    def __post_init__(self) -> None:
        if self.unlike <= 0 or not 0 < self.smallest < 1:
            raise ValueError(
                f"metric submerged: unlike must be positive and smallest a share in 0..1, got {self.unlike} "
                f"and {self.smallest}"
            )

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the strip's width; part: the relative change, negative for too little."""
        check_pair(truth, other, "submerged")
        sight = look(truth.clip, other.clip)
        if "liquid" not in sight.kinds:
            silence = np.full(len(sight.exact), np.nan, np.float32)
            return score(truth, other, "submerged", "share of the picture's side", silence, {}, {})
        where = _liquid(sight)
        expected, got = (self._area(lab, sight.truth_lab[0], where) for lab in (sight.truth_lab, sight.other_lab))
        picture = sight.exact[0].size
        largest = max(float(expected.max()), self.smallest * picture)
        away = (np.abs(got - expected) / np.sqrt(largest * picture)).astype(np.float32)
        parts = {"change": float((got - expected).mean() / largest)}
        curves = {"seen in the liquid [px]": (expected.astype(np.float32), got.astype(np.float32))}
        return score(truth, other, "submerged", "share of the picture's side", away, parts, curves)

    def _area(self, lab: UInt8, first: UInt8, where: Bool) -> Float64:
        """Area of each frame that is unlike the first frame's liquid nearby [px], softly counted, shape (T,)."""
        import cv2

        block = np.ones((5, 5), np.uint8)
        low, high = cv2.erode(first, block).astype(np.float32), cv2.dilate(first, block).astype(np.float32)
        outside = np.maximum(low - lab, lab - high).clip(0)
        # Lightness changes with waves and shadows; it counts half.
        outside[..., 0] *= 0.5
        soft = np.clip(np.sqrt(np.einsum("thwc,thwc->thw", outside, outside)) / self.unlike, 0, 1)
        # Rims of single pixels are what a codec makes of a coloured outline.
        speck = np.ones((3, 3), np.uint8)
        seen = np.stack([cv2.morphologyEx(frame, cv2.MORPH_OPEN, speck) for frame in soft])
        return np.asarray((seen * where).sum(axis=(1, 2), dtype=np.float64))


def _liquid(sight: Sight) -> Bool:
    """Where the truth's first frame shows liquid and the frame at hand no body above it, (T, H, W)."""
    media = [index for index, kind in enumerate(sight.kinds, start=1) if kind == "liquid"]
    return np.isin(sight.exact[:1], media) & np.isin(sight.exact, media)
