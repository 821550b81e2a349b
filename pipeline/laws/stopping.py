"""A sliding block stops after v^2 / (2 mu g)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import GRAVITY, body, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Finding, Measurement, Plot


@dataclass
class Stopping(Law):
    """A flat block slides on the ground, askew to every axis."""

    kind: ClassVar[str] = "bodies"
    direction: float = 30.0
    """Of the velocity, from the x axis [degrees]."""

    @property
    def cases(self) -> Sequence[str]:
        """Coefficient of friction, and speed [m/s]."""
        return ("mu 0.2, 1 m/s", "mu 0.3, 1.5 m/s", "mu 0.6, 2.5 m/s")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Distance until it stands, against Coulomb friction."""
        from pipeline.scenarios import _shapes as shapes

        _, friction, speed, _ = (float(word) if word[0].isdigit() else 0.0 for word in case.replace(",", "").split())
        angle = np.radians(self.direction)
        velocity = (speed * float(np.cos(angle)), speed * float(np.sin(angle)), 0.0)
        block = body(shapes.box((0.12, 0.12, 0.03)), (0.0, 0.0, 0.015), velocity=velocity, friction=friction)
        stop = speed / (friction * GRAVITY)
        happened = play(simulator, scene([block], seconds=1.3 * stop, fps=60.0, ground_friction=friction))
        went = np.linalg.norm(happened.body_position[:, 0, :2] - happened.body_position[0, 0, :2], axis=1)
        expected = speed**2 / (2 * friction * GRAVITY)
        row = Measurement(case, "stopping distance", expected, float(went[-1]), 0.03 * expected, "m",
                          "Coulomb 1785: v^2 / (2 mu g)")  # fmt: skip
        time = np.minimum(happened.time, stop)
        law = speed * time - friction * GRAVITY * time**2 / 2
        curve = Plot(
            "Stopping", "time [s]", "way [m]", {case: (happened.time, went)}, {case: (happened.time[::5], law[::5])}
        )
        return Finding((row,), (curve,))
