"""Bodies that are led along a path, whatever pushes against them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.types import Body, Path, Scene, Vector

Quaternion = tuple[float, float, float, float]


def pose(path: Path, time: float) -> tuple[Vector, Quaternion]:
    """Centre of mass [m] and quaternion (x, y, z, w) at a time [s]: straight and evenly from pose to pose."""
    last = len(path.time) - 1
    index = min(max(int(path.time.searchsorted(time, side="right")) - 1, 0), last)
    after = min(index + 1, last)
    span = float(path.time[after] - path.time[index])
    share = (time - float(path.time[index])) / span if span else 0.0
    x, y, z = ((1 - share) * path.position[index] + share * path.position[after]).tolist()
    start: Quaternion = tuple(path.orientation[index].tolist())
    a, b, c = (share * angle for angle in _turn(start, tuple(path.orientation[after].tolist())))
    angle = math.sqrt(a * a + b * b + c * c)
    sine = math.sin(angle / 2) / angle if angle else 0.5
    return (x, y, z), _product((sine * a, sine * b, sine * c, math.cos(angle / 2)), start)


def velocity(path: Path, time: float, span: float) -> tuple[Vector, Vector]:
    """Mean velocity [m/s] and angular velocity [rad/s] from `time` on for `span` [s], world axes."""
    ((x, y, z), before), ((u, v, w), after) = pose(path, time), pose(path, time + span)
    a, b, c = _turn(before, after)
    return ((u - x) / span, (v - y) / span, (w - z) / span), (a / span, b / span, c / span)


def _turn(before: Quaternion, after: Quaternion) -> Vector:
    """The shortest rotation from one orientation to the other, as axis times angle [rad]."""
    x, y, z, w = before
    a, b, c, d = _product(after, (-x, -y, -z, w))
    sine = math.sqrt(a * a + b * b + c * c)
    angle = 2 * math.atan2(sine, abs(d)) * math.copysign(1.0, d)
    scale = angle / sine if sine else 0.0
    return scale * a, scale * b, scale * c


def _product(one: Quaternion, other: Quaternion) -> Quaternion:
    """Hamilton product: first `other`, then `one`."""
    (a, b, c, d), (x, y, z, w) = one, other
    return (
        d * x + a * w + b * z - c * y,
        d * y - a * z + b * w + c * x,
        d * z + a * y - b * x + c * w,
        d * w - a * x - b * y - c * z,
    )


def put_on_paths(scene: Scene) -> Scene:
    """The scene with every led body at the start of its path, and unmoved by any push: mass and inertia infinite.

    Raises ValueError for a path that is none.
    """
    return replace(scene, bodies=tuple(_led(scene, body, body.path) if body.path else body for body in scene.bodies))


def _led(scene: Scene, body: Body, path: Path) -> Body:
    count = len(path.time)
    shapes = (path.time.shape, path.position.shape, path.orientation.shape)
    if count == 0 or shapes != ((count,), (count, 3), (count, 4)):
        expected = "expected a path of K >= 1 times (K,), positions (K, 3) and orientations (K, 4)"
        raise ValueError(f"Scene {scene.clip_id}, body {body.name}: {expected}, got shapes {shapes}")
    if path.time[0] != 0 or (np.diff(path.time) <= 0).any():
        raise ValueError(
            f"Scene {scene.clip_id}, body {body.name}: a path's times must increase from 0, got {path.time.tolist()}"
        )
    if not (np.isfinite(path.position).all() and np.allclose(np.linalg.norm(path.orientation, axis=1), 1, atol=1e-6)):
        raise ValueError(
            f"Scene {scene.clip_id}, body {body.name}: a path's positions must be finite and its quaternions of "
            "length 1, got others"
        )
    (x, y, z), (a, b, c, d) = path.position[0].tolist(), path.orientation[0].tolist()
    return replace(body, position=(x, y, z), orientation=(a, b, c, d), mass=np.inf, inertia=(np.inf, np.inf, np.inf))
