"""Choosing between flow candidates pixel by pixel: which one explains the next frame best."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from pipeline.types import Bool, Float32, UInt8

Box = tuple[slice, slice]
"""Rows and columns."""

_GREY = np.full((1, 3), 1 / 3, np.float32)


@functools.lru_cache(maxsize=4)
def _pixels(height: int, width: int) -> tuple[Float32, Float32]:
    """Column and row of every pixel, each (H, W)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return columns, rows


def photometric_error(first: UInt8, second: UInt8, flow: Float32 | None, window: int) -> Float32:
    """Mean absolute difference between `first` and `second` pulled back along `flow`, over a window around each pixel.

    Frames have shape (H, W, 3), flow (H, W, 2) [px], None for no motion; returns (H, W) [grey levels]. Where the flow
    leaves the frame the border is repeated.
    """
    if flow is not None:
        columns, rows = _pixels(*flow.shape[:2])
        ahead = columns + flow[..., 0], rows + flow[..., 1]
        pulled = cv2.remap(second, *ahead, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    else:
        pulled = second
    difference = cv2.transform(cv2.absdiff(first, pulled).astype(np.float32), _GREY)
    return np.asarray(cv2.blur(difference, (window, window)), np.float32)


def camera_motion(flow: Float32) -> Float32 | None:
    """The similarity transform that most of a flow follows (RANSAC, with OpenCV's fixed seed), as a flow (H, W, 2)."""
    height, width = flow.shape[:2]
    columns, rows = (grid[4::8, 4::8] for grid in _pixels(height, width))
    start = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    ahead = start + flow[4::8, 4::8].reshape(-1, 2)
    transform, _ = cv2.estimateAffinePartial2D(start, ahead, method=cv2.RANSAC, ransacReprojThreshold=0.5)
    if transform is None:
        return None
    columns, rows = _pixels(height, width)
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    return np.asarray(pixels @ transform.T.astype(np.float32) - pixels[..., :2], np.float32)


def box_around(marked: Bool, halo: int, step: int, least: int) -> Box:
    """The smallest box on multiples of `step` px that holds every marked pixel with a halo and is `least` px long.

    At least one pixel has to be marked, (H, W). The box ends where the picture ends.
    """
    sides = []
    for along, edge in zip((marked.any(axis=1), marked.any(axis=0)), marked.shape, strict=True):
        places = np.flatnonzero(along)
        start = max(int(places[0]) - halo, 0) // step * step
        stop = min(-(-(int(places[-1]) + 1 + halo) // step) * step, edge)
        start = max(min(start, stop - least), 0)
        sides.append(slice(start, min(max(stop, start + least), edge)))
    return sides[0], sides[1]


def coarse_match(first: UInt8, second: UInt8, cell: int, reach: int = 6, window: int = 3) -> Float32:
    """Flow by exhaustive matching of blocks on a coarse picture, shape (H, W, 2) in steps of one coarse cell [px].

    A cell is a square of `cell` px; displacements of up to `reach` cells are tried. Gradient descent, which dense
    inverse search is, does not find a patterned body that flies farther than its pattern repeats.
    """
    height, width = first.shape[:2]
    size = (max(width // cell, 1), max(height // cell, 1))
    here, there = (
        cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32) for frame in (first, second)
    )
    there = np.pad(there, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    rows, columns = here.shape[:2]
    span = range(-reach, reach + 1)
    steps = [(dx, dy) for dy in span for dx in span]
    cost = np.empty((len(steps), rows, columns), np.float32)
    for index, (dx, dy) in enumerate(steps):
        moved = there[reach + dy : reach + dy + rows, reach + dx : reach + dx + columns]
        difference = cv2.transform(cv2.absdiff(here, moved), np.ones((1, 3), np.float32))
        # A slight preference for short ways settles ties on what has no texture.
        cost[index] = cv2.blur(difference, (window, window)) + 0.15 * np.hypot(dx, dy)
    match = np.array(steps, np.float32)[cost.argmin(axis=0)] * cell
    return np.asarray(cv2.resize(match, (width, height), interpolation=cv2.INTER_NEAREST), np.float32)
