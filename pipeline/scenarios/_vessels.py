"""The hollow of vessels that hold a medium."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.types import Float64


class Inside(NamedTuple):
    """The round hollow of a cup that stands on the floor, its axis through (0, 0)."""

    radius: float
    """[m]"""
    floor: float
    """Height of its floor [m]."""
    brim: float
    """[m]"""
    foot: float
    """Radius of the outside [m]."""


def hollow(points: Float64) -> tuple[Inside, Float64]:
    """The inside of a cup with its handle along x, from its corners (V, 3) [m], and where the middle of its foot is."""
    low, high = points.min(axis=0), points.max(axis=0)
    foot = float(high[1] - low[1]) / 2
    middle = np.array([low[0] + foot, (low[1] + high[1]) / 2, low[2]])
    radius = np.hypot(*(points - middle)[:, :2].T)
    floor = float(points[radius < 0.01 * foot, 2].max() - low[2])
    inner = float(radius[radius > 0.01 * foot].min())
    return Inside(inner, floor, float(high[2] - low[2]), foot), middle
