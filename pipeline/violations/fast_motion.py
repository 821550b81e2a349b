"""Everything happens too fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import retimed


@dataclass
class FastMotion(Violation):
    """After the prompt time passes at 1.4, 2 and 3 times its rate; the end stands still."""

    def happen(self, event: Event, level: int) -> Happening:
        """Frames in between are interpolated in space, not in the picture."""
        rate, start = (1.4, 2.0, 3.0)[level - 1], event.prompt_frames - 1
        time = np.where(event.times <= start, event.times, start + rate * (event.times - start))
        return retimed(event, np.minimum(time, len(event.times) - 1.0))
