"""A jet leaves a tank through a hole in its wall (Torricelli 1644)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._liquids import known, liquid
from pipeline.laws._scenes import GRAVITY, body, play, scene
from pipeline.scenarios import _shapes as shapes
from pipeline.scenarios._shapes import Solid
from pipeline.simulators import Simulator
from pipeline.types import Body, Container, Finding, Float64, Measurement, Path, Plot, Scene, Trajectory, Vector

TORRICELLI = "Torricelli 1644: v = sqrt(2 g h), h below the level (Bernoulli)"
PLATE = 2
"""Thickness of the wall with the hole [cells]."""


@dataclass
class Torricelli(Law):
    """An upright plate divides a container; water stands behind it and leaves through a round hole into the open
    other half. No matter how the jet contracts, its speed is that of a fall from the level."""

    kind: ClassVar[str] = "liquid"
    hole: float = 0.06
    """Diameter [m]."""
    cells: int = field(default=6, metadata={"quick": 5})
    """Across the hole."""

    @property
    def cases(self) -> Sequence[str]:
        """Depth of the hole's middle below the level at the beginning / diameter."""
        return ("3 diameters deep", "5 diameters deep")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Speed in the jet beside the hole against a fall from the level of that moment; and the discharge."""
        known(self, case)
        tank = _Tank(self.hole, float(case.split()[0]) * self.hole, self.hole / self.cells)
        happened = play(simulator, tank.scene(), tank.cell)
        later = np.flatnonzero(happened.time > 0.4 * happened.time[-1])
        kept, ratios = tank.kept(happened), np.concatenate([tank.ratios(happened, int(frame)) for frame in later])
        flow = float((kept[later[0]] - kept[later[-1]]) / (happened.time[later[-1]] - happened.time[later[0]]))
        head = float(kept[later].mean()) / tank.side**2 - tank.middle
        discharge = flow / (np.pi / 4 * self.hole**2 * np.sqrt(2 * GRAVITY * head))
        words = f"{case}, {self.cells} cells across"
        rows = (
            Measurement(words, "speed / sqrt(2 g h)", 1.0, float(np.median(ratios)), 0.05, "1", TORRICELLI, "water"),
            Measurement(words, "discharge coefficient", 0.61, float(discharge), np.inf, "1",
                        "Weisbach 1855: sharp edge 0.61, short tube up to 0.8", "water"),
        )  # fmt: skip
        edges = np.linspace(0.5, 1.5, 41)
        line = {case: ((edges[1:] + edges[:-1]) / 2, np.histogram(ratios, edges)[0] / max(len(ratios), 1))}
        return Finding(rows, (Plot("Torricelli: speeds in the jet", "speed / sqrt(2 g h)", "share of the jet", line),))


@dataclass(frozen=True)
class _Tank:
    hole: float
    """[m]"""
    deep: float
    """Its middle below the level at the beginning [m]."""
    cell: float
    """[m]"""

    @property
    def side(self) -> float:
        """Of the square tank [m]."""
        return 3 * self.hole

    @property
    def middle(self) -> float:
        """Height of the hole's middle [m]."""
        return self.side / 2

    @property
    def thick(self) -> float:
        """Of the wall with the hole [m]."""
        return PLATE * self.cell

    @property
    def wall(self) -> float:
        """Where that wall begins, x [m]; the open part beyond is two tanks long."""
        return self.side - (3 * self.side + self.thick) / 2

    def scene(self) -> Scene:
        """Water behind the wall: a plate with the hole in its middle, and a plain one on top of it."""
        top = self.middle + self.deep
        upper = top + 4 * self.cell - self.side
        x = self.wall + self.thick / 2
        across, plain = (0.0, float(np.sqrt(0.5)), 0.0, float(np.sqrt(0.5))), (0.0, 0.0, 0.0, 1.0)
        walls = [
            _fixed(
                shapes.plate_with_hole((self.side, self.side, self.thick), self.hole), (x, 0.0, self.middle), across
            ),
            _fixed(shapes.box((self.thick, self.side, upper)), (x, 0.0, self.side + upper / 2), plain),
        ]
        length = 3 * self.side + self.thick
        medium = liquid((-length / 2, -self.side / 2, 0.0), (self.wall, self.side / 2, top))
        container = Container((length, self.side, top))
        return scene(walls, medium, container, seconds=6 * float(np.sqrt(self.hole / GRAVITY)), fps=60.0)

    def kept(self, happened: Trajectory) -> Float64:
        """Volume of water in the tank [m^3], shape (T,)."""
        behind: Float64 = (happened.particle_position[:, :, 0] < self.wall).sum(axis=1) * happened.particle_spacing**3
        return behind

    def ratios(self, happened: Trajectory, frame: int) -> Float64:
        """Of the particles in the jet, up to a diameter beyond the wall: speed / that of a fall from the level."""
        level = self.kept(happened)[frame] / self.side**2
        x, _, z = happened.particle_position[frame].astype(np.float64).T
        beyond = x - self.wall - self.thick
        jet = (beyond > 0.25 * self.hole) & (beyond < self.hole) & (np.abs(z - self.middle) < self.hole)
        speed = np.linalg.norm(happened.particle_velocity[frame][jet].astype(np.float64), axis=1)
        ratio: Float64 = speed / np.sqrt(2 * GRAVITY * (level - z[jet]))
        return ratio


def _fixed(solid: Solid, place: Vector, orientation: tuple[float, float, float, float]) -> Body:
    """A body that nothing moves."""
    path = Path(np.zeros(1), np.array([place]), np.array([orientation]))
    return body(solid, place, orientation=orientation, path=path)
