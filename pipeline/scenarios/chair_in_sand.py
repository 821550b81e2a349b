"""A chair stands, leans or lies half buried in sand and is pulled out; or it is dropped in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios._chance import Quaternion, between, check_spans, rotation, turned, vector
from pipeline.scenarios._looks import COLOURS, painted
from pipeline.scenarios._redraw import redrawn
from pipeline.scenarios._staging import GRAVITY, drawn_look, staged
from pipeline.scenarios._toys import corners, on_its_way
from pipeline.types import Body, Camera, Container, Float64, Medium, Path, Scene, Vector

if TYPE_CHECKING:
    from pipeline.scenarios._shapes import Solid

CLEARANCE = 0.012
"""Room that is left between what is drawn and walls or floor [m]."""


class _Move(NamedTuple):
    """Where the body is at t = 0, and how it goes on from there."""

    position: Vector
    orientation: Quaternion
    velocity: Vector = (0.0, 0.0, 0.0)
    angular_velocity: Vector = (0.0, 0.0, 0.0)
    path: Path | None = None


@dataclass
class ChairInSand(Scenario):
    """A chair (or another asset) of drawn kind, size, density, colour, pose and motion, in a box of drawn filling.

    Also drawn: how deep it is buried, where to and how fast it is pulled, box and ground, camera, light.
    """

    asset: str = ""
    """What lies there: a mesh of ours, a model of pybullet_data or a file (see _assets.py); empty: one of `chairs`."""
    chairs: list[str] = field(default_factory=lambda: ["chair", "armchair", "stool"])
    """Assets that are drawn from if none is named."""
    box: float = 0.44
    """Inner length and width of the box [m]."""
    wall_height: float = 0.16
    """Height of the box's walls above its inner floor [m]."""
    depth: list[float] = field(default_factory=lambda: [0.11, 0.13])
    """Depth of the medium [m], from .. to."""
    size: list[float] = field(default_factory=lambda: [0.26, 0.29])
    """Longest edge of the asset [m], from .. to."""
    density: list[float] = field(default_factory=lambda: [400.0, 1500.0])
    """Density of the body [kg/m^3], from .. to, drawn evenly on a logarithmic scale: wood to heavy plastic."""
    lean: list[float] = field(default_factory=lambda: [0.02, 0.5])
    """Angle by which the body leans from how it stands [rad], from .. to."""
    buried: list[float] = field(default_factory=lambda: [0.3, 0.6])
    """Share of its height that is below the surface, from .. to; less where it would touch the floor of the box."""
    pull: list[float] = field(default_factory=lambda: [0.12, 0.22])
    """Height by which it is pulled up [m], from .. to; then it is held."""
    speed: list[float] = field(default_factory=lambda: [0.12, 0.35])
    """Vertical speed of the pull [m/s], from .. to."""
    turn: list[float] = field(default_factory=lambda: [0.05, 0.4])
    """Angle by which it is turned on its way [rad], from .. to."""
    dropped: float = 0.3
    """Share of the scenes in which it is dropped in instead."""
    fall: list[float] = field(default_factory=lambda: [0.12, 0.2])
    """Time until a dropped body touches down [s], from .. to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        spans = ("depth", "size", "density", "lean", "buried", "pull", "speed", "turn", "fall")
        check_spans("chair_in_sand", self, *spans)
        if not self.depth[1] < self.wall_height:
            below = f"depth must stay below wall_height={self.wall_height}"
            raise ValueError(f"scenario chair_in_sand: {below}, got {self.depth}")
        if self.box < 1.5 * self.size[1]:
            got = f"{self.box} and {self.size}"
            raise ValueError(f"scenario chair_in_sand: box must be at least one and a half bodies wide, got {got}")
        if not (0 <= self.dropped <= 1 and self.buried[1] < 1 and (self.asset or self.chairs)):
            raise ValueError(
                "scenario chair_in_sand: expected dropped in 0..1, buried below 1 and some chairs or an asset, got "
                f"{self.dropped}, {self.buried} and {self.chairs}"
            )
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Dry sand, wet sand and gravel in turn."""
        return ("sand", "wet_sand", "gravel")

    def fingerprint(self) -> str:
        """Of the assets' triangles."""
        from pipeline.scenarios import _assets

        return " ".join(_assets.fingerprint(asset) for asset in self._assets)

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for the bare floor, in which nothing can be buried.
        """
        half, depth = self.box / 2, between(generator(seed, 0), self.depth)
        medium = material.fill(((-half, -half, 0.0), (half, half, depth)))
        if medium is None:
            raise ValueError("scenario chair_in_sand: expected a material to be buried in, got none; try material=sand")
        container = Container((self.box, self.box, self.wall_height), surface=drawn_look(seed).tray)
        body = self._body(generator(seed, 2), depth)
        grade = "high" if body.path else "middle"
        camera = _camera(generator(seed, 3), body, container, size, num_frames)
        captions = _captions(generator(seed, 7), body, medium)
        return staged(self, clip_id, seed, grade, (body,), medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, grains, and a velocity (of a pull: of the path) that differs by less than a fifth of a pixel per
        frame."""
        return redrawn(scene, draw)

    @property
    def _assets(self) -> list[str]:
        return [self.asset] if self.asset else self.chairs

    def _body(self, rng: np.random.Generator, surface_height: float) -> Body:
        from pipeline.scenarios import _assets

        asset = str(rng.choice(self._assets))
        solid = _assets.solid(asset, between(rng, self.size))
        density = float(np.exp(between(rng, np.log(self.density).tolist())))
        word, surface = painted(rng, str(rng.choice(list(COLOURS))))
        upright = turned(solid.upright, (0.0, 0.0, float(rng.uniform(-np.pi, np.pi))))
        orientation = turned(upright, _level(rng, between(rng, self.lean)))
        move = self._dropped if rng.uniform() < self.dropped else self._pulled
        return solid.body(
            f"{word} {_assets.noun(asset)}",
            density,
            **move(rng, solid, orientation, surface_height)._asdict(),
            friction=float(rng.uniform(0.4, 0.7)),
            restitution=float(rng.uniform(0.1, 0.3)),
            surface=surface,
        )

    def _pulled(self, rng: np.random.Generator, solid: Solid, orientation: Quaternion, surface_height: float) -> _Move:
        """Buried, and led straight up and aside from the first frame on while it turns."""
        points = (rotation(orientation) @ solid.mesh.vertices.T).T
        low, high = points[:, 2].min(), points[:, 2].max()
        below = min(between(rng, self.buried) * (high - low), surface_height - CLEARANCE)
        start = np.append(self._spot(rng, points), surface_height - below - low)
        height, speed = between(rng, self.pull), between(rng, self.speed)
        after = turned(orientation, _level(rng, between(rng, self.turn)))
        spot = self._spot(rng, (rotation(after) @ solid.mesh.vertices.T).T)
        end = np.append(spot, start[2] + height)
        path = Path(np.array([0.0, height / speed]), np.array([start, end]), np.array([orientation, after]))
        return _Move(vector(start), orientation, path=path)

    def _dropped(self, rng: np.random.Generator, solid: Solid, orientation: Quaternion, surface_height: float) -> _Move:
        """In the air, falling."""
        velocity = rng.uniform([-0.1, -0.1, -0.4], [0.1, 0.1, 0.0])
        fall = between(rng, self.fall)
        spot = self._spot(rng, (rotation(orientation) @ solid.mesh.vertices.T).T)
        height = surface_height - solid.bottom(orientation) + GRAVITY * fall**2 / 2 - velocity[2] * fall
        spin = vector(rng.uniform(-1, 1, 3))
        return _Move(vector(np.append(spot, height)), orientation, vector(velocity), spin)

    def _spot(self, rng: np.random.Generator, points: Float64) -> Float64:
        """Where in the box the centre of mass may be, so that all points (P, 3) about it are within: x, y [m]."""
        room = self.box / 2 - CLEARANCE
        low, high = -room - points[:, :2].min(axis=0), room - points[:, :2].max(axis=0)
        middle, reach = (low + high) / 2, np.minimum(np.maximum(high - low, 0) / 2, 0.06)
        return np.asarray(middle + rng.uniform(-1, 1, 2) * reach)


