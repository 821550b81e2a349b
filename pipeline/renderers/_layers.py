"""Exact layers: one ray through each pixel's centre, motion in float64, occlusion by a second ray."""

# Warp reads these functions itself: Python's type checker cannot follow its types.
# mypy: disable-error-code="untyped-decorator, misc, assignment"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from pipeline.renderers._beauty import View, ray_direction, view
from pipeline.renderers._geometry import Frame, Geometry, rotation_matrices
from pipeline.renderers._liquid import displacements
from pipeline.renderers._rays import BODY, FAR, GRAIN, LIQUID, NOTHING, meet
from pipeline.types import Bool, Camera, Float32, Float64, Layers, Scene

TOLERANCE = 3e-4
"""A point is hidden if something is nearer by more than this [m]: far above rounding, far below a pixel."""
_STEPS = 3
"""Towards the fixed point of a liquid's motion: each shrinks what is left by half the velocity gradient times dt."""
_SETTLED = 0.02
"""Largest last step that counts as arrived [spacings]."""


@wp.kernel(enable_backward=False)
def _look(
    geometry: Geometry,
    view: View,
    distance: wp.array2d[float],
    kind: wp.array2d[int],
    index: wp.array2d[int],
    normal: wp.array2d[wp.vec3],
) -> None:
    """What the ray through a pixel's centre meets."""
    row, column = wp.tid()
    d = ray_direction(view, float(column) + 0.5, float(row) + 0.5)
    hit = meet(geometry, view.origin, d, FAR)
    distance[row, column] = hit.distance
    kind[row, column] = hit.kind
    index[row, column] = hit.index
    n = hit.normal
    if hit.kind == LIQUID and wp.dot(n, d) > 0.0:
        n = -n
    normal[row, column] = n


@wp.kernel(enable_backward=False)
def _hide(
    geometry: Geometry,
    origin: wp.vec3,
    target: wp.array[wp.vec3],
    tolerance: wp.array[float],
    hidden: wp.array[wp.bool],
) -> None:
    """Whether anything stands between the camera and a point."""
    i = wp.tid()
    between = target[i] - origin
    distance = wp.length(between)
    hit = meet(geometry, origin, between / distance, distance - tolerance[i])
    hidden[i] = hit.kind != NOTHING


@dataclass(frozen=True)
class Sight:
    """What the pixels' central rays meet, flattened to (H * W, ...)."""

    depth: Float64
    """Planar [m], inf where nothing."""
    kind: NDArray[np.int32]
    index: NDArray[np.int32]
    normal: Float32
    point: Float64
    """World [m]; the origin where nothing."""


def _project(camera: Camera, t: int, points: Float64) -> tuple[Float64, Float64]:
    """Image positions [px], (M, 2), and planar depths [m] of world points; NaN-free behind the camera too."""
    pose = camera.world_to_camera[t].astype(np.float64)
    local = points @ pose[:3, :3].T + pose[:3, 3]
    depth = local[:, 2]
    image = local @ np.asarray(camera.intrinsics, np.float64).T
    return image[:, :2] / np.where(depth > 1e-6, image[:, 2], 1.0)[:, None], depth


def look(frame: Frame, camera: Camera, t: int, device: str) -> Sight:
    """Traces the central rays of frame t."""
    height, width = camera.size
    distance = wp.empty((height, width), dtype=float, device=device)
    kind, index = (wp.empty((height, width), dtype=int, device=device) for _ in range(2))
    normal = wp.empty((height, width), dtype=wp.vec3, device=device)
    outputs = [distance, kind, index, normal]
    wp.launch(_look, dim=(height, width), inputs=[frame.geometry, view(camera, t), *outputs], device=device)
    what = kind.numpy().reshape(-1)
    rows, columns = np.mgrid[:height, :width].reshape(2, -1) + 0.5
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=1) @ np.linalg.inv(camera.intrinsics).T
    seen = what != NOTHING
    planar = distance.numpy().reshape(-1).astype(np.float64) / np.linalg.norm(rays, axis=1)
    pose = camera.world_to_camera[t].astype(np.float64)
    point = np.where(seen[:, None], (rays * planar[:, None] - pose[:3, 3]) @ pose[:3, :3], 0.0)
    shades = np.where(seen[:, None], normal.numpy().reshape(-1, 3), 0.0)
    return Sight(np.where(seen, planar, np.inf), what, index.numpy().reshape(-1), shades, point)


