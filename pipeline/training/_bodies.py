"""Which pixels are bodies to learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bool, UInt8

RIGID = 1
"""`Layers.material` of what is rigid."""
MOVES = 0.3
"""Speed from which on a thing moves [px per frame]."""
FEWEST = 4
"""Pixels of a thing from which its speed can be told."""


def moving_bodies(segmentation: NDArray[np.uint16], material: UInt8, flow: NDArray[np.float16]) -> Bool:
    """Pixels of the rigid things that move at some time of a clip, (T, H, W).

    A thing moves where its middle pixel does by more than MOVES in some frame; a thing of few pixels may be an edge.
    """
    speed = np.abs(flow.astype(np.float32)).sum(axis=-1)
    bodies = np.zeros(segmentation.shape, bool)
    for name in np.unique(segmentation[material == RIGID]):
        mask = (segmentation == name) & (material == RIGID)
        shown = np.flatnonzero(mask.sum(axis=(1, 2)) >= FEWEST)
        if name and any(np.median(speed[time][mask[time]]) > MOVES for time in shown):
            bodies |= mask
    return bodies
