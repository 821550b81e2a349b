"""A ball that starts sliding ends rolling, at 5/7 of its speed (Coriolis 1835)."""

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
class Rolling(Law):
    """A ball that does not turn is thrown along the ground; and one rolls down a gentle slope."""

    kind: ClassVar[str] = "bodies"
    diameter: float = 0.1
    """Of the ball [m]."""
    speed: float = 1.5
    """At the start [m/s]."""
    slope: float = 10.0
    """Of the plane [degrees]."""

    @property
    def cases(self) -> Sequence[str]:
        """From sliding to rolling with two coefficients of friction; from rest down a slope."""
        return ("thrown, mu 0.3", "thrown, mu 0.6", "down a slope")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Speed when the slip ends, or acceleration along the slope."""
        return self._slope(simulator) if case == "down a slope" else self._thrown(case, simulator)

    def _thrown(self, case: str, simulator: Simulator) -> Finding:
        from pipeline.scenarios import _shapes as shapes

        friction, radius = float(case.split()[-1]), self.diameter / 2
        ball = body(
            shapes.sphere(self.diameter), (0.0, 0.0, radius), velocity=(self.speed, 0.0, 0.0), friction=friction
        )
        slip = 2 * self.speed / (7 * friction * GRAVITY)
        happened = play(simulator, scene([ball], seconds=2 * slip, fps=240.0, ground_friction=friction))
        speed = happened.body_velocity[:, 0, 0]
        rolls = np.flatnonzero(happened.body_angular_velocity[:, 0, 1] * radius >= 0.99 * speed)
        measured = float(speed[rolls[0]]) / self.speed if len(rolls) else np.nan
        row = Measurement(case, "speed when the slip ends / at the start", 5 / 7, measured, 0.03 * 5 / 7, "1",
                          "Coriolis 1835, Théorie mathématique des effets du jeu de billard: 5/7")  # fmt: skip
        line = Plot("Rolling", "time [s]", "speed / at the start", {case: (happened.time, speed / self.speed)},
                    {"5/7": (happened.time[[0, -1]], np.full(2, 5 / 7))})  # fmt: skip
        return Finding((row,), (line,))

    def _slope(self, simulator: Simulator) -> Finding:
        from pipeline.scenarios import _shapes as shapes
        from pipeline.simulators._bodies import ROLLING_FRICTION

        angle, radius = np.radians(self.slope), self.diameter / 2
        along, across = GRAVITY * float(np.sin(angle)), GRAVITY * float(np.cos(angle))
        ball = body(shapes.sphere(self.diameter), (0.0, 0.0, radius))
        happened = play(simulator, scene([ball], seconds=0.6, fps=60.0, gravity=(along, 0.0, -across)))
        measured = 2 * float(happened.body_position[-1, 0, 0]) / float(happened.time[-1]) ** 2
        expected = (along - ROLLING_FRICTION / radius * across) / (1 + 2 / 5)
        row = Measurement("down a slope", "acceleration", expected, measured, 0.03 * expected, "m/s^2",
                          "Rolling without slip: (g sin(angle) - rolling resistance) / (1 + 2/5)")  # fmt: skip
        return Finding((row,))