@dataclass(frozen=True)
class Motion:
    """Where the visible points of a frame are at the times before and after."""

    particle: NDArray[np.int32]
    """(H * W,), -1 where no medium."""
    points: tuple[Float64, Float64]
    """At t-1 and t+1 [m], (H * W, 3)."""
    known: Bool
    """False where a liquid's point has no particles around it."""


def follow(sight: Sight, now: Frame, others: tuple[Frame, Frame], spacing: float, device: str) -> Motion:
    """Moves every visible point with what it belongs to: a body, a grain, or the liquid around it."""
    moved = (sight.point.copy(), sight.point.copy())
    particle = np.full(len(sight.kind), -1, np.int32)
    known = np.ones(len(sight.kind), np.bool_)
    turn = rotation_matrices(now.orientation)
    for body in range(len(now.position)):
        mine = (sight.kind == BODY) & (sight.index == body)
        local = (sight.point[mine] - now.position[body]) @ turn[body]
        for target, other in zip(moved, others, strict=True):
            target[mine] = local @ rotation_matrices(other.orientation[body]).T + other.position[body]
    mine = sight.kind == GRAIN
    if now.clouds:
        grain = sight.index[mine]
        particle[mine] = owner = grain // now.geometry.grains.per_particle
        local = sight.point[mine] - now.particles[owner] - now.clouds.shifts(grain)
        for target, other in zip(moved, others, strict=True):
            assert other.clouds
            rolled = np.einsum("mij,mj->mi", now.clouds.turned(other.clouds, owner), local)
            target[mine] = other.particles[owner] + other.clouds.shifts(grain) + rolled
    mine = sight.kind == LIQUID
    if mine.any():
        around = (others[0].particles, others[1].particles)
        particle[mine], shifts = displacements(sight.point[mine], now.particles, around, spacing, device)
        known[mine] = particle[mine] >= 0
        for target, then, shift in zip(moved, around, shifts, strict=True):
            target[mine] += _midway(sight.point[mine], shift, now.particles, then, spacing, device)
    return Motion(particle, moved, known)


def _midway(points: Float64, start: Float64, now: Float32, other: Float32, spacing: float, device: str) -> Float64:
    """Displacement [m] of a liquid's points, shape (M, 3), fitted where they are halfway between the two times.

    d(p) = fit(p + d / 2), with the particles at the middle of their ways: seen from the other end this is the same
    equation, so that the way there and the way back are one. Fixed-point steps from `start`, which stays where they
    do not settle, in spray that flies apart.
    """
    middle = ((now.astype(np.float64) + other) / 2).astype(np.float32)
    after = middle + (other - now)
    found, change = start, np.full(len(points), np.inf)
    for _ in range(_STEPS):
        near, (fitted, _) = displacements(points + found / 2, middle, (after, after), spacing, device)
        change = np.where(near >= 0, np.linalg.norm(fitted - found, axis=1), np.inf)
        found = fitted
    return np.where((change < _SETTLED * spacing)[:, None], found, start)


