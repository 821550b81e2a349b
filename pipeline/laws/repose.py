"""Angle of repose: a cone that is too steep slides down to it, one that is less steep stands, a poured heap ends there.

Sand's own: 30 to 35 degrees (Lambe & Whitman, Soil Mechanics, 1969); internal friction makes it (Coulomb 1773).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pipeline.laws import Law, _heaps
from pipeline.laws._scenes import body, play, scene
from pipeline.materials._grains import Grains
from pipeline.materials.gravel import Gravel
from pipeline.materials.sand import Sand
from pipeline.scenarios import _shapes as shapes
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Float64, Measurement, Path, Plot, Trajectory

MATERIALS: dict[str, Grains] = {"sand": Sand(), "gravel": Gravel()}
STEEP = "cone of 45 degrees"
FLAT = "cone 3 degrees below repose"
POURED = "out of a tube that is lifted"
LIFT = 0.1
"""Speed of the tube [m/s]."""


@dataclass
class Repose(Law):
    """Cones of dry grains, steeper and less steep than the angle of repose, and heaps that run out of a lifted tube."""

    kind: ClassVar[str] = "sand"
    radius: float = 0.25
    """Of the cone's base [m]."""
    cells: int = field(default=12, metadata={"quick": 10})
    """Grid cells across the base's radius, as many as across a collapsing column's."""
    seconds: float = 1.5
    """What has not moved by then stands."""
    tube: float = 0.08
    """Inner radius of the tube [m]; the grains stand four times as high in it, so that the heap outgrows the flat top
    with which the last of them come down."""

    @property
    def cases(self) -> Sequence[str]:
        """A steep and a flat cone and a poured heap of each material."""
        return tuple(f"{name}, {cone}" for name in MATERIALS for cone in (STEEP, FLAT, POURED))

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """The slope of one cone at the end."""
        if case not in self.cases:
            raise ValueError(f"Law repose: expected a case out of {', '.join(self.cases)}, got '{case}'")
        name, cone = case.split(", ")
        flat = cone == FLAT
        repose = float(np.degrees(MATERIALS[name].friction_angle))
        start = repose - 3 if flat else 45.0
        grains = MATERIALS[name]
        happened = self._pour(grains, simulator) if cone == POURED else self._play(grains, start, simulator)
        slopes = [_slope(self._profile(happened, frame)) for frame in (0, -1)]
        source = "slides to friction angle, Coulomb 1773; -5/+2 degrees"
        rows = [
            Measurement(
                case, "slope between 20 % and 80 % of the height", repose - 1.5, slopes[1], 3.5, "degree", source, name
            )
        ]
        if flat:
            source = "below the angle of repose nothing moves, Coulomb 1773"
            rows = [Measurement(case, "slope lost", 0.0, slopes[0] - slopes[1], 1.0, "degree", source, name)]
        lines = {f"{cone}, {when}": self._profile(happened, f) for f, when in ((0, "start"), (-1, "end"))}
        plot = Plot(f"Cones of {name}", "distance / initial radius", "depth / initial radius", lines)
        return Finding(tuple(rows), (plot,))

    def _play(self, material: Grains, slope: float, simulator: Simulator) -> Trajectory:
        r = self.radius
        filled = material.fill(((-r, -r, 0.0), (r, r, r * float(np.tan(np.radians(slope))))))
        heap = replace(filled, form="cone")
        world = scene([], heap, Container((3.6 * r, 3.6 * r, r)), seconds=self.seconds, fps=1 / self.seconds)
        return play(simulator, world, r / self.cells)

    def _pour(self, material: Grains, simulator: Simulator) -> Trajectory:
        """Out of a round hole through a block, from below; as broad a cell as for the cones."""
        r, height, cell = self.tube, 4 * self.tube, self.radius / self.cells
        block = shapes.plate_with_hole((2 * r + 6 * cell, 2 * r + 6 * cell, height), 2 * r)
        seconds = 1.5 * height / LIFT
        centre = np.array([[0.0, 0.0, 0.5 * height], [0.0, 0.0, 2.0 * height]])
        lifted = Path(np.array([0.0, seconds]), centre, np.tile([0.0, 0.0, 0.0, 1.0], (2, 1)))
        filled = replace(material.fill(((-r, -r, 0.0), (r, r, height))), form="cylinder")
        bodies = [body(block, (0.0, 0.0, height / 2), path=lifted)]
        floor = Container((3.6 * self.radius, 3.6 * self.radius, height))
        world = scene(bodies, filled, floor, seconds=seconds + 0.5, fps=1 / (seconds + 0.5))
        return play(simulator, world, cell)

    def _profile(self, happened: Trajectory, frame: int) -> tuple[Float64, Float64]:
        return _heaps.round_profile(happened.particle_position[frame], happened.particle_spacing**3, self.radius)


def _slope(profile: tuple[Float64, Float64]) -> float:
    """Of the middle of a heap's flank [degree]; tip and toe are rounded by single cells."""
    distance, depth = profile
    top = float(np.average(depth[:3], weights=distance[:3]))  # by area: single rings at the tip hold a few particles
    return _heaps.chord(distance, depth, top, 0.2, 0.8)
