"""Bodies fall upwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import moved_bodies


@dataclass
class InvertedGravity(Violation):
    """Every body is pulled up with 1 g in the last fifth, the last half and all of the time after the prompt."""

    def happen(self, event: Event, level: int) -> Happening:
        """A parabola from the state at which it begins; nothing is hit on the way up. What the body does to the medium
        before it has done; if it does nothing any more, the medium stays where it lies."""
        happened, start = event.trajectory, int(np.flatnonzero(event.after <= (0.8, 0.5, 0.0)[level - 1])[-1])
        time = (np.maximum(event.times - start, 0) / event.scene.fps)[:, None, None]
        up = -np.asarray(event.scene.gravity)
        thrown = happened.body_position[start] + happened.body_velocity[start] * time + 0.5 * up * time**2
        offset = np.where(time > 0, thrown - happened.body_position, 0.0)
        scene, changed = moved_bodies(event, offset[:, 0])
        return scene, event.undisturbed(changed) if level == 3 else changed
