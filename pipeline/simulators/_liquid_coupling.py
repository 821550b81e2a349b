"""The bodies' side of the pressure equation: what they cover, how they answer to an impulse, what else drives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import ArrayLike, NDArray

from pipeline.simulators._distance import distance_field
from pipeline.simulators._liquid_bodies import SEEP, Shape, cover
from pipeline.simulators._liquid_pressure import Coupling
from pipeline.simulators._medium import BodyState
from pipeline.simulators._prediction import FreeMotion
from pipeline.types import Body, Float32, Float64, Vector


class ImmersedBodies:
    """Distance fields, poses and inertia of all bodies; remembers the last step to know what else pushed them."""

    def __init__(
        self, bodies: Sequence[Body], low: Float64, cell: Float64, density: float, gravity: Vector, device: str
    ) -> None:
        self._low, self._cell, self._density, self._device = low, cell, density, device
        self._motion = FreeMotion(bodies, gravity)
        self._shapes = [body.shape for body in bodies]
        self._mass = np.array([body.mass for body in bodies])
        self._inertia = np.array([body.inertia for body in bodies]).reshape(-1, 3)
        self._reach = np.array([np.linalg.norm(body.mesh.vertices, axis=1).max() for body in bodies])
        self._sample(bodies)
        sizes = [tuple(np.ceil(2 * reach / cell).astype(int) + 3) for reach in self._reach]
        self._solid = [wp.zeros((3, *size), dtype=float, device=device) for size in sizes]
        still = np.zeros((len(bodies), 6))
        self.place([body.position for body in bodies], [body.orientation for body in bodies], still, 0.0)

    def _sample(self, bodies: Sequence[Body]) -> None:
        fields = [distance_field(body, float(self._cell.min()) / 4) for body in bodies]
        samples = np.concatenate([field.values.ravel() for field in fields] or [np.zeros(0, np.float32)])
        record: Any = Shape
        table: Any = np.zeros(len(bodies), dtype=record.numpy_dtype())
        for index, field in enumerate(fields):
            table[index]["offset"] = sum(other.values.size for other in fields[:index])
            table[index]["counts"], table[index]["origin"] = field.values.shape, field.origin
            table[index]["spacing"] = field.spacing
        self.samples = wp.array(samples, dtype=float, device=self._device)
        self.shapes = wp.array(table, dtype=record, device=self._device)

    def place(self, position: ArrayLike, orientation: ArrayLike, velocity: Float64, dt: float) -> None:
        """Put the bodies where the velocities (B, 6) [m/s, rad/s] take them within `dt` [s].

        `position` are the centres of mass, (B, 3) [m], `orientation` quaternions, (B, 4) xyzw.
        """
        self._position = np.asarray(position, float).reshape(-1, 3) + velocity[:, :3] * dt
        turn = velocity[:, 3:] * dt
        angle = np.linalg.norm(turn, axis=1, keepdims=True)
        spin = np.concatenate([turn / np.maximum(angle, 1e-12) * np.sin(angle / 2), np.cos(angle / 2)], axis=1)
        self._orientation = _multiply(spin, np.asarray(orientation, float).reshape(-1, 4))
        self._first = np.floor((self._position - self._reach[:, None] - self._low) / self._cell).astype(int) - 1
        poses = np.concatenate([self._position, self._orientation], axis=1)
        self.poses = wp.array(poses, dtype=wp.transform, device=self._device)
        self._inverse_mass = self._inverted()

    def cover(self, grid: object, open_face: wp.array, open_cell: wp.array) -> None:
        """Take what the bodies cover from the open shares of faces and cells (in place)."""
        for index, solid in enumerate(self._solid):
            seep = SEEP if np.isfinite(self._mass[index]) else 0.0
            inputs = [grid, index, wp.vec3i(*self._first[index].tolist()), seep, self.shapes, self.poses, self.samples]
            wp.launch(cover, solid.shape[1:], inputs, [solid, open_face, open_cell], device=self._device)

    def coupling(self, rank: NDArray[np.int32]) -> tuple[Coupling, Float64]:
        """What the bodies push out of the liquid cells, whose rows `rank` (nx, ny, nz) names, -1 elsewhere.

        Also returns volume [m^3] and first moment about the centre of mass [m^4] of the bodies' parts in the lowest
        half cell, as the lift (B, 6) by them: the grid has no unknown velocity down there, so that the pressure
        equation misses their buoyancy.
        """
        count = len(self._solid)
        rows, outflows, lift = [np.zeros(0, np.int64)], [np.zeros((0, 6 * count))], np.zeros((count, 6))
        for index, solid in enumerate(self._solid):
            cells, change, base = _displacement(solid.numpy(), self._first[index], rank, self._cell)
            lever = self._low + (cells + 0.5) * self._cell - self._position[index]
            up = base[:, None] * np.array([0.0, 0.0, 1.0])
            outflow = np.zeros((len(cells), 6 * count))
            outflow[:, 6 * index : 6 * index + 3], lift[index, :3] = change, up.sum(axis=0)
            free = self._turnable(index)
            outflow[:, 6 * index + 3 : 6 * index + 6] = np.cross(lever, change) @ free
            lift[index, 3:] = np.cross(lever, up).sum(axis=0) @ free
            rows.append(rank[tuple(cells.T)].astype(np.int64))
            outflows.append(outflow)
        unique, place = np.unique(np.concatenate(rows), return_inverse=True)
        total = np.zeros((len(unique), 6 * count))
        np.add.at(total, place, np.concatenate(outflows))
        return Coupling(unique, total, self._density * self._inverse_mass), lift

    def free_velocity(self, state: BodyState, dt: float) -> Float64:
        """Velocities (B, 6) that the bodies would reach in `dt` [s] without the liquid."""
        return self._motion.velocity(state, dt)

    def answer(self, impulse: Float64) -> Float64:
        """Change of the velocities by impulses, both (B, 6)."""
        return (self._inverse_mass @ impulse.ravel()).reshape(impulse.shape)

    def inertia(self) -> Float64:
        """Matrix of mass and inertia, (6 B, 6 B) [kg, kg m^2]; ones on the diagonal of led bodies."""
        led = np.diag(1.0 - self.answers())
        return np.asarray(np.linalg.inv(self._inverse_mass + led), np.float64)

    def answers(self) -> Float64:
        """1 for velocities that an impulse changes, 0 for those of led bodies, (6 B,)."""
        return (np.diag(self._inverse_mass) > 0.0).astype(np.float64)

    def carry(self, faces: NDArray[np.int64], owner: NDArray[np.int32]) -> Float64:
        """The velocity of the faces (axis, i, j, k), (m, 4), per unit of all bodies' velocities, (m, 6 B), where each
        moves with the body `owner` (m,)."""
        axis, row = faces[:, 0], np.arange(len(faces))
        unit = np.eye(3)[axis]
        lever = self._low + (faces[:, 1:] + 0.5 - 0.5 * unit) * self._cell - self._position[owner]
        carried = np.zeros((len(faces), len(self._mass), 6))
        carried[row, owner, :3], carried[row, owner, 3:] = unit, np.cross(lever, unit)
        return carried.reshape(len(faces), 6 * len(self._mass))

    def remember(self, state: BodyState, impulse: Float64, dt: float) -> None:
        """Keep what was known before this step, to tell the contacts' share of the next state."""
        self._motion.remember(state, impulse, dt)

    def _turnable(self, index: int) -> Float64:
        """Projector on the axes about which pressure can turn a body, (3, 3); on round ones only the grid would."""
        axis = _rotation(self._orientation[index])[:, 2]
        if self._shapes[index] == "sphere":
            return np.zeros((3, 3))
        if self._shapes[index] in ("cylinder", "capsule"):
            return np.eye(3) - np.outer(axis, axis)
        return np.eye(3)

    def _inverted(self) -> Float64:
        inverse = np.zeros((6 * len(self._mass), 6 * len(self._mass)))
        for index, (mass, inertia) in enumerate(zip(self._mass, self._inertia, strict=True)):
            turn = _rotation(self._orientation[index])
            inverse[6 * index : 6 * index + 3, 6 * index : 6 * index + 3] = np.eye(3) / mass
            inverse[6 * index + 3 : 6 * index + 6, 6 * index + 3 : 6 * index + 6] = (turn / inertia) @ turn.T
        return inverse


