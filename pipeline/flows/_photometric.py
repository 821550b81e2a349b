"""Choosing between flow candidates pixel by pixel: which one explains the next frame best."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.types import Float32, UInt8


def photometric_error(first: UInt8, second: UInt8, flow: Float32, window: int) -> Float32:
    """Mean absolute difference between `first` and `second` pulled back along `flow`, over a window around each pixel.

    Frames have shape (H, W, 3), flow (H, W, 2) [px]; returns (H, W) [grey levels]. Where the flow leaves the frame
    the border is repeated.
    """
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    pulled = cv2.remap(
        second, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    difference = cv2.absdiff(first, pulled).astype(np.float32).mean(axis=2)
    return np.asarray(cv2.blur(difference, (window, window)), np.float32)


def best_of(first: UInt8, second: UInt8, candidates: Sequence[Float32], window: int, margin: float) -> Float32:
    """Of several flows, at each pixel the one with the smallest photometric error; shape (H, W, 2).

    The first candidate holds unless another one is better by more than `margin` [grey levels], or by more than 0.4 of
    the picture's noise if that is larger: with standing still first, camera noise on a wall does not become motion.
    """
    errors = np.stack([photometric_error(first, second, flow, window) for flow in candidates])
    # What standing still leaves unexplained in the quietest fifth of the picture is noise, not motion.
    errors[1:] += max(margin, 0.4 * float(np.quantile(errors[0], 0.2)))
    choice = errors.argmin(axis=0)
    chosen = np.take_along_axis(np.stack(list(candidates)), choice[None, ..., None], axis=0)
    return np.asarray(chosen[0], np.float32)


def standing_still(first: UInt8, second: UInt8, flow: Float32, window: int) -> Float32:
    """Flow of a world that stands still: zero, or the camera's own motion if that explains the picture better.

    The camera's motion is the similarity transform that most of `flow` follows (RANSAC, with OpenCV's fixed seed).
    """
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[2:height:4, 2:width:4]
    start = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float32)
    still = np.zeros_like(flow)
    transform, _ = cv2.estimateAffinePartial2D(
        start, start + flow[rows, columns].reshape(-1, 2), method=cv2.RANSAC, ransacReprojThreshold=0.5
    )
    if transform is None:
        return still
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).astype(np.float32)
    camera = (pixels @ transform.T.astype(np.float32) - pixels[..., :2]).astype(np.float32)
    errors = [float(np.median(photometric_error(first, second, each, window))) for each in (still, camera)]
    return camera if errors[1] < 0.9 * errors[0] else still


def coarse_match(first: UInt8, second: UInt8, cells: int = 32, reach: int = 6, window: int = 3) -> Float32:
    """Flow by exhaustive matching of blocks on a coarse picture, shape (H, W, 2) in steps of one coarse cell [px].

    The shorter side is divided into about `cells` cells; displacements of up to `reach` cells are tried. Gradient
    descent, which dense inverse search is, does not find a patterned body that flies farther than its pattern repeats.
    """
    height, width = first.shape[:2]
    cell = max(min(height, width) // cells, 1)
    size = (width // cell, height // cell)
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
