"""Nothing vanishes, appears, melts away or multiplies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.types import Score, Take


@dataclass
class VisibleAmount(Metric):
    """Distance between how much of each body and of the medium is visible over time.

    Flow alone does not see slow loss of mass. Here every body and the medium is told by its colour in both clips
    with one classifier (see `_appearance.py`); |A_other(t) - A_truth(t)| is divided by the largest area that the
    thing has in the truth, and the thing that is off most counts: one vanished body among five is an impossible
    clip, not a fifth of one. Unit: share of the visible area.
    """

    smallest: float = 0.002
    """Area that a thing is taken to have at least, as a share of the picture."""

    def __post_init__(self) -> None:
        if not 0 < self.smallest < 1:
            raise ValueError(f"metric visible_amount: smallest must be a share in 0..1, got {self.smallest}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the largest relative difference; parts: each thing's, signed (negative: too little)."""
        check_pair(truth, other, "visible_amount")
        sight = look(truth.clip, other.clip)
        area = sight.exact[0].size
        change = np.zeros((max(len(sight.ids), 1), len(sight.exact)))
        parts, curves = {}, {}
        for index, (id, name) in enumerate(zip(sight.ids, sight.names, strict=True)):
            seen = ((region == index + 1).sum(axis=(1, 2)) for region in (sight.truth, sight.other, sight.exact))
            expected, got, exact = seen
            change[index] = (got - expected) / max(float(exact.max()), self.smallest * area)
            parts[f"change_{id}_{name.replace(' ', '_')}"] = float(change[index].mean())
            curves[f"{name} ({id}) [px]"] = (expected.astype(np.float32), got.astype(np.float32))
        per_frame = np.abs(change).max(axis=0).astype(np.float32)
        return score(truth, other, "visible_amount", "share of the visible area", per_frame, parts, curves)
