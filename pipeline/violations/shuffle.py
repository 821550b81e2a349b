"""The frames come in a wrong order."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Shuffle(Violation):
    """Frames after the prompt are shuffled within groups of 3, of 6, or all together."""

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """The same frames, each once."""
        order, draw = event.times.copy(), event.generator(1)
        group = (3, 6, len(order))[level - 1]
        for start in range(event.prompt_frames, len(order), group):
            order[start : start + group] = draw.permutation(order[start : start + group])
        return frames[order]
