"""A vertical face of damp sand stands up to a critical height, and falls beyond it.

Coulomb 1773, as in Terzaghi, Theoretical Soil Mechanics (1943).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import GRAVITY, play, scene
from pipeline.materials.wet_sand import WetSand
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Measurement, Plot, Trajectory

HEIGHTS = {"low": 0.4, "high": 2.5}
"""Of the faces, in critical heights. Bounds on the factor 4 lie between 2.67 (tension cracks, Terzaghi 1943) and 4
times tan(45 + phi/2) (plane failure); in plane strain sand has some degrees more than its angle in triaxial
compression. So the low face is below every one of them, the high one above."""


def critical_height(cohesion: float, friction_angle: float, weight: float) -> float:
    """H_c = 4 c / gamma tan(45 + phi/2) [m], from cohesion [Pa], angle [rad] and weight per volume [N/m^3]."""
    return 4 * cohesion / weight * float(np.tan(np.pi / 4 + friction_angle / 2))


@dataclass
class VerticalCut(Law):
    """A block of wet sand against a wall, its other side free."""

    kind: ClassVar[str] = "sand"
    cells: int = field(default=12, metadata={"quick": 8})
    """Grid cells across the height."""

    @property
    def cases(self) -> Sequence[str]:
        """Below and above the critical height."""
        return tuple(f"{name} face, {height:g} critical heights" for name, height in HEIGHTS.items())

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """How far the upper half of the face's sand has sunk, in heights of the face."""
        if case not in self.cases:
            raise ValueError(f"Law vertical_cut: expected a case out of {', '.join(self.cases)}, got '{case}'")
        ratio = tuple(HEIGHTS.values())[self.cases.index(case)]
        sand = WetSand()
        height = ratio * critical_height(sand.cohesion, sand.friction_angle, sand.density * GRAVITY)
        happened, face = self._play(height, simulator)
        sunk = -(happened.particle_position[:, face, 2] - happened.particle_position[0, face, 2]).mean(axis=1) / height
        source = "Coulomb 1773: stands below 4 c / gamma tan(45 + phi/2)"
        # A face that falls sinks by a good part of its height; a standing one settles by its compressibility.
        expected, tolerance = (0.0, 0.02) if ratio < 1 else (0.5, 0.4)
        row = Measurement(
            f"{case}, {self.cells} cells a height", "sinking of the face's upper half / height", expected,
            float(sunk[-1]), tolerance, "1", source, "wet_sand",
        )  # fmt: skip
        plot = Plot("A vertical face of wet sand", "time [s]", "sinking / height", {case: (happened.time, sunk)})
        return Finding((row,), (plot,))

    def _play(self, height: float, simulator: Simulator) -> tuple[Trajectory, np.ndarray]:
        """What happens, and which particles are in the upper half near the face."""
        length, broad, cell = 0.7 * height, 0.5 * height, height / self.cells
        back = -1.25 * height
        sand = WetSand().fill(((back, -broad / 2, 0.0), (back + length, broad / 2, height)))
        seconds = 5 * float(np.sqrt(height / GRAVITY))
        world = scene([], sand, Container((-2 * back, broad, height)), seconds=seconds, fps=20 / seconds)
        happened = play(simulator, world, cell)
        x, _, z = happened.particle_position[0].T
        return happened, (x > back + length - 0.25 * height) & (z > height / 2)
