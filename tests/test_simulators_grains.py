"""Laws of the grain solver by itself; coarse, so that they run in seconds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import warp as wp
from simple_scenes import GRAVITY, sand_box

from pipeline.materials._grains import Grains
from pipeline.materials.sand import Sand
from pipeline.materials.wet_sand import WetSand
from pipeline.simulators._grains import GrainSolver
from pipeline.simulators._grains_kernels import yield_ratio
from pipeline.simulators._medium import BodyState
from pipeline.types import Container

DOWN = (0.0, 0.0, -GRAVITY)
NOBODY = BodyState(np.zeros((0, 3)), np.zeros((0, 4)), np.zeros((0, 3)), np.zeros((0, 3)))


def run(solver: GrainSolver, seconds: float) -> float:
    """Advance; returns the time that it really took [s]."""
    steps = int(seconds / solver.time_step)
    for _ in range(steps):
        solver.step(NOBODY, solver.time_step)
    return steps * solver.time_step


def test_a_filled_box_is_at_rest_from_the_beginning() -> None:
    medium, container = sand_box()
    bed = GrainSolver(medium, container, [], 0.016, DOWN, 3, "cpu")
    start = bed.positions()
    time = run(bed, 0.4)
    assert np.abs(bed.positions() - start).max() < 1e-4
    assert bed.positions()[:, 2].mean() == pytest.approx(start[:, 2].mean(), rel=0.03)
    weight = bed.mass * GRAVITY * time
    np.testing.assert_allclose(bed.container_impulse, [0, 0, -weight], atol=0.003 * weight)
    assert bed.corrections == 0


def test_a_column_collapses_to_a_slope_and_momentum_closes() -> None:
    low, high = (-0.5, -0.1, 0.0), (-0.3, 0.1, 0.2)
    column = GrainSolver(Sand().fill((low, high)), Container((1.0, 0.2, 0.3)), [], 0.0167, DOWN, 1, "cpu")
    gone = run(column, 0.3)
    momentum = column.mass * column.velocities().astype(np.float64).mean(axis=0)
    weight = column.mass * GRAVITY * gone
    np.testing.assert_allclose(momentum + column.container_impulse, [0, 0, -weight], atol=0.003 * weight)
    run(column, 0.6)
    x, _, z = column.positions().T
    assert np.abs(column.velocities()).max() < 0.05
    assert (np.abs(column.positions()[:, :2]).max(axis=0) <= np.array([0.5, 0.1]) + 1e-6).all()
    assert z.min() >= 0
    edges = np.linspace(-0.5, 0.3, 21)
    counts, _ = np.histogram(x, edges)
    height = counts / counts.sum() * 0.2 * 0.2 / (edges[1] - edges[0])
    top, toe = np.argmax(height < 0.8 * height.max()), np.argmax(height < 0.1 * height.max())
    slope = np.degrees(np.arctan((height[top] - height[toe]) / (edges[toe] - edges[top])))
    assert 18 < slope < 38
    assert 0.5 < (x.max() - low[0]) / 0.2 - 1 < 1.5  # Lube et al. 2005: 1.2 at a = 1; coarse columns stop short


@wp.kernel(enable_backward=False)
def _ratios(lode: wp.array(dtype=float), kappa: float, ratio: wp.array(dtype=float)):  # type: ignore[no-untyped-def, valid-type]
    i = wp.tid()
    ratio[i] = yield_ratio(lode[i], kappa)


def test_the_cone_meets_mohr_coulomb_in_triaxial_compression_and_extension() -> None:
    sine = np.sin(np.radians(33))
    kappa = (9 - sine**2) / (1 - sine**2)
    end = 2 / (3 * np.sqrt(3))
    ratio = wp.zeros(2, dtype=float, device="cpu")
    lode = wp.array([end, -end], dtype=float, device="cpu")
    wp.launch(_ratios, dim=2, inputs=[lode, kappa], outputs=[ratio], device="cpu")
    expected = [2 * np.sqrt(3) * sine / (3 - sine), 2 * np.sqrt(3) * sine / (3 + sine)]
    np.testing.assert_allclose(ratio.numpy(), expected, rtol=1e-3)


def test_neighbours_in_a_heap_share_its_load_and_it_does_not_swell() -> None:
    heap = replace(Sand().fill(((-0.2, -0.2, 0.0), (0.2, 0.2, 0.2))), form="cylinder")
    column = GrainSolver(heap, Container((0.9, 0.9, 0.2)), [], 0.0125, DOWN, 0, "cpu")
    run(column, 0.7)
    x, y, z = column.positions().T
    core = (np.hypot(x, y) < 0.12) & (z < 0.06)
    volume = np.pi * 0.12**2 * 0.06 / core.sum() / column.particle_volume
    assert volume == pytest.approx(1, abs=0.03)
    assert (column._expansion.numpy()[core] >= 1).mean() < 0.02  # without sharing 0.3 of them carried nothing


@pytest.mark.parametrize("material", [Sand(), WetSand()])
def test_a_cone_below_the_angle_of_repose_stands_from_the_beginning(material: Grains) -> None:
    height = 0.2 * np.tan(material.friction_angle - np.radians(5))
    cone = replace(material.fill(((-0.2, -0.2, 0.0), (0.2, 0.2, height))), form="cone")
    heap = GrainSolver(cone, Container((0.5, 0.5, 0.2)), [], 0.0125, DOWN, 0, "cpu")
    start = heap.positions()
    run(heap, 0.4)
    assert np.abs(heap.positions() - start).max() < 0.5 * 0.025
    assert np.abs(heap.positions() - start).mean() < 0.05 * 0.025


def test_cohesion_keeps_a_wall_up_that_dry_sand_does_not() -> None:
    sunk = {}
    for cohesion in (0.0, 1000.0):
        block = WetSand(cohesion=cohesion).fill(((-0.3, -0.08, 0.0), (-0.15, 0.08, 0.15)))
        face = GrainSolver(block, Container((0.6, 0.16, 0.2)), [], 0.0125, DOWN, 0, "cpu")
        start = face.positions()
        run(face, 0.4)
        sunk[cohesion] = float((start - face.positions())[:, 2].mean()) / 0.15
    assert sunk[0.0] > 0.1
    assert abs(sunk[1000.0]) < 0.01


def test_a_slab_slides_as_far_as_coulomb_says() -> None:
    sand = Sand(wall_friction=0.4).fill(((-0.8, -0.2, 0.0), (-0.5, 0.2, 0.04)))
    slab = GrainSolver(sand, Container((1.8, 0.8, 0.2)), [], 0.01, DOWN, 0, "cpu")
    start = slab.positions()
    slab._velocity.assign(np.tile(np.float32([1.2, 0, 0]), (len(start), 1)))
    run(slab, 0.5)
    way = float((slab.positions() - start)[:, 0].mean())
    assert way == pytest.approx(1.2**2 / (2 * 0.4 * GRAVITY), rel=0.05)


def test_grains_need_a_container() -> None:
    medium, _ = sand_box()
    with pytest.raises(ValueError, match="need a container"):
        GrainSolver(medium, None, [], 0.016, DOWN, 0, "cpu")
