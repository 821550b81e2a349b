"""A body is suddenly somewhere else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import moved_bodies


@dataclass
class Teleport(Violation):
    """From the middle of the clip on every body stands a third, two thirds or one and a half of its size aside."""

    def happen(self, event: Event, level: int) -> Happening:
        """Sideways, away from the nearer wall."""
        size = max(max(body.size) for body in event.scene.bodies)
        side = -np.sign(event.trajectory.body_position[-1, 0, 0]) or 1.0
        jump = np.array([side * (1 / 3, 2 / 3, 1.5)[level - 1] * size, 0.0, 0.0])
        return moved_bodies(event, np.where(event.after[:, None] >= 0.4, jump, 0.0))
