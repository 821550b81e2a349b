"""Nothing leaks through a wall two cells thick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import play
from pipeline.simulators import Simulator
from pipeline.types import Finding, Float64, Measurement, Plot, Scene, Trajectory


@dataclass
class Containment(Law):
    """A half full cup with walls of two cells: held still, swung and tilted without spilling, or standing freely."""

    kind: ClassVar[str] = "coupling"
    seconds: float = field(default=10.0, metadata={"quick": 1.0})
    """Length of the clip [s]."""
    cells: int = field(default=12, metadata={"quick": 6})
    """Cells across the cup's inside."""
    inner: float = 0.12
    """Inner diameter of the cup [m]."""

    @property
    def cases(self) -> Sequence[str]:
        """Medium and what happens to the cup."""
        return tuple(f"{name}, {how}" for name in ("water", "sand") for how in ("held", "swung", "standing"))

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Particles that were ever beyond the middle of the wall or floor; and the level."""
        from pipeline.laws._vessels import cup_scene, medium, swing

        if case not in self.cases:
            raise ValueError(f"law containment: expected a case out of {', '.join(self.cases)}, got '{case}'")
        name, how = case.split(", ")
        time, shift, tilt = swing(self.seconds)
        motion = {"held": (time, 0 * shift, 0 * tilt), "swung": (time, shift, tilt), "standing": None}[how]
        cell = self.inner / self.cells
        played = cup_scene(medium(name), self.inner, 2 * cell, motion, self.seconds)
        happened = play(simulator, played, cell)
        lost, level = _seen(played, happened, self.inner / 2, 2 * cell)
        where = f"{case}, {self.cells} cells across, {self.seconds:g} s"
        volume = happened.particle_position.shape[1] * happened.particle_spacing**3
        level = level / (2 * volume / (np.pi * self.inner**2))
        rows = (
            Measurement(where, "particles through the wall", 0.0, lost, 0.0, "1", "Conservation of mass", name),
            Measurement(
                where,
                "mean height at the end / that of the volume at rest",
                1.0,
                float(level[-1]),
                np.inf,
                "1",
                "Conservation of volume; a swung surface is not level",
                name,
            ),
        )
        label = "mean height in the cup / that of the volume at rest"
        curve = Plot("Containment", "time [s]", label, {case: (happened.time, level)})
        return Finding(rows, (curve,))


def _seen(played: Scene, happened: Trajectory, radius: float, wall: float) -> tuple[float, Float64]:
    """How many particles left at any time, and the mean height above the cup's floor [m], (T,)."""
    from scipy.spatial.transform import Rotation

    bottom = float(played.bodies[0].mesh.vertices[:, 2].min())
    lost = np.zeros(happened.particle_position.shape[1], bool)
    level = np.zeros(len(happened.time))
    for frame, particles in enumerate(happened.particle_position):
        turn = Rotation.from_quat(happened.body_orientation[frame, 0]).inv()
        local = turn.apply(particles - happened.body_position[frame, 0])
        height = local[:, 2] - bottom - wall
        lost |= (height < -wall / 2) | (np.hypot(local[:, 0], local[:, 1]) > radius + wall / 2)
        level[frame] = height.mean()
    return float(lost.sum()), level
