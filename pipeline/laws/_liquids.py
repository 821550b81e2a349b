"""Liquids in laws: where they lie, how high they stand."""

from __future__ import annotations

import numpy as np

from pipeline.laws import Law
from pipeline.materials._liquid import Liquid
from pipeline.materials.water import Water
from pipeline.types import Container, Float64, Medium, Scene, Trajectory, Vector


def known(law: Law, case: str) -> None:
    """Raises ValueError for a case that the law does not have."""
    if case not in law.cases:
        name = type(law).__module__.rsplit(".", 1)[-1]
        raise ValueError(f"law {name}: expected a case out of {', '.join(law.cases)}, got '{case}'")


def liquid(low: Vector, high: Vector, material: Liquid | None = None) -> Medium:
    """A box of liquid from corner to corner [m]; water if nothing else is asked for."""
    return (material or Water()).fill((low, high))


def basin(length: float, width: float, depth: float, material: Liquid | None = None) -> tuple[Container, Medium]:
    """A container of this floor [m] with liquid at rest in it."""
    half = (length / 2, width / 2)
    medium = liquid((-half[0], -half[1], 0.0), (half[0], half[1], depth), material)
    return Container((length, width, 2 * depth)), medium


def volume(happened: Trajectory) -> float:
    """Volume that all particles stand for together [m^3]."""
    return float(happened.particle_position.shape[1] * happened.particle_spacing**3)


def level(scene: Scene, happened: Trajectory, immersed: float = 0.0) -> float:
    """Height [m] at which the liquid stands, with this volume of bodies immersed [m^3], if it has kept its own."""
    length, width, _ = _container(scene).inner_size
    return (volume(happened) + immersed) / (length * width)


def mean_height(happened: Trajectory) -> Float64:
    """Height of the liquid's centre of mass [m], shape (T,)."""
    heights: Float64 = happened.particle_position[:, :, 2].mean(axis=1, dtype=np.float64)
    return heights


def packing(scene: Scene, happened: Trajectory) -> Float64:
    """Particles in a cell deep inside the liquid / those at the beginning, one mean a frame, shape (T,).

    A liquid whose particles crowd has lost volume; one with hidden voids has gained some. Deep inside are cells, two
    spacings wide, all of whose neighbours are more than half full.
    """
    from scipy import ndimage

    length, width, _ = _container(scene).inner_size
    counts = np.round(np.array([length, width]) / (2 * happened.particle_spacing)).astype(int)
    tall = int(happened.particle_position[0, :, 2].max() / (2 * happened.particle_spacing)) + 2
    edges = [np.linspace(-length / 2, length / 2, counts[0] + 1), np.linspace(-width / 2, width / 2, counts[1] + 1),
             2 * happened.particle_spacing * np.arange(tall + 1)]  # fmt: skip
    share = happened.particle_spacing**3 / np.prod([edge[1] - edge[0] for edge in edges])
    means = []
    for points in happened.particle_position:
        filled = np.histogramdd(points, edges)[0] * share
        deep = ndimage.minimum_filter(filled, size=3, mode="nearest") > 0.5
        means.append(float(filled[deep].mean()))
    return np.array(means)


def lost(scene: Scene, happened: Trajectory) -> int:
    """How many particles are beyond floor or walls, or nowhere, in any frame."""
    length, width, _ = _container(scene).inner_size
    x, y, z = np.moveaxis(happened.particle_position, -1, 0)
    inside = (np.abs(x) <= length / 2) & (np.abs(y) <= width / 2) & (z >= 0) & np.isfinite(z)
    return int((~inside).any(axis=0).sum())


def _container(scene: Scene) -> Container:
    if scene.container is None:
        raise ValueError(f"Scene {scene.clip_id}: expected a container, got none")
    return scene.container
