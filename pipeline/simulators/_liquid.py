"""Incompressible liquid: affine particles carry it, a staggered grid keeps its volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import warp as wp
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.simulators._liquid_bodies import Grid
from pipeline.simulators._liquid_coupling import ImmersedBodies, velocities
from pipeline.simulators._liquid_pressure import Coupling, PressureEquation, solve
from pipeline.simulators._liquid_surface import assemble, extend, fill, fill_narrow, project, remember, start
from pipeline.simulators._liquid_transfer import gather, immersed, scatter
from pipeline.simulators._liquid_viscosity import diffuse
from pipeline.simulators._medium import BodyState
from pipeline.types import Body, Bool, Container, Float32, Float64, Medium, Vector

HEADROOM = 0.4
"""Height of the grid above the liquid at rest [m]; particles above it fly freely."""
FASTEST = 3.0
"""Speed at which the liquid crosses one cell in a step [m/s]."""
SHORTEST = 1e-3
"""No liquid is so thick that it gets a smaller time step [s]."""
JITTER = 0.2
"""Random offset of the particles at t = 0, either way [particle spacings]."""
SPREAD = 4.0
"""Rate at which crowded liquid expands [1/s]."""
KEEP = 0.95
"""Share of the particles' own velocity that a step keeps, changed by what the grid's changed (affine FLIP)."""
LEAST_FOURIER = 1e-3
"""Viscosity is left out where it moves less than this share of a cell's momentum in a step."""
VOID = 0.1
"""Air passes through cells with a larger open share."""
NARROW_SWEEPS = 4
"""How many cells deep under a body the liquid beside it is thought to seep."""
SWEEPS = 3
"""How many faces beyond the liquid its velocity is continued."""
TOLERANCE = 1e-4
"""Residual of the pressure equation, share of its right side."""


