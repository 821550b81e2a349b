"""The medium is thrown up before anything has hit it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import impact_frame, retimed


@dataclass
class SplashWithoutImpact(Violation):
    """The body comes down 3 and 6 frames after the medium was hit; at level 3 it never comes down.

    It is the body that is late and not the medium that is early: a prompt shows most of the fall, and so many frames
    are not left before the impact.
    """

    kinds = ("grains", "liquid")

    def happen(self, event: Event, level: int) -> Happening:
        """The body's fall is stretched, or held; the medium does as it did."""
        start, impact = event.prompt_frames - 1, impact_frame(event)
        passed = np.maximum(event.times - start, 0)
        if level == 3:
            return retimed(event, np.minimum(event.times, start).astype(float), medium=False)
        late, fall = (3, 6)[level - 1], max(impact - start, 1)
        falling = start + passed * fall / (fall + late)
        time = np.where(passed <= 0, event.times, np.where(passed < fall + late, falling, event.times - late))
        return retimed(event, time.astype(float), medium=False)
