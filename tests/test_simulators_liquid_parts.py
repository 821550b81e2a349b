"""Parts of the liquid solver by themselves: friction, the pressure equation, which cells are liquid."""

from __future__ import annotations

import numpy as np
import pytest
import warp as wp
from numpy.typing import NDArray

from pipeline.simulators._liquid import liquid_cells
from pipeline.simulators._liquid_bodies import Grid
from pipeline.simulators._liquid_coupling import ImmersedBodies
from pipeline.simulators._liquid_friction import Liquid, Slowed, near_bodies, slow_down
from pipeline.simulators._liquid_pressure import Coupling, PressureEquation, solve

DOWN = (0.0, 0.0, -9.81)
RHO = 1000.0


def rubbed(velocity: NDArray[np.float32], filled: NDArray[np.float32], diffusion: float) -> Slowed:
    """A step of friction in cells of 10 mm and 1 g, without bodies; `diffusion` = nu dt in cells^2."""
    grid, cell = Grid(), np.full(3, 0.01)
    grid.low, grid.cell, grid.shape = wp.vec3(), wp.vec3(*cell), wp.vec3i(*filled.shape)
    nobody = ImmersedBodies([], np.zeros(3), cell, RHO, DOWN, "cpu")
    share, air, before = (
        wp.array(part, dtype=float, device="cpu") for part in (filled, np.ones_like(filled), velocity)
    )
    distance, owner = near_bodies(grid, nobody, velocity.shape, "cpu")
    liquid = Liquid(grid, filled.shape[2], share, air, before, distance, owner, diffusion * 1e-4, 0.0, 1e-3)
    return slow_down(liquid, nobody, velocity, np.ones_like(velocity), np.zeros((0, 6)), "cpu")


def test_shear_decays_at_the_viscous_rate() -> None:
    """A wave u_x = sin(k y) decays by 1 + nu dt k^2 in an implicit step, with the k that the grid sees."""
    velocity = np.zeros((3, 25, 17, 13), np.float32)
    wave = np.sin(2 * np.pi * (np.arange(17) + 0.5) / 8)
    velocity[0] = wave[None, :, None]
    slowed = rubbed(velocity, np.ones((24, 16, 12), np.float32), diffusion=0.2)
    left = 1 + slowed.change[0, 12, 8, 6] / wave[8]
    assert left == pytest.approx(1 / (1 + 0.2 * (2 - 2 * np.cos(2 * np.pi / 8))), rel=0.01)


def test_friction_takes_energy_and_gives_its_momentum_to_the_walls() -> None:
    velocity = np.random.default_rng(0).normal(size=(3, 9, 8, 7)).astype(np.float32)
    slowed = rubbed(velocity, np.ones((8, 7, 6), np.float32), diffusion=5.0)
    assert ((velocity + slowed.change) ** 2).sum() < 0.5 * (velocity**2).sum()
    np.testing.assert_allclose(slowed.on_container, -1e-3 * slowed.change.sum(axis=(1, 2, 3)), atol=1e-6)


def test_a_free_blob_that_turns_as_a_whole_feels_no_friction() -> None:
    """The free surface of Batty & Bridson (2008) takes no stress."""
    filled = np.zeros((12, 12, 10), np.float32)
    filled[3:9, 3:9, 2:8] = 1.0
    x, y, z = np.meshgrid(*(np.arange(count + 1.0) for count in filled.shape), indexing="ij")
    turning = np.stack([0.3 * (z + 0.5) - (y + 0.5), x + 0.5, -0.3 * (x + 0.5)]).astype(np.float32)
    assert np.abs(rubbed(turning, filled, diffusion=10.0).change).max() < 1e-4
    shearing = np.stack([y, 0 * y, 0 * y]).astype(np.float32)
    assert np.abs(rubbed(shearing, filled, diffusion=10.0).change).max() > 1.0


def test_pressure_equation_is_solved_with_its_bodies() -> None:
    random = np.random.default_rng(1)
    count = 30
    weight = np.zeros((count, 6))
    neighbour = np.zeros((count, 6), np.int32)
    weight[1:, 0] = weight[:-1, 1] = random.uniform(0.5, 1.5, count - 1)
    neighbour[1:, 0], neighbour[:-1, 1] = np.arange(count - 1), np.arange(1, count)
    diagonal = weight.sum(axis=1) + 0.1
    coupling = Coupling(np.array([3, 4, 9]), random.normal(size=(3, 6)), np.diag(random.uniform(1, 2, 6)))
    right = random.normal(size=count)
    dense = np.diag(diagonal)
    for row in range(count):
        np.subtract.at(dense[row], neighbour[row], weight[row])
    dense[np.ix_(coupling.cells, coupling.cells)] += coupling.outflow @ coupling.response @ coupling.outflow.T
    equation = PressureEquation(diagonal, weight, neighbour, right, coupling)
    np.testing.assert_allclose(solve(equation, np.zeros(count), 1e-10), np.linalg.solve(dense, right), rtol=1e-6)
    with pytest.raises(RuntimeError, match="smaller time step"):
        solve(equation, np.zeros(count), 1e-10, limit=2)


def _carved(*cells: tuple[int, int, int]) -> NDArray[np.float32]:
    filled = np.zeros((5, 5, 6), np.float32)
    filled[:, :, :4] = 1.0
    for cell in cells:
        filled[cell] = 0.0
    return filled


@pytest.mark.parametrize(
    ("filled", "is_liquid"),
    [(_carved((2, 2, 1)), True), (_carved((2, 2, 1), (2, 2, 2), (2, 2, 3)), False)],
    ids=["shut in", "open to the air"],
)
def test_a_void_is_air_only_if_air_can_get_there(filled: NDArray[np.float32], is_liquid: bool) -> None:
    cells = liquid_cells(filled, np.ones_like(filled))
    assert cells[2, 2, 1] == is_liquid
    assert cells[:, :, 4:].sum() == 0
