"""Implicit viscous step: the liquid's and the bodies' velocities after friction, from one symmetric system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from scipy import sparse

from pipeline.simulators import _liquid_viscosity as kernels
from pipeline.simulators._liquid_coupling import ImmersedBodies
from pipeline.simulators._liquid_pressure import dot
from pipeline.types import Bool, Float32, Float64

TOLERANCE = 1e-3
"""Residual of the viscous equation, share of its right side."""
LIMIT = 300
"""Iterations of the viscous equation after which its step is taken as it is: the energy has fallen anyway."""
SHARPNESS = 100.0
"""Papanastasiou's m [s]: what should stand creeps at a shear rate below 1/m."""


@dataclass(frozen=True)
class Liquid:
    """What the viscous step needs to know of the liquid: warp arrays, and numbers of one step."""

    grid: Any
    layers: int
    """Of cells, up to a few above the highest particle."""
    filled: wp.array
    open_cell: wp.array
    before: wp.array
    """The faces' velocity at the end of the step before, which has less noise than that of the particles."""
    distance: wp.array
    """Of the faces up to the highest layer from the nearest body [m]."""
    owner: wp.array
    """Index of that body."""
    diffusion: float
    """nu dt [m^2]"""
    plasticity: float
    """tau_y dt / rho [m^2/s]"""
    cell_mass: float
    """[kg]"""


@dataclass(frozen=True)
class Slowed:
    """What friction changed in one step."""

    change: Float32
    """Of the faces' velocity [m/s]."""
    impulse: Float64
    """On the bodies [N s, N m s], (B, 6)."""
    on_container: Float64
    """Impulse [N s], (3,)."""


def slow_down(
    liquid: Liquid, bodies: ImmersedBodies, velocity: Float32, mass: Float32, motion: Float64, device: str
) -> Slowed:
    """One step of friction.

    `velocity` [m/s] and `mass` (over a cell's) are those of the faces, (3, nx + 1, ny + 1, layers + 1); `motion` is the
    bodies' velocity without friction, (B, 6). What moves with walls and led bodies does not answer.
    """
    distance, owner = liquid.distance, liquid.owner
    columns, values = _rows(liquid, device)
    covered = distance.numpy() < 0.0
    used = _used(columns, velocity.size)
    moves = used & ~(covered | _walls(velocity.shape)).ravel()
    strain = _matrix(columns, values, moves)
    touched = np.argwhere(used.reshape(velocity.shape) & covered)
    carry = sparse.csr_matrix(bodies.carry(touched, owner.numpy()[tuple(touched.T)]))
    held = np.zeros(velocity.size, bool)
    held[np.ravel_multi_index(tuple(touched.T), velocity.shape)] = True
    drag = _matrix(columns, values, held) @ carry
    system = _System(
        strain, drag @ sparse.diags(bodies.answers()), mass.ravel()[moves], bodies.inertia() / liquid.cell_mass
    )
    before = strain @ velocity.ravel()[moves] + drag @ motion.ravel()
    slower, push = system.solve(-before)
    after = before + strain @ slower + drag @ push
    impulse = -liquid.cell_mass * (drag.T @ after).reshape(motion.shape)
    change = np.zeros_like(velocity)
    change[moves.reshape(velocity.shape)] = slower
    gained = liquid.cell_mass * (mass * change).sum(axis=(1, 2, 3), dtype=np.float64)
    return Slowed(change, impulse, -gained - impulse[:, :3].sum(axis=0))


def on_led_bodies(bodies: ImmersedBodies, distance: wp.array, owner: wp.array, momentum: Float32) -> Float64:
    """Impulses (B, 6) by the momentum [N s] of the faces inside led bodies, shape as the faces'. Free ones would answer
    to it too late: it would carry light bodies away."""
    faces = np.argwhere((distance.numpy() < 0.0) & (momentum != 0.0))
    at = tuple(faces.T)
    impulse = bodies.carry(faces, owner.numpy()[at]).T @ momentum[at].astype(np.float64)
    return np.asarray((impulse * (1.0 - bodies.answers())).reshape(-1, 6))


@dataclass(frozen=True)
class _System:
    """(m + G^T G) du + G^T D db = G^T r, D^T G du + (M + D^T D) db = D^T r: velocities of liquid and bodies."""

    strain: sparse.csr_matrix
    """G"""
    drag: sparse.csr_matrix
    """D"""
    mass: Float32
    """m, over a cell's."""
    inertia: Float64
    """M, over a cell's mass, (6 B, 6 B)."""

    def solve(self, right: Float64) -> tuple[Float64, Float64]:
        """Conjugate gradients, preconditioned by the diagonal and by the bodies' own block."""
        diagonal = self.mass + np.asarray(self.strain.multiply(self.strain).sum(axis=0)).ravel()
        scale = np.where(diagonal > 0, 1 / np.maximum(diagonal, 1e-30), 0.0)
        block = np.linalg.inv(self.inertia + (self.drag.T @ self.drag).toarray())
        rest, moment = self.strain.T @ right, self.drag.T @ right
        change, push = np.zeros_like(rest), np.zeros_like(moment)
        way, turn = change, push
        old, target = 1.0, -1.0
        for _ in range(LIMIT):
            scaled, turned = scale * rest, block @ moment
            new = dot(rest, scaled) + dot(moment, turned)
            if new <= target or new == 0.0:
                break
            if target < 0.0:
                target, old = TOLERANCE**2 * new, np.inf
            way, turn = scaled + new / old * way, turned + new / old * turn
            strain = self.strain @ way + self.drag @ turn
            taken, torque = self.mass * way + self.strain.T @ strain, self.inertia @ turn + self.drag.T @ strain
            step = new / (dot(way, taken) + dot(turn, torque))
            change, push = change + step * way, push + step * turn
            rest, moment = rest - step * taken, moment - step * torque
            old = new
        return change, push


