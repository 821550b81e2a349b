"""A model with a native size of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Resize(Violation):
    """The picture was made at 7/8, 3/4 and 5/8 of its size and enlarged again."""

    harmless = True

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """Frames of the prompt stay as they were given."""
        import cv2

        height, width = frames.shape[1:3]
        share = (7 / 8, 3 / 4, 5 / 8)[level - 1]
        small = (round(width * share), round(height * share))
        seen = np.stack(
            [cv2.resize(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), (width, height)) for frame in frames]
        )
        return np.where((event.after > 0)[:, None, None, None], seen, frames)
