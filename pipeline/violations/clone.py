"""A second body appears out of nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.violations import Event, Happening, Violation


@dataclass
class Clone(Violation):
    """A copy of the first body appears beside it in the last quarter, at half time, or soon after the prompt."""

    def happen(self, event: Event, level: int) -> Happening:
        """The copy does what the body does, 1.2 sizes beside it."""
        first, happened = event.scene.bodies[0], event.trajectory
        appears = event.after > (0.75, 0.5, 0.15)[level - 1]
        side = -np.sign(happened.body_position[-1, 0, 0]) or 1.0
        beside = np.where(appears[:, None], [side * 1.2 * max(first.size), 0.0, 0.0], [0.0, 0.0, -50.0])

        def twice(
            values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
        ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            return np.concatenate([values, values[:, :1]], axis=1)

        position = twice(happened.body_position)
        position[:, -1] += beside
        doubled = replace(
            happened,
            body_position=position,
            body_orientation=twice(happened.body_orientation),
            body_velocity=twice(happened.body_velocity),
            body_angular_velocity=twice(happened.body_angular_velocity),
            body_impulse=twice(happened.body_impulse),
        )
        return replace(event.scene, bodies=(*event.scene.bodies, replace(first, name=f"second {first.name}"))), doubled
