"""Grains as a continuum: explicit MLS-MPM with a frictional law, with or without cohesion.

Transfers: APIC (Jiang et al. 2015) with the stress of MLS-MPM (Hu et al. 2018), quadratic B-splines. Law: density
decides between contact and free flight (Dunatunga & Kamrin, J. Fluid Mech. 779, 2015); shear strength after
Matsuoka & Nakai (1974), because a Drucker-Prager cone of the same triaxial angle leaves heaps that are too steep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import warp as wp

from pipeline.simulators import _grains_contact as contact
from pipeline.simulators import _grains_kernels as kernels
from pipeline.simulators._distance import distance_field
from pipeline.simulators._filling import arrange
from pipeline.simulators._medium import BodyState
from pipeline.simulators._prediction import FreeMotion
from pipeline.types import Body, Container, Float32, Float64, Medium, Vector

SOUND_SPEED = 14.0
"""Of longitudinal waves [m/s]. Real sand's is some 100 m/s; at 10 sqrt(g depth) and above its own weight compresses
it by less than 1 %. Stiffer sand takes smaller steps, and every step costs the transfers some motion: at 20 a light
ball stops at 0.85 of the depth that it reaches at 14, collapses run as far."""
COURANT = 1.1
"""Time step * (sound speed + 2 m/s) / cell. A bed at rest stays still to 1.25 and shakes itself apart from 1.4 on."""
POISSON = 0.3
PACKED = 0.59
"""Share of the volume that the grains take, pores left out."""
RATE_GAIN = 0.68
"""mu_2 / mu_s - 1: 0.643 / 0.382 for glass beads (Jop et al. 2006)."""
PEAK_GAIN = 0.1
"""Friction of grains at rest over that in steady flow, less 1: 2.4 degrees for sand. Bolton (Geotechnique 36, 65, 1986)
has 3 I_R degrees in triaxial compression, 5 I_R in plane strain, I_R = I_D (10 - ln(p / 1 kPa)) - 1: I_R = 0.5 to 0.8,
a loose density index I_D of 0.15 to 0.2. It keeps the core of a collapsing column standing."""
SOFTENING = 0.3
"""Plastic shear strain that wears the peak off: triaxial samples reach their critical state at 0.2 to 0.4 (ibid.)."""
SHARING = 0.01
"""Of the expansion with the other particles of a cell, per step. Without it a collapsed heap swells by 4 to 5 %, with
0.01 by 2 %; more of it makes heaps flow apart: the centre sinks by 1 % of the radius more with 0.1."""
CONSOLIDATED = 500.0
"""Pressure up to which poured grains are elastic [Pa]; compressed further they rearrange for good."""
UNLOADING = 2.0
"""How much stiffer they are then when unloaded than when loaded: half of the energy does not come back (soils lose
more: swelling takes a fifth to a third of what compression takes). With 1 a light ball bounces back from half of its
depth; with 3 the waves of unloading are too fast for the time step, and what is shaken goes on sinking."""
PADDING = 3
"""Cells beyond floor and walls, for the splines of particles that touch them."""
HEADROOM = 0.25
"""Height of the grid above the medium [m]; particles above it fly freely."""
JITTER = 0.25
"""Largest displacement from the regular arrangement at the start [spacings]."""
GAP = 0.15
"""Distance from a body at which nodes feel it [cells]; leaves the nearest particles half a spacing away from it."""


class GrainSolver:
    """Sand and the like in a container, two-way coupled to bodies (a `MediumSolver`)."""

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
            raise ValueError(f"Medium {medium.material}: grains need a container to lie in, got none")
        self._device = device
        self._gravity = wp.vec3(*gravity)
        self._motion = FreeMotion(bodies, gravity)
        self._grid = _grid(medium, container, spacing)
        self._law = _law(medium)
        self.time_step = COURANT * min(self._grid.cell) / (SOUND_SPEED + 2.0)
        counts = np.maximum(np.round(np.ptp(medium.region, axis=0) / spacing).astype(int), 1)
        start, self.particle_volume = arrange(medium, bodies, counts, JITTER, np.random.default_rng(seed))
        count = len(start)
        with wp.ScopedDevice(device):
            self._position = wp.array(start, dtype=wp.vec3)
            self._velocity = wp.zeros(count, dtype=wp.vec3)
            self._gradient = wp.zeros(count, dtype=wp.mat33)
            pressure, deviator = _at_rest(start, medium, gravity)
            self._deviator = wp.array(deviator, dtype=wp.mat33)
            self._strain = wp.zeros(count, dtype=float)
            self._expansion = wp.array(1.0 / (1.0 + pressure / self._law.bulk), dtype=float)
            self._node = wp.zeros(tuple(self._grid.shape), dtype=wp.vec4)
            self._packing = wp.zeros(tuple(self._grid.shape), dtype=wp.vec2)
            self._received = wp.zeros(1, dtype=wp.vec3d)
            self._corrected = wp.zeros(1, dtype=int)
            self._bodies = len(bodies)
            self._field, self._shape = _shapes(bodies, min(self._grid.cell) / 4)
            self._pose = wp.zeros(len(bodies), dtype=kernels.Pose)
            self._contact = wp.zeros(_most_contacts(bodies, min(self._grid.cell)), dtype=contact.Contact)
            self._impulse = wp.zeros((max(len(bodies), 1), 6), dtype=wp.float64)

    def step(self, state: BodyState, dt: float) -> Float64:
        """Advance the grains; see `MediumSolver.step`."""
        if self._bodies:
            self._pose.assign(_poses(state, self._motion.velocity(state, dt)))
        self._impulse.zero_()
        self._node.zero_()
        count = len(self._position)
        moved = (self._position, self._velocity, self._gradient)
        stressed = (self._deviator, self._strain, self._expansion, self._packing)
        setting = (self._grid, self._law, dt)
        self._launch(kernels.scatter, count, *setting, self.particle_volume, *moved, *stressed, self._node)
        self._packing.zero_()
        self._launch(kernels.accelerate, self._node.shape, dt, self._gravity, self._node)
        if self._bodies:
            self._touch(dt)
        self._launch(kernels.confine, self._node.shape, self._grid, self._law, self._node, self._received)
        self._launch(kernels.gather, count, *setting, self._gravity, self._node, *moved, *stressed[2:])
        body = (self._field, self._shape, self._pose, self._bodies, 0.0)
        self._launch(kernels.keep_out, count, self._grid, *body, self._position, self._corrected)
        impulse: Float64 = self._impulse.numpy()[: self._bodies].copy()
        self._motion.remember(state, impulse, dt)
        return impulse

    def _touch(self, dt: float) -> None:
        gap = GAP * min(self._grid.cell)
        body = (self._field, self._shape, self._pose, self._bodies)
        law = (dt, self._law.wall_friction, gap, contact.SWEEPS)
        found = (self._contact, len(self._contact), self._impulse)
        self._launch(contact.touch, 1, self._grid, *law, *body, self._node, *found)

    def _launch(self, kernel: Any, dim: Any, *inputs: Any) -> None:
        wp.launch(kernel, dim=dim, inputs=inputs, device=self._device)

    @property
    def mass(self) -> float:
        """Of all particles together [kg]."""
        return self._law.density * self.particle_volume * len(self._position)

    @property
    def container_impulse(self) -> Float64:
        """What floor and walls have received since the beginning [N s], shape (3,)."""
        received: Float64 = self._received.numpy()[0].copy()
        return received

    @property
    def corrections(self) -> int:
        """How often a particle had to be put back onto the surface of a body or the container."""
        return int(self._corrected.numpy()[0])

    def positions(self) -> Float32:
        """Particle positions [m], shape (N, 3)."""
        position: Float32 = self._position.numpy().copy()
        return position

    def velocities(self) -> Float32:
        """Particle velocities [m/s], shape (N, 3)."""
        velocity: Float32 = self._velocity.numpy().copy()
        return velocity


def _grid(medium: Medium, container: Container, spacing: float) -> kernels.Grid:
    """Cells of about 2 * spacing, stretched so that the walls lie on nodes."""
    inner = container.inner_size
    across = [max(round(inner[axis] / (2 * spacing)), 1) for axis in range(2)]
    cell = [inner[0] / across[0], inner[1] / across[1], 2 * spacing]
    top = max(medium.region[1][2] + HEADROOM, inner[2])
    high = [PADDING + across[0], PADDING + across[1], PADDING + int(np.ceil(top / cell[2]))]
    grid = kernels.Grid()
    grid.cell = wp.vec3(*cell)
    grid.origin = wp.vec3(-inner[0] / 2 - PADDING * cell[0], -inner[1] / 2 - PADDING * cell[1], -PADDING * cell[2])
    grid.low = wp.vec3i(PADDING, PADDING, PADDING)
    grid.high = wp.vec3i(*high)
    grid.shape = wp.vec3i(*(index + PADDING + 1 for index in high))
    return grid


def _law(medium: Medium) -> kernels.Law:
    """Elastic moduli from the speed of longitudinal sound, rho c^2 = K + 4/3 G; strength from the friction angle.

    tan(angle) is shear over normal stress on the plane of a steady simple shear, as in a layer that flows down an
    incline: principal stresses p (1 + t), p, p (1 - t), t = tan(angle), so that I1 I2 / I3 = (9 - 3 t^2) / (1 - t^2).
    In triaxial compression such sand bears more, 36.5 degrees for 33.
    """
    tangent = np.tan(medium.friction_angle) ** 2
    kappa = (9 - 3 * tangent) / (1 - tangent)
    squared = (kappa - 9) / (kappa - 1)  # sin^2 of the angle in triaxial compression
    shear_ratio = 1.5 * (1 - 2 * POISSON) / (1 + POISSON)  # G / K
    law = kernels.Law()
    law.density = medium.density
    law.bulk = medium.density * SOUND_SPEED**2 / (1 + 4 / 3 * shear_ratio)
    law.shear = shear_ratio * law.bulk
    law.kappa = kappa
    law.surely = 2 * np.sqrt(3 * squared) / (3 + np.sqrt(squared))
    law.attraction = medium.cohesion / np.tan(medium.friction_angle)
    law.inertia = medium.grain_size * np.sqrt(medium.density / PACKED)
    law.rate_gain = RATE_GAIN
    law.peak_gain = PEAK_GAIN
    law.softening = SOFTENING
    law.loosest = 1 / (1 - law.attraction / law.bulk)
    law.firm = 1 / (1 + CONSOLIDATED / law.bulk)
    law.unloading = UNLOADING
    law.sharing = SHARING
    law.wall_friction = medium.wall_friction
    return law


def _at_rest(position: Float64, medium: Medium, gravity: Vector) -> tuple[Float64, Float64]:
    """Pressure (N,) and deviator (N, 3, 3) [Pa] of grains that carry the weight above and were poured between walls:
    the horizontal stress is nu / (1 - nu) = 0.43 of the vertical one, as sand's is (Jaky 1944: 1 - sin phi)."""
    low, high = np.asarray(medium.region)
    depth = high[2] - position[:, 2]
    if medium.form == "cone":
        off_axis = np.hypot(*(2 * (position[:, :2] - low[:2]) / (high - low)[:2] - 1).T)
        depth -= off_axis * (high - low)[2]
    vertical = medium.density * abs(gravity[2]) * np.maximum(depth, 0.0)
    sideways = POISSON / (1 - POISSON)
    deviator = (vertical * (1 - sideways) / 3)[:, None, None] * np.diag([1.0, 1.0, -2.0])
    return vertical * (1 + 2 * sideways) / 3, deviator


