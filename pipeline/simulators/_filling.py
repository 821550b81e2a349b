"""Where a medium's particles are at t = 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.simulators._distance import outside
from pipeline.types import Body, Bool, Float64, Medium


def arrange(
    medium: Medium, bodies: Sequence[Body], counts: NDArray[np.int64], jitter: float, rng: np.random.Generator
) -> tuple[Float64, float]:
    """Particles [m], (N, 3), that fill what bodies leave free of the region, and the volume of each [m^3].

    `counts` (3,) particles fit along the region's edges; each is moved by up to `jitter` of its share of them, but
    not into a body.
    """
    low, high = np.asarray(medium.region, np.float64)
    edge = (high - low) / counts
    index = np.stack(np.meshgrid(*(np.arange(count) for count in counts), indexing="ij"), axis=-1).reshape(-1, 3)
    start = low + (index + 0.5) * edge
    moved = start + edge * rng.uniform(-jitter, jitter, index.shape)
    sample = float(edge.min()) / 2
    points = np.where(outside(bodies, moved, sample)[:, None], moved, start)
    return points[filled(medium, start) & outside(bodies, start, sample)], float(np.prod(edge))


def filled(medium: Medium, points: Float64) -> Bool:
    """Which of the points (N, 3) [m], all within the medium's region, the medium fills at t = 0.

    Raises ValueError for an unknown form.
    """
    low, high = np.asarray(medium.region)
    x, y, z = ((points - low) / (high - low)).T
    off_axis = np.hypot(2 * x - 1, 2 * y - 1)
    if medium.form == "box":
        return np.ones(len(points), bool)
    if medium.form == "cylinder":
        return np.asarray(off_axis <= 1)
    if medium.form == "cone":
        return np.asarray(off_axis <= 1 - z)
    raise ValueError(f"Medium {medium.material}: expected a form out of box, cylinder, cone, got '{medium.form}'")
