"""Scenes of laws: solids and media where they have to be, nothing to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.scenarios._shapes import Solid
from pipeline.simulators import Simulator
from pipeline.types import Body, Camera, Container, Light, Medium, Scene, Surface, Trajectory, Vector

GRAVITY = 9.81
"""[m/s^2]"""


def body(solid: Solid, position: Vector, density: float = 1000.0, **more: Any) -> Body:
    """A homogeneous body; `more` are further fields of `Body`."""
    mass = density * solid.volume
    x, y, z = (mass * moment for moment in solid.inertia_per_mass)
    return Body(
        name="body",
        shape=solid.shape,
        size=solid.size,
        mesh=solid.mesh,
        density=density,
        mass=mass,
        inertia=(x, y, z),
        position=position,
        **more,
    )


def scene(
    bodies: Sequence[Body] = (),
    medium: Medium | None = None,
    container: Container | None = None,
    seconds: float = 1.0,
    fps: float = 100.0,
    gravity: Vector = (0.0, 0.0, -GRAVITY),
    ground_friction: float = 0.5,
    seed: int = 0,
) -> Scene:
    """A scene of at least `seconds` [s], sampled `fps` [1/s] times a second."""
    num_frames = int(np.ceil(seconds * fps - 1e-9)) + 1
    white = (1.0, 1.0, 1.0)
    return Scene(
        clip_id="law",
        scenario="law",
        grade="university",
        seed=seed,
        draw=0,
        bodies=tuple(bodies),
        medium=medium,
        container=container,
        ground=Surface(),
        ground_friction=ground_friction,
        gravity=gravity,
        camera=Camera((16, 16), np.eye(3), np.repeat(np.eye(4)[None], num_frames, axis=0)),
        light=Light((0.0, 0.0, 1.0), white, white, white),
        fps=fps,
        num_frames=num_frames,
        captions=("",),
        particle_seed=seed,
    )


def play(simulator: Simulator, scene: Scene, cell: float | None = None) -> Trajectory:
    """What happens; with the medium resolved by cells of this edge [m], that is two particles a direction."""
    if cell is not None:
        simulator = replace(simulator, particle_spacing=cell / 2)
    return simulator.simulate(scene)
