"""Heaps of grains, measured: depth over the distance from the middle, front, slope, packing."""

from __future__ import annotations

import numpy as np

from pipeline.types import Float32, Float64, Trajectory

BIN = 0.05
"""Width of the bins of a profile, in units of the heap's initial radius or width."""
MARGIN = 0.01
"""Depth of the deposit at what counts as its front, in the same units: about one grain of the experiments
(1 mm of 97 mm in Lube et al. 2004); single grains that roll on do not count there either."""


def round_profile(grains: Float32, particle_volume: float, size: float) -> tuple[Float64, Float64]:
    """Distance from the z axis and depth of the medium there, averaged around the axis, both in units of `size` [m].

    Depth is volume over floor area, as packed at the start; shapes (N,), (N,).
    """
    distance = np.hypot(grains[:, 0], grains[:, 1]) / size
    edges = np.arange(0.0, distance.max() + 2 * BIN, BIN)
    volume = np.histogram(distance, edges)[0] * particle_volume / size**3
    return (edges[1:] + edges[:-1]) / 2, volume / (np.pi * np.diff(edges**2))


def flat_profile(along: Float32, particle_volume: float, breadth: float, size: float) -> tuple[Float64, Float64]:
    """The same along one horizontal coordinate (N,) [m] that starts at a wall, for a heap of constant breadth [m]."""
    distance = along / size
    edges = np.arange(0.0, distance.max() + 2 * BIN, BIN)
    volume = np.histogram(distance, edges)[0] * particle_volume / size**2 / breadth
    return (edges[1:] + edges[:-1]) / 2, volume / np.diff(edges)


def reach(distance: Float64, depth: Float64, level: float) -> float:
    """Largest distance at which the profile is as deep as `level`, between bins by a straight line."""
    last = int(np.flatnonzero(depth >= level)[-1])
    if last + 1 == len(depth):
        return float(distance[last])
    share = (depth[last] - level) / (depth[last] - depth[last + 1])
    return float(distance[last] + share * (distance[last + 1] - distance[last]))


def chord(distance: Float64, depth: Float64, top: float, low: float = 0.1, high: float = 0.8) -> float:
    """Slope [degree] of the straight line between the profile's points at `low` and `high` times the height `top`."""
    run = reach(distance, depth, low * top) - reach(distance, depth, high * top)
    return float(np.degrees(np.arctan2((high - low) * top, run)))


def summit(grains: Float32, spacing: float, radius: float) -> float:
    """Height [m] of the surface within `radius` [m] of the z axis."""
    near = np.hypot(grains[:, 0], grains[:, 1]) < radius
    return float(grains[near, 2].max() + spacing / 2) if near.any() else 0.0


def swelling(happened: Trajectory, frame: int = -1) -> float:
    """Volume per grain inside the medium on the floor z = 0, relative to the start: 1 where it is packed as poured.

    Counts particles in cubes of three spacings, where the neighbours above and beside are not half empty.
    """
    edge = 3 * happened.particle_spacing
    return _crowding(happened.particle_position[0], edge) / _crowding(happened.particle_position[frame], edge)


def _crowding(grains: Float32, edge: float) -> float:
    """Mean number of particles in a cube inside the medium; NaN if the medium is too thin."""
    index = np.floor(grains / edge).astype(int)
    index[:, :2] -= index[:, :2].min(axis=0) - 1
    count = np.zeros(index.max(axis=0) + 2)
    np.add.at(count, tuple(index.T), 1)
    full = count > 0.5 * 3**3
    inside = full & np.roll(full, -1, 2)
    for axis in (0, 1):
        inside &= np.roll(full, 1, axis) & np.roll(full, -1, axis)
    return float(count[inside].mean()) if inside.any() else float("nan")
