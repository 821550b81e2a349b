"""The same scene again, varied within what its first frames do not show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline.scenarios import generator
from pipeline.scenarios._chance import vector
from pipeline.types import Body, Float64, Path, Scene


def faster(path: Path, change: Float64) -> Path:
    """The path with another velocity, by `change` [m/s]; one that only holds a body still stays."""
    return replace(path, position=path.position + path.time[:, None] * change)


def paced(path: Path, change: Float64) -> Path:
    """The same way at another pace: where it is gone fastest, by the first of `change` [m/s]."""
    if len(path.time) == 1:
        return path
    speed = np.linalg.norm(np.diff(path.position, axis=0), axis=1) / np.diff(path.time)
    return replace(path, time=path.time / (1 + change[0] / speed.max()))


def redrawn(scene: Scene, draw: int, led: Callable[[Path, Float64], Path] = faster) -> Scene:
    """Friction, bounce, grains, and a velocity that differs by less than a fifth of a pixel per frame.

    `led` says how the path of a led body changes with a velocity: `paced` where it must not leave its way.
    """
    rng = generator(scene.seed, 6, draw)
    distance = float(np.linalg.norm(scene.camera.world_to_camera[0, :3, 3]))
    unseen = 0.2 * distance / scene.camera.intrinsics[0, 0] * scene.fps
    bodies = tuple(_body(body, rng, unseen, led) for body in scene.bodies)
    medium = scene.medium
    if medium:
        medium = replace(
            medium,
            friction_angle=_tilted(rng, medium.friction_angle),
            wall_friction=medium.wall_friction * rng.uniform(0.93, 1.07),
        )
    return replace(
        scene,
        draw=draw,
        bodies=bodies,
        medium=medium,
        ground_friction=scene.ground_friction * float(rng.uniform(0.93, 1.07)),
        particle_seed=int(rng.integers(2**31)),
    )


def _body(body: Body, rng: np.random.Generator, unseen: float, led: Callable[[Path, Float64], Path]) -> Body:
    """The body again, with what its first frames do not show varied; `unseen` is a speed [m/s]."""
    if body.path:
        return _rubbed(replace(body, path=led(body.path, rng.uniform(-unseen, unseen, 3) / 2)), rng)
    tilt = rng.normal(0, 0.004, 3)
    x, y, z, w = np.array(body.orientation)
    turned = np.array([x, y, z, w]) + 0.5 * np.array(
        [
            tilt[0] * w + tilt[1] * z - tilt[2] * y,
            tilt[1] * w + tilt[2] * x - tilt[0] * z,
            tilt[2] * w + tilt[0] * y - tilt[1] * x,
            -tilt @ np.array([x, y, z]),
        ]
    )
    x, y, z, w = turned / np.linalg.norm(turned)
    moved = replace(
        body,
        orientation=(float(x), float(y), float(z), float(w)),
        velocity=vector(np.array(body.velocity) + rng.uniform(-unseen, unseen, 3) / 2),
        angular_velocity=vector(np.array(body.angular_velocity) + rng.normal(0, 0.05, 3)),
    )
    return _rubbed(moved, rng)


def _rubbed(body: Body, rng: np.random.Generator) -> Body:
    """The body with another friction and bounce, which nothing has touched yet."""
    friction = body.friction * float(rng.uniform(0.92, 1.08))
    return replace(body, friction=friction, restitution=body.restitution * float(rng.uniform(0.92, 1.08)))


def _tilted(rng: np.random.Generator, friction_angle: float) -> float:
    """The friction angle within about a degree; liquids have none."""
    return friction_angle + float(rng.normal(0, np.deg2rad(0.7))) if friction_angle else 0.0
