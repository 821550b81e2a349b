"""Two bodies in one medium: contacts between them pass on what each receives, and close among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import GRAVITY, body, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Body, Container, Finding, Measurement, Medium, Plot, Scene, Trajectory, Vector


@dataclass
class TwoBodies(Law):
    """A stack of two blocks on sand or afloat; a ball that falls on another one in the medium."""

    kind: ClassVar[str] = "coupling"
    seconds: float = field(default=2.0, metadata={"quick": 1.0})
    """How long a stack settles [s]."""
    cells: int = field(default=20, metadata={"quick": 12})
    """Cells along an edge of the box."""
    box: float = 0.3
    """Inner edge of the box [m], filled to 0.4 of it."""

    @property
    def cases(self) -> Sequence[str]:
        """What happens, and in which medium."""
        return ("stack on sand", "stack in water", "collision in sand", "collision in water")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Loads of the stack; momentum of the pair."""
        from pipeline.laws._vessels import medium

        what, _, name = case.split()
        substance = replace(medium(name), region=self._region)
        played = self._stack(name, substance) if what == "stack" else self._pair(name, substance)
        happened = play(simulator, played, self.box / self.cells)
        rows = self._collided(case, played, happened) if what == "collision" else self._stacked(case, played, happened)
        lines = {f"{part}, {case}": (happened.time, happened.body_position[:, index, 2])
                 for index, part in enumerate(("lower", "upper"))}  # fmt: skip
        return Finding(rows, (Plot(f"Two bodies, {case}", "time [s]", "height [m]", lines),))

    @property
    def _region(self) -> tuple[Vector, Vector]:
        half = self.box / 2
        return (-half, -half, 0.0), (half, half, 0.4 * self.box)

    def _stack(self, name: str, substance: Medium) -> Scene:
        """A wide block with a smaller one on it, a millimetre above the surface (water: half immersed)."""
        from pipeline.scenarios import _shapes as shapes

        wide, high = 0.5 * self.box, 0.2 * self.box
        density = 1200.0 if name == "sand" else 400.0
        base = 0.4 * self.box + (0.001 if name == "sand" else -0.5 * high)
        lower = body(shapes.box((wide, wide, high)), (0.0, 0.0, base + high / 2), density)
        upper = body(shapes.box((0.6 * wide, 0.6 * wide, 0.5 * high)), (0.0, 0.0, base + 1.25 * high + 0.0005), density)
        return self._scene([lower, upper], substance, self.seconds)

    def _pair(self, name: str, substance: Medium) -> Scene:
        """A light ball in the surface, and a heavier one that falls on it."""
        from pipeline.scenarios import _shapes as shapes

        size, surface = 0.25 * self.box, 0.4 * self.box
        low = body(shapes.sphere(size), (0.0, 0.0, surface + 0.501 * size), 500.0)
        high = body(
            shapes.sphere(0.8 * size), (0.1 * size, 0.0, surface + 1.6 * size), 900.0, velocity=(0.0, 0.0, -0.8)
        )
        return self._scene([low, high], substance, 0.35)

    def _scene(self, bodies: list[Body], substance: Medium, seconds: float) -> Scene:
        named = [replace(one, name=name) for one, name in zip(bodies, ("lower", "upper"), strict=True)]
        return scene(named, substance, Container((self.box, self.box, self.box)), seconds, fps=60.0)

    def _stacked(self, case: str, played: Scene, happened: Trajectory) -> tuple[Measurement, ...]:
        """Mean load on the lower body over the last quarter: it carries both; the upper one touches nothing else."""
        last = happened.time > 0.75 * happened.time[-1]
        load = happened.body_impulse[last, :, 2].sum(axis=0) * 60.0 / int(last.sum())
        weights = np.array([one.mass * GRAVITY for one in played.bodies])
        total = float(weights.sum())
        gap = happened.body_position[-1, 1, 2] - happened.body_position[-1, 0, 2]
        touching = sum(one.size[2] for one in played.bodies) / 2
        source, name = "Newton 1687: at rest, the load carried is the weight above", played.material
        shares, of = load / total, "/ weight of both"
        return (
            Measurement(case, f"load on the lower body {of}", 1.0, float(shares[0]), 0.01, "1", source, name),
            Measurement(case, f"load on the upper body {of}", 0.0, float(shares[1]), 0.01, "1", source, name),
            Measurement(case, "distance of the centres", touching, float(gap), 0.002, "m",
                        "Contact: neither apart nor inside each other", name),
            *self._draft(case, played, happened, total),
        )  # fmt: skip

    def _draft(self, case: str, played: Scene, happened: Trajectory, weight: float) -> tuple[Measurement, ...]:
        """How deep the stack floats: both weights over the area of the lower block."""
        substance = played.medium
        if substance is None or substance.kind != "liquid":
            return ()
        lower = played.bodies[0]
        area, base = lower.size[0] * lower.size[1], self.box**2
        expected = weight / (GRAVITY * substance.density * area)
        volume = happened.particle_position.shape[1] * happened.particle_spacing**3
        surface = (volume + expected * area) / base
        last = happened.time > 0.75 * happened.time[-1]
        bottom = happened.body_position[last, 0, 2].mean() - lower.size[2] / 2
        tolerance = max(0.03 * lower.size[2], 0.5 * self.box / self.cells)
        return (
            Measurement(case, "draft", expected, float(surface - bottom), tolerance, "m",
                        "Archimedes, On floating bodies I.5", substance.material),
        )  # fmt: skip

    def _collided(self, case: str, played: Scene, happened: Trajectory) -> tuple[Measurement, ...]:
        """What both gain is gravity and the medium's impulses: contacts between them cancel."""
        masses = np.array([one.mass for one in played.bodies])
        gained = masses @ (happened.body_velocity - happened.body_velocity[0])
        gained = gained - np.outer(happened.time, played.gravity) * masses.sum()
        given = np.cumsum(happened.body_impulse[..., :3].sum(axis=1), axis=0)
        scale = float(np.linalg.norm(masses @ happened.body_velocity[0]))
        left = float(np.abs(gained - given).max()) / scale
        size = (played.bodies[0].size[2] + played.bodies[1].size[2]) / 2
        apart = np.linalg.norm(happened.body_position[:, 1] - happened.body_position[:, 0], axis=1)
        name, overlap, touched = (
            played.material,
            max(1 - float(apart.min()) / size, 0.0),
            float(apart.min() < 1.02 * size),
        )
        return (
            Measurement(case, "pair's gain - given / momentum at the start", 0.0, left, 0.003, "1",
                        "Newton 1687, third law", name),
            Measurement(case, "deepest overlap / sum of the radii", 0.0, overlap, 0.02, "1",
                        "Contact: bodies do not enter each other", name),
            Measurement(case, "they touched", 1.0, touched, 0.0, "1", "The case itself", name),
        )  # fmt: skip
