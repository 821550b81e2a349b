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
