"""A noisy sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Noise(Violation):
    """Normally distributed noise of 2, 4 and 7 grey levels in every pixel of every frame after the prompt."""

    harmless = True

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """Clipped to 0..255."""
        grain = event.generator(3).normal(0.0, (2.0, 4.0, 7.0)[level - 1], frames.shape)
        grain *= (event.after > 0)[:, None, None, None]
        return np.clip(np.rint(frames + grain), 0, 255).astype(np.uint8)
