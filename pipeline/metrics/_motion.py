"""Motion that belongs to the event: the camera's own motion taken out, the still background kept still."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import ref

import numpy as np

from pipeline.types import BACKGROUND, Bool, Clip, Float32, Float64, FlowField, Score, Take

_GRID = 4
"""Every how many pixels the camera's motion is sampled [px]."""


def event_flow(truth: Take, take: Take, still: float) -> Float32:
    """Flow of a take without the camera's motion, zero where it is slower than `still` [px]; (T-1, H, W, 2).

    The camera's motion is fitted where the truth shows background, for truth and generated takes alike; what else
    moves there (a body that should not be there) is an outlier of the robust fit and stays.
    """
    moved = _without_camera(truth.clip, take)
    return np.where(speed(moved)[..., None] >= still, moved, np.float32(0))


_recent: list[tuple[ref[Clip], ref[FlowField], Float32]] = []
"""The last answers of `_without_camera`: several metrics ask about the same two takes in turn, which never change."""


def _without_camera(truth: Clip, take: Take) -> Float32:
    for known_truth, known_flow, moved in _recent:
        if known_truth() is truth and known_flow() is take.flow:
            return moved
    flow = take.flow.forward
    moved = flow - camera_flow(flow, background(truth)[:-1])
    _recent[:] = [*_recent[-1:], (ref(truth), ref(take.flow), moved)]
    return moved


def speed(flow: Float32) -> Float32:
    """Length of each flow vector [px], shape flow.shape[:-1]."""
    return np.asarray(np.sqrt(flow[..., 0] ** 2 + flow[..., 1] ** 2), np.float32)


def moving_speed(truth: Take, take: Take, still: float) -> Float64:
    """Root of the mean squared flow of each pair over the picture [px per frame], shape (T-1,): the kinetic-energy
    curve."""
    flow = event_flow(truth, take, still)
    squared = np.einsum("thwc,thwc->t", flow, flow, dtype=np.float64)
    return np.asarray(np.sqrt(squared / flow[0, ..., 0].size))


def typical(curve: Float64, quiet: float = 0.05) -> float:
    """Root of the mean square over a clip, and `quiet` at least: a truth at rest must not divide by zero."""
    return max(float(np.sqrt(np.mean(curve**2))), quiet)


def by_arrival(per_pair: Float64, like: Take) -> Float32:
    """Values of the pairs (t-1, t) as values of frames t, shape (T,); NaN in frame 0, at which nothing arrives."""
    per_frame = np.full(len(like.clip.frames), np.nan, np.float32)
    per_frame[1:] = per_pair
    return per_frame


def score(
    truth: Take,
    other: Take,
    metric: str,
    unit: str,
    per_frame: Float32,
    parts: Mapping[str, float],
    curves: Mapping[str, tuple[Float32, Float32]],
) -> Score:
    """A `Score` of `other` whose value is the mean over the frames that the metric speaks about."""
    clip = other.clip
    value = float(np.nanmean(per_frame)) if np.isfinite(per_frame).any() else 0.0
    return Score(truth.clip.clip_id, clip.source, clip.sample, metric, value, unit, per_frame, parts, curves)


def check_pair(truth: Take, other: Take, metric: str) -> None:
    """Raise ValueError unless the two takes can be compared."""
    who = f"metric {metric}: {other.clip.clip_id}/{other.clip.source}"
    if truth.clip.layers is None:
        raise ValueError(f"metric {metric}: truth {truth.clip.clip_id} must carry layers, got none")
    if truth.clip.frames.shape != other.clip.frames.shape:
        raise ValueError(
            f"{who} must have the truth's size and length {truth.clip.frames.shape}, got {other.clip.frames.shape}; "
            "the judge's gate names such clips before they are compared"
        )
    if truth.flow.estimator != other.flow.estimator:
        raise ValueError(
            f"{who} must be compared under one flow estimator, got {truth.flow.estimator} for the truth "
            f"and {other.flow.estimator}"
        )


def background(truth: Clip) -> Bool:
    """Where the truth shows neither body nor medium, shape (T, H, W)."""
    assert truth.layers is not None
    static = [BACKGROUND, *(instance.id for instance in truth.instances if instance.kind == "static")]
    return np.isin(truth.layers.segmentation, static)


def camera_flow(flow: Float32, still: Bool) -> Float32:
    """Motion of the picture as a whole, per pair the similarity transform that most of the background follows.

    Zero in pairs whose background covers less than a twentieth of the picture.
    """
    import cv2

    height, width = flow.shape[1:3]
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).astype(np.float32)
    sample = np.zeros((height, width), bool)
    sample[_GRID // 2 :: _GRID, _GRID // 2 :: _GRID] = True
    camera = np.zeros_like(flow)
    for t in range(len(flow)):
        chosen = still[t] & sample
        if chosen.sum() < 0.05 * sample.sum() or not flow[t][chosen].any():
            continue
        start = np.ascontiguousarray(pixels[chosen][:, :2])
        # 0.5 px: a shake is followed beyond what estimators get wrong, a moving body is not. The seed is OpenCV's own.
        transform, _ = cv2.estimateAffinePartial2D(
            start, start + flow[t][chosen], method=cv2.RANSAC, ransacReprojThreshold=0.5
        )
        if transform is not None:
            camera[t] = pixels @ transform.T.astype(np.float32) - pixels[..., :2]
    return camera
