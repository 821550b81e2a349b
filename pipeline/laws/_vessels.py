"""Media, and cups that hold them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.laws._scenes import body, scene
from pipeline.types import Container, Float64, Medium, Path, Scene

NOWHERE = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
MARGIN = 0.1
"""Room around a cup [m]."""


def medium(name: str) -> Medium:
    """Sand, water or honey; its region is still to be set. Raises ValueError for another name."""
    from pipeline.materials.honey import Honey
    from pipeline.materials.sand import Sand
    from pipeline.materials.water import Water

    if name == "sand":
        return Sand().fill(NOWHERE)
    if name == "water":
        return Water().fill(NOWHERE)
    if name == "honey":
        return Honey().fill(NOWHERE)
    raise ValueError(f"expected a medium out of sand, water, honey, got '{name}'")


def swing(seconds: float) -> tuple[Float64, Float64, Float64]:
    """Times [s], sideways shift [m] and tilt [rad] of a cup that is swung gently, from rest."""
    time = np.linspace(0.0, seconds, int(np.ceil(60 * seconds)) + 1)
    swell = np.minimum(time, 1.0)
    shift = 0.04 * np.sin(2 * np.pi * time / 1.25) * swell
    return time, shift, np.radians(15) * np.sin(2 * np.pi * time) * swell


def cup_scene(
    substance: Medium,
    inner: float,
    wall: float,
    motion: tuple[Float64, Float64, Float64] | None,
    seconds: float,
    fps: float = 30.0,
) -> Scene:
    """A cup of inner diameter `inner` [m] and walls `wall` [m], half filled; led by `motion` or standing freely."""
    from pipeline.scenarios import _shapes as shapes

    solid = shapes.cup(inner + 2 * wall, 1.1 * inner + wall, wall)
    bottom = -float(solid.mesh.vertices[:, 2].min())
    lift = 0.05 if motion else 0.0
    path = None
    if motion:
        time, shift, tilt = motion
        still = np.zeros_like(time)
        path = Path(
            time,
            np.column_stack([shift, still, still + lift + bottom]),
            np.column_stack([still, np.sin(tilt / 2), still, np.cos(tilt / 2)]),
        )
    cup = body(solid, (0.0, 0.0, lift + bottom), 2000.0, path=path)
    r, floor = inner / 2, lift + wall
    region = ((-r, -r, floor), (r, r, floor + 0.55 * inner))
    room = inner + 2 * wall + 2 * MARGIN
    filling = replace(substance, form="cylinder", region=region)
    return scene([cup], filling, Container((room, room, 0.2)), seconds, fps)
