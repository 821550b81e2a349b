"""Where the bodies are: the paths of their visible centres in two clips of the same event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics._appearance import Sight
from pipeline.types import Bool, Float64


@dataclass(frozen=True)
class Track:
    """One body in both clips."""

    id: int
    name: str
    expected: Float64
    """Centre (x, y) in the truth [px], shape (T, 2); 0 where it is not seen."""
    seen: Float64
    """Area in the truth [px], shape (T,)."""
    got: Float64
    """Centre in the other clip [px], shape (T, 2); 0 where it is not found."""
    found: Float64
    """Area in the other clip [px], shape (T,)."""
    exact: Bool
    """Pixels of the body from the truth's layers, shape (T, H, W)."""


def tracks(sight: Sight) -> list[Track]:
    """Of every rigid body of the truth, by colour in both clips alike."""
    found = []
    for index, (id, name, kind) in enumerate(zip(sight.ids, sight.names, sight.kinds, strict=True), start=1):
        if kind == "rigid":
            exact = sight.exact == index
            known = trusted(sight.truth == index, exact)
            pair = (centre((region == index) & known) for region in (sight.truth, sight.other))
            found.append(Track(id, name.replace(" ", "_"), *next(pair), *next(pair), exact))
    return found


def centre(mask: Bool) -> tuple[Float64, Float64]:
    """Centre of each frame's region (x, y) [px], shape (T, 2), 0 where it is empty; and its area [px], shape (T,)."""
    rows, columns = mask.sum(axis=2), mask.sum(axis=1)
    area = columns.sum(axis=1).astype(np.float64)
    divide = np.maximum(area, 1)
    x = columns @ np.arange(mask.shape[2]) / divide
    y = rows @ np.arange(mask.shape[1]) / divide
    return np.stack([x, y], axis=-1), area


def trusted(told: Bool, exact: Bool) -> Bool:
    """Pixels at which the classifier does not take the truth's surroundings for the body, shape (H, W)."""
    return np.asarray((told & ~exact).mean(axis=0) < 0.1)
