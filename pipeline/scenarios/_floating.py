"""How deep a solid swims."""

from __future__ import annotations

import numpy as np

from pipeline.types import Float64, Mesh

HALVINGS = 40


def waterline(points: Float64, mesh: Mesh, volume: float, share: float) -> float:
    """The height [m] below which `share` of a solid's `volume` [m^3] lies, with its corners at `points` (V, 3) [m].

    Archimedes: a body of `share` of a liquid's density swims with its surface there.
    """
    low, high = float(points[:, 2].min()), float(points[:, 2].max())
    for _ in range(HALVINGS):
        level = (low + high) / 2
        low, high = (level, high) if below(points, mesh, level) < share * volume else (low, level)
    return (low + high) / 2


def below(points: Float64, mesh: Mesh, level: float) -> float:
    """Volume [m^3] of the solid below a height [m]: the flux through its surface of a field that is min(z - level, 0)
    upwards, whose divergence is 1 below the level and 0 above."""
    a, b, c = (points[mesh.faces[:, corner]] for corner in range(3))
    upward = np.cross(b - a, c - a)[:, 2] / 2
    return float(upward @ _mean_depth(np.sort(np.stack([a[:, 2], b[:, 2], c[:, 2]], -1) - level, axis=1)))


def _mean_depth(height: Float64) -> Float64:
    """Mean of min(z, 0) over triangles whose corners are at heights (F, 3), ascending."""
    low, middle, high = height.T
    mean = np.where(high <= 0, height.mean(axis=1), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # One corner below: a triangle similar to the whole; one above: the whole less such a triangle.
        one = low / 3 * (low / (low - middle)) * (low / (low - high))
        two = height.mean(axis=1) - high / 3 * (high / (high - low)) * (high / (high - middle))
    mean = np.where((low < 0) & (middle > 0), one, mean)
    return np.asarray(np.where((middle <= 0) & (high > 0), two, mean))
