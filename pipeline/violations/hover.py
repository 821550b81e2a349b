"""A body stops in mid-air and stays there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import impact_frame, retimed


@dataclass
class Hover(Violation):
    """The body stops shortly before it would touch down, half way, or right after the prompt."""

    def happen(self, event: Event, level: int) -> Happening:
        """Nothing reaches the medium, which stays as it lies."""
        start = event.prompt_frames - 1
        stop = start + max(impact_frame(event) - 1 - start, 1) * (3 - level) / 3
        scene, changed = retimed(event, np.minimum(event.times, stop), medium=False)
        return scene, event.undisturbed(changed)
