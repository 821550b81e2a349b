"""What bodies, trays and grounds look like, and the light that falls on them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pipeline.scenarios._chance import vector
from pipeline.types import Colour, Light, Surface

COLOURS: dict[str, tuple[Colour, Colour]] = {
    "red": ((0.70, 0.06, 0.05), (0.88, 0.80, 0.66)),
    "blue": ((0.06, 0.14, 0.60), (0.82, 0.84, 0.88)),
    "green": ((0.05, 0.40, 0.12), (0.85, 0.85, 0.60)),
    "yellow": ((0.85, 0.60, 0.04), (0.20, 0.15, 0.10)),
    "purple": ((0.32, 0.08, 0.48), (0.85, 0.75, 0.88)),
    "white": ((0.85, 0.85, 0.83), (0.12, 0.12, 0.13)),
}
"""Word -> the two diffuse colours of a body's pattern, linear RGB."""
GLAZES: dict[str, tuple[Colour, Colour]] = {
    "white": ((0.82, 0.81, 0.77), (0.55, 0.52, 0.47)),
    "blue": ((0.16, 0.26, 0.45), (0.30, 0.42, 0.60)),
    "brown": ((0.38, 0.24, 0.15), (0.24, 0.14, 0.08)),
    "green": ((0.30, 0.42, 0.28), (0.44, 0.54, 0.38)),
}
"""Word -> the two colours of a cup's speckles, linear RGB."""
WOODS = (
    Surface("wood", (0.50, 0.30, 0.14), (0.32, 0.17, 0.08), 0.024, gloss=0.04),
    Surface("wood", (0.66, 0.47, 0.27), (0.48, 0.31, 0.16), 0.024, gloss=0.04),
    Surface("wood", (0.24, 0.12, 0.06), (0.13, 0.06, 0.03), 0.024, gloss=0.04),
)
"""Oak, pine, walnut."""
WOODEN = 0.4
"""Share of furniture that is bare wood."""
PATTERNS = ("checker", "stripes", "speckle")


class Look(NamedTuple):
    """A tray and the ground that suits it."""

    tray: Surface
    ground: Surface


LOOKS = (
    Look(
        Surface("wood", (0.46, 0.27, 0.13), (0.28, 0.15, 0.07), 0.035),
        Surface("tiles", (0.52, 0.51, 0.48), (0.33, 0.32, 0.31), 0.09),
    ),
    Look(
        Surface("tiles", (0.72, 0.72, 0.68), (0.36, 0.40, 0.46), 0.05),
        Surface("wood", (0.42, 0.30, 0.19), (0.30, 0.20, 0.12), 0.06),
    ),
    Look(
        Surface("stripes", (0.55, 0.20, 0.13), (0.62, 0.52, 0.40), 0.04),
        Surface("checker", (0.50, 0.50, 0.48), (0.34, 0.36, 0.36), 0.08),
    ),
    Look(
        Surface("speckle", (0.40, 0.45, 0.46), (0.20, 0.23, 0.25), 0.02),
        Surface("speckle", (0.56, 0.52, 0.45), (0.38, 0.35, 0.30), 0.04),
    ),
)
STREETS = (
    Look(
        Surface("speckle", (0.42, 0.42, 0.41), (0.28, 0.28, 0.28), 0.018),
        Surface("speckle", (0.20, 0.20, 0.21), (0.11, 0.11, 0.12), 0.022),
    ),
    Look(
        Surface("speckle", (0.50, 0.47, 0.42), (0.33, 0.30, 0.27), 0.022),
        Surface("speckle", (0.38, 0.33, 0.26), (0.24, 0.20, 0.16), 0.03),
    ),
    Look(
        Surface("speckle", (0.46, 0.30, 0.24), (0.33, 0.20, 0.16), 0.02),
        Surface("speckle", (0.44, 0.44, 0.45), (0.26, 0.27, 0.28), 0.035),
    ),
)
"""Kerb and street: concrete on asphalt, sandstone on a gravel path, brick on granite."""


def light(rng: np.random.Generator) -> Light:
    """A sun from the upper left or right, in front of the camera's side so that faces are lit."""
    azimuth, height = -np.pi / 2 + rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.3), rng.uniform(0.75, 1.1)
    direction = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
    warm = float(rng.uniform(0.0, 0.12))
    return Light(vector(direction), (1.0, 1.0 - warm / 2, 1.0 - warm), (0.42, 0.52, 0.68), (0.72, 0.76, 0.80), 0.03)


def patterned(rng: np.random.Generator, colour: str) -> Surface:
    """A body's surface: a pattern in a colour of COLOURS."""
    pattern = str(rng.choice(PATTERNS))
    return Surface(pattern, *COLOURS[colour], scale=0.028, gloss=0.04, seed=int(rng.integers(2**31)))


def painted(rng: np.random.Generator, colour: str) -> tuple[str, Surface]:
    """A piece of furniture's surface and the word for it: bare wood, or painted in a colour of COLOURS."""
    if rng.uniform() < WOODEN:
        return "wooden", replace(WOODS[int(rng.integers(len(WOODS)))], seed=int(rng.integers(2**31)))
    return colour, patterned(rng, colour)


def glazed(rng: np.random.Generator) -> tuple[str, Surface]:
    """An earthenware surface and the word for its glaze."""
    glaze = str(rng.choice(list(GLAZES)))
    return glaze, Surface("speckle", *GLAZES[glaze], scale=0.02, gloss=0.06, seed=int(rng.integers(2**31)))


def weight(density: float) -> str:
    """The word for a density [kg/m^3]."""
    return "light" if density < 700 else "heavy" if density > 2500 else "solid"
