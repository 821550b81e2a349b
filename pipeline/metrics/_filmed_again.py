"""The truth through another camera: what the picture alone does to a metric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.types import Clip

FILMED_AGAIN = "filmed_again"
"""Source of such a clip, which tells its scores from those of re-draws."""
_SHAKE = 0.5
"""Standard deviation of each frame's displacement [px]."""


def filmed_again(truth: Clip) -> Clip:
    """The same event with a trembling hand, which moves no body and every texture: nothing of it is physics.

    What noise, lamp and codec do is alike in all scenes (the judge's floors); what a trembling camera does depends on
    the textures. The same bytes for the same clip. It has no layers; its prompt is filmed again, too.
    """
    import cv2

    rng = np.random.default_rng([17, *truth.frames.shape])
    height, width = truth.frames.shape[1:3]
    frames = np.empty_like(truth.frames)
    for t, frame in enumerate(truth.frames):
        moved = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        moved[:, 2] = rng.normal(0.0, _SHAKE, 2)
        frames[t] = cv2.warpAffine(frame, moved, (width, height), borderMode=cv2.BORDER_REFLECT)
    return replace(truth, source=FILMED_AGAIN, frames=frames, layers=None, camera=None, instances=())
