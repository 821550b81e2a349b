"""Draws that every scenario makes."""

from __future__ import annotations

import numpy as np

from pipeline.types import Float64, Vector

Quaternion = tuple[float, float, float, float]
"""(x, y, z, w)"""


def between(rng: np.random.Generator, limits: list[float]) -> float:
    """A number drawn evenly from limits[0] .. limits[1]."""
    low, high = limits
    return float(rng.uniform(low, high))


def orientation(rng: np.random.Generator) -> Quaternion:
    """A rotation drawn evenly (Shoemake 1992), as a quaternion (x, y, z, w)."""
    x, y, z, w = (quaternion := rng.normal(size=4)) / np.linalg.norm(quaternion)
    return float(x), float(y), float(z), float(w)


def rotation(quaternion: Quaternion) -> Float64:
    """Matrix of a unit quaternion (x, y, z, w), body to world."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def vector(values: Float64) -> Vector:
    """Three numbers as a tuple."""
    x, y, z = (float(value) for value in values)
    return x, y, z