def _level(rng: np.random.Generator, angle: float) -> Vector:
    """A rotation by an angle [rad] about a level axis of any direction, as axis times angle."""
    around = rng.uniform(-np.pi, np.pi)
    return float(angle * np.cos(around)), float(angle * np.sin(around)), 0.0


def _camera(
    rng: np.random.Generator, body: Body, container: Container, size: tuple[int, int], num_frames: int
) -> Camera:
    """From the front and above: the box, the body, and where it goes."""
    from pipeline.scenarios._framing import box_corners, frame

    seen = on_its_way(body) if body.path else [corners(body)]
    azimuth = -np.pi / 2 + rng.uniform(-0.6, 0.6)
    points = np.vstack([box_corners(container), *seen])
    return frame(points, azimuth, float(rng.uniform(0.5, 0.75)), size, num_frames)


def _captions(rng: np.random.Generator, body: Body, medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    name, word = body.name, medium.word
    a = f"an {name}" if name[0] in "aeiou" else f"a {name}"
    pulled = (
        f"{a} is half buried in {word} and is slowly pulled out.",
        f"somebody pulls {a} out of a box of {word}.",
        f"in a box filled with {word}, {a} is stuck halfway down; it is lifted out.",
        f"{a} that lay buried in {word} is dragged up into the air.",
        f"seen from above at an angle: {a} is drawn out of the {word} that covers its lower half.",
    )
    dropped = (
        f"{a} falls into a box of {word}.",
        f"somebody drops {a} into a box filled with {word}.",
        f"seen from above at an angle: {a} lands in {word}.",
        f"{a} is let go just above a bed of {word}.",
    )
    phrases = pulled if body.path else dropped
    return tuple(phrases[i][0].upper() + phrases[i][1:] for i in rng.permutation(len(phrases)))
