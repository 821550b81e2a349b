"""Water that was hit shimmers for a while: it neither calms down at once, nor boils."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score, typical
from pipeline.types import Bool, Float32, Float64, Score, Take, UInt8


@dataclass
class Agitation(Metric):
    """Distance between how restless a liquid looks, frame by frame.

    Ripples and splashes change the light of a liquid in place, where flow sees no motion to follow. The restlessness
    of a frame is the root mean square change of lightness since the frame before, over the pixels in which the truth
    shows liquid in both; what the background changes by meanwhile (noise, codec, flicker) is taken off in squares.
    Where a wave stands is chance, how long a liquid stays restless is its viscosity's doing. Silent in a scene
    without a liquid (grains are a texture, which trembles with the camera more than the background does).
    Unit: share of the truth's typical restlessness.
    """

    largest: float = 12.0
    """Change beyond which a pixel counts no more: a body that passes is not a ripple [8-bit lightness]."""
    quiet: float = 0.5
    """Typical restlessness that is assumed at least [8-bit lightness]."""

    def __post_init__(self) -> None:
        if self.largest <= 0 or self.quiet <= 0:
            raise ValueError(
                f"metric agitation: largest and quiet must be positive, got {self.largest} and {self.quiet}"
            )

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean distance of the two curves; parts: both means."""
        check_pair(truth, other, "agitation")
        sight = look(truth.clip, other.clip)
        liquids = [index for index, kind in enumerate(sight.kinds, start=1) if kind == "liquid"]
        liquid, background = np.isin(sight.exact, liquids), sight.exact == 0
        if not liquid.any():
            silence = np.full(len(sight.exact), np.nan, np.float32)
            return score(truth, other, "agitation", "share of the truth's motion", silence, {}, {})
        expected, got = (self._curve(lab[..., 0], liquid, background) for lab in (sight.truth_lab, sight.other_lab))
        distance = (np.abs(got - expected) / typical(expected, self.quiet)).astype(np.float32)
        parts = {"truth_mean": float(expected.mean()), "other_mean": float(got.mean())}
        curves = {"restlessness of the liquid": (expected.astype(np.float32), got.astype(np.float32))}
        return score(truth, other, "agitation", "share of the truth's motion", distance, parts, curves)

    def _curve(self, lightness: UInt8, liquid: Bool, background: Bool) -> Float64:
        """Restlessness of each frame, shape (T,), 0 in the first."""
        change = np.minimum(np.abs(np.diff(lightness.astype(np.float32), axis=0)), self.largest) ** 2
        within, beside = (_means(change, where[1:] & where[:-1]) for where in (liquid, background))
        return np.concatenate([[0.0], np.sqrt(np.maximum(within - beside, 0.0))])


def _means(values: Float32, where: Bool) -> Float64:
    """Mean of each frame over some pixels, 0 where there are none."""
    count = where.sum(axis=(1, 2))
    total = np.where(where, values, 0.0).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(total / np.maximum(count, 1))
