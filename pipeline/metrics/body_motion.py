"""Whether each body keeps moving, and settles, as it must."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import by_arrival, check_pair, score
from pipeline.metrics._thing_motion import apart, speeds
from pipeline.types import Score, Take


@dataclass
class BodyMotion(Metric):
    """Distance between how fast the bodies move over time, from the flow on their own pixels.

    A body that settles too early, never settles, or trembles is where it ought to be; only its speed tells. A body
    counts by how much of it the truth shows, so that one that sinks into sand fades out of the comparison. The body
    that is off most counts. Silent without bodies. Unit: share of the speed.
    """

    still: float = 0.25
    """Motion below this counts as rest [px per frame]."""
    quiet: float = 1.0
    """Speed below which differences fade [px per frame]."""
    smallest: float = 0.002
    """Area below which a body's motion is not known well, as a share of the picture."""

    def __post_init__(self) -> None:
        if self.still < 0 or self.quiet <= 0 or not 0 < self.smallest < 1:
            raise ValueError(
                "metric body_motion: still must be >= 0 px, quiet > 0 px and smallest a share in 0..1, "
                f"got {self.still}, {self.quiet} and {self.smallest}"
            )

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean distance of the curves of the body that is off most; NaN per frame without bodies."""
        check_pair(truth, other, "body_motion")
        sight = look(truth.clip, other.clip)
        away = np.full(len(sight.exact) - 1, np.nan)
        parts, curves = {}, {}
        for index, (id, name, kind) in enumerate(zip(sight.ids, sight.names, sight.kinds, strict=True), start=1):
            if kind != "rigid":
                continue
            seen = (sight.exact == index).sum(axis=(1, 2))[:-1]
            most = max(float(seen.max()), self.smallest * sight.exact[0].size)
            expected, got = (
                speeds(truth, take, told == index, self.still, 0.25 * most)
                for take, told in ((truth, sight.truth), (other, sight.other))
            )
            away = np.fmax(away, seen / most * apart(expected, got, self.quiet))
            parts[f"mean_{id}_{name.replace(' ', '_')}"] = float(got.mean())
            pair = (by_arrival(expected, truth), by_arrival(got, truth))
            curves[f"speed of {name} ({id}) [px/frame]"] = pair
        per_frame = by_arrival(away, truth)
        return score(truth, other, "body_motion", "share of the speed", per_frame, parts, curves)
