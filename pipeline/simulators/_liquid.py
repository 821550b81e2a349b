"""Incompressible liquid: affine particles carry it, a staggered grid keeps its volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import warp as wp
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.simulators._filling import arrange
from pipeline.simulators._liquid_bodies import Grid
from pipeline.simulators._liquid_coupling import ImmersedBodies
from pipeline.simulators._liquid_friction import Liquid, Slowed, near_bodies, on_led_bodies, slow_down
from pipeline.simulators._liquid_pressure import Coupling, PressureEquation, solve
from pipeline.simulators._liquid_surface import assemble, extend, fill, fill_narrow, project, remember, start
from pipeline.simulators._liquid_transfer import find_deep, gather, push, scatter
from pipeline.simulators._liquid_viscosity import stick
from pipeline.simulators._medium import BodyState
from pipeline.simulators._prediction import velocities
from pipeline.types import Body, Bool, Container, Float32, Float64, Medium, Vector

HEADROOM = 0.4
"""Height of the grid above the liquid at rest [m]; particles above it fly freely."""
QUICK = 0.995
"""Share of the particles that cross less than a cell in a step; the rest is spray."""
CALM = 0.2
"""Longest time step, in units of sqrt(cell / gravity): a fall by a fiftieth of a cell."""
JITTER = 0.2
"""Random offset of the particles at t = 0, either way [particle spacings]."""
SPREAD = 4.0
"""Rate at which crowded liquid expands [1/s]."""
SPREAD_PLASTIC = 0.2
"""The same with a yield stress: the motion must not seem to be a flow, which would thin the liquid."""
KEEP = 0.95
"""Share of the particles' own velocity that a step keeps, changed by what the grid's changed (affine FLIP)."""
LEAST_FOURIER = 1e-3
"""Viscosity, and the liquid's hold on walls and bodies, is left out if it moves less than this share of a cell's
momentum in a step."""
VOID = 0.1
"""Air passes through cells with a larger open share."""
NARROW_SWEEPS = 4
"""How many cells deep under a body the liquid beside it is thought to seep."""
SWEEPS = 3
"""How many faces beyond the liquid its velocity is continued."""
PASSES = 2
"""How often a step of friction with a yield stress is taken, each time with the shear rates of the time before: the
first time those of the step before, with which alone mud would answer to its load some steps late."""
MOST_TAKEN = 0.2
"""The most that particles take back in a step [share of their weight]: the grid gives less than 0.06 for nothing."""
LOST = 1e6
"""A face that seems faster [m/s] has no velocity."""
TOLERANCE = 1e-4
"""Residual of the pressure equation, share of its right side."""


class LiquidSolver:
    """One liquid in a container: particle-in-cell with affine velocities and a pressure projection.

    Transfers of Jiang et al. (2015) with the increments of Fei et al. (2021), 'Revisiting integration in the material
    point method' (affine FLIP); free surface by the ghost fluid of Gibou et al. (2002), with the surface's height read
    from how full the cells are; bodies by Batty et al. (2007). Where viscosity matters, an implicit viscous step
    between two projections (Batty & Bridson 2008); the pressure that it calls for is carried on from step to step, as
    in an incremental pressure correction (van Kan 1986), or else thick liquid would part before a body instead of
    pushing it. All but the linear solves runs on `device`.
    """

    container_impulse: Float64
    """Impulse that pressure, friction and spray gave the container since the beginning [N s], (3,)."""
    taken_back: Float64
    """Impulse that the particles took back since the beginning [N s], (3,): an error of the grid, see `_take_back`."""

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
        longest = CALM * float(np.sqrt(self._cell.min() / max(np.linalg.norm(gravity), 1e-3)))
        fourier = medium.viscosity / medium.density * longest / float(self._cell.min()) ** 2
        self._is_thick = fourier >= LEAST_FOURIER or medium.cohesion > 0.0
        self._allocate()
        self._fill(bodies, np.random.default_rng(seed))

    def _allocate(self) -> None:
        faces = (3, *(count + 1 for count in self._shape))

        def field(shape: tuple[int, ...], dtype: type) -> wp.array:
            return wp.zeros(shape, dtype=dtype, device=self._device)

        self._velocity, self._mass, self._known = field(faces, float), field(faces, float), field(faces, int)
        self._before, self._last, self._reached = field(faces, float), field(faces, float), field(faces, int)
        self._filled, self._known_cell = field(self._shape, float), field(self._shape, int)
        walls = np.ones(faces, np.float32)
        walls[0, [0, -1]] = walls[1, :, [0, -1]] = walls[2, :, :, 0] = 0.0
        self._walls = wp.array(walls, dtype=float, device=self._device)
        self._open_face, self._open_cell = wp.clone(self._walls), field(self._shape, float)
        self._pressure, self._drag = np.zeros(self._shape), np.zeros(self._shape)
        self.container_impulse, self.taken_back = np.zeros(3), np.zeros(3)

    def _fill(self, bodies: Sequence[Body], random: np.random.Generator) -> None:
        counts = np.maximum(np.round(np.ptp(self._medium.region, axis=0) / (self._cell / 2)), 1).astype(int)
        points, self.particle_volume = arrange(self._medium, bodies, counts, JITTER, random)
        self._share = float(self.particle_volume / self._cell.prod())
        self._x = wp.array(points, dtype=wp.vec3, device=self._device)
        self._v = wp.zeros(len(points), dtype=wp.vec3, device=self._device)
        self._c = wp.zeros(len(points), dtype=wp.mat33, device=self._device)
        self._deep = wp.zeros(len(points), dtype=float, device=self._device)
        self._particle_mass = self._medium.density * self.particle_volume
        self._weight = self._particle_mass * len(points) * self._gravity
        self._owed = np.zeros(3)  # momentum that the particles should have [N s]

    @property
    def time_step(self) -> float:
        """The coupling step [s] at present: liquid crosses about one cell, waves of its size a part of one."""
        cell, gravity = float(self._cell.min()), float(np.linalg.norm(self._gravity))
        speed = float(np.quantile(np.linalg.norm(self._v.numpy(), axis=1), QUICK))
        return min(cell / max(speed, 1e-9), CALM * float(np.sqrt(cell / max(gravity, 1e-3))))

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
        self._take_back(dt)
        received = self.container_impulse
        self._cover(state, dt)
        self._to_faces(dt)
        free = self._bodies.free_velocity(state, dt)
        impulse = self._project(free, dt, self._gravity)
        if self._is_thick:
            # Weight is balanced by now: the bodies must not feel it as the drag of a falling liquid.
            impulse += self._shear(free + self._bodies.answer(impulse), dt)
            impulse += self._project(free + self._bodies.answer(impulse), dt, np.zeros(3))
        after = free + self._bodies.answer(impulse)
        self._bodies.place(state.position, state.orientation, after, dt)
        self._bodies.remember(state, impulse, dt)
        if self._is_thick:
            impulse += self._hold(after)
        self._to_particles(after, dt)
        given = impulse[:, :3].sum(axis=0) + self.container_impulse - received
        self._owed += self._weight * dt - given
        return impulse

    def _take_back(self, dt: float) -> None:
        """The liquid loses the momentum that it gave to bodies and container, and no more; of the step before, so that
        what it moves with at the end of a step has no divergence.

        The pressure equation balances volumes, the particles carry the mass. Where the two differ (crowded cells, the
        skin, slits beside a body) the pressure inside the liquid pushes the liquid as a whole, by up to a per cent of
        its weight. Its particles take that push back, all but the spray alike: at rest, bodies and container then bear
        the particles' weight. Spray has no pressure: what stops it is not in the equation, and goes to the container.
        """
        self._launch(find_deep, len(self._x), [self._grid, self._filled, self._x, self._deep])
        deep = self._particle_mass * float(self._deep.numpy().sum(dtype=np.float64))
        missing = self._owed - self._particle_mass * self._v.numpy().sum(axis=0, dtype=np.float64)
        most = deep * MOST_TAKEN * float(np.linalg.norm(self._gravity)) * dt
        taken = missing * min(most / max(float(np.linalg.norm(missing)), 1e-30), 1.0)
        if deep > 0.0:
            self._launch(push, len(self._x), [wp.vec3(*(taken / deep)), self._deep, self._v])
        self.taken_back = self.taken_back + taken
        self.container_impulse = self.container_impulse + missing - taken
        self._owed = self._owed - (missing - taken)

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
        wp.copy(self._reached, self._known)
        self._launch(fill, self._cells, [self._filled, self._open_cell, self._known_cell])
        for sweep in range(1, NARROW_SWEEPS + 1):
            inputs = [self._grid.shape, sweep, self._open_face, self._filled, self._known_cell]
            self._launch(fill_narrow, self._cells, inputs)

    def _shear(self, free: Float64, dt: float) -> Float64:
        """Viscous friction; impulses on the bodies, (B, 6), which move with `free` before it."""
        medium, cell = self._medium, self._cell
        diffusion, plasticity = medium.viscosity / medium.density * dt, medium.cohesion / medium.density * dt
        wp.copy(self._known, self._reached)
        self._near = near_bodies(self._grid, self._bodies, self._faces, self._device)
        layers, mass = self._cells[2], medium.density * float(cell.prod())
        liquid = Liquid(
            grid=self._grid,
            layers=layers,
            filled=self._filled,
            open_cell=self._open_cell,
            before=self._last,
            distance=self._near[0],
            owner=self._near[1],
            diffusion=diffusion,
            plasticity=plasticity,
            cell_mass=mass,
        )
        velocity = self._velocity.numpy()
        self._unslowed = (velocity - self._before.numpy())[..., : layers + 1]
        shares = self._share * self._mass.numpy()[..., : layers + 1]
        for _ in range(PASSES if plasticity else 1):
            slowed = slow_down(liquid, self._bodies, velocity[..., : layers + 1], shares, free, self._device)
            if plasticity:
                self._foresee(velocity, slowed, free)
        velocity[..., : layers + 1] += slowed.change
        self._velocity.assign(velocity)
        self.container_impulse = self.container_impulse + slowed.on_container
        return slowed.impulse

    def _foresee(self, velocity: Float32, slowed: Slowed, free: Float64) -> None:
        """The shear rates after this step, by which a yield stress acts, from a first pass of it."""
        after = velocity.copy()
        after[..., : self._cells[2] + 1] += slowed.change
        self._last.assign(after)
        self._stick(free + self._bodies.answer(slowed.impulse), 0.0, self._last)

    def _stick(self, motion: Float64, mirror: float, field: wp.array) -> None:
        """Faces inside bodies, which move with `motion`, (B, 6), follow them."""
        if len(motion):
            carried = wp.array(motion, dtype=wp.spatial_vector, device=self._device)
            self._launch(stick, self._faces, [self._grid, self._bodies.poses, carried, *self._near, mirror, field])

    def _hold(self, motion: Float64) -> Float64:
        """No slip on bodies that move with `motion`, (B, 6), in what particles and the next step see of the faces;
        impulses on the led ones of the liquid so near that its particles reach faces inside them, (B, 6).

        The friction's equation knows the shear stress half-way from the last free face to the body; the body feels
        that and the weight of the liquid between.
        """
        wp.copy(self._last, self._velocity)
        if not len(motion):
            return np.zeros((0, 6))
        for field, mirror in ((self._velocity, 1.0), (self._before, 1.0), (self._last, 0.0)):
            self._stick(motion, mirror, field)
        layers = self._cells[2]
        slowed = self._unslowed - (self._velocity.numpy() - self._before.numpy())[..., : layers + 1]
        mass = self._particle_mass * self._mass.numpy()[..., : layers + 1]
        return on_led_bodies(self._bodies, *self._near, mass * np.where(np.abs(slowed) < LOST, slowed, 0.0))

    def _project(self, free: Float64, dt: float, gravity: Float64) -> Float64:
        """Make the faces' velocity free of divergence; impulses on the bodies, (B, 6).

        `free` is the bodies' velocity without the pressure, (B, 6); `gravity` [m/s^2] is what it includes.
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
        lift *= -self._medium.density * gravity[2] * dt
        equation = self._equation(cells, ranks, coupling, free + self._bodies.answer(lift))
        if gravity.any():
            found = solve(equation, self._pressure[at], TOLERANCE)
            self._pressure = _spread(found, at, self._shape)
            q = found + self._drag[at]
        else:
            q = solve(equation, np.zeros(len(cells)), TOLERANCE)
            self._drag = _spread(self._drag[at] + q, at, self._shape)
        field = _spread(q, at, self._shape)
        pressure = wp.array(field, dtype=float, device=self._device)
        inputs = [self._grid, ranks, self._filled, self._open_face, pressure, self._velocity, self._known]
        self._launch(project, self._faces, inputs)
        for sweep in range(1, SWEEPS + 1):
            self._launch(extend, self._faces, [self._grid, sweep, self._velocity, self._known])
        self.container_impulse = (
            self.container_impulse + self._on_walls(field, liquid, gravity * dt) - lift[:, :3].sum(axis=0)
        )
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
        spread = SPREAD_PLASTIC if self._medium.cohesion else SPREAD
        listed = wp.array(cells.astype(np.int32), dtype=wp.vec3i, device=device)
        inputs = [self._grid, listed, ranks, self._filled, self._open_cell, self._open_face, self._velocity, spread]
        self._launch(assemble, count, [*inputs, diagonal, weight, neighbour, excess])
        right = excess.numpy().astype(np.float64)
        right[coupling.cells] -= coupling.outflow @ free.ravel()
        main = diagonal.numpy().astype(np.float64)
        shut = main <= 0.0  # cells wholly inside a body
        main[shut], right[shut] = 1.0, 0.0
        return PressureEquation(main, weight.numpy().astype(np.float64), neighbour.numpy(), right, coupling)

    def _on_walls(self, pressure: Float64, liquid: Bool, pull: Float64) -> Float64:
        """Impulse of the pressure on walls and floor [N s], (3,): in the cell, plus `pull` = gravity x dt [m/s], (3,),
        over half a cell beyond."""
        impulse = np.zeros(3)
        area = self._cell.prod() / self._cell
        for axis, side in ((0, -1), (0, 1), (1, -1), (1, 1), (2, -1)):
            layer = np.take(pressure, 0 if side < 0 else -1, axis)
            wet = np.take(liquid, 0 if side < 0 else -1, axis)
            rise = side * pull[axis] * self._cell[axis] / 2
            impulse[axis] += side * area[axis] * float(layer.sum() + rise * wet.sum())
        return self._medium.density * impulse

    def _to_particles(self, motion: Float64, dt: float) -> None:
        """Move the particles past bodies that move with `motion`, (B, 6)."""
        bodies, gravity = self._bodies, wp.vec3(*self._gravity)
        carried = wp.array(motion, dtype=wp.spatial_vector, device=self._device)
        inputs = [
            self._grid,
            self._velocity,
            self._before,
            KEEP,
            float(self._is_thick),
            bodies.shapes,
            bodies.poses,
            carried,
            bodies.samples,
        ]
        self._launch(gather, len(self._x), [*inputs, gravity, dt, self._x, self._v, self._c])


def _spread(values: Float64, at: tuple[NDArray[np.int64], ...], shape: tuple[int, ...]) -> Float64:
    """Values of some cells in an array of all, zero elsewhere."""
    field = np.zeros(shape)
    field[at] = values
    return field


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