def _shapes(bodies: Sequence[Body], spacing: float) -> tuple[Any, Any]:
    """All distance fields in one array, and the table of the bodies."""
    values, table = [np.zeros(1, dtype=np.float32)], []
    for body in bodies:
        field = distance_field(body, spacing)
        shape = kernels.Shape()
        shape.offset = sum(len(part) for part in values)
        shape.counts = wp.vec3i(*field.values.shape)
        shape.origin = wp.vec3(*field.origin)
        shape.spacing = field.spacing
        shape.reach = float(np.linalg.norm(body.mesh.vertices, axis=1).max())
        shape.mass = body.mass
        shape.inertia = wp.vec3(*body.inertia)
        values.append(field.values.reshape(-1))
        table.append(shape)
    return wp.array(np.concatenate(values), dtype=float), wp.array(table, dtype=kernels.Shape)


def _most_contacts(bodies: Sequence[Body], cell: float) -> int:
    """Number of nodes in the boxes around the bodies' enclosing spheres."""
    reaches = [float(np.linalg.norm(body.mesh.vertices, axis=1).max()) for body in bodies]
    return sum((int(2 * (reach / cell + GAP)) + 3) ** 3 for reach in reaches)


def _poses(state: BodyState, velocity: Float64) -> Any:
    """The state as an array of `Pose`, with the velocities (B, 6)."""
    dtype: Any = kernels.Pose.numpy_dtype()  # type: ignore[attr-defined]
    poses: Any = np.zeros(len(state.position), dtype)
    poses["position"] = state.position
    poses["orientation"] = state.orientation
    poses["velocity"], poses["angular_velocity"] = velocity[:, :3], velocity[:, 3:]
    return poses
