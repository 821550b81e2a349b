"""The bodies' side of the pressure equation: what they cover, how they answer to an impulse, what else drives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import warp as wp
from numpy.typing import NDArray

from pipeline.simulators._distance import distance_field
from pipeline.simulators._liquid_bodies import Shape, cover
from pipeline.simulators._liquid_pressure import Coupling
from pipeline.simulators._medium import BodyState
from pipeline.types import Body, Float64, Vector

COLLISION = 1.5
"""Contact accelerations beyond this multiple of gravity are collisions, which do not last."""


class ImmersedBodies:
    """Distance fields, poses and inertia of all bodies; remembers the last step to know what else pushed them."""

    def __init__(
        self, bodies: Sequence[Body], low: Float64, cell: Float64, density: float, gravity: Vector, device: str
    ) -> None:
        self._low, self._cell, self._density, self._device = low, cell, density, device
        self._gravity = np.concatenate([np.asarray(gravity, float), np.zeros(3)])
        self._mass = np.array([body.mass for body in bodies])
        self._inertia = np.array([body.inertia for body in bodies]).reshape(-1, 3)
        self._reach = np.array([np.linalg.norm(body.mesh.vertices, axis=1).max() for body in bodies])
        self._round = [body.shape == "sphere" for body in bodies]
        fields = [distance_field(body, float(cell.min()) / 4) for body in bodies]
        samples = np.concatenate([field.values.ravel() for field in fields] or [np.zeros(0, np.float32)])
        self.samples = wp.array(samples, dtype=float, device=device)
        self._table = np.zeros(len(bodies), dtype=Shape.numpy_dtype())
        if bodies:
            self._table["offset"] = np.cumsum([0] + [field.values.size for field in fields[:-1]])
            self._table["counts"] = [field.values.shape for field in fields]
            self._table["origin"] = [field.origin for field in fields]
            self._table["spacing"] = [field.spacing for field in fields]
        sizes = [tuple(np.ceil(2 * reach / cell).astype(int) + 3) for reach in self._reach]
        self._solid = [wp.zeros((3, *size), dtype=float, device=device) for size in sizes]
        self._before: tuple[Float64, Float64, float] | None = None
        self.place([body.position for body in bodies], [body.orientation for body in bodies])

    def place(self, position: object, orientation: object) -> None:
        """Put the bodies' centres of mass, (B, 3) [m], and orientations, (B, 4) xyzw, where they are told."""
        self._position = np.asarray(position, float).reshape(-1, 3)
        self._orientation = np.asarray(orientation, float).reshape(-1, 4)
        self._table["position"], self._table["orientation"] = self._position, self._orientation
        corner = np.floor((self._position - self._reach[:, None] - self._low) / self._cell).astype(int) - 1
        self._table["corner"] = corner
        self.shapes = wp.array(self._table, dtype=Shape, device=self._device)

    def move(self, velocity: Float64, dt: float) -> None:
        """Carry the bodies on by `dt` [s] at the velocities (B, 6) [m/s, rad/s]."""
        turn = velocity[:, 3:] * dt
        angle = np.linalg.norm(turn, axis=1, keepdims=True)
        axis = turn / np.maximum(angle, 1e-12)
        spin = np.concatenate([axis * np.sin(angle / 2), np.cos(angle / 2)], axis=1)
        self.place(self._position + velocity[:, :3] * dt, _multiply(spin, self._orientation))

    def cover(self, grid: object, open_face: wp.array, open_cell: wp.array) -> None:
        """Take what the bodies cover from the open shares of faces and cells (in place)."""
        for index, solid in enumerate(self._solid):
            inputs = [grid, index, self.shapes, self.samples]
            wp.launch(cover, solid.shape[1:], inputs, [solid, open_face, open_cell], device=self._device)

    def coupling(self, rank: NDArray[np.int32]) -> Coupling:
        """Volume that each body pushes out of the liquid cells, whose rows `rank` (nx, ny, nz) names, -1 elsewhere."""
        count = len(self._solid)
        rows, outflows = [np.zeros(0, np.int64)], [np.zeros((0, 6 * count))]
        for index, solid in enumerate(self._solid):
            cells, change = _displacement(solid.numpy(), self._table["corner"][index], rank, self._cell)
            lever = self._low + (cells + 0.5) * self._cell - self._position[index]
            outflow = np.zeros((len(cells), 6 * count))
            outflow[:, 6 * index : 6 * index + 3] = change
            if not self._round[index]:  # pressure cannot turn a sphere, but its staircase can
                outflow[:, 6 * index + 3 : 6 * index + 6] = np.cross(lever, change)
            rows.append(rank[tuple(cells.T)].astype(np.int64))
            outflows.append(outflow)
        unique, place = np.unique(np.concatenate(rows), return_inverse=True)
        total = np.zeros((len(unique), 6 * count))
        np.add.at(total, place, np.concatenate(outflows))
        return Coupling(unique, total, self._density * self._inverse_mass())

    def free_velocity(self, state: BodyState, dt: float) -> Float64:
        """Velocities (B, 6) that the bodies would reach in `dt` [s] without the liquid.

        Gravity, plus the contacts felt in the step before, unless they were collisions: a body that rests on the
        floor must not seem to fall.
        """
        now = np.concatenate([state.velocity, state.angular_velocity], axis=1)
        push = np.broadcast_to(self._gravity, now.shape)
        if self._before is None:
            return now + dt * push
        velocity, impulse, span = self._before
        answer = (self._inverse_mass() @ impulse.ravel()).reshape(impulse.shape)
        contact = (now - velocity - answer) / span - push
        strength = np.linalg.norm(contact[:, :3], axis=1) + self._reach * np.linalg.norm(contact[:, 3:], axis=1)
        lasting = strength < COLLISION * np.linalg.norm(self._gravity)
        return now + dt * (push + np.where(lasting[:, None], contact, 0.0))

    def answer(self, impulse: Float64) -> Float64:
        """Change of the velocities by impulses, both (B, 6)."""
        return (self._inverse_mass() @ impulse.ravel()).reshape(impulse.shape)

    def remember(self, state: BodyState, impulse: Float64, dt: float) -> None:
        """Keep what was known before this step, to tell the contacts' share of the next state."""
        self._before = (np.concatenate([state.velocity, state.angular_velocity], axis=1), impulse, dt)

    def _inverse_mass(self) -> Float64:
        inverse = np.zeros((6 * len(self._mass), 6 * len(self._mass)))
        for index, (mass, inertia) in enumerate(zip(self._mass, self._inertia, strict=True)):
            turn = _rotation(self._orientation[index])
            inverse[6 * index : 6 * index + 3, 6 * index : 6 * index + 3] = np.eye(3) / mass
            inverse[6 * index + 3 : 6 * index + 6, 6 * index + 3 : 6 * index + 6] = (turn / inertia) @ turn.T
        return inverse


