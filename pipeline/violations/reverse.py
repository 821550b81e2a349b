"""Time runs backwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import impact_frame, retimed


@dataclass
class Reverse(Violation):
    """Time turns around when the body has arrived: for three frames, or back to the prompt, and then goes on; at
    level 3 what happened runs from the end back at once."""

    def happen(self, event: Event, level: int) -> Happening:
        """Around the impact, because a scene at rest runs backwards unnoticed."""
        last, start = len(event.times) - 1, event.prompt_frames - 1
        if level == 3:
            time = np.where(event.times <= start, event.times, last - (event.times - start - 1))
            return retimed(event, time.astype(float))
        turn = min(impact_frame(event) + 2, last)
        back = min(3, turn - start) if level == 1 else turn - start
        since = event.times - turn
        # Down to turn - back, and from there on again: late by twice as many frames from then on.
        time = np.where(since <= 0, event.times, turn - back + np.abs(since - back))
        return retimed(event, np.clip(time, 0, last).astype(float))
