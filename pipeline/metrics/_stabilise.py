"""A shaking camera taken out before anything is compared: how the camera is held is not physics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.metrics._motion import background
from pipeline.types import Bool, Clip, Float32, Float64, UInt8

_LEAST = 0.2
"""A clip none of whose frames is displaced by more does not shake, root of the mean square over the picture [px]: noise
moves features as far."""
_MOST = 0.05
"""Displacement that is no shake any more, as a share of the picture's diagonal: another view, and left as it is."""
_FEATURES = 200


def stabilised(truth: Clip, other: Clip) -> Clip:
    """`other` as the truth's camera would have seen it, frame by frame; the same clip if its camera did not shake.

    Each frame is registered on the truth's frame of the same time by the similarity transform that most of the
    truth's background follows; what moves or should not be there is an outlier of the robust fit. A frame without
    enough background, or from another view, is left as it is. What leaves the shaken picture at its edges stands still
    until it comes back. `Clip.notes` says how far the camera was off.
    Both clips must have the same size and length, the truth its layers.
    """
    if truth.frames.shape != other.frames.shape or truth.layers is None:
        return other
    still = background(truth)
    transforms = [_registration(*frames) for frames in zip(truth.frames, other.frames, still, strict=True)]
    off = np.array([_displacement(one, truth.frames.shape[1:3]) for one in transforms])
    diagonal = float(np.hypot(*truth.frames.shape[1:3]))
    if not ((off > _LEAST) & (off < _MOST * diagonal)).any():
        return other
    # Once it shakes, every frame: one left a little aside would move between two that are put right.
    taken = (off > 0) & (off < _MOST * diagonal)
    frames = other.frames.copy()
    for t in np.flatnonzero(taken):
        frames[t] = _seen_by_truth(other.frames[t], transforms[t], frames[max(int(t) - 1, 0)])
    said = f"{int(taken.sum())} frames stabilised, by {off[taken].mean():.2f} px on average"
    return replace(other, frames=frames, notes={**other.notes, "camera": said})


def _registration(truth: UInt8, other: UInt8, still: Bool) -> Float64:
    """Where the truth's background points lie in the other frame, as a (2, 3) matrix; the identity if unknown."""
    import cv2

    nothing = np.eye(2, 3)
    # Points keep away from what moves: half a tracking window.
    mask = cv2.erode(still.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=1)
    first, second = _contrast(truth), _contrast(other)
    points = cv2.goodFeaturesToTrack(first, _FEATURES, 0.02, 4, mask=mask)
    if points is None or len(points) < 12:
        return nothing
    moved, found, _ = cv2.calcOpticalFlowPyrLK(first, second, points, points.copy(), winSize=(13, 13), maxLevel=2)
    good = found[:, 0] > 0
    if good.sum() < 12:
        return nothing
    matrix, inliers = cv2.estimateAffinePartial2D(
        points[good], moved[good], method=cv2.RANSAC, ransacReprojThreshold=0.5
    )
    # Without a majority the background itself is another one, and no camera explains it.
    return nothing if matrix is None or inliers.mean() < 0.5 else np.asarray(matrix, np.float64)


def _contrast(frame: UInt8) -> UInt8:
    """Grey levels relative to their neighbourhood's mean and spread, so that a lamp moves nothing, (H, W)."""
    import cv2

    grey: Float32 = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.GaussianBlur(grey, (0, 0), 8)
    spread = np.sqrt(np.maximum(cv2.GaussianBlur(grey * grey, (0, 0), 8) - mean * mean, 4))
    return np.asarray((128 + 40 * (grey - mean) / spread).clip(0, 255), np.uint8)


def _displacement(matrix: Float64, shape: tuple[int, ...]) -> float:
    """Root of the mean square over the picture's corners [px]."""
    height, width = shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    return float(np.sqrt(np.mean(np.sum((corners @ matrix.T - corners[:, :2]) ** 2, axis=1))))


def _seen_by_truth(frame: UInt8, matrix: Float64, before: UInt8) -> UInt8:
    """The frame in the truth's view; where the other camera did not look, what was last seen there: a mirrored edge
    that comes and goes would be motion."""
    import cv2

    height, width = frame.shape[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(frame, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    inside = np.ones((height, width), np.float32)
    looked = cv2.warpAffine(inside, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.where(looked[..., None] > 0.99, seen, before)
