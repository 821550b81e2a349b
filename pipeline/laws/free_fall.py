"""A body falls freely: g t^2 / 2 (Galilei 1638)."""

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
class FreeFall(Law):
    """Height lost by a spinning block that starts upwards; air does not slow it down."""

    kind: ClassVar[str] = "bodies"
    seconds: float = 0.5
    """Time of the fall [s]."""

    @property
    def cases(self) -> Sequence[str]:
        """One."""
        return ("spinning block",)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """The height at the end against v t - g t^2 / 2."""
        from pipeline.scenarios import _shapes as shapes

        block = body(
            shapes.box((0.1, 0.06, 0.04)), (0.0, 0.0, 3.0), velocity=(0.0, 0.0, 0.5), angular_velocity=(3.0, 2.0, 1.0)
        )
        happened = play(simulator, scene([block], seconds=self.seconds, fps=60.0))
        height = happened.body_position[:, 0, 2] - 3.0
        expected = 0.5 * happened.time - GRAVITY * happened.time**2 / 2
        fallen = Measurement(
            case,
            "height gained",
            float(expected[-1]),
            float(height[-1]),
            1e-3 * abs(float(expected[-1])),
            "m",
            "Galilei 1638: v t - g t^2 / 2",
        )
        curve = Plot(
            "Free fall",
            "time [s]",
            "height gained [m]",
            {case: (happened.time, height)},
            {"v t - g t²/2": (np.asarray(happened.time[::5]), np.asarray(expected[::5]))},
        )
        return Finding((fallen,), (curve,))
