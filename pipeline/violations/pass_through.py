"""A body goes through the medium, or through the floor, as if nothing were there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.violations import Event, Happening, Violation


@dataclass
class PassThrough(Violation):
    """The body falls on at g (level 3), is slowed by half (2) or nearly stopped (1) where it ought to be held."""

    def happen(self, event: Event, level: int) -> Happening:
        """The body sinks on below the surface, or below the floor; the medium does not notice."""
        happened, start = event.trajectory, event.prompt_frames - 1
        time = np.maximum(event.times - start, 0) / event.scene.fps
        free = happened.body_position[start] + happened.body_velocity[start] * time[:, None, None]
        free = free + 0.5 * np.asarray(event.scene.gravity) * time[:, None, None] ** 2
        share = (0.15, 0.5, 1.0)[level - 1]
        sunk = happened.body_position.copy()
        sunk[..., 2] += share * np.minimum(free[..., 2] - sunk[..., 2], 0.0) * (time > 0)[:, None]
        sunk[..., 2] = np.maximum(sunk[..., 2], -0.6)
        return event.scene, event.undisturbed(replace(happened, body_position=sunk))
