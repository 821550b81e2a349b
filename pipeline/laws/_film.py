"""A sheet of liquid that runs down one wall of a container, free on its other side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.laws._liquids import liquid
from pipeline.laws._scenes import GRAVITY, scene
from pipeline.materials._liquid import Liquid
from pipeline.types import Container, Float64, Scene, Trajectory

ASPECT = 6.0
"""Width between the side walls / thickness: in the middle third they take 1 % of the velocity."""


@dataclass(frozen=True)
class Film:
    """The layer on an incline, drawn upright: the wall x = low is the incline, gravity leans towards it.

    Only its middle is looked at, before the disturbance from its upper end (speed rho g sin(slope) h^2 / mu) gets
    there; sheets long enough for that have a small Reynolds number.
    """

    material: Liquid
    thickness: float
    """h [m]"""
    slope: float
    """Of the incline [rad]; pi / 2 is upright."""
    seconds: float
    """Until it is looked at [s]."""
    fall: float
    """Way of its fastest part until then [m]."""

    @property
    def pull(self) -> float:
        """rho g sin(slope) / mu [1/(m s)]."""
        return self.material.density * GRAVITY * float(np.sin(self.slope)) / self.material.viscosity

    @property
    def length(self) -> float:
        """Of the sheet down the incline [m]."""
        return 3 * self.fall + 5 * self.thickness

    def scene(self) -> Scene:
        """The sheet at rest, on its wall."""
        h, width = self.thickness, ASPECT * self.thickness
        low, base = -1.5 * h, self.fall + h
        medium = liquid((low, -width / 2, base), (low + h, width / 2, base + self.length), self.material)
        gravity = (-GRAVITY * float(np.cos(self.slope)), 0.0, -GRAVITY * float(np.sin(self.slope)))
        container = Container((3 * h, width, base + self.length))
        return scene(medium=medium, container=container, seconds=self.seconds, fps=8 / self.seconds, gravity=gravity)

    def middle(self, happened: Trajectory) -> tuple[Float64, Float64]:
        """Distance from the wall [m] and speed down [m/s] of the particles in the middle at the end, each (n,)."""
        h = self.thickness
        x, y, z = happened.particle_position[-1].astype(np.float64).T
        foot, top = self.fall + h + h, self.fall + h + self.length - 2 * self.fall - 1.5 * h
        inside = (np.abs(y) < ASPECT * h / 6) & (z > foot) & (z < top)
        return x[inside] + 1.5 * h, -happened.particle_velocity[-1][inside, 2].astype(np.float64)
