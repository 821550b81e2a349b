"""The frames come in a wrong order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Shuffle(Violation):
    """Frames after the prompt are shuffled within pairs, groups of 6, or all together, so that none stays in place."""

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """The same frames, each once."""
        order, draw = event.times.copy(), event.generator(1)
        group = (2, 6, len(order))[level - 1]
        starts = range(event.prompt_frames, len(order) - 1, group)
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
            place = start + draw.permutation(stop - start)
            # One turn around the cycle of a permutation moves every frame.
            order[place] = np.roll(place, 1)
        return frames[order]
