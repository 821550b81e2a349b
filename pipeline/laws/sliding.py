"""A block on an inclined plane starts to slide at the angle of friction (Coulomb 1785)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import GRAVITY, body, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Finding, Measurement


@dataclass
class Sliding(Law):
    """The plane is horizontal and gravity is tilted; the angle is found by halving."""

    kind: ClassVar[str] = "bodies"
    seconds: float = 1.0
    """How long the block is watched at each angle [s]."""
    halvings: int = field(default=10, metadata={"quick": 8})
    """Of the interval from 0 to 60 degrees."""

    @property
    def cases(self) -> Sequence[str]:
        """Coefficients of friction of block and plane."""
        return ("mu 0.2", "mu 0.5", "mu 0.8")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """The angle against arctan(mu)."""
        friction = float(case.split()[1])
        stands, slides = 0.0, 60.0
        for _ in range(self.halvings):
            angle = (stands + slides) / 2
            if self._slides(np.radians(angle), friction, simulator):
                slides = angle
            else:
                stands = angle
        expected = float(np.degrees(np.arctan(friction)))
        found = Measurement(case, "angle at which the block starts", expected, (stands + slides) / 2, 1.0, "deg",
                            "Coulomb 1785: arctan(mu)")  # fmt: skip
        return Finding((found,))

    def _slides(self, angle: float, friction: float, simulator: Simulator) -> bool:
        """Whether the block is faster at the end than creeping."""
        from pipeline.scenarios import _shapes as shapes

        tilted = (GRAVITY * float(np.sin(angle)), 0.0, -GRAVITY * float(np.cos(angle)))
        block = body(shapes.box((0.12, 0.1, 0.03)), (0.0, 0.0, 0.015), friction=friction)
        played = scene([block], seconds=self.seconds, fps=30.0, gravity=tilted, ground_friction=friction)
        return bool(np.linalg.norm(play(simulator, played).body_velocity[-1, 0]) > 0.02)
