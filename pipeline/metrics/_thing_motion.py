"""How fast one thing moves, frame by frame."""

from __future__ import annotations

import numpy as np

from pipeline.metrics._motion import event_flow
from pipeline.types import Bool, Float32, Float64, Take


def speeds(truth: Take, take: Take, where: Bool, still: float, least: float) -> Float64:
    """Root of the mean squared flow of each pair over a region (T, H, W) [px per frame], shape (T-1,).

    The mean is over `least` pixels at least, so that what is hardly seen hardly counts.
    """
    flow: Float32 = event_flow(truth, take, still)
    squared = np.einsum("thwc,thwc->thw", flow, flow) * where[:-1]
    count = np.maximum(where[:-1].sum(axis=(1, 2)), least)
    return np.asarray(np.sqrt(squared.sum(axis=(1, 2), dtype=np.float64) / count))


def apart(expected: Float64, got: Float64, quiet: float) -> Float64:
    """Difference of two speeds as a share of the larger one and `quiet` [px per frame], 0..1, the same shape.

    A share and not a difference: that something slow stands still is as wrong as that something fast is half as fast.
    """
    return np.asarray(np.abs(got - expected) / (np.maximum(got, expected) + quiet))
