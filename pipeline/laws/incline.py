"""A layer of sand on an incline begins to slide where the slope's tangent is its friction (Coulomb 1773)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import GRAVITY, play, scene
from pipeline.materials.sand import Sand
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Float64, Measurement, Plot

FLOORS = {"rough floor": 1.0, "smooth floor": Sand().wall_friction}
"""Coulomb coefficients: on the first the sand slides within itself, on the second along the floor."""
SLOPES = (-6.0, -4.0, -2.0, 0.0, 2.0)
"""Inclinations that are tried, from the angle expected [degree]."""
SLID = 0.5
"""What the top of a sliding layer covers at least, in its depths; one that only leans over moves less."""
LENGTH, BREADTH, FREE = 18.0, 8.0, 2.0
"""Of the layer, and what is free beside and below it, in depths; its edges crumble, its middle does not know."""


@dataclass
class Incline(Law):
    """A layer that touches no wall, under gravity that is tilted along it."""

    kind: ClassVar[str] = "sand"
    depth: float = 0.08
    """Of the layer [m]."""
    cells: int = field(default=4, metadata={"quick": 3})
    """Grid cells across the depth."""
    seconds: float = 0.6
    """For which a slope is watched."""

    @property
    def cases(self) -> Sequence[str]:
        """Floors, each with several slopes."""
        return tuple(f"{floor}, {self.cells} cells a depth" for floor in FLOORS)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """The slope between the steepest that stands and the next one."""
        if case not in self.cases:
            raise ValueError(f"Law incline: expected a case out of {', '.join(self.cases)}, got '{case}'")
        friction = tuple(FLOORS.values())[self.cases.index(case)]
        expected = float(np.degrees(min(np.arctan(friction), Sand().friction_angle)))
        slopes = expected + np.array(SLOPES)
        moved = np.array([self._moved(slope, friction, simulator) for slope in slopes])
        row = Measurement(
            case, "slope at which the layer begins to slide", expected, _onset(slopes, moved), 2.0, "degree",
            "Coulomb 1773: arctan mu", "sand",
        )  # fmt: skip
        plot = Plot(
            "Sand on an incline", "slope [degree]", f"way of the layer's top in {self.seconds:g} s / depth",
            {case: (slopes, moved)}, {f"{case}: arctan mu": (np.full(2, expected), np.array([0.0, moved.max()]))},
        )  # fmt: skip
        return Finding((row,), (plot,))

    def _moved(self, slope: float, friction: float, simulator: Simulator) -> float:
        """Way of the upper half of the layer, in its middle third, in depths."""
        d = self.depth
        half = ((LENGTH / 2 + FREE) * d, (BREADTH / 2 + FREE) * d)
        sand = Sand(wall_friction=friction).fill(
            ((-LENGTH / 2 * d, -BREADTH / 2 * d, 0.0), (LENGTH / 2 * d, BREADTH / 2 * d, d))
        )
        angle = np.radians(slope)
        gravity = (GRAVITY * float(np.sin(angle)), 0.0, -GRAVITY * float(np.cos(angle)))
        container = Container((2 * half[0], 2 * half[1], d))
        world = scene([], sand, container, seconds=self.seconds, fps=1 / self.seconds, gravity=gravity)
        happened = play(simulator, world, d / self.cells)
        x, y, z = happened.particle_position[0].T / d
        watched = (np.abs(x) < LENGTH / 6) & (np.abs(y) < BREADTH / 6) & (z > 0.5)
        return float((happened.particle_position[-1, watched, 0] / d - x[watched]).mean())


def _onset(slopes: Float64, moved: Float64) -> float:
    """Slope at which the way passes SLID, on straight lines between the slopes tried; beyond them their end."""
    flowing = np.flatnonzero(moved > SLID)
    if len(flowing) == 0 or flowing[0] == 0:
        return float(slopes[-1] if len(flowing) == 0 else slopes[0])
    after = int(flowing[0])
    share = (SLID - moved[after - 1]) / (moved[after] - moved[after - 1])
    return float(slopes[after - 1] + share * (slopes[after] - slopes[after - 1]))
