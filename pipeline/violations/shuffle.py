"""The frames come in a wrong order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Shuffle(Violation):
    """Frames after the prompt are shuffled within groups of 3, of 6, or all together, so that none stays in place."""

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """The same frames, each once."""
        order, draw = event.times.copy(), event.generator(1)
        group = (3, 6, len(order))[level - 1]
        for start in range(event.prompt_frames, len(order), group):
            place = draw.permutation(len(order[start : start + group]))
            # One turn around the cycle of a permutation moves every frame; a lone last frame has nowhere to go.
            order[start + place] = np.roll(start + place, 1)
        return frames[order]
