"""PISA's figures for a falling object (Li et al. 2025), as published and corrected.

python -m pipeline.metrics.pisa TRUTH.npz GENERATED.npz --truth-fps 120 --generated-fps 16
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.types import Bool, Float64, Score, Take


@dataclass
class Pisa(Metric):
    """Path, outline and overlap of the bodies' masks, without a word about what vanished.

    Value: the corrected path distance, Euclidean, and a whole diagonal where one has the object and the other not.
    Parts: `l2` (really the mean of |dx| and |dy|), `chamfer_distance` and `iou` as published, where frames without an
    object are dropped. Unit: share of the picture's diagonal, taken as sqrt(2) times its height.
    """

    peer: ClassVar[bool] = True

    def compare(self, truth: Take, other: Take) -> Score:
        """The body that is farthest away counts; NaN without bodies."""
        check_pair(truth, other, "pisa")
        sight = look(truth.clip, other.clip)
        bodies = [index for index, kind in enumerate(sight.kinds, start=1) if kind == "rigid"]
        if not bodies:
            silence = np.full(len(sight.exact), np.nan, np.float32)
            return score(truth, other, "pisa", "share of the diagonal", silence, {}, {})
        pairs = [(sight.truth == index, sight.other == index) for index in bodies]
        away = np.max([corrected_distance(*pair) for pair in pairs], axis=0).astype(np.float32)
        published = [as_published(*pair) for pair in pairs]
        parts = {name: float(np.mean([one[name] for one in published])) for name in published[0]}
        return score(truth, other, "pisa", "share of the diagonal", away, parts, {})


def as_published(truth: Bool, other: Bool) -> dict[str, float]:
    """The three published figures of one object's masks, both (T, H, W).

    l2 = nanmean |c1 - c2| over frames and both coordinates; chamfer_distance = mean over frames of the mean distance
    to the nearest pixel of the other mask, there and back; both divided by sqrt(2) H; iou = mean over frames. A figure
    about which no frame speaks is NaN.
    """
    size = np.sqrt(2) * truth.shape[1]
    both = truth.any(axis=(1, 2)) & other.any(axis=(1, 2))
    known = np.flatnonzero(both)
    apart = [np.abs(_centre(truth[t]) - _centre(other[t])) for t in known]
    chamfer = [_nearest(truth[t], other[t]) + _nearest(other[t], truth[t]) for t in known]
    overlap = (truth & other).sum(axis=(1, 2)) / np.maximum((truth | other).sum(axis=(1, 2)), 1)
    return {
        "l2": _mean(apart) / size,
        "chamfer_distance": _mean(chamfer) / size,
        "iou": float(overlap.mean()),
    }


def corrected_distance(truth: Bool, other: Bool) -> Float64:
    """Euclidean distance of the centres per frame, share of the diagonal, (T,); 1 where only one has the object."""
    size = np.sqrt(2) * truth.shape[1]
    away = np.zeros(len(truth))
    for t, (expected, got) in enumerate(zip(truth, other, strict=True)):
        if expected.any() and got.any():
            away[t] = np.linalg.norm(_centre(expected) - _centre(got)) / size
        elif expected.any() or got.any():
            away[t] = 1.0
    return away


def at_times_of(truth: Bool, count: int, truth_fps: float, generated_fps: float) -> Bool:
    """The truth's masks at the times of `count` generated frames: frame int(i truth_fps / generated_fps)."""
    wanted = (np.arange(count) * truth_fps / generated_fps).astype(int)
    if wanted[-1] >= len(truth):
        raise ValueError(
            f"pisa: expected truth for {count} frames at {generated_fps:g} fps, got {len(truth)} at {truth_fps:g} fps"
        )
    chosen: Bool = truth[wanted]
    return chosen


def _centre(mask: Bool) -> Float64:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])


def _nearest(one: Bool, other: Bool) -> float:
    """Mean distance of the pixels of one mask to the nearest of the other [px]."""
    from scipy import ndimage

    return float(ndimage.distance_transform_edt(~other)[one].mean())


def _mean(values: list[Float64] | list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _masks(path: Path) -> Bool:
    """Masks of all objects, (objects, T, H, W), from an .npz with `mask` (T, objects, H, W)."""
    if not path.is_file():
        raise ValueError(f"pisa: expected masks in {path}, there is no such file")
    with np.load(path) as arrays:
        mask = arrays.get("mask")
    if mask is None or mask.ndim != 4 or mask.size == 0:
        got = "no such array" if mask is None else f"shape {mask.shape}"
        raise ValueError(f"pisa: {path} must hold `mask` of shape (T, objects, H, W), got {got}")
    return np.asarray(mask > 0).swapaxes(0, 1)


def main(arguments: list[str] | None = None) -> None:
    """The published figures of two files of masks, as JSON."""
    parser = argparse.ArgumentParser("python -m pipeline.metrics.pisa", description=__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("generated", type=Path)
    parser.add_argument("--truth-fps", type=float, required=True)
    parser.add_argument("--generated-fps", type=float, required=True)
    asked = parser.parse_args(arguments)
    try:
        truth, generated = _masks(asked.truth), _masks(asked.generated)
        if (len(truth), truth.shape[2:]) != (len(generated), generated.shape[2:]):
            raise ValueError(f"pisa: expected as many objects of one size, got {truth.shape} and {generated.shape}")
        pairs = [
            (at_times_of(one, len(other), asked.truth_fps, asked.generated_fps), other)
            for one, other in zip(truth, generated, strict=True)
        ]
    except ValueError as error:
        sys.exit(f"error: {error}")
    found = [{**as_published(*pair), "corrected": float(corrected_distance(*pair).mean())} for pair in pairs]
    print(json.dumps({name: float(np.mean([one[name] for one in found])) for name in found[0]}))


if __name__ == "__main__":
    main()
