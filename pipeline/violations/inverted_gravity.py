"""Bodies fall upwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import moved_bodies


@dataclass
class InvertedGravity(Violation):
    """After the prompt every body is pulled up with 0.2, 0.5 and 1 g; the medium stays where it lies."""

    def happen(self, event: Event, level: int) -> Happening:
        """A parabola from the state in the prompt's last frame; nothing is hit on the way up."""
        start = event.prompt_frames - 1
        happened, pull = event.trajectory, (0.2, 0.5, 1.0)[level - 1]
        time = (np.maximum(event.times - start, 0) / event.scene.fps)[:, None, None]
        up = -pull * np.asarray(event.scene.gravity)
        thrown = happened.body_position[start] + happened.body_velocity[start] * time + 0.5 * up * time**2
        offset = np.where(time > 0, thrown - happened.body_position, 0.0)
        scene, changed = moved_bodies(event, offset[:, 0])
        return scene, event.undisturbed(changed)
