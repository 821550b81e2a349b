"""The same seed tells the same story, byte for byte; another seed tells another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import body, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Measurement, Scene, Trajectory


@dataclass
class Determinism(Law):
    """A ball falls into a medium, twice with seed 0 and once with seed 1."""

    kind: ClassVar[str] = "coupling"
    seconds: float = field(default=0.5, metadata={"quick": 0.2})
    """Length of the clip [s]."""
    cells: int = field(default=12, metadata={"quick": 6})
    """Cells along an edge of the box."""
    box: float = 0.2
    """Inner edge of the box [m]."""

    @property
    def cases(self) -> Sequence[str]:
        """Media, and bodies alone."""
        return ("sand", "water", "bodies alone")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """How many bytes of the trajectory differ."""
        first, again = (play(simulator, self._scene(case, 0), self.box / self.cells) for _ in range(2))
        source = "Reproducibility: state is a function of scene and seed on one machine"
        rows = [Measurement(case, "bytes that differ, seed 0 twice", 0.0, _differing(first, again), 0.0, "1", source)]
        if case != "bodies alone":
            other = play(simulator, self._scene(case, 1), self.box / self.cells)
            moved = float((first.particle_position[0] != other.particle_position[0]).any())
            rows.append(Measurement(case, "seed 1 arranges other particles", 1.0, moved, 0.0, "1", "0 is a seed too"))
        return Finding(tuple(rows))

    def _scene(self, case: str, seed: int) -> Scene:
        from pipeline.laws._vessels import medium
        from pipeline.scenarios import _shapes as shapes

        half = self.box / 2
        ball = body(shapes.sphere(0.35 * self.box), (0.02, 0.01, 0.75 * self.box), 700.0, velocity=(0.3, 0.2, -1.0))
        if case == "bodies alone":
            return scene([ball], seconds=self.seconds, seed=seed)
        filling = replace(medium(case), region=((-half, -half, 0.0), (half, half, half)))
        return scene([ball], filling, Container((self.box, self.box, self.box)), self.seconds, seed=seed)


def _differing(one: Trajectory, other: Trajectory) -> float:
    """Bytes, over all fields; infinite if a shape differs."""
    count = 0
    for part in fields(Trajectory):
        first, second = np.asarray(getattr(one, part.name)), np.asarray(getattr(other, part.name))
        if first.shape != second.shape or first.dtype != second.dtype:
            return float("inf")
        count += int((np.frombuffer(first.tobytes(), np.uint8) != np.frombuffer(second.tobytes(), np.uint8)).sum())
    return float(count)
