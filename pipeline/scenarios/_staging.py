"""What every story shares: gravity, ground, light, and which of a scene's generators draws what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.scenarios import Scenario, generator
from pipeline.scenarios._chance import Quaternion
from pipeline.scenarios._framing import travelling
from pipeline.scenarios._looks import LOOKS, Look, light
from pipeline.shelf import name
from pipeline.types import Body, Camera, Container, Medium, Path, Scene, Surface, Vector

if TYPE_CHECKING:
    from pipeline.scenarios._shapes import Solid

GRAVITY = 9.81
"""[m/s^2]"""
GROUND_FRICTION = 0.5


def drawn_look(seed: int) -> Look:
    """Tray and ground of the scene."""
    return LOOKS[int(generator(seed, 1).integers(len(LOOKS)))]


def held(
    rng: np.random.Generator,
    name: str,
    solid: Solid,
    density: float,
    place: Vector,
    orientation: Quaternion,
    surface: Surface,
) -> Body:
    """A body that stays with its centre of mass at `place` [m], whatever pushes; drawn: friction and bounce."""
    return solid.body(
        name,
        density,
        place,
        orientation,
        path=Path(np.zeros(1), np.array([place]), np.array([orientation])),
        friction=float(rng.uniform(0.3, 0.5)),
        restitution=float(rng.uniform(0.1, 0.3)),
        surface=surface,
    )


def staged(
    scenario: Scenario,
    clip_id: str,
    seed: int,
    grade: str,
    bodies: Sequence[Body],
    medium: Medium | None,
    container: Container | None,
    camera: Camera,
    captions: tuple[str, ...],
    fps: float,
) -> Scene:
    """The scene of these things, as it is drawn first (draw 0); light, the particles' seed, and whether and how the
    camera moves are drawn here. `grade` is what the scene counts as where the settings do not say it."""
    rng = generator(seed, 9)
    if rng.uniform() < scenario.moving:
        camera = travelling(camera, rng)
    return Scene(
        clip_id=clip_id,
        scenario=name(scenario),
        grade=scenario.grade or grade,
        seed=seed,
        draw=0,
        bodies=tuple(bodies),
        medium=medium,
        container=container,
        ground=drawn_look(seed).ground,
        ground_friction=GROUND_FRICTION,
        gravity=(0.0, 0.0, -GRAVITY),
        camera=camera,
        light=light(generator(seed, 4)),
        fps=fps,
        num_frames=len(camera.world_to_camera),
        captions=captions,
        particle_seed=int(generator(seed, 5).integers(2**31)),
    )
