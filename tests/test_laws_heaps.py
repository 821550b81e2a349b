"""How heaps are measured, on heaps that are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.laws import _heaps

SPACING = 0.005


def cone(slope: float, radius: float = 0.2) -> np.ndarray:
    """Regular particles of a cone on the floor."""
    axis = np.arange(-radius, radius, SPACING) + SPACING / 2
    x, y, z = np.meshgrid(axis, axis, axis - axis.min() + SPACING / 2, indexing="ij")
    inside = z < (radius - np.hypot(x, y)) * np.tan(np.radians(slope))
    return np.stack([x[inside], y[inside], z[inside]], axis=-1).astype(np.float32)


def test_a_cone_has_its_slope_its_height_and_its_reach() -> None:
    grains = cone(30)
    distance, depth = _heaps.round_profile(grains, SPACING**3, 0.2)
    assert _heaps.chord(distance, depth, np.tan(np.radians(30))) == pytest.approx(30, abs=1)
    assert _heaps.reach(distance, depth, _heaps.MARGIN) == pytest.approx(1, abs=0.03)
    assert _heaps.summit(grains, SPACING, 0.03) == pytest.approx(0.2 * np.tan(np.radians(30)), abs=1.5 * SPACING)


def test_a_profile_holds_all_the_volume() -> None:
    grains = cone(40)
    distance, depth = _heaps.round_profile(grains, SPACING**3, 0.2)
    rings = 2 * np.pi * distance * _heaps.BIN
    assert (rings * depth).sum() * 0.2**3 == pytest.approx(len(grains) * SPACING**3)
    along, level = _heaps.flat_profile(grains[:, 0] + 0.2, SPACING**3, 0.4, 0.2)
    assert level.sum() * _heaps.BIN * 0.4 * 0.2**2 == pytest.approx(len(grains) * SPACING**3)
    assert along[0] == pytest.approx(_heaps.BIN / 2)
