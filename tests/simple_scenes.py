"""Scenes that are simple enough to know what must happen in them."""

from __future__ import annotations

import numpy as np

from pipeline.laws._scenes import GRAVITY, body
from pipeline.materials.sand import Sand
from pipeline.types import Body, Camera, Container, Light, Medium, Scene, Surface, Vector

__all__ = ["GRAVITY", "body", "sand_box", "scene"]


def sand_box(inner: float = 0.32, depth: float = 0.096) -> tuple[Medium, Container]:
    half = inner / 2
    return Sand().fill(((-half, -half, 0.0), (half, half, depth))), Container((inner, inner, 0.17))


def scene(
    *bodies: Body,
    medium: Medium | None = None,
    container: Container | None = None,
    num_frames: int = 25,
    ground_friction: float = 0.5,
    gravity: Vector = (0.0, 0.0, -GRAVITY),
    particle_seed: int = 0,
) -> Scene:
    camera = Camera((16, 16), np.eye(3), np.repeat(np.eye(4)[None], num_frames, axis=0))
    return Scene(
        clip_id="simple",
        scenario="simple",
        grade="primary",
        seed=0,
        draw=0,
        bodies=bodies,
        medium=medium,
        container=container,
        ground=Surface(),
        ground_friction=ground_friction,
        gravity=gravity,
        camera=camera,
        light=Light((0, 0, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
        fps=24.0,
        num_frames=num_frames,
        captions=("Something falls.",),
        particle_seed=particle_seed,
    )