def _displacement(
    solid: Float32, first: NDArray[np.int64], rank: NDArray[np.int32], cell: Float64
) -> tuple[NDArray[np.int64], Float64, Float64]:
    """Liquid cells that a body touches, (m, 3); the area by which it covers their upper faces more than the lower
    ones, along each axis, (m, 3) [m^2]; and its volume in the lower half of the cells on the floor, (m,) [m^3]."""
    area = cell.prod() / cell
    lower = [solid[axis, :-1, :-1, :-1] for axis in range(3)]
    upper = [solid[0, 1:, :-1, :-1], solid[1, :-1, 1:, :-1], solid[2, :-1, :-1, 1:]]
    floor = (np.arange(lower[2].shape[2]) + first[2] == 0).astype(np.float32)
    base = floor * lower[2]
    lower[2] = lower[2] - base
    change = np.stack([area[axis] * (upper[axis] - lower[axis]) for axis in range(3)], axis=-1)
    touched = np.argwhere((change != 0.0).any(axis=-1) | (base > 0.0))
    cells = touched + first
    inside = ((cells >= 0) & (cells < rank.shape)).all(axis=1)
    touched, cells = touched[inside], cells[inside]
    liquid = rank[tuple(cells.T)] >= 0
    at = tuple(touched[liquid].T)
    return cells[liquid], change[at].astype(np.float64), base[at].astype(np.float64) * cell.prod() / 2


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
