"""The momentum of medium, bodies and container closes (Newton's third law)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import body, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Float64, Measurement, Medium, Plot, Scene, Trajectory

SOURCE = "Newton 1687, third law: sum m dv + given to bodies + given to container = weight x time"
TOLERANCE = 0.003
"""Of the medium's weight times the time."""


@dataclass
class Momentum(Law):
    """A ball thrown obliquely into a box of medium, and a cup of medium that is swung. The solvers keep the balance
    step by step (grains by their transfers, liquids as `LiquidSolver._take_back` describes), so that this guards the
    booking; whether the forces are right is shown by hydrostatics, Archimedes and what stands still."""

    kind: ClassVar[str] = "coupling"
    seconds: float = field(default=0.5, metadata={"quick": 0.3})
    """Length of the clip [s]."""
    cells: int = field(default=16, metadata={"quick": 8})
    """Cells along an edge of the box, or across the cup."""
    box: float = 0.24
    """Inner edge of the box [m], filled to a half."""

    @property
    def cases(self) -> Sequence[str]:
        """A ball thrown into each medium; cups swung."""
        return ("sand", "water", "honey", "swung cup of sand", "swung cup of water")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """What is left over after every part's share, along the worst axis, over the medium's weight impulse."""
        from pipeline.laws._vessels import cup_scene, medium, swing

        if case not in self.cases:
            raise ValueError(f"law momentum: expected a case out of {', '.join(self.cases)}, got '{case}'")
        if case.startswith("swung"):
            substance = medium(case.split()[-1])
            played = cup_scene(substance, 0.12, 2 * 0.12 / self.cells, swing(self.seconds), self.seconds)
            happened = play(simulator, played, 0.12 / self.cells)
        else:
            substance = medium(case)
            played = self._thrown(substance)
            happened = play(simulator, played, self.box / self.cells)
        return _finding(case, substance, played, happened)

    def _thrown(self, substance: Medium) -> Scene:
        from pipeline.scenarios import _shapes as shapes

        half = self.box / 2
        filling = replace(substance, region=((-half, -half, 0.0), (half, half, half)))
        ball = body(
            shapes.sphere(0.35 * self.box), (-0.1 * self.box, 0.0, 0.7 * self.box), 500.0, velocity=(0.6, 0.3, -1.0)
        )
        return scene([ball], filling, Container((self.box, self.box, self.box)), self.seconds)


def _finding(case: str, substance: Medium, played: Scene, happened: Trajectory) -> Finding:
    mass = substance.density * happened.particle_spacing**3
    owned = mass * happened.particle_velocity.astype(np.float64).sum(axis=1)
    bodies = np.cumsum(happened.body_impulse[..., :3].sum(axis=1), axis=0)
    container = np.cumsum(happened.container_impulse, axis=0)
    weight = mass * happened.particle_position.shape[1] * np.outer(happened.time, played.gravity)
    scale = float(np.linalg.norm(weight[-1]))
    left = (owned - owned[0] + bodies + container - weight) / scale
    rows = [_row(case, substance, "left over / weight impulse", float(np.abs(left).max(axis=1)[-1]))]
    if played.bodies[0].path is None:
        rows.append(
            _row(case, substance, "body's gain - given / weight impulse", _gain(played, happened, bodies) / scale)
        )
    parts = {"medium": owned - owned[0], "bodies": bodies, "container": container, "weight": weight}
    lines = {f"{name}, {case}": (happened.time, part[:, 2] / scale) for name, part in parts.items()}
    return Finding(tuple(rows), (Plot(f"Momentum, {case}", "time [s]", "vertical impulse / weight impulse", lines),))


def _gain(played: Scene, happened: Trajectory, given: Float64) -> float:
    """Largest difference of a body's gain of momentum and what gravity and the medium gave [N s], before contacts."""
    ball = played.bodies[0]
    gained = ball.mass * (happened.body_velocity[:, 0] - happened.body_velocity[0, 0])
    free = ball.mass * np.outer(happened.time, played.gravity)
    return float(np.abs(gained - free - given).max())


def _row(case: str, substance: Medium, quantity: str, measured: float) -> Measurement:
    return Measurement(case, quantity, 0.0, measured, TOLERANCE, "1", SOURCE, substance.material)
