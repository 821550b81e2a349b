"""A body stops dead where it ought to bounce, roll, sink or float on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import Float64
from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import impact_frame, retimed


@dataclass
class EarlyStop(Violation):
    """The body stands still from eight frames after the impact on, from four, or from the impact on; earlier where it
    would come to rest by then by itself: at least half, three quarters or all of its size of its way is cut off."""

    kinds = ("none", "liquid")

    def happen(self, event: Event, level: int) -> Happening:
        """The medium goes on as if the body did. In sand bodies do stop at once."""
        left = _way_left(event)
        moving = np.flatnonzero(left >= (0.5, 0.75, 1.0)[level - 1])
        stop = min(impact_frame(event) + (8, 4, 0)[level - 1], int(moving.max(initial=event.prompt_frames)))
        return retimed(event, np.minimum(event.times, stop).astype(float), medium=False)


def _way_left(event: Event) -> Float64:
    """Longest way that a body still goes after each frame [its largest extent], shape (T,)."""
    steps = np.linalg.norm(np.diff(event.trajectory.body_position, axis=0), axis=2)
    left = np.concatenate([steps[::-1].cumsum(axis=0)[::-1], np.zeros((1, steps.shape[1]))])
    return np.asarray((left / [max(body.size) for body in event.scene.bodies]).max(axis=1))
