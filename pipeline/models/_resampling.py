"""Bringing a clip of another rate, length or size to the one asked for, and saying so."""

from __future__ import annotations

import math

import numpy as np

from pipeline.types import Float64, UInt8
from pipeline.video import Beginning

SAME_RATE = 0.005
"""Rates that differ by less than this share are the same, e.g. 23.976 and 24 fps: 0.03 frames apart after a second."""
EVEN = 0.1
"""Frames that are shown within this share of a frame of where an even rate has them are even; files round times."""


def retimed(made: Beginning, wanted_fps: float, count: int, linear: bool) -> tuple[UInt8, dict[str, str]]:
    """`count` frames at `wanted_fps` [1/s] of a clip at any rate, even or not, and notes on what was done.

    Both begin at t = 0. Between two frames the clip is cross-faded (`linear`) or shows the nearer one; after its end
    it shows its last frame, so that a clip that is too short is seen to stand still. Shape (count, H, W, 3).
    """
    fps, variable = _rate(made, wanted_fps)
    same = not variable and abs(fps / wanted_fps - 1) <= SAME_RATE
    place = np.arange(count, dtype=np.float64) if same else _places(made.time, fps, np.arange(count) / wanted_fps)
    notes = {}
    if not same:
        rate = f"a variable rate, {fps:.3g} on average," if variable else f"{fps:g}"
        notes["fps"] = f"resampled from {rate} to {wanted_fps:g} fps ({'linear' if linear else 'nearest'})"
    last = len(made.frames) - 1
    lasting = int(np.count_nonzero(place <= last + 0.5))
    if lasting < count:
        notes["length"] = f"too short: {lasting} of {count} frames, the last one repeated"
    elif made.total >= (asked := count if same else 1 + (count - 1) * fps / wanted_fps) + 1:
        notes["length"] = f"cut from {made.total} frames to the first {math.ceil(asked)}"
    return _shown(made.frames, np.minimum(place, last), linear), notes


def _shown(frames: UInt8, place: Float64, linear: bool) -> UInt8:
    """The clip at these places between its frames."""
    if not linear:
        return np.asarray(frames[np.rint(place).astype(int)], np.uint8)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(frames) - 1)
    share = (place - before).astype(np.float32)[:, None, None, None]
    return np.asarray(np.rint(frames[before] * (1 - share) + frames[after] * share).astype(np.uint8), np.uint8)


def _rate(made: Beginning, wanted: float) -> tuple[float, bool]:
    """Mean rate [1/s], what the file says of itself if its frames are shown so; and whether the rate varies."""
    fitted = (len(made.time) - 1) / float(made.time[-1]) if made.time[-1] > 0 else math.nan
    passed_over = made.fps > 4 * wanted and made.fps > 2 * fitted  # so fast that not every frame was kept
    if len(made.time) == 1 or passed_over or _even(made.time, made.fps):
        return (made.fps if made.fps > 0 else wanted), False
    return fitted, not _even(made.time, fitted)


def _places(time: Float64, fps: float, wanted: Float64) -> Float64:
    """Which frame, and how far on to the next one, is shown at the wanted times [s]."""
    if _even(time, fps):
        return wanted * fps
    beyond = np.maximum(wanted - time[-1], 0.0) * fps
    return np.asarray(np.interp(wanted, time, np.arange(len(time), dtype=np.float64)) + beyond, np.float64)


def _even(time: Float64, fps: float) -> bool:
    return bool((np.abs(time * fps - np.arange(len(time))) <= EVEN).all())


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