class LiquidSolver:
    """One liquid in a container: particle-in-cell with affine velocities and a pressure projection.

    Transfers of Jiang et al. (2015) with the increments of Fei et al. (2021), 'Revisiting integration in the material
    point method' (affine FLIP); free surface by the ghost fluid of Gibou et al. (2002), with the surface's height read
    from how full the cells are; bodies by Batty et al. (2007). All but the linear solve runs on `device`.
    """

    container_impulse: Float64
    """Impulse that the pressure gave the container in the last step [N s], (3,); viscous friction is left out."""

    def __init__(
        self,
        medium: Medium,
        container: Container | None,
        bodies: Sequence[Body],
        spacing: float,
        gravity: Vector,
        seed: int,
        device: str,
    ) -> None:
        if container is None:
            raise ValueError(f"Liquid {medium.material}: expected a container to hold it, got none")
        self._medium, self._device, self._gravity = medium, device, np.asarray(gravity, float)
        size = np.asarray(container.inner_size, float)
        counts = np.maximum(np.round(size / (2 * spacing)), 2).astype(int)
        self._cell = np.array([*(size / counts)[:2], 2 * spacing])
        self._low = np.array([-size[0] / 2, -size[1] / 2, 0.0])
        counts[2] = int(np.ceil((medium.region[1][2] + HEADROOM) / self._cell[2]))
        self._shape = tuple(int(count) for count in counts)
        self._grid = Grid()
        self._grid.low, self._grid.cell, self._grid.shape = wp.vec3(*self._low), wp.vec3(*self._cell), counts
        self._bodies = ImmersedBodies(bodies, self._low, self._cell, medium.density, gravity, device)
        self._allocate()
        self._fill(spacing, np.random.default_rng(seed))

    def _allocate(self) -> None:
        faces = (3, *(count + 1 for count in self._shape))

        def field(shape: tuple[int, ...], dtype: type) -> wp.array:
            return wp.zeros(shape, dtype=dtype, device=self._device)

        self._velocity, self._mass, self._known = field(faces, float), field(faces, float), field(faces, int)
        self._before, self._spare = field(faces, float), field(faces, float)
        self._filled, self._known_cell = field(self._shape, float), field(self._shape, int)
        walls = np.ones(faces, np.float32)
        walls[0, [0, -1]] = walls[1, :, [0, -1]] = walls[2, :, :, 0] = 0.0
        self._walls = wp.array(walls, dtype=float, device=self._device)
        self._open_face, self._open_cell = wp.clone(self._walls), field(self._shape, float)
        self._pressure = np.zeros(self._shape)
        self.container_impulse = np.zeros(3)

    def _fill(self, spacing: float, random: np.random.Generator) -> None:
        low, high = (np.asarray(corner, float) for corner in self._medium.region)
        counts = np.maximum(np.round((high - low) / (self._cell / 2)), 1).astype(int)
        edge = (high - low) / counts
        lattice = np.stack(np.meshgrid(*(np.arange(count) + 0.5 for count in counts), indexing="ij"), axis=-1)
        lattice = lattice.reshape(-1, 3) + random.uniform(-JITTER, JITTER, (counts.prod(), 3))
        self._share = float(edge.prod() / self._cell.prod())
        self._particle_mass = float(edge.prod() * self._medium.density)
        self._x = wp.array(low + edge * lattice, dtype=wp.vec3, device=self._device)
        inside = wp.zeros(len(lattice), dtype=int, device=self._device)
        bodies = self._bodies
        self._launch(immersed, len(lattice), [bodies.shapes, bodies.poses, bodies.samples, self._x, inside])
        points = self._x.numpy()[inside.numpy() == 0]
        self._x = wp.array(points, dtype=wp.vec3, device=self._device)
        self._v = wp.zeros(len(points), dtype=wp.vec3, device=self._device)
        self._c = wp.zeros(len(points), dtype=wp.mat33, device=self._device)

    @property
    def time_step(self) -> float:
        """The coupling step [s]: fast liquid crosses about one cell, thick liquid's shear a part of one."""
        cell = float(self._cell.min())
        shear = 0.1 * cell**2 * self._medium.density / max(self._medium.viscosity, 1e-9)
        return min(cell / FASTEST, max(shear, SHORTEST))

    def positions(self) -> Float32:
        """Particle positions [m], shape (N, 3)."""
        copied: Float32 = self._x.numpy().copy()
        return copied

    def velocities(self) -> Float32:
        """Particle velocities [m/s], shape (N, 3)."""
        copied: Float32 = self._v.numpy().copy()
        return copied

    def step(self, state: BodyState, dt: float) -> Float64:
        """Advance by `dt` [s]; impulses on the bodies [N s, N m s], shape (B, 6)."""
        self._cover(state, dt)
        self._to_faces(dt)
        free = self._bodies.free_velocity(state, dt)
        impulse = self._shear(free, dt)
        impulse += self._project(free + self._bodies.answer(impulse), dt)
        after = free + self._bodies.answer(impulse)
        self._bodies.place(state.position, state.orientation, after, dt)
        self._bodies.remember(state, impulse, dt)
        self._to_particles(dt)
        return impulse

    def _launch(self, kernel: wp.Kernel, dim: object, inputs: list[object]) -> None:
        wp.launch(kernel, dim=dim, inputs=inputs, device=self._device)

    def _cover(self, state: BodyState, dt: float) -> None:
        """Open shares of faces and cells at the end of the step: x + dt v."""
        self._bodies.place(state.position, state.orientation, velocities(state), dt)
        wp.copy(self._open_face, self._walls)
        self._open_cell.fill_(1.0)
        self._bodies.cover(self._grid, self._open_face, self._open_cell)

    def _to_faces(self, dt: float) -> None:
        """Particles to faces and cells, with gravity; later work stops a few layers above the highest particle."""
        highest = float(self._x.numpy()[:, 2].max() / self._cell[2])
        layers = min(int(highest) + 4, self._shape[2])
        self._cells = (*self._shape[:2], layers)
        self._faces = (3, self._shape[0] + 1, self._shape[1] + 1, layers + 1)
        for array in (self._velocity, self._mass, self._filled):
            array.zero_()
        inputs = [self._grid, self._share, self._x, self._v, self._c, self._velocity, self._mass, self._filled]
        self._launch(scatter, len(self._x), inputs)
        push = wp.vec3(*(dt * self._gravity))
        self._launch(start, self._faces, [push, self._mass, self._walls, self._open_face, self._velocity, self._known])
        self._launch(extend, self._faces, [self._grid, 1, self._velocity, self._known])
        self._launch(remember, self._faces, [push, self._velocity, self._known, self._before])
        self._launch(fill, self._cells, [self._filled, self._open_cell, self._known_cell])
        for sweep in range(1, NARROW_SWEEPS + 1):
            self._launch(fill_narrow, self._cells, [self._grid.shape, sweep, self._filled, self._known_cell])

    def _shear(self, free: Float64, dt: float) -> Float64:
        """Viscous friction in stable steps; impulses on the bodies, (B, 6). Too thin a liquid: nothing."""
        diffusion = self._medium.viscosity / self._medium.density * dt
        fourier = diffusion / float(self._cell.min()) ** 2
        impulse = np.zeros_like(free)
        if fourier < LEAST_FOURIER:
            return impulse
        steps = int(np.ceil(9 * fourier))  # a face between walls has up to nine times the diffusion of one neighbour
        bodies, face_mass = self._bodies, self._medium.density * float(self._cell.prod())
        for _ in range(steps):
            motion = wp.array(free + bodies.answer(impulse), dtype=wp.spatial_vector, device=self._device)
            drag = wp.zeros(len(free), dtype=wp.spatial_vector, device=self._device)
            inputs = [self._grid, bodies.shapes, bodies.poses, bodies.samples, motion, diffusion / steps, face_mass]
            inputs += [self._walls, self._open_face, self._known, self._velocity, self._spare, drag]
            self._launch(diffuse, self._faces, inputs)
            self._velocity, self._spare = self._spare, self._velocity
            impulse += drag.numpy()
        return impulse

    def _project(self, free: Float64, dt: float) -> Float64:
        """Make the faces' velocity free of divergence; impulses on the bodies, (B, 6).

        `free` is the bodies' velocity without the pressure, (B, 6).
        """
        layers = self._cells[2]
        liquid = np.zeros(self._shape, bool)
        liquid[:, :, :layers] = liquid_cells(
            self._filled.numpy()[:, :, :layers], self._open_cell.numpy()[:, :, :layers]
        )
        cells = np.argwhere(liquid)
        at = tuple(cells.T)
        rank = np.full(self._shape, -1, np.int32)
        rank[at] = np.arange(len(cells))
        ranks = wp.array(rank, dtype=int, device=self._device)
        coupling, lift = self._bodies.coupling(rank)
        lift *= -self._medium.density * self._gravity[2] * dt
        equation = self._equation(cells, ranks, coupling, free + self._bodies.answer(lift))
        q = solve(equation, self._pressure[at], TOLERANCE)
        self._pressure = np.zeros(self._shape)
        self._pressure[at] = q
        pressure = wp.array(self._pressure, dtype=float, device=self._device)
        inputs = [self._grid, ranks, self._filled, self._open_face, pressure, self._velocity, self._known]
        self._launch(project, self._faces, inputs)
        for sweep in range(1, SWEEPS + 1):
            self._launch(extend, self._faces, [self._grid, sweep, self._velocity, self._known])
        self.container_impulse = self._on_walls(liquid, dt) - lift[:, :3].sum(axis=0)
        outward: Float64 = self._medium.density * (coupling.outflow.T @ q[coupling.cells])
        return lift + outward.reshape(-1, 6)

    def _equation(
        self, cells: NDArray[np.int64], ranks: wp.array, coupling: Coupling, free: Float64
    ) -> PressureEquation:
        count, device = len(cells), self._device
        diagonal = wp.zeros(count, dtype=float, device=device)
        excess = wp.zeros(count, dtype=float, device=device)
        weight = wp.zeros((count, 6), dtype=float, device=device)
        neighbour = wp.zeros((count, 6), dtype=int, device=device)
        listed = wp.array(cells.astype(np.int32), dtype=wp.vec3i, device=device)
        inputs = [self._grid, listed, ranks, self._filled, self._open_cell, self._open_face, self._velocity, SPREAD]
        self._launch(assemble, count, [*inputs, diagonal, weight, neighbour, excess])
        right = excess.numpy().astype(np.float64)
        right[coupling.cells] -= coupling.outflow @ free.ravel()
        main = diagonal.numpy().astype(np.float64)
        shut = main <= 0.0  # cells wholly inside a body
        main[shut], right[shut] = 1.0, 0.0
        return PressureEquation(main, weight.numpy().astype(np.float64), neighbour.numpy(), right, coupling)

    def _on_walls(self, liquid: Bool, dt: float) -> Float64:
        """Impulse of the pressure on walls and floor [N s], (3,): in the cell, plus gravity over half a cell beyond."""
        impulse = np.zeros(3)
        area = self._cell.prod() / self._cell
        for axis, side in ((0, -1), (0, 1), (1, -1), (1, 1), (2, -1)):
            layer = np.take(self._pressure, 0 if side < 0 else -1, axis)
            wet = np.take(liquid, 0 if side < 0 else -1, axis)
            rise = side * self._gravity[axis] * self._cell[axis] / 2 * dt
            impulse[axis] += side * area[axis] * float(layer.sum() + rise * wet.sum())
        return self._medium.density * impulse

    def _to_particles(self, dt: float) -> None:
        bodies, gravity = self._bodies, wp.vec3(*self._gravity)
        inputs = [self._grid, self._velocity, self._before, KEEP, bodies.shapes, bodies.poses, bodies.samples]
        self._launch(gather, len(self._x), [*inputs, gravity, dt, self._x, self._v, self._c])


def liquid_cells(filled: Float32, open_cell: Float32) -> Bool:
    """Cells in the pressure equation, (nx, ny, nz): those more than half full, and voids that no air can reach.

    A void shut in by liquid, walls and bodies may not grow: the atmosphere's pressure, which is our zero, is far
    larger than what could tear the liquid open.
    """
    liquid = filled > 0.5
    regions, count = ndimage.label(~liquid & (open_cell > VOID))
    shut_in = np.ones(count + 1, bool)
    shut_in[regions[:, :, -1]] = False
    shut_in[0] = False
    enclosed: Bool = shut_in[regions]
    return liquid | enclosed
