"""A soft lens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Blur(Violation):
    """A Gaussian blur of 0.4, 0.7 and 1 px."""

    harmless = True

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """All frames after the prompt alike."""
        import cv2

        sigma = (0.4, 0.7, 1.0)[level - 1]
        soft = np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])
        return np.where((event.after > 0)[:, None, None, None], soft, frames)
