"""Time runs backwards after the prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import retimed


@dataclass
class Reverse(Violation):
    """After the prompt, what happened runs forth and then back (level 1: late, 3: from the end back at once)."""

    def happen(self, event: Event, level: int) -> Happening:
        """Level 3 jumps to the end of the event; the others turn around when the body has arrived."""
        last, start = len(event.times) - 1, event.prompt_frames
        if level == 3:
            time = np.where(event.times < start, event.times, last - (event.times - start))
        else:
            turn = start + (last - start) * (0.6 if level == 1 else 0.35)
            time = np.where(event.times <= turn, event.times, np.maximum(2 * turn - event.times, 0))
        return retimed(event, time.astype(float))
