"""Toys: the bodies that scenes are about, simple solids or assets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.scenarios._chance import between, rotation, turned, vector
from pipeline.scenarios._looks import COLOURS, patterned, weight
from pipeline.types import Body, Float64

if TYPE_CHECKING:
    from pipeline.scenarios._shapes import Solid

SIMPLE = ("ball", "block", "cylinder", "capsule", "cone", "octahedron")
"""Names of the simple solids."""
CLEARANCE = 0.001
"""Room between a body that stands and the floor [m]: a re-draw tilts it a little."""


class WithToy:
    """A scenario about its `asset`, or if none is named about some of its `toys`."""

    asset: str
    toys: list[str]

    @property
    def choice(self) -> list[str]:
        """Toys that are drawn from."""
        return [self.asset] if self.asset else self.toys


def toy(rng: np.random.Generator, extent: float, asset: str = "") -> tuple[str, Solid]:
    """A noun and a solid whose size is about `extent` [m]: the asset if one is named, else a simple one."""
    from pipeline.scenarios import _assets
    from pipeline.scenarios import _shapes as shapes

    if asset and asset not in SIMPLE:
        return _assets.noun(asset), _assets.solid(asset, extent)
    flat = rng.uniform(0.65, 0.95, 3)
    kinds: dict[str, Callable[[], Solid]] = {
        "ball": lambda: shapes.sphere(extent),
        "block": lambda: shapes.box(vector(extent * flat)),
        "cylinder": lambda: shapes.cylinder(0.85 * extent, extent * flat[0]),
        "capsule": lambda: shapes.capsule(0.65 * extent, 1.25 * extent),
        "cone": lambda: shapes.cone(extent, extent * flat[1] * 1.2),
        "octahedron": lambda: shapes.octahedron(1.25 * extent),
    }
    noun = asset or str(rng.choice(SIMPLE))
    return noun, kinds[noun]()


def standing(rng: np.random.Generator, toys: Sequence[str], size: list[float], density: list[float]) -> Body:
    """One of the toys (simple solids by name, or assets) upright on the floor z = 0 over (0, 0), at rest.

    Drawn: which, its size [m] and density [kg/m^3] (evenly on a logarithmic scale), heading, colour, friction, bounce.
    """
    noun, solid = toy(rng, between(rng, size), str(rng.choice(toys)))
    drawn = float(np.exp(between(rng, np.log(density).tolist())))
    colour = str(rng.choice(list(COLOURS)))
    upright = turned(solid.upright, (0.0, 0.0, float(rng.uniform(-np.pi, np.pi))))
    return solid.body(
        f"{weight(drawn)} {colour} {noun}",
        drawn,
        (0.0, 0.0, CLEARANCE - solid.bottom(upright)),
        upright,
        friction=float(rng.uniform(0.4, 0.7)),
        restitution=float(rng.uniform(0.1, 0.3)),
        surface=patterned(rng, colour),
    )


def fingerprint(toys: Sequence[str]) -> str:
    """Of the assets among the toys. Raises ValueError for an unknown one, as `_assets.solid`."""
    from pipeline.scenarios import _assets

    return " ".join(_assets.fingerprint(asset) for asset in toys if asset not in SIMPLE)


def corners(body: Body) -> Float64:
    """A body's vertices in the world at t = 0 [m], shape (V, 3)."""
    return np.asarray((rotation(body.orientation) @ body.mesh.vertices.T).T + body.position)


def on_its_way(body: Body) -> list[Float64]:
    """The corners (V, 3) [m] of a led body at each pose of its path."""
    assert body.path
    poses = zip(body.path.position, body.path.orientation, strict=True)
    return [(rotation(turn) @ body.mesh.vertices.T).T + place for place, turn in poses]


def shifted(body: Body, by: Float64) -> Body:
    """The body elsewhere, with its path, by (3,) [m]."""
    path = body.path and replace(body.path, position=body.path.position + by)
    return replace(body, position=vector(path.position[0] if path else np.array(body.position) + by), path=path)
