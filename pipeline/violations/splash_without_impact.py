"""The medium is thrown up before anything has hit it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import retimed


@dataclass
class SplashWithoutImpact(Violation):
    """The medium is 2 and 4 frames ahead of the body; at level 3 the body never comes down."""

    kinds = ("grains", "liquid")

    def happen(self, event: Event, level: int) -> Happening:
        """The medium's time is shifted, or the body held."""
        start, last = event.prompt_frames - 1, len(event.times) - 1
        if level == 3:
            return retimed(event, np.minimum(event.times, start).astype(float), medium=False)
        ahead = np.minimum(event.times + (2, 4)[level - 1] * (event.times > start), last)
        return retimed(event, ahead.astype(float), bodies=False)
