"""Whether each body is where it should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.types import Bool, Float64, Score, Take


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
        bodies = [index for index, kind in enumerate(sight.kinds) if kind == "rigid"]
        away = np.full((max(len(bodies), 1), len(sight.exact)), np.nan)
        parts, curves = {}, {}
        for row, index in enumerate(bodies):
            name, known = sight.names[index], self._trusted(sight.truth == index + 1, sight.exact == index + 1)
            expected, seen = _centre((sight.truth == index + 1) & known)
            got, found = _centre((sight.other == index + 1) & known)
            distance = np.linalg.norm(got - expected, axis=-1) / np.hypot(height, width)
            weight = np.clip(seen / max(float(seen.max()), self.smallest * height * width), 0, 1)
            sure = np.clip(found / max(0.25 * float(seen.max()), 1.0), 0, 1)
            away[row] = weight * (sure * distance + (1 - sure))
            parts[f"distance_{sight.ids[index]}_{name.replace(' ', '_')}"] = float(away[row].mean())
            curves[f"height of {name} ({sight.ids[index]}) [px]"] = (
                np.where(seen > 0, height - expected[:, 1], np.nan).astype(np.float32),
                np.where(found > 0, height - got[:, 1], np.nan).astype(np.float32),
            )
        per_frame = away.max(axis=0).astype(np.float32)
        return score(truth, other, "motion_path", "share of the diagonal", per_frame, parts, curves)

    def _trusted(self, told: Bool, exact: Bool) -> Bool:
        """Pixels at which the classifier does not take the truth's surroundings for the body, shape (H, W)."""
        return np.asarray((told & ~exact).mean(axis=0) < 0.1)


def _centre(mask: Bool) -> tuple[Float64, Float64]:
    """Centre of each frame's region (x, y) [px], shape (T, 2), 0 where it is empty; and its area [px], shape (T,)."""
    rows, columns = mask.sum(axis=2), mask.sum(axis=1)
    area = columns.sum(axis=1).astype(np.float64)
    divide = np.maximum(area, 1)
    x = columns @ np.arange(mask.shape[2]) / divide
    y = rows @ np.arange(mask.shape[1]) / divide
    return np.stack([x, y], axis=-1), area
