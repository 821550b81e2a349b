"""How alike two clips are, by what they look like and how they move; and which of many are near-duplicates.

The distance of two clips is sqrt(a^2 + m^2): a is the root mean square difference of their first and last frames
(colours 0..1), m that of the motion of bodies and medium in their first and second half [picture heights per second],
all averaged over a grid of 4 x 4 fields.

Measured by benchmarks/likeness.py: of 30 scenes of one scenario (drop, 128 px, 3 re-draws each) the re-draws of a scene
are 0.003 apart (median; 99 %: 0.021, at most 0.029), different scenes 0.032 or more; from that the threshold 0.025 was
chosen. Then, of 40 fresh scenes of ten scenarios (64 px, 1 re-draw): re-draws 0.003 (95 %: 0.025, at most 0.033),
different scenes 0.057 or more. Below the threshold: 216 of 220 pairs of re-draws, none of 10 080 of different scenes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.curation._inspect import exact, of_things
from pipeline.types import Clip, Float64

GRID = 4
"""Fields along each side of the picture."""
CHUNK = 512
"""Clips that are compared with all others at once; bounds the memory to CHUNK times N distances."""
DIGITS = 5
"""Decimals that are kept."""


def describe(clip: Clip) -> list[float]:
    """160 numbers whose Euclidean distance is the distance of two clips, whatever their size, length and rate."""
    flow = np.nan_to_num(np.array(of_things(exact(clip))), posinf=0.0, neginf=0.0)
    speed = flow * (clip.fps / clip.frames.shape[1])
    halves = [half.mean(axis=0) if len(half) else np.zeros((*clip.frames.shape[1:3], 2)) for half in _halves(speed)]
    looks = [frame.astype(np.float64) / 255 for frame in clip.frames[[0, -1]]]
    parts = [np.array([_pooled(one) for one in part]).ravel() for part in (looks, halves)]
    scaled = np.concatenate([part / np.sqrt(part.size) for part in parts])
    return [round(float(value), DIGITS) for value in scaled]


def _halves(motion: np.ndarray) -> list[np.ndarray]:
    return np.array_split(motion, 2) if len(motion) else [motion, motion]


def _pooled(picture: np.ndarray) -> np.ndarray:
    """Means over the fields of the grid, (H, W, C) -> (GRID, GRID, C)."""
    rows = np.array_split(picture, GRID, axis=0)
    return np.array([[field.mean(axis=(0, 1)) for field in np.array_split(row, GRID, axis=1)] for row in rows])


def distances(some: Float64, others: Float64) -> Float64:
    """Of every one of some (N, D) to every one of the others (M, D), shape (N, M); rounded to 1e-7, below which the
    order of the sums would count."""
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2.0 * some @ others.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)).round(7))


@dataclass(frozen=True)
class Twin:
    """The clip that stays, and how far from it the other is."""

    number: int
    distance: float


def near(some: Float64, others: Float64, least: float) -> list[Twin | None]:
    """For every one of some (N, D) the nearest of the others (M, D) that is nearer than `least`, if there is one."""
    found: list[Twin | None] = []
    for start in range(0, len(some), CHUNK) if len(others) else ():
        found += _nearest(distances(some[start : start + CHUNK], others), least)
    return found or [None] * len(some)


def near_earlier(ordered: Float64, least: float) -> NDArray[np.bool_]:
    """Of (N, D) clips, shape (N,): whether one is nearer than `least` to an earlier one that stays; then it goes, all
    others stay. No two that stay are nearer to each other than `least`."""
    goes = np.zeros(len(ordered), bool)
    for start in range(0, len(ordered), CHUNK):
        part = np.s_[start : start + CHUNK]
        goes[part] = [twin is not None for twin in near(ordered[part], ordered[:start][~goes[:start]], least)]
        among = distances(ordered[part], ordered[part]) < least
        for number in range(len(among)):
            goes[start + number] |= (among[number, :number] & ~goes[start : start + number]).any()
    return goes


def _nearest(apart: Float64, least: float) -> list[Twin | None]:
    """Of every row of distances (N, M) the least, where it is below `least`."""
    if not apart.shape[1]:
        return [None] * len(apart)
    best = apart.argmin(axis=1)
    return [
        Twin(int(number), float(row[number])) if row[number] < least else None
        for row, number in zip(apart, best, strict=True)
    ]
