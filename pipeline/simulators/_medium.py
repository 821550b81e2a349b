"""The contract between the coupled simulator and the solvers of a medium (grains, liquid)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.types import Body, Container, Float32, Float64, Medium, Vector


@dataclass(frozen=True)
class BodyState:
    """Where all bodies are at one instant; float64, world axes."""

    position: Float64
    """Centres of mass [m], shape (B, 3)."""
    orientation: Float64
    """Quaternions (x, y, z, w), body to world, shape (B, 4)."""
    velocity: Float64
    """Of the centres of mass [m/s], shape (B, 3)."""
    angular_velocity: Float64
    """[rad/s], shape (B, 3)."""


class MediumSolver(Protocol):
    """Moves one medium past given bodies and says what it did to them."""

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
        """Fill the medium's region with particles `spacing` apart [m], 8 to a grid cell of edge 2 * spacing.

        `bodies` give shape, mass and inertia (infinite for those that are led: nothing pushes them away, and gravity
        does not pull them); where they are comes with each step. `seed` jitters the particles.
        """

    @property
    def time_step(self) -> float:
        """The coupling step that the medium wants [s]; an integer number of steps is made to fit between frames."""

    def step(self, state: BodyState, dt: float) -> Float64:
        """Advance the medium by `dt` [s] past bodies that start in `state`.

        Returns the impulse [N s] and the angular impulse about the centre of mass [N m s] that the medium gave to
        each body within the step, world axes, shape (B, 6).
        """

    @property
    def particle_volume(self) -> float:
        """Volume of medium that one particle stands for [m^3]."""

    @property
    def container_impulse(self) -> Float64:
        """What floor and walls have received from the medium since the beginning [N s], shape (3,)."""

    def positions(self) -> Float32:
        """Particle positions [m], shape (N, 3)."""

    def velocities(self) -> Float32:
        """Particle velocities [m/s], shape (N, 3)."""
