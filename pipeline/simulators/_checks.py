"""What must hold before a clip and in each of its frames: one clear error says which scene, what and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.simulators import _meshes
from pipeline.simulators._medium import BodyState
from pipeline.types import Body, Bool, Float32, Float64, Scene

FASTEST = 5.0
"""Jets outrun what drives them, but no particle can be this many times faster than the fastest body or fall."""
THIN = ("refuse", "thicken", "allow")
"""What to do about parts of bodies that are thinner than two cells."""


def for_medium(scene: Scene, cell: float, thin: str) -> Sequence[Body]:
    """The bodies as a medium of this cell [m] meets them.

    Raises ValueError for a mesh that is not closed, and for a part thinner than two cells if thin is 'refuse'.
    """
    return [_seen(scene, body, cell, thin) for body in scene.bodies] if scene.medium else scene.bodies


def _seen(scene: Scene, body: Body, cell: float, thin: str) -> Body:
    thickness = None if thin == "allow" else _meshes.thin_part(body, cell)
    if thickness is None:
        return body
    if thin == "thicken":
        return _meshes.thickened(body, cell)
    needed = _meshes.THIN_CELLS * cell
    raise ValueError(
        f"Scene {scene.clip_id}, body {body.name}: every part must be at least two cells = {1000 * needed:.1f} mm "
        f"thick, got one of at most {1000 * thickness:.1f} mm, through which {scene.medium and scene.medium.word} "
        f"would leak; set simulator.particle_spacing to {thickness / 4:.2g} or less, thicken the mesh, or set "
        "simulator.thin to thicken (the medium meets a thicker body) or allow"
    )


def start(scene: Scene, overlaps: Sequence[tuple[str, str, float]]) -> None:
    """Raises ValueError if bodies overlap each other or a wall by `overlaps`: their names and the depth [m]."""
    if overlaps:
        pairs = ", ".join(f"{one} and {other} by {1000 * depth:.1f} mm" for one, other, depth in overlaps)
        raise ValueError(f"Scene {scene.clip_id}: nothing may overlap at t = 0, got {pairs}; move them apart")


def fastest(scene: Scene) -> float:
    """Highest speed that a particle may have [m/s]: some times that of a fall through the whole scene."""
    corners = [body.position for body in scene.bodies] + ([*scene.medium.region] if scene.medium else [])
    if scene.container:
        length, width, height = scene.container.inner_size
        corners += [(-length / 2, -width / 2, 0.0), (length / 2, width / 2, height)]
    span = float(np.linalg.norm(np.ptp(np.array(corners), axis=0))) if corners else 0.0
    moved = max([_fastest_start(body) for body in scene.bodies], default=0.0)
    fall = 2 * float(np.linalg.norm(scene.gravity)) * span
    return max(FASTEST * float(np.sqrt(fall + moved**2)), 1.0)


def _fastest_start(body: Body) -> float:
    """Speed of a body's farthest point [m/s]: of a led one anywhere on its path, of a free one at t = 0."""
    reach = float(np.linalg.norm(body.mesh.vertices, axis=1).max())
    path = body.path
    if path is None:
        return float(np.linalg.norm(body.velocity)) + reach * float(np.linalg.norm(body.angular_velocity))
    turns = Rotation.from_quat(path.orientation)
    turned = (turns[1:] * turns[:-1].inv()).magnitude() if len(path.time) > 1 else np.zeros(0)
    went = np.linalg.norm(np.diff(path.position, axis=0), axis=1) + reach * turned
    return float((went / np.diff(path.time)).max(initial=0.0))


def frame(scene: Scene, number: int, state: BodyState, positions: Float32, velocities: Float32, limit: float) -> None:
    """Raises RuntimeError if this frame cannot be true; `limit` is the highest speed of a particle [m/s]."""
    finer = "a smaller simulator.particle_spacing takes smaller steps"
    lost = np.asarray(~(np.isfinite(positions).all(axis=1) & np.isfinite(velocities).all(axis=1)))
    _none(scene, number, lost, "particles have no finite position or velocity", finer)
    speed = np.linalg.norm(velocities, axis=1)
    _none(scene, number, np.asarray(speed > limit), f"particles are faster than {limit:.1f} m/s", finer)
    _none(scene, number, _escaped(scene, positions), "particles left the container", "report it: the walls leak")
    everything = np.concatenate([state.position, state.velocity, state.angular_velocity, state.orientation], axis=1)
    wrong = "a smaller simulator.body_step may help"
    broken = np.asarray(~np.isfinite(everything).all(axis=1))
    _none(scene, number, broken, "bodies have no finite state", wrong)
    free = np.array([body.path is None for body in scene.bodies], bool)
    low = np.asarray(state.position[:, 2] < scene.ground_height)
    _none(scene, number, low & free, "bodies fell through the ground", wrong)
    _none(scene, number, _escaped(scene, state.position) & free, "bodies left the container", wrong)


def _none(scene: Scene, number: int, which: Bool, what: str, remedy: str) -> None:
    if which.any():
        count = f"{int(which.sum())} of {len(which)}"
        raise RuntimeError(f"Scene {scene.clip_id}, frame {number}: {count} {what}; {remedy}")


def _escaped(scene: Scene, points: Float32 | Float64) -> Bool:
    """Which of the points (N, 3) are beyond a wall or below the floor."""
    if scene.container is None:
        return np.zeros(len(points), bool)
    half = np.asarray(scene.container.inner_size[:2]) / 2 + 1e-5
    return np.asarray((np.abs(points[:, :2]) > half).any(axis=1) | (points[:, 2] < -1e-5))
