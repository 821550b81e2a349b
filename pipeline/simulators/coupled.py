"""Bodies in PyBullet, grains or liquid in warp, coupled both ways by impulses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipeline.simulators import Simulator
from pipeline.types import Float32, Float64, Scene, Trajectory

if TYPE_CHECKING:
    from pipeline.simulators._bodies import Bodies
    from pipeline.simulators._medium import BodyState, MediumSolver


@dataclass
class Coupled(Simulator):
    """Each coupling step reads the bodies' state, moves the medium past them, and gives the impulses back."""

    particle_spacing: float = field(default=0.008, metadata={"quick": 0.016})
    """Distance of neighbouring particles of a medium at t = 0 [m]; a grid cell is two of them."""
    body_step: float = 1 / 960
    """Longest time step of the bodies [s]."""
    device: str = "cpu"
    """Where the medium is computed: cpu, cuda, cuda:1 ..."""

    def __post_init__(self) -> None:
        for name in ("particle_spacing", "body_step"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"simulator coupled: {name} must be positive, got {value}")

    def simulate(self, scene: Scene) -> Trajectory:
        """States at the frame times. Raises ValueError for an unknown kind of medium or shape of body."""
        from pipeline.simulators._bodies import Bodies

        medium = self._medium(scene)
        wanted = medium.time_step if medium else self.body_step
        couplings = _parts(1 / scene.fps, wanted)
        steps = _parts(1 / scene.fps / couplings, self.body_step)
        with Bodies(scene, 1 / scene.fps / couplings / steps) as bodies:
            frames = list(_frames(scene, bodies, medium, couplings, steps))
        states, impulses, positions, velocities = zip(*frames, strict=True)
        return Trajectory(
            time=np.arange(scene.num_frames) / scene.fps,
            body_position=np.stack([state.position for state in states]),
            body_orientation=np.stack([state.orientation for state in states]),
            body_velocity=np.stack([state.velocity for state in states]),
            body_angular_velocity=np.stack([state.angular_velocity for state in states]),
            body_impulse=np.stack(impulses),
            particle_position=np.stack(positions),
            particle_velocity=np.stack(velocities),
            particle_spacing=_spacing(scene, len(positions[0])),
        )

    def _medium(self, scene: Scene) -> MediumSolver | None:
        if scene.medium is None:
            return None
        setting = (scene.medium, scene.container, scene.bodies, self.particle_spacing, scene.gravity)
        if scene.medium.kind == "grains":
            from pipeline.simulators._grains import GrainSolver

            return GrainSolver(*setting, scene.particle_seed, self.device)
        if scene.medium.kind == "liquid":
            from pipeline.simulators._liquid import LiquidSolver

            return LiquidSolver(*setting, scene.particle_seed, self.device)
        raise ValueError(f"Scene {scene.clip_id}: medium's kind must be grains or liquid, got '{scene.medium.kind}'")


def _spacing(scene: Scene, particles: int) -> float:
    """Edge of the cube of medium that one particle stands for [m]; layers are rounded to a whole number."""
    if scene.medium is None:
        return 0.0
    low, high = np.asarray(scene.medium.region)
    return float(np.cbrt(np.prod(high - low) / particles))


def _parts(whole: float, longest: float) -> int:
    """Smallest number of equal parts of `whole` none of which is longer than `longest`."""
    return max(int(np.ceil(whole / longest - 1e-9)), 1)


def _frames(
    scene: Scene, bodies: Bodies, medium: MediumSolver | None, couplings: int, steps: int
) -> Iterator[tuple[BodyState, Float64, Float32, Float32]]:
    """Body states, impulses since the frame before, particle positions and velocities, frame by frame."""
    impulse = np.zeros((len(scene.bodies), 6))
    nothing = np.zeros((0, 3), dtype=np.float32)
    for frame in range(scene.num_frames):
        if frame > 0:
            impulse = _advance(bodies, medium, 1 / scene.fps / couplings, couplings, steps)
        positions = medium.positions() if medium else nothing
        velocities = medium.velocities() if medium else nothing
        state = bodies.state()
        if not (np.isfinite(positions).all() and np.isfinite(state.position).all()):
            raise FloatingPointError(
                f"Scene {scene.clip_id}: states must be finite, got others at frame {frame}; "
                "a smaller simulator.particle_spacing takes smaller steps"
            )
        yield state, impulse, positions, velocities


def _advance(bodies: Bodies, medium: MediumSolver | None, dt: float, couplings: int, steps: int) -> Float64:
    """One frame forward; returns the impulses that the medium gave within it, shape (B, 6)."""
    state = bodies.state()
    total = np.zeros((len(state.position), 6))
    for _ in range(couplings):
        impulse = medium.step(bodies.state(), dt) if medium else np.zeros_like(total)
        bodies.step(impulse, steps)
        total += impulse
    return total
