"""The clip moves in steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Stutter(Violation):
    """After the prompt only every second, third or fifth frame is new."""

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """Frames are held, then skipped."""
        step, start = (2, 3, 5)[level - 1], event.prompt_frames
        return frames[np.where(event.times < start, event.times, start + (event.times - start) // step * step)]
