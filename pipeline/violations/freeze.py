"""The clip freezes: from some moment on nothing moves any more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation
from pipeline.violations._edits import impact_frame


@dataclass
class Freeze(Violation):
    """The last frame that moves is held, from a little before the impact on, from earlier, from the prompt on."""

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """Level 3 holds the prompt's last frame."""
        start, impact = event.prompt_frames - 1, impact_frame(event)
        last = start + round((impact - start) * (3 - level) / 3)
        return frames[np.minimum(event.times, last)]
