"""The frames come in a wrong order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation
from pipeline.violations._edits import impact_frame


@dataclass
class Shuffle(Violation):
    """At the impact two frames change places, or eight from there on, pair by pair; at level 3 all frames after the
    prompt are shuffled, so that none stays in its place."""

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """The same frames, each once."""
        order, prompt = event.times.copy(), event.prompt_frames
        if level < 3:
            pairs = min((1, 4)[level - 1], (len(order) - prompt) // 2)
            start = max(min(impact_frame(event) - 1, len(order) - 2 * pairs), prompt)
            chosen = order[start : start + 2 * pairs].reshape(-1, 2)
            chosen[:] = chosen[:, ::-1].copy()
        else:
            # One turn around the cycle of a permutation moves every frame.
            place = prompt + event.generator(1).permutation(len(order) - prompt)
            order[place] = np.roll(place, 1)
        return frames[order]
