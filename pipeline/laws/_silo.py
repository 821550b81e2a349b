"""A box of sand above a hole in its floor: the scene of the hour-glass."""

from __future__ import annotations

import numpy as np

from pipeline.laws._scenes import body, play, scene
from pipeline.materials.sand import Sand
from pipeline.scenarios import _shapes as shapes
from pipeline.simulators import Simulator
from pipeline.types import Container, Path, Trajectory

FPS = 50.0
"""[1/s]"""


def emptied(
    simulator: Simulator, hole: float, width: float, fill: float, drop: float, cell: float, seconds: float
) -> Trajectory:
    """Sand `fill` deep [m] in a square silo `width` broad [m] runs through a round `hole` [m] onto a floor below.

    The hole's lower rim is `drop` [m] above the floor z = 0.
    """
    thick, half = 2.5 * cell, width / 2
    plate = shapes.plate_with_hole((width + 4 * cell, width + 4 * cell, thick), hole)
    middle = (0.0, 0.0, drop + thick / 2)
    held = Path(np.zeros(1), np.array([middle]), np.array([[0.0, 0.0, 0.0, 1.0]]))
    low = drop + thick
    sand = Sand().fill(((-half, -half, low), (half, half, low + fill)))
    container = Container((width, width, low + fill))
    world = scene([body(plate, middle, path=held)], sand, container, seconds=seconds, fps=FPS)
    return play(simulator, world, cell)
