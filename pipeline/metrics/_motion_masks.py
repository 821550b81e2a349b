"""Motion as Physics-IQ sees it (Motamed et al. 2025): masks of what leaves a running average."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.types import Bool, Float64, UInt8

WEIGHT = 0.3
"""Of the new frame in the running average."""
THRESHOLD = 10
"""Grey levels by which a moving pixel differs from the average."""
SHRINK = 4
"""Masks and colours are compared at this fraction of the height and width."""


@dataclass(frozen=True)
class Agreement:
    """How well two clips agree; the overlaps are 1 for clips without motion."""

    spatiotemporal: Float64
    """Intersection over union of each frame's masks, shape (T,)."""
    spatial: float
    """Intersection over union of where anything ever moves."""
    weighted_spatial: float
    """Sum of minima over sum of maxima of how long it moves where."""
    mse: Float64
    """Mean squared difference of each frame's colours, 0..1, shape (T,)."""

    def figures(self, decimals: int | None = None) -> dict[str, float]:
        """All four as single numbers. The benchmark's tables keep 4 decimals of the values of each frame."""
        per_frame = {"spatiotemporal": self.spatiotemporal, "mse": self.mse}
        means = {
            name: float(np.mean(values if decimals is None else np.round(values, decimals)))
            for name, values in per_frame.items()
        }
        return {**means, "spatial": self.spatial, "weighted_spatial": self.weighted_spatial}


def motion_masks(frames: UInt8, fps: float) -> Bool:
    """Where each frame of a clip (T, H, W, 3) moves, at a quarter of its size, (T, H / 4, W / 4).

    As published the masks pass through a lossy mp4v file, which rounds their corners.
    """
    return _through_video(list(_raw_masks(frames)), round(fps))


def _raw_masks(frames: UInt8) -> Iterator[UInt8]:
    """0 or 255, (H, W); the first frame is empty."""
    import cv2

    square = np.ones((5, 5), np.uint8)
    average: Float64 | None = None
    for frame in frames:
        grey = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (5, 5), 0)
        if average is None:
            average = grey.astype(np.float64)
        cv2.accumulateWeighted(grey, average, WEIGHT)
        apart = cv2.absdiff(grey, cv2.convertScaleAbs(average))
        moving = cv2.threshold(apart, THRESHOLD, 255, cv2.THRESH_BINARY)[1]
        opened = cv2.morphologyEx(moving, cv2.MORPH_OPEN, square)
        yield np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, square), np.uint8)


def _through_video(masks: list[UInt8], fps: int) -> Bool:
    import cv2

    height, width = (side - side % 2 for side in masks[0].shape)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "masks.mp4")
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), max(fps, 1), (width, height), isColor=False)
        for mask in masks:
            writer.write(np.ascontiguousarray(mask[:height, :width]))
        writer.release()
        reader = cv2.VideoCapture(path)
        seen = [reader.read()[1] for _ in masks]
        reader.release()
    small = (width // SHRINK, height // SHRINK)
    return np.stack([cv2.resize(mask, small)[..., 0] > 127 for mask in seen])


def agreement(one: UInt8, other: UInt8, masks: Bool, other_masks: Bool) -> Agreement:
    """Of two clips (T, H, W, 3) of one length, whose sizes may differ, with their motion masks."""
    import cv2

    height, width = (side // SHRINK for side in one.shape[1:3])
    if other_masks.shape != masks.shape:
        other_masks = np.stack([cv2.resize(mask.astype(np.uint8), masks.shape[:0:-1]) > 0 for mask in other_masks])
    both = (masks & other_masks).sum(axis=(1, 2))
    either = (masks | other_masks).sum(axis=(1, 2))
    per_frame = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    ever, other_ever = masks.any(axis=0), other_masks.any(axis=0)
    long, other_long = masks.mean(axis=0), other_masks.mean(axis=0)
    squares = [
        np.mean((cv2.resize(a, (width, height)) / 255.0 - cv2.resize(b, (width, height)) / 255.0) ** 2)
        for a, b in zip(one, other, strict=True)
    ]
    return Agreement(
        spatiotemporal=per_frame,
        spatial=_ratio((ever & other_ever).sum(), (ever | other_ever).sum()),
        weighted_spatial=_ratio(np.minimum(long, other_long).sum(), np.maximum(long, other_long).sum()),
        mse=np.array(squares),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 1.0
