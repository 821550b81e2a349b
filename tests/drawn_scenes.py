"""Scenes of every scenario, as tests draw them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh

from pipeline import materials, scenarios, shelf
from pipeline.materials import Material
from pipeline.scenarios import Scenario
from pipeline.simulators._paths import pose
from pipeline.types import Body, Float64, Scene

SCENARIOS = {name: kind() for name, kind in shelf.everything(scenarios, Scenario).items()}
SIZE = (96, 128)


def draw(name: str, material: str, seed: int) -> Scene:
    drawn = shelf.find(materials, Material, material)()
    return SCENARIOS[name].draw(f"{name}-{material}-{seed}", seed, drawn, SIZE, 24.0, 33)


def corners(body: Body) -> Float64:
    """The body's vertices in the world at t = 0 [m], shape (V, 3)."""
    x, y, z, w = body.orientation
    turn = trimesh.transformations.quaternion_matrix([w, x, y, z])[:3, :3]
    return np.asarray(body.mesh.vertices @ turn.T + body.position)


def moved(body: Body, seconds: float) -> Float64:
    """The body's corners after flying, or being led, for a moment [m]."""
    if body.path:
        (x, y, z), (a, b, c, d) = pose(body.path, seconds)
        return corners(replace(body, position=(x, y, z), orientation=(a, b, c, d)))
    start = corners(body)
    spun = np.cross(body.angular_velocity, start - body.position)
    return start + seconds * (np.array(body.velocity) + spun)
