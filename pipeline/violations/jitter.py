"""A body shakes without a cause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import moved_bodies


@dataclass
class Jitter(Violation):
    """After the prompt every body is displaced anew in every frame, by 5, 10 and 20 % of its size."""

    def happen(self, event: Event, level: int) -> Happening:
        """Sideways and in height, normally distributed."""
        size = max(max(body.size) for body in event.scene.bodies)
        shake = event.generator(2).normal(0.0, (0.05, 0.1, 0.2)[level - 1] * size, (len(event.times), 3))
        return moved_bodies(event, np.where(event.after[:, None] > 0, shake, 0.0))