def _displacement(
    solid: NDArray[np.float32], corner: NDArray[np.int32], rank: NDArray[np.int32], cell: Float64
) -> tuple[NDArray[np.int64], Float64]:
    """Liquid cells that a body touches, (m, 3), and the area by which it covers their upper faces more than the lower
    ones, along each axis, (m, 3) [m^2]."""
    area = cell.prod() / cell
    low = solid[:, :-1, :-1, :-1]
    upper = (solid[0, 1:, :-1, :-1], solid[1, :-1, 1:, :-1], solid[2, :-1, :-1, 1:])
    change = np.stack([area[axis] * (upper[axis] - low[axis]) for axis in range(3)], axis=-1)
    touched = np.argwhere((change != 0.0).any(axis=-1))
    cells = touched + corner
    inside = ((cells >= 0) & (cells < rank.shape)).all(axis=1)
    touched, cells = touched[inside], cells[inside]
    liquid = rank[tuple(cells.T)] >= 0
    return cells[liquid], change[tuple(touched[liquid].T)].astype(np.float64)


def _rotation(quaternion: Float64) -> Float64:
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _multiply(first: Float64, second: Float64) -> Float64:
    """Hamilton products of quaternions (x, y, z, w), (B, 4)."""
    a, b = first[:, :3], second[:, :3]
    wa, wb = first[:, 3:], second[:, 3:]
    vector = wa * b + wb * a + np.cross(a, b)
    return np.concatenate([vector, wa * wb - (a * b).sum(axis=1, keepdims=True)], axis=1)