def near_bodies(grid: Any, bodies: ImmersedBodies, faces: tuple[int, ...], device: str) -> tuple[wp.array, wp.array]:
    """Distance of the faces (3, ...) from the nearest body [m], positive without one, and that body's index."""
    distance = wp.full(faces, 1.0, dtype=float, device=device)
    owner = wp.zeros(faces, dtype=int, device=device)
    if len(bodies.shapes):
        inputs = [grid, bodies.shapes, bodies.poses, bodies.samples, distance, owner]
        wp.launch(kernels.classify, dim=faces, inputs=inputs, device=device)
    return distance, owner


def _rows(liquid: Liquid, device: str) -> tuple[Any, Float32]:
    """Columns (n, 4) and values (n, 4) of the strains in the liquid."""
    where = [liquid.grid, liquid.layers, liquid.distance]
    viscosity, edges = _thickness(liquid, device)
    cells, sheared = np.argwhere(viscosity.numpy() > 0.0), np.argwhere(edges.numpy() > 0.0)
    kinds = [np.insert(cells, 0, axis, axis=1) for axis in range(3)]
    rows = np.concatenate([*kinds, sheared + np.array([3, 0, 0, 0])]).astype(np.int32)
    listed = wp.array(rows, dtype=wp.vec4i, device=device)
    column = wp.zeros((len(rows), 4), dtype=int, device=device)
    value = wp.zeros((len(rows), 4), dtype=float, device=device)
    inputs = [*where, viscosity, edges, listed, column, value]
    wp.launch(kernels.strain_rows, dim=len(rows), inputs=inputs, device=device)
    return column.numpy(), value.numpy()


def _thickness(liquid: Liquid, device: str) -> tuple[wp.array, wp.array]:
    """nu dt x liquid share of cells and edges [m^2]; a yield stress acts by the shear rates before this step."""
    cells = (int(liquid.grid.shape[0]), int(liquid.grid.shape[1]), liquid.layers)
    share, viscosity = (wp.zeros(cells, dtype=float, device=device) for _ in range(2))
    edges = wp.zeros(liquid.distance.shape, dtype=float, device=device)
    rates = wp.zeros(cells, dtype=wp.vec4, device=device)
    where, law = [liquid.grid, liquid.layers, liquid.distance], [liquid.diffusion, liquid.plasticity, SHARPNESS]
    inputs = [liquid.grid.shape, liquid.filled, liquid.open_cell, share]
    wp.launch(kernels.liquid_share, dim=cells, inputs=inputs, device=device)
    if liquid.plasticity > 0.0:
        wp.launch(kernels.shear_rates, dim=cells, inputs=[*where, liquid.before, rates], device=device)
    wp.launch(kernels.thicken, dim=cells, inputs=[*law, rates, share, viscosity], device=device)
    inputs = [*where, liquid.open_cell, share, rates, liquid.before, *law, edges]
    wp.launch(kernels.weigh, dim=edges.shape, inputs=inputs, device=device)
    return viscosity, edges


def _walls(faces: tuple[int, ...]) -> Bool:
    """Faces on walls and floor, and what lies beyond the last face of a component in the common array."""
    walls = np.zeros(faces, bool)
    walls[0, [0, -1]] = walls[1, :, [0, -1]] = walls[2, :, :, 0] = True
    walls[0, :, -1] = walls[0, :, :, -1] = walls[1, -1] = walls[1, :, :, -1] = walls[2, -1] = walls[2, :, -1] = True
    return walls


def _used(columns: Any, size: int) -> Bool:
    """Which of the flattened faces the liquid's strain depends on, (size,)."""
    used = np.zeros(size, bool)
    used[columns[columns >= 0]] = True
    return used


def _matrix(columns: Any, values: Float32, chosen: Bool) -> sparse.csr_matrix:
    """The rows as a matrix whose columns are the chosen faces, in their order."""
    place = np.full(len(chosen) + 1, -1)  # the last stands for what lies beyond a wall
    place[np.flatnonzero(chosen)] = np.arange(int(chosen.sum()))
    compact = place[columns]
    present = compact >= 0
    starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    shape = (len(columns), int(chosen.sum()))
    return sparse.csr_matrix((values[present].astype(np.float64), compact[present], starts), shape=shape)
