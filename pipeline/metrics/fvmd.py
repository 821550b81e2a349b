"""Distance between the motion of two sets of clips, after the Frechet video motion distance (Liu et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._motion import by_arrival, check_pair, score
from pipeline.types import Float32, Float64, Score, Take

_GRID = 8
"""Every how many pixels motion is sampled [px]."""
_ANGLES = 8
"""Directions that are told apart."""
_CELLS = 2
"""Parts of the height and of the width that have histograms of their own."""


@dataclass
class Fvmd(Metric):
    """Histograms of velocity and acceleration along motion's own paths: of two clips here, of two sets in `between`.

    As published, directions are binned and magnitudes added up, in cells of space and pieces of time. Velocity is the
    flow at points of a grid; acceleration is its change at the point that the flow leads to (what is published under
    that name is a velocity again). The published tracker is replaced by the run's flow. Unit: share of the motion.
    """

    piece: int = 8
    """Pairs of frames whose histograms are added up."""
    still: float = 0.25
    """Motion below this counts as rest [px per frame]."""

    peer: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.piece < 2 or self.still < 0:
            raise ValueError(f"metric fvmd: piece must be >= 2 frames and still >= 0, got {self.piece}, {self.still}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Half the absolute difference of the histograms, piece by piece, as a share of the larger motion: 0..1."""
        check_pair(truth, other, "fvmd")
        expected, got = (self.histories(take.flow.forward) for take in (truth, other))
        larger = np.maximum(np.abs(expected).sum(axis=1), np.abs(got).sum(axis=1))
        away = np.abs(expected - got).sum(axis=1) / np.maximum(2 * larger, 1e-6)
        pairs = np.repeat(away, self.piece)[: len(truth.flow.forward)]
        pairs = np.pad(pairs, (0, len(truth.flow.forward) - len(pairs)), mode="edge")
        return score(truth, other, "fvmd", "share of the motion", by_arrival(pairs, truth), {}, {})

    def histories(self, flow: Float32) -> Float64:
        """Histograms of velocity and acceleration of each piece of a clip, (pieces, 2 cells^2 angles), in px."""
        velocity = flow[:, _GRID // 2 :: _GRID, _GRID // 2 :: _GRID].astype(np.float64)
        velocity = np.where(np.linalg.norm(velocity, axis=-1, keepdims=True) >= self.still, velocity, 0.0)
        change = np.stack([_followed(*pair) for pair in zip(flow, flow[1:], velocity, strict=False)])
        felt = [_binned(velocity[:-1]), _binned(change)]
        both = np.concatenate(felt, axis=1)
        count = max(len(both) // self.piece, 1)
        return np.stack([part.mean(axis=0) for part in np.array_split(both, count)])


def between(truths: Sequence[Float64], others: Sequence[Float64]) -> float:
    """Frechet distance of two sets of clips by their `Fvmd.histories` [px^2]; NaN for fewer than 2 pieces.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), pieces of all clips of a set being its sample (Dowson & Landau 1982).
    """
    one, other = np.concatenate(list(truths)), np.concatenate(list(others))
    if min(len(one), len(other)) < 2:
        return float("nan")
    spread, other_spread = np.cov(one.T), np.cov(other.T)
    # tr (C1 C2)^(1/2) is the sum of the roots of the product's eigenvalues, which are real and not negative.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(spread @ other_spread).real, 0)).sum()
    apart = float(np.sum((one.mean(axis=0) - other.mean(axis=0)) ** 2))
    return max(apart + float(np.trace(spread) + np.trace(other_spread) - 2 * roots), 0.0)


def _followed(now: Float32, then: Float32, velocity: Float64) -> Float64:
    """Change of velocity of the sampled points on their way from one pair to the next, like `velocity`."""
    height, width = now.shape[:2]
    rows, columns = np.mgrid[_GRID // 2 : height : _GRID, _GRID // 2 : width : _GRID]
    x = np.clip(np.rint(columns + velocity[..., 0]).astype(int), 0, width - 1)
    y = np.clip(np.rint(rows + velocity[..., 1]).astype(int), 0, height - 1)
    moving = np.linalg.norm(velocity, axis=-1, keepdims=True) > 0
    return np.asarray(np.where(moving, then[y, x] - velocity, 0.0))


def _binned(vectors: Float64) -> Float64:
    """Mean magnitude by direction and cell, (T, cells^2 angles) for vectors (T, rows, columns, 2)."""
    angle = np.floor((np.arctan2(vectors[..., 1], vectors[..., 0]) / (2 * np.pi) + 1) * _ANGLES).astype(int) % _ANGLES
    size = np.linalg.norm(vectors, axis=-1)
    felt = []
    for rows in np.array_split(np.arange(vectors.shape[1]), _CELLS):
        for columns in np.array_split(np.arange(vectors.shape[2]), _CELLS):
            cell = np.ix_(np.arange(len(vectors)), rows, columns)
            per_angle = [np.where(angle[cell] == a, size[cell], 0).sum(axis=(1, 2)) for a in range(_ANGLES)]
            felt += [one / max(len(rows) * len(columns), 1) for one in per_angle]
    return np.stack(felt, axis=1)
