"""Another white balance and saturation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Hue(Violation):
    """Colours drift away from the prompt's by 3, 6 and 10 % per channel over half a second."""

    harmless = True

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """Gains of red and blue go opposite ways."""
        strength = (0.03, 0.06, 0.1)[level - 1]
        late = np.clip((event.times - event.prompt_frames + 1) / (0.5 * event.scene.fps), 0, 1)[:, None]
        gain = 1 + strength * late * np.array([1.0, 0.0, -1.0])
        drifted: UInt8 = np.clip(np.rint(frames * gain[:, None, None, :]), 0, 255).astype(np.uint8)
        return drifted
