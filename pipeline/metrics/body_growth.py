"""Whether each body keeps its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._amount import SMALLEST
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.metrics._tracks import tracks
from pipeline.types import Float64, Score, Take


@dataclass
class BodyGrowth(Metric):
    """Distance between how much the bodies' visible areas change, within half a second, while the bodies rest.

    How much of a body shows depends on how it tumbles and comes to lie, and re-draws differ in that; but once it
    rests it keeps what shows, and one that sags, swells or melts away does not. Differences of areas are divided as in
    `_amount.py`; the body that is off most counts. Silent without bodies. Unit: share of the picture's side.
    """

    span: float = 0.5
    """Time over which changes are added up [s]."""
    still: float = 0.5
    """Motion of a body's centre below this counts as rest [px per frame]."""

    def __post_init__(self) -> None:
        if self.span <= 0 or self.still <= 0:
            raise ValueError(f"metric body_growth: span and still must be positive, got {self.span} s, {self.still} px")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames; parts: each body's largest growth at rest that the truth does not show [px]."""
        check_pair(truth, other, "body_growth")
        sight = look(truth.clip, other.clip)
        frames, picture = max(round(self.span * truth.clip.fps), 1), sight.exact[0].size
        away = np.full(len(sight.exact), np.nan)
        parts, curves = {}, {}
        for body in tracks(sight):
            expected = self._growth(body.expected, body.seen, frames)
            got = self._growth(body.got, body.found, frames)
            largest = max(float(body.exact.sum(axis=(1, 2)).max()), SMALLEST * picture)
            away = np.fmax(away, np.abs(got - expected) / np.sqrt(largest * picture))
            parts[f"largest_{body.id}_{body.name}"] = float(np.abs(got - expected).max())
            pair = (expected.astype(np.float32), got.astype(np.float32))
            curves[f"growth at rest of {body.name.replace('_', ' ')} ({body.id}) [px]"] = pair
        return score(truth, other, "body_growth", "share of the picture's side", away.astype(np.float32), parts, curves)

    def _growth(self, centre: Float64, area: Float64, frames: int) -> Float64:
        """Change of a body's area over the last frames as far as it rested in them [px], (T,)."""
        rests = np.linalg.norm(np.diff(centre, axis=0, prepend=centre[:1]), axis=1) < self.still
        rests &= np.roll(rests, 1)
        rests[:2] = False
        total = np.cumsum(np.where(rests, np.diff(area, prepend=area[:1]), 0.0))
        before = np.maximum(np.arange(len(area)) - frames, 0)
        return np.asarray(total - total[before])
