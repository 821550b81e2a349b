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

    body_step: float = 1 / 960
    """Longest time step of the bodies [s]."""
    thin: str = field(default="refuse", metadata={"quick": "allow"})
    """What to do about a body with a part thinner than two cells, through which the medium would leak: refuse the
    scene, thicken the part (for the medium only: it displaces more), or allow it."""
    device: str = "cpu"
    """Where the medium is computed: cpu, cuda, cuda:1 ..."""

    def __post_init__(self) -> None:
        for name in ("particle_spacing", "body_step"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"simulator coupled: {name} must be positive, got {value}")
        if self.thin not in ("refuse", "thicken", "allow"):
            raise ValueError(f"simulator coupled: thin must be refuse, thicken or allow, got '{self.thin}'")

    def pieces(self, scene: Scene) -> Iterator[Trajectory]:
        """States at the frame times, one after the other.

        Raises ValueError for a scene that cannot be: an unknown kind of medium or shape, a mesh that is not closed or
        (see `thin`) too thin, bodies that overlap at t = 0; RuntimeError for a frame that cannot be: particles or
        bodies without a finite state, too fast, or out of the container.
        """
        from pipeline.simulators import _checks
        from pipeline.simulators._bodies import Bodies
        from pipeline.simulators._paths import put_on_paths

        scene = put_on_paths(scene)
        medium = self._medium(scene)
        pace = _Pace(1 / scene.fps, medium.time_step if medium else self.body_step, self.body_step)
        with Bodies(scene, pace.body_step) as bodies:
            _checks.start(scene, bodies.overlaps())
            received = np.zeros(3)
            for t, frame in enumerate(_frames(scene, bodies, medium, pace, 2 * self.particle_spacing)):
                state, impulse, positions, velocities, total = frame
                yield Trajectory(
                    time=np.array([t]) / scene.fps,
                    body_position=state.position[None],
                    body_orientation=state.orientation[None],
                    body_velocity=state.velocity[None],
                    body_angular_velocity=state.angular_velocity[None],
                    body_impulse=impulse[None],
                    particle_position=positions[None],
                    particle_velocity=velocities[None],
                    particle_spacing=float(np.cbrt(medium.particle_volume)) if medium else 0.0,
                    container_impulse=(total - received)[None],
                )
                received = total

    def _medium(self, scene: Scene) -> MediumSolver | None:
        if scene.medium is None:
            return None
        from pipeline.simulators import _checks

        bodies = _checks.for_medium(scene, 2 * self.particle_spacing, self.thin)
        setting = (scene.medium, scene.container, bodies, self.particle_spacing, scene.gravity)
        if scene.medium.kind == "grains":
            from pipeline.simulators._grains import GrainSolver

            return GrainSolver(*setting, scene.particle_seed, self.device)
        if scene.medium.kind == "liquid":
            from pipeline.simulators._liquid import LiquidSolver

            return LiquidSolver(*setting, scene.particle_seed, self.device)
        raise ValueError(f"Scene {scene.clip_id}: medium's kind must be grains or liquid, got '{scene.medium.kind}'")


def _parts(whole: float, longest: float) -> int:
    """Smallest number of equal parts of `whole` none of which is longer than `longest`."""
    return max(int(np.ceil(whole / longest - 1e-9)), 1)


@dataclass(frozen=True)
class _Pace:
    """How the time between two frames is divided: into coupling steps of several equal steps of the bodies each."""

    frame: float
    """Time between two frames [s]."""
    coupling: float
    """Longest coupling step [s], as the medium asks for at the start."""
    longest: float
    """Longest step of the bodies [s]."""

    @property
    def steps(self) -> int:
        """Steps of the bodies in a frame; their length stays the same for the whole clip."""
        couplings = _parts(self.frame, self.coupling)
        return couplings * _parts(self.frame / couplings, self.longest)

    @property
    def body_step(self) -> float:
        """Step of the bodies [s]."""
        return self.frame / self.steps

    def couplings(self, wanted: float) -> int:
        """Coupling steps in a frame, none longer than `wanted` [s] unless the bodies' own steps are."""
        least = min(_parts(self.frame, wanted), self.steps)
        return next(count for count in range(least, self.steps + 1) if self.steps % count == 0)


def _frames(
    scene: Scene, bodies: Bodies, medium: MediumSolver | None, pace: _Pace, cell: float
) -> Iterator[tuple[BodyState, Float64, Float32, Float32, Float64]]:
    """Body states, impulses since the frame before, particle positions and velocities, frame by frame; and what the
    container has received since the beginning."""
    from pipeline.simulators import _checks

    impulse = np.zeros((len(scene.bodies), 6))
    nothing = np.zeros((0, 3), dtype=np.float32)
    limit = _checks.fastest(scene)
    for frame in range(scene.num_frames):
        if frame > 0:
            impulse = _told(scene, frame, bodies, medium, pace, cell)
        positions = medium.positions() if medium else nothing
        velocities = medium.velocities() if medium else nothing
        state = bodies.state()
        _checks.frame(scene, frame, state, positions, velocities, limit)
        yield state, impulse, positions, velocities, medium.container_impulse if medium else np.zeros(3)


def _told(scene: Scene, frame: int, bodies: Bodies, medium: MediumSolver | None, pace: _Pace, cell: float) -> Float64:
    """As `_advance`; a solver that gives up says in which scene and frame."""
    try:
        return _advance(bodies, medium, pace, cell)
    except RuntimeError as error:
        raise RuntimeError(f"Scene {scene.clip_id}, frame {frame}: {error}") from error


def _advance(bodies: Bodies, medium: MediumSolver | None, pace: _Pace, cell: float) -> Float64:
    """One frame forward; returns the impulses that the medium gave within it, shape (B, 6).

    No body crosses more than a cell in a coupling step, as far as its steps allow.
    """
    now = bodies.state()
    speed = float(np.linalg.norm(now.velocity, axis=1).max(initial=0.0))
    wanted = min(medium.time_step, cell / max(speed, 1e-9)) if medium else pace.frame
    couplings = pace.couplings(wanted)
    dt, steps = pace.frame / couplings, pace.steps // couplings
    total = np.zeros((len(now.position), 6))
    for _ in range(couplings):
        impulse = medium.step(bodies.state(dt), dt) if medium else np.zeros_like(total)
        bodies.step(impulse, steps)
        total += impulse
    return total
