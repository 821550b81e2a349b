"""How bodies would move through the next step if the medium were not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.simulators._medium import BodyState
from pipeline.types import Body, Float64, Vector

COLLISION = 1.5
"""Accelerations by contacts beyond this multiple of gravity and load are collisions, which do not last."""


class FreeMotion:
    """Gravity, plus the contacts felt in the step before: a body that rests on the floor must not seem to fall.

    Led bodies (of infinite mass) keep the velocity that they have.
    """

    def __init__(self, bodies: Sequence[Body], gravity: Vector) -> None:
        self._gravity = np.array([*gravity, 0.0, 0.0, 0.0])
        self._mass = np.array([body.mass for body in bodies])[:, None]
        self._inertia = np.array([body.inertia for body in bodies]).reshape(-1, 3)
        self._reach = np.array([np.linalg.norm(body.mesh.vertices, axis=1).max() for body in bodies])
        self._free = np.isfinite(self._mass)
        self._before: tuple[Float64, Float64, float] | None = None

    def velocity(self, state: BodyState, dt: float) -> Float64:
        """Velocities (B, 6) [m/s, rad/s] after `dt` [s] without the medium."""
        now = velocities(state)
        push = np.where(self._free, self._gravity, 0.0)
        if self._before is None:
            return now + dt * push
        velocity, answer, span = self._before
        contact = (now - velocity - answer) / span - push
        strength = self._strength(contact)
        lasting = strength < COLLISION * (np.linalg.norm(self._gravity) + self._strength(answer / span))
        return now + dt * (push + np.where(lasting[:, None] & self._free, contact, 0.0))

    def remember(self, state: BodyState, impulse: Float64, dt: float) -> None:
        """Keep the state before a step of `dt` [s] and the medium's impulses (B, 6) within it, to tell the contacts'
        share of the next state."""
        turn = Rotation.from_quat(state.orientation).as_matrix() if len(impulse) else np.zeros((0, 3, 3))
        spin = np.einsum("bij,bj,bkj,bk->bi", turn, 1 / self._inertia, turn, impulse[:, 3:])
        self._before = (velocities(state), np.concatenate([impulse[:, :3] / self._mass, spin], axis=1), dt)

    def _strength(self, acceleration: Float64) -> Float64:
        """Of accelerations (B, 6), at the farthest point of each body [m/s^2], (B,)."""
        turning: Float64 = self._reach * np.linalg.norm(acceleration[:, 3:], axis=1)
        return np.asarray(np.linalg.norm(acceleration[:, :3], axis=1) + turning)


def velocities(state: BodyState) -> Float64:
    """Velocity and angular velocity side by side, (B, 6)."""
    return np.concatenate([state.velocity, state.angular_velocity], axis=1)
