"""How much moves, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._motion import by_arrival, check_pair, moving_speed, score, typical
from pipeline.types import Float64, Score, Take


@dataclass
class KineticEnergy(Metric):
    """Distance between two kinetic-energy curves, the root of the mean squared flow per frame.

    The curve falls freely, hits, spreads and dies down in an order of its own: played backwards, slowed, frozen or
    started without a cause it is another curve. Unit: share of the truth's typical motion, its root mean square
    over the clip, so that a clip in which nothing moves is about 1 away.
    """

    still: float = 0.25
    """Motion below this counts as rest [px per frame]."""
    quiet: float = 0.05
    """Typical motion that is assumed at least, so that a truth at rest does not divide by zero [px per frame]."""

    def __post_init__(self) -> None:
        if self.still < 0 or self.quiet <= 0:
            raise ValueError(
                f"metric kinetic_energy: still must be >= 0 and quiet > 0 px, got {self.still} and {self.quiet}"
            )

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean distance of the two curves; the largest steps of both curves stand among the parts."""
        check_pair(truth, other, "kinetic_energy")
        expected, got = (moving_speed(truth, take, self.still) for take in (truth, other))
        parts = {
            "truth_mean": float(expected.mean()),
            "other_mean": float(got.mean()),
            "truth_largest_step": _largest_step(expected),
            "other_largest_step": _largest_step(got),
        }
        curves = {"moving speed [px/frame]": (by_arrival(expected, truth), by_arrival(got, truth))}
        distance = by_arrival(np.abs(got - expected) / typical(expected, self.quiet), truth)
        return score(truth, other, "kinetic_energy", "share of the truth's motion", distance, parts, curves)


def _largest_step(curve: Float64) -> float:
    """Largest change between neighbouring frames [px]: an impact, or a jump that should not be there."""
    return float(np.abs(np.diff(curve)).max(initial=0.0))
