"""Ducts, the liquids that slide down them, and the steady velocity in one of rectangular cross-section."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.laws._liquids import liquid
from pipeline.laws._scenes import GRAVITY, body, scene
from pipeline.materials._liquid import Liquid
from pipeline.scenarios import _shapes as shapes
from pipeline.types import Body, Container, Float64, Mesh, Path, Scene, Trajectory, Vector

PIPE = 1 / 32
"""Mean velocity in a round pipe / (rho g D^2 / mu): Q = pi R^4 dp / (8 mu L)."""
SLOT = 1 / 12
"""Mean velocity between plane walls / (rho g w^2 / mu)."""
WALL = 2
"""Thickness of pipe and plates [cells]."""
BREADTH = 5
"""Breadth of the slot / width: in its middle the end walls take less than 0.1 % of the velocity."""
TERMS = np.arange(1, 80, 2)


def duct_velocity(x: Float64, y: Float64, width: float, depth: float, pull: float) -> Float64:
    """Velocity [m/s] at points (x, y) [m] from the axis of a duct of cross-section width x depth [m].

    `pull` is force per volume over dynamic viscosity, rho g / mu [1/(m s)].
    """
    a, b = width / 2, depth / 2
    n = TERMS.reshape(-1, *([1] * np.ndim(x)))
    k = n * np.pi / (2 * a)
    # cosh(k y) / cosh(k b), written so that it never overflows
    ratio = (np.exp(k * (np.abs(y) - b)) + np.exp(-k * (np.abs(y) + b))) / (1 + np.exp(-2 * k * b))
    parts = (-1.0) ** ((n - 1) // 2) * (1 - ratio) * np.cos(k * x) / n**3
    velocity: Float64 = 16 * a**2 * pull / np.pi**3 * parts.sum(axis=0)
    return velocity


@dataclass(frozen=True)
class Duct:
    """An upright duct and the plug of liquid in it, both ends open to the air."""

    material: Liquid
    round: bool
    """A pipe; else a slot between plates."""
    width: float
    """Or diameter [m]."""
    cell: float
    """[m]"""
    slowed: float = 1.0
    """Largest velocity expected / that of a Newtonian liquid of this viscosity."""

    @property
    def pull(self) -> float:
        """rho g / mu [1/(m s)]."""
        return self.material.density * GRAVITY / self.material.viscosity

    @property
    def seconds(self) -> float:
        """Until the flow is steady to 1 %: the slowest mode decays at nu (2.405 / R)^2 in a pipe, nu (pi / w)^2; a plug
        that moves as a whole gets there sooner."""
        slowest = 4 * 2.405**2 if self.round else np.pi**2
        return float(4.6 * self.width**2 / slowest * self.pull / GRAVITY) * (0.5 + 0.5 * self.slowed)

    @property
    def fall(self) -> float:
        """Of the plug's core until then [m]."""
        return self.pull * self.width**2 * (2 * PIPE if self.round else 1.5 * SLOT) * self.slowed * self.seconds

    @property
    def span(self) -> tuple[float, float]:
        """Lower and upper end of the plug at rest [m]; the way to the floor is open to the air around the duct."""
        return self.fall + 4 * self.cell, 3 * self.fall + 4 * self.cell + 3 * self.width

    def scene(self) -> Scene:
        """The plug at rest in its duct."""
        (base, top), cell = self.span, self.cell
        outer = self.width + 2 * (WALL + 2) * cell
        breadth = outer if self.round else BREADTH * self.width
        x, y = self.width / 2, self.width / 2 if self.round else breadth / 2
        medium = liquid((-x, -y, base), (x, y, top), self.material)
        medium = replace(medium, form="cylinder" if self.round else "box")
        container = Container((outer, breadth, top))
        height = top - base + self.fall + 2 * cell
        walls = self._pipe(height) if self.round else self._plates(height, breadth)
        seconds = self.seconds
        return scene(walls, medium, container, seconds=seconds, fps=8 / seconds)

    def middle(self, happened: Trajectory) -> tuple[Float64, Float64]:
        """Distance from the axis / width and downward speed [m/s] of the particles in the middle, at the end."""
        x, y, z = happened.particle_position[-1].astype(np.float64).T
        base, top = self.span
        inside = (z > base + self.width) & (z < top - self.fall - self.width)  # the ends flow in another way
        if not self.round:
            inside &= np.abs(y) < self.width
        off_axis = np.hypot(x, y) if self.round else np.abs(x)
        return off_axis[inside] / self.width, -happened.particle_velocity[-1][inside, 2].astype(np.float64)

    def _pipe(self, height: float) -> list[Body]:
        import trimesh

        inner, outer = self.width / 2, self.width / 2 + WALL * self.cell
        # Made in units of the radius: trimesh merges corners that are 1e-8 apart.
        surface = trimesh.creation.annulus(1.0, outer / inner, height / inner, sections=96)
        mesh = Mesh(inner * np.asarray(surface.vertices), np.asarray(surface.faces, np.int32))
        volume = np.pi * (outer**2 - inner**2) * height
        solid = shapes.Solid("mesh", (2 * outer, 2 * outer, height), mesh, volume, (1.0, 1.0, 1.0))
        return [_fixed(solid, (0.0, 0.0, self.span[1] - height / 2))]

    def _plates(self, height: float, breadth: float) -> list[Body]:
        thick = WALL * self.cell
        plate, far = shapes.box((thick, breadth + 2 * thick, height)), (self.width + thick) / 2
        return [_fixed(plate, (side * far, 0.0, self.span[1] - height / 2)) for side in (-1.0, 1.0)]


def _fixed(solid: shapes.Solid, place: Vector) -> Body:
    """A body that nothing moves."""
    path = Path(np.zeros(1), np.array([place]), np.array([[0.0, 0.0, 0.0, 1.0]]))
    return body(solid, place, path=path)
