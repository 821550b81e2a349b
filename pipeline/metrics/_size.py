"""The size at which clips are looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.types import Clip, Layers, UInt8

SIDE = 128
"""Least length of a judged clip's shorter side, if it is as long as that at all [px]."""


def at_scoring_size(clip: Clip) -> Clip:
    """The clip at a whole fraction of its size, the smallest whose shorter side is not below SIDE: 128 to 255 px.

    The metrics' bounds in pixels and the judge's floors were chosen on clips of 128 px; so a clip gets the same score,
    for the same work, whatever the size at which it was rendered. Smaller clips are judged as they are. Frames are
    averaged; layers are those of the nearest pixel. The camera is left out: its intrinsics would be wrong.
    """
    height, width = clip.frames.shape[1:3]
    factor = min(height, width) // SIDE
    if factor < 2:
        return clip
    # Whole blocks only, so that layers stay where the picture is.
    rows, columns = height // factor, width // factor
    whole = clip.frames[:, : rows * factor, : columns * factor]
    layers = _thinned(clip.layers, rows, columns, factor) if clip.layers else None
    return replace(clip, frames=_averaged(whole, (columns, rows)), layers=layers, camera=None)


def _averaged(frames: UInt8, size: tuple[int, int]) -> UInt8:
    import cv2

    return np.stack([np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) for frame in frames])


def _thinned(layers: Layers, rows: int, columns: int, factor: int) -> Layers:
    """The middle pixel of every block; flow in the new pixels."""
    kept = {
        name: values[:, factor // 2 :: factor, factor // 2 :: factor][:, :rows, :columns]
        for name, values in vars(layers).items()
    }
    for name in ("forward_flow", "backward_flow"):
        kept[name] = kept[name] / np.float32(factor)
    return Layers(**kept)