def _flow(
    sight: Sight, target: Float64, other: Frame, camera: Camera, times: tuple[int, int], spacing: float, device: str
) -> tuple[Float32, Bool, Bool]:
    """Flow (H * W, 2) [px] to the points' places at another time, whether they are hidden there, whether it is known.

    A liquid's point counts as hidden behind half a particle's radius or more of something nearer: its surface is
    reconstructed anew in every frame.
    """
    here, _ = _project(camera, times[0], sight.point)
    there, depth = _project(camera, times[1], target)
    seen = (sight.kind != NOTHING) & (depth > 1e-6)
    flow = np.where(seen[:, None], there - here, 0.0)
    height, width = camera.size
    inside = seen & (there >= 0.0).all(axis=1) & (there[:, 0] < width) & (there[:, 1] < height)
    hidden = ~inside
    rows = np.flatnonzero(inside)
    tolerance = np.where(sight.kind[rows] == LIQUID, max(spacing / 4, TOLERANCE), TOLERANCE)
    found = wp.empty(len(rows), dtype=wp.bool, device=device)
    where = wp.array(target[rows], dtype=wp.vec3, device=device)
    origin = view(camera, times[1]).origin
    inputs = [other.geometry, origin, where, wp.array(tolerance, dtype=float, device=device), found]
    wp.launch(_hide, dim=len(rows), inputs=inputs, device=device)
    hidden[rows] = found.numpy()
    return flow.astype(np.float32), hidden, seen


def _object_coordinates(sight: Sight, motion: Motion, scene: Scene, now: Frame, start: Float32) -> NDArray[np.float16]:
    """Place on the object, 0..1 over the body's bounding box or over the medium's region at t = 0."""
    place = np.zeros((len(sight.kind), 3))
    turn = rotation_matrices(now.orientation)
    for number, body in enumerate(scene.bodies):
        mine = (sight.kind == BODY) & (sight.index == number)
        lower, upper = body.mesh.vertices.min(axis=0), body.mesh.vertices.max(axis=0)
        local = (sight.point[mine] - now.position[number]) @ turn[number]
        place[mine] = (local - lower) / np.maximum(upper - lower, 1e-12)
    if scene.medium:
        mine = motion.particle >= 0
        lower, upper = np.array(scene.medium.region[0]), np.array(scene.medium.region[1])
        place[mine] = (start[motion.particle[mine]] - lower) / (upper - lower)
    return np.clip(place, 0.0, 1.0).astype(np.float16)


def layers_of(
    scene: Scene, t: int, frames: tuple[Frame | None, Frame, Frame | None], start: Float32, spacing: float, device: str
) -> Layers:
    """Layers of frame t alone, leading shape (H, W); `frames` at t-1, t, t+1, `start` the particles at t = 0."""
    before, now, after = frames[0] or frames[1], frames[1], frames[2] or frames[1]
    sight = look(now, scene.camera, t, device)
    motion = follow(sight, now, (before, after), spacing, device)
    valid = (sight.kind != NOTHING) & motion.known
    flows, hiddens = [], []
    for target, frame, step in zip(motion.points, (frames[0], frames[2]), (-1, 1), strict=True):
        if frame is None:
            flow, hidden = np.zeros((len(valid), 2), np.float32), np.ones(len(valid), np.bool_)
        else:
            flow, hidden, seen = _flow(sight, target, frame, scene.camera, (t, t + step), spacing, device)
            valid = valid & seen
        flows.append(flow)
        hiddens.append(hidden)
    bodies = len(scene.bodies)
    segmentation = np.where(sight.kind == BODY, sight.index + 1, 0)
    segmentation = np.where(sight.kind >= GRAIN, bodies + 1, segmentation)
    size = scene.camera.size
    return Layers(
        depth=sight.depth.astype(np.float32).reshape(size),
        normal=sight.normal.astype(np.float16).reshape(*size, 3),
        segmentation=segmentation.astype(np.uint16).reshape(size),
        material=np.maximum(sight.kind - BODY + 1, 0).astype(np.uint8).reshape(size),
        particle=motion.particle.reshape(size),
        object_coordinates=_object_coordinates(sight, motion, scene, now, start).reshape(*size, 3),
        forward_flow=flows[1].reshape(*size, 2),
        backward_flow=flows[0].reshape(*size, 2),
        forward_occluded=hiddens[1].reshape(size),
        backward_occluded=hiddens[0].reshape(size),
        valid=valid.reshape(size),
    )
