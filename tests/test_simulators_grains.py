"""Laws of the grain solver by itself; coarse, so that they run in seconds."""

from __future__ import annotations

import numpy as np
import pytest
import warp as wp
from simple_scenes import GRAVITY, sand_box

from pipeline.materials.sand import Sand
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


def test_grains_need_a_container() -> None:
    medium, _ = sand_box()
    with pytest.raises(ValueError, match="need a container"):
        GrainSolver(medium, None, [], 0.016, DOWN, 0, "cpu")
