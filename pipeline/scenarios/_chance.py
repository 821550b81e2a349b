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


def check_spans(scenario: str, settings: object, *names: str) -> None:
    """Raises ValueError for a setting that is not two positive numbers, the larger one last."""
    for name in names:
        values = getattr(settings, name)
        if len(values) != 2 or not 0 < values[0] <= values[1]:
            raise ValueError(f"scenario {scenario}: {name} must be two positive numbers [from, to], got {values}")


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


def turned(quaternion: Quaternion, by: Vector) -> Quaternion:
    """An orientation, then turned about world axes by a rotation given as axis times angle [rad]."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = (Rotation.from_rotvec(by) * Rotation.from_quat(quaternion)).as_quat()
    return float(x), float(y), float(z), float(w)


def vector(values: Float64) -> Vector:
    """Three numbers as a tuple."""
    x, y, z = (float(value) for value in values)
    return x, y, z
