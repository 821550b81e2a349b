"""Bringing a clip of another rate, length or size to the one asked for, and saying so."""

from __future__ import annotations

import numpy as np

from pipeline.types import UInt8

SAME_RATE = 0.005
"""Rates that differ by less than this share are the same, e.g. 23.976 and 24 fps: 0.03 frames apart after a second."""


def retimed(frames: UInt8, fps: float, wanted_fps: float, count: int, linear: bool) -> tuple[UInt8, dict[str, str]]:
    """`count` frames at `wanted_fps` [1/s] of a clip that has `fps`, (count, H, W, 3), and notes on what was done.

    Both begin at t = 0. Between two frames the clip is cross-faded (`linear`) or shows the nearer one; after its end
    it shows its last frame, so that a clip that is too short is seen to stand still.
    """
    notes = {}
    place = np.arange(count, dtype=np.float64)
    if abs(fps / wanted_fps - 1) > SAME_RATE:
        place *= fps / wanted_fps
        notes["fps"] = f"resampled from {fps:g} to {wanted_fps:g} fps ({'linear' if linear else 'nearest'})"
    lasting = int(np.count_nonzero(place <= len(frames) - 1 + 0.5))
    if lasting < count:
        notes["length"] = f"too short: {lasting} of {count} frames, the last one repeated"
    elif len(frames) - 1 >= place[-1] + 1:
        notes["length"] = f"cut from {len(frames)} frames to the first {place[-1] + 1:g}"
    place = np.minimum(place, len(frames) - 1)
    if not linear:
        return frames[np.rint(place).astype(int)], notes
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(frames) - 1)
    share = (place - before).astype(np.float32)[:, None, None, None]
    return np.rint(frames[before] * (1 - share) + frames[after] * share).astype(np.uint8), notes


def resized(frames: UInt8, height: int, width: int) -> tuple[UInt8, dict[str, str]]:
    """Frames (T, height, width, 3), by area means where they shrink, else bicubic, and notes on what was done."""
    import cv2

    had_height, had_width = frames.shape[1:3]
    if (had_height, had_width) == (height, width):
        return frames, {}
    shrinks = height <= had_height and width <= had_width
    how, name = (cv2.INTER_AREA, "area") if shrinks else (cv2.INTER_CUBIC, "bicubic")
    notes = {"size": f"resampled from {had_width}x{had_height} to {width}x{height} ({name})"}
    if abs(had_width * height / (had_height * width) - 1) > 0.01:
        notes["size"] += ", proportions changed"
    return np.stack([cv2.resize(frame, (width, height), interpolation=how) for frame in frames]), notes
