"""A body that lies on sand presses on it with its weight, no more and no less (Newton's first and third law)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law, _impacts
from pipeline.laws._scenes import GRAVITY
from pipeline.simulators import Simulator
from pipeline.types import Finding, Measurement, Plot

BALLS = {"wooden": 700.0, "steel": 7800.0}
"""Densities [kg/m^3]."""
SETTLED = 0.8
"""When the balls lie still [s]."""


@dataclass
class Rest(Law):
    """Balls laid on a bed."""

    kind: ClassVar[str] = "sand"
    diameter: float = 0.1
    """Of the balls [m]."""
    bed: float = 0.2
    """Depth of the bed [m]."""
    cells: int = field(default=6, metadata={"quick": 4})
    """Grid cells across the ball."""

    @property
    def cases(self) -> Sequence[str]:
        """A light and a heavy ball."""
        return tuple(f"{ball} ball" for ball in BALLS)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """The mean force over the last quarter of a second."""
        if case not in self.cases:
            raise ValueError(f"Law rest: expected a case out of {', '.join(self.cases)}, got '{case}'")
        density = BALLS[case.removesuffix(" ball")]
        laid = (simulator, density, 0.0, self.diameter, self.bed, self.cells)
        happened = _impacts.struck(*laid, seconds=SETTLED + 0.25)
        weight = density * np.pi / 6 * self.diameter**3 * GRAVITY
        force = happened.body_impulse[:, 0, 2] * _impacts.FPS / weight
        still = happened.time > SETTLED
        resolved = f"{case}, {self.cells} cells a diameter"
        rows = (
            Measurement(
                resolved, "force on the body / its weight", 1.0, float(force[still].mean()), 0.01, "1",
                "Newton 1687: a body at rest", "sand",
            ),
        )  # fmt: skip
        plot = Plot("Balls laid on sand", "time [s]", "force / weight", {case: (happened.time, force)})
        return Finding(rows, (plot,))
