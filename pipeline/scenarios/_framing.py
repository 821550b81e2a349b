"""Pointing a pinhole camera so that given points fill the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.types import Camera, Container, Float64

FIELD_OF_VIEW = 0.60
"""Angle over the shorter side of the picture [rad], about that of a 40 mm lens on 24 x 36 mm film."""
FILL = 0.92
"""Share of the picture that the points may take."""

AROUND = 0.14
"""Largest angle that a moving camera goes around what it looks at during a clip [rad]."""
UP = 0.06
"""Largest angle that it rises or sinks [rad]."""
AWAY = 0.1
"""Largest share of its distance that it moves away."""


def frame(points: Float64, azimuth: float, elevation: float, size: tuple[int, int], num_frames: int) -> Camera:
    """A camera at rest that looks from `azimuth` and `elevation` [rad] (where it stands, seen from the points).

    `points` [m] has shape (P, 3); `size` is (height, width) [px].
    """
    height, width = size
    focal = min(size) / 2 / np.tan(FIELD_OF_VIEW / 2)
    intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    rotation = _look(azimuth, elevation)
    seen = points @ rotation.T
    half = FILL * np.array([width, height]) / 2 / focal  # tangents of the half angles that may be used
    # In the camera's axes, find the position with all points inside |x| <= half_x z, |y| <= half_y z: each axis asks
    # for a depth, the larger one wins, and the picture is centred on both.
    eye = np.zeros(3)
    low, high = [], []
    for axis in range(2):
        low.append((seen[:, axis] + half[axis] * seen[:, 2]).min())
        high.append((seen[:, axis] - half[axis] * seen[:, 2]).max())
    eye[2] = min((low[axis] - high[axis]) / (2 * half[axis]) for axis in range(2))
    for axis in range(2):
        eye[axis] = (low[axis] + high[axis]) / 2
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = -eye
    return Camera(size, intrinsics, np.repeat(pose[None], num_frames, axis=0))


def travelling(camera: Camera, rng: np.random.Generator) -> Camera:
    """The camera on a slow, even way around, up or down and away from the point at z = 0 in the middle of its picture.

    It starts where it was and keeps looking at that point. It looks down by more than `UP`.
    """
    first = camera.world_to_camera[0]
    eye, forward = -first[:3, :3].T @ first[:3, 3], first[2, :3]
    pivot = eye - eye[2] / forward[2] * forward
    around, up = rng.uniform(-AROUND, AROUND), rng.uniform(-UP, UP)
    away = rng.uniform(0.0, AWAY)
    elevation, azimuth = np.arcsin(-forward[2]), np.arctan2(-forward[1], -forward[0])
    poses = []
    for share in np.linspace(0.0, 1.0, len(camera.world_to_camera)):
        pose = np.eye(4)
        pose[:3, :3] = _look(azimuth + share * around, elevation + share * up)
        distance = (1.0 + share * away) * np.linalg.norm(eye - pivot)
        pose[:3, 3] = -pose[:3, :3] @ pivot + [0.0, 0.0, distance]
        poses.append(pose)
    return replace(camera, world_to_camera=np.array(poses))


def box_corners(container: Container) -> Float64:
    """The outer corners of a container [m], shape (8, 3)."""
    x, y = (inner / 2 + container.wall for inner in container.inner_size[:2])
    low, high = -container.wall, container.inner_size[2]
    return np.array([[a, b, c] for a in (-x, x) for b in (-y, y) for c in (low, high)])


def pixels(camera: Camera, points: Float64) -> Float64:
    """Where points [m], shape (P, 3), are in the first frame: (P, 3) = x [px], y [px], depth [m]."""
    pose = camera.world_to_camera[0]
    seen = points @ pose[:3, :3].T + pose[:3, 3]
    shown = seen @ camera.intrinsics.T
    return np.column_stack([shown[:, :2] / shown[:, 2:], seen[:, 2]])


def _look(azimuth: float, elevation: float) -> Float64:
    """Rotation from world to camera axes (x right, y down, z forward)."""
    back = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    return np.stack([right, np.cross(-back, right), -back])
