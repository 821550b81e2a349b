"""Everything happens too slowly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import retimed


@dataclass
class SlowMotion(Violation):
    """After the prompt time passes at 0.75, 0.5 and 0.3 of its rate."""

    def happen(self, event: Event, level: int) -> Happening:
        """Frames in between are interpolated in space, not in the picture."""
        rate, start = (0.75, 0.5, 0.3)[level - 1], event.prompt_frames - 1
        return retimed(event, np.where(event.times <= start, event.times, start + rate * (event.times - start)))
