"""Whether each body is where it should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.metrics._tracks import tracks
from pipeline.types import Score, Take


@dataclass
class MotionPath(Metric):
    """Distance between the paths of the bodies' visible centres.

    Flow does not speak about a body that rests in the wrong place; its path does. A body that cannot be found is
    not left out of the mean (that rewards vanishing): it is a whole diagonal away, as far as anything can be. A body
    counts by how much of it the truth shows, so that one that sinks into sand fades out of the comparison.
    Unit: share of the picture's diagonal.
    """

    smallest: float = 0.002
    """Area below which a body's centre is not known well, as a share of the picture."""

    def __post_init__(self) -> None:
        if not 0 < self.smallest < 1:
            raise ValueError(f"metric motion_path: smallest must be a share in 0..1, got {self.smallest}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the farthest body's distance; NaN per frame without bodies."""
        check_pair(truth, other, "motion_path")
        sight = look(truth.clip, other.clip)
        height, width = sight.exact.shape[1:]
        bodies = tracks(sight)
        away = np.full((max(len(bodies), 1), len(sight.exact)), np.nan)
        parts, curves = {}, {}
        for row, body in enumerate(bodies):
            distance = np.linalg.norm(body.got - body.expected, axis=-1) / np.hypot(height, width)
            most = float(body.seen.max())
            weight = np.clip(body.seen / max(most, self.smallest * height * width), 0, 1)
            sure = np.clip(body.found / max(0.25 * most, 1.0), 0, 1)
            away[row] = weight * (sure * distance + (1 - sure))
            parts[f"distance_{body.id}_{body.name}"] = float(away[row].mean())
            curves[f"height of {body.name.replace('_', ' ')} ({body.id}) [px]"] = (
                np.where(body.seen > 0, height - body.expected[:, 1], np.nan).astype(np.float32),
                np.where(body.found > 0, height - body.got[:, 1], np.nan).astype(np.float32),
            )
        per_frame = away.max(axis=0).astype(np.float32)
        return score(truth, other, "motion_path", "share of the diagonal", per_frame, parts, curves)
