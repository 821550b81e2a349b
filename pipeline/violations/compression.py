"""A stingy codec."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import UInt8
from pipeline.violations import Event, Violation


@dataclass
class Compression(Violation):
    """JPEG of quality 90, 75 and 60, frame by frame."""

    harmless = True

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """Frames of the prompt stay as they were given."""
        import cv2

        quality = [cv2.IMWRITE_JPEG_QUALITY, (90, 75, 60)[level - 1]]
        packed = [cv2.imencode(".jpg", frame, quality)[1] for frame in frames]
        seen = np.stack([np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)) for data in packed])
        return np.where((event.after > 0)[:, None, None, None], seen, frames)
