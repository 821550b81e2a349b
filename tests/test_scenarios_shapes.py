"""Laws of the solids: mass and moments."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.scenarios import _shapes as shapes


def test_cup_and_plate_have_the_volume_and_moments_of_their_formulas() -> None:
    cup = shapes.cup(0.2, 0.12, 0.03, sections=256)
    outer, inner = np.pi * 0.1**2 * 0.12, np.pi * 0.07**2 * 0.09
    assert cup.volume == pytest.approx(outer - inner, rel=1e-3)
    assert cup.inertia_per_mass[2] == pytest.approx((outer * 0.1**2 - inner * 0.07**2) / 2 / (outer - inner), rel=1e-3)
    plate = shapes.plate_with_hole((0.3, 0.2, 0.03), 0.05, sections=256)
    assert plate.volume == pytest.approx(0.3 * 0.2 * 0.03 - np.pi * 0.025**2 * 0.03, rel=1e-3)
    for wrong in (lambda: shapes.cup(0.1, 0.1, 0.05), lambda: shapes.plate_with_hole((0.1, 0.1, 0.1), 0.1)):
        with pytest.raises(ValueError, match="expected"):
            wrong()


def test_tube_and_hopper_have_the_volume_of_their_formulas() -> None:
    tube = shapes.tube(0.2, 0.3, 0.03, sections=256)
    assert tube.volume == pytest.approx(np.pi * (0.13**2 - 0.1**2) * 0.3, rel=1e-3)
    hole, r, height, wall = 0.04, 0.11, 0.18, 0.03
    outer, neck = r + wall, (np.sqrt(2) - 1) * wall

    def frustum(low: float, high: float) -> float:
        return float(np.pi * (high - low) / 3 * (low**2 + low * high + high**2))  # as high as it widens: 45 degrees

    solid = frustum(hole + wall, outer) + np.pi * outer**2 * (height - (r - hole))
    hollow = frustum(hole, r) + np.pi * r**2 * (height - (r - hole) - neck)
    # The funnel's inner face starts at the neck's height over the rim, where the hole is a cylinder.
    hollow += np.pi * hole**2 * neck
    hopper = shapes.hopper(2 * hole, 2 * r, height, wall, sections=256)
    assert hopper.volume == pytest.approx(solid - hollow, rel=1e-3)
    with pytest.raises(ValueError, match="room above the funnel"):
        shapes.hopper(0.05, 0.3, 0.1, 0.03)
