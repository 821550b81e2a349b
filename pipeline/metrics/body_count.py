"""Bodies neither appear nor vanish, and there are as many of each as there were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.metrics._tracks import trusted
from pipeline.types import Bool, Float64, Score, Take


@dataclass
class BodyCount(Metric):
    """Difference between how many pieces of each body's colour are seen, as far as the truth shows the body.

    A piece counts by its area, up to a quarter of what the truth shows of the body in that frame: a second ball is
    one body more, a splinter or a speck is nothing, no piece at all is one body less. Amounts do not see a body that
    doubles while it dives; how many there are is told however much of each is seen. Silent without bodies.
    Unit: bodies.
    """

    smallest: float = 0.001
    """Area below which nothing is counted, as a share of the picture."""

    def __post_init__(self) -> None:
        if not 0 < self.smallest < 1:
            raise ValueError(f"metric body_count: smallest must be a share in 0..1, got {self.smallest}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the sum over bodies; NaN per frame without bodies."""
        check_pair(truth, other, "body_count")
        sight = look(truth.clip, other.clip)
        least = self.smallest * sight.exact[0].size
        away = np.full(len(sight.exact), np.nan)
        parts, curves = {}, {}
        for index, (id, name, kind) in enumerate(zip(sight.ids, sight.names, sight.kinds, strict=True), start=1):
            if kind != "rigid":
                continue
            exact = sight.exact == index
            known = trusted(sight.truth == index, exact)
            area = exact.sum(axis=(1, 2)).astype(np.float64)
            expected, got = (_pieces((told == index) & known, area, least) for told in (sight.truth, sight.other))
            away = np.nan_to_num(away) + np.abs(got - expected)
            parts[f"count_{id}_{name.replace(' ', '_')}"] = float(got.mean())
            curves[f"number of {name} ({id}) [bodies]"] = (expected.astype(np.float32), got.astype(np.float32))
        return score(truth, other, "body_count", "bodies", away.astype(np.float32), parts, curves)


def _pieces(mask: Bool, area: Float64, least: float) -> Float64:
    """How many bodies the connected regions of each frame make up, given the area of one in full view, shape (T,)."""
    import cv2

    count = np.zeros(len(mask))
    for t, frame in enumerate(mask.astype(np.uint8)):
        # A stripe or a ripple across a body does not make it two.
        joined = cv2.morphologyEx(frame, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        _, labels = cv2.connectedComponents(joined)
        sizes = np.bincount(labels[frame > 0], minlength=1)[1:]
        whole = max(0.25 * area[t], least)
        count[t] = np.clip(sizes / whole, 0, 1)[sizes >= 0.25 * whole].sum()
    return count
