"""A ball bounces back with the coefficient of restitution times its speed (Newton 1687)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import GRAVITY, body, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Float64, Measurement

DIAMETER = 0.08
"""Of the ball [m]."""


@dataclass
class Bounce(Law):
    """Balls dropped from several heights, because where a time step ends must not matter."""

    kind: ClassVar[str] = "bodies"
    drops: int = field(default=12, metadata={"quick": 5})
    """Heights, from `lowest` to `highest`."""
    lowest: float = 0.2
    """Height of the lowest drop [m]."""
    highest: float = 1.0
    """Height of the highest drop [m]."""

    @property
    def cases(self) -> Sequence[str]:
        """Coefficients of restitution of ball and floor."""
        return ("restitution 0.3", "restitution 0.6", "restitution 0.9")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Mean and spread of the rebound's speed over that of the impact."""
        restitution = float(case.split()[1])
        heights = np.linspace(self.lowest, self.highest, self.drops)
        ratios = np.array([self._ratio(float(height), restitution, simulator) for height in heights])
        source = "Newton 1687, Scholium to the laws of motion"
        mean = Measurement(case, f"rebound / impact speed, mean of {self.drops} drops", restitution,
                           float(ratios.mean()), 0.03, "1", source)  # fmt: skip
        spread = Measurement(case, "largest deviation from the mean", 0.0, float(np.abs(ratios - ratios.mean()).max()),
                             0.05, "1", source)  # fmt: skip
        return Finding((mean, spread))

    def _ratio(self, height: float, restitution: float, simulator: Simulator) -> float:
        """Square root of the heights' ratio: speeds from heights need no frame at the instant of the impact."""
        from pipeline.scenarios import _shapes as shapes

        fall = float(np.sqrt(2 * height / GRAVITY))
        ball = body(shapes.sphere(DIAMETER), (0.0, 0.0, DIAMETER / 2 + height), restitution=restitution)
        floor = Container((1.0, 1.0, 0.1), restitution=restitution)
        played = scene([ball], container=floor, seconds=fall * (1 + 1.2 * restitution), fps=240.0)
        happened = play(simulator, played)
        return float(np.sqrt(_rebound(happened.time, happened.body_position[:, 0, 2] - DIAMETER / 2, fall) / height))


def _rebound(time: Float64, height: Float64, fall: float) -> float:
    """Greatest height [m] after the fall."""
    return float(height[time > fall + 0.01].max())
