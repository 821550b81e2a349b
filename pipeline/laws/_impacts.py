"""A ball hits a bed of sand: the scene of several laws."""

from __future__ import annotations

import numpy as np

from pipeline.laws._scenes import GRAVITY, body, play, scene
from pipeline.materials.sand import Sand
from pipeline.scenarios import _shapes as shapes
from pipeline.simulators import Simulator
from pipeline.types import Container, Float64, Trajectory

FPS = 200.0
"""[1/s]"""
WIDTH = 5.0
"""Of the bed, in ball diameters: walls twice a diameter away do not matter (Seguin, Bertho & Gondret 2008)."""


def struck(
    simulator: Simulator, density: float, height: float, diameter: float, depth: float, cells: int, seconds: float
) -> Trajectory:
    """A ball of `density` [kg/m^3] arrives from `height` [m] on a bed `depth` [m] deep, resolved by `cells` a diameter.

    Time runs from just above the surface, where the ball has the speed of the fall.
    """
    half, cell = WIDTH * diameter / 2, diameter / cells
    bed = Sand().fill(((-half, -half, 0.0), (half, half, depth)))
    above = min(cell, height)
    speed = float(np.sqrt(2 * GRAVITY * (height - above)))
    centre = (0.0, 0.0, depth + diameter / 2 + above)
    ball = body(shapes.sphere(diameter), centre, density, velocity=(0.0, 0.0, -speed))
    world = scene([ball], bed, Container((2 * half, 2 * half, depth)), seconds=seconds, fps=FPS)
    return play(simulator, world, cell)


def sunk(happened: Trajectory, diameter: float, depth: float) -> Float64:
    """How far the ball's lowest point is below the first surface [m], shape (T,)."""
    below: Float64 = depth + diameter / 2 - happened.body_position[:, 0, 2]
    return below


def friction() -> float:
    """mu of the laws: the tangent of sand's angle of repose."""
    return float(np.tan(Sand().friction_angle))


def density_ratio(density: float) -> float:
    """Of a ball of `density` [kg/m^3] to the bed's bulk density, pores included, as in the papers."""
    return density / Sand().density
