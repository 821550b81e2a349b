"""A jug is brought over a bowl, in which a toy stands, and tipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios._chance import between, check_spans, rotation, turned, vector
from pipeline.scenarios._looks import glazed
from pipeline.scenarios._redraw import redrawn
from pipeline.scenarios._staging import drawn_look, held, staged
from pipeline.scenarios._toys import WithToy, corners, fingerprint, on_its_way, shifted, standing
from pipeline.scenarios._vessels import hollow
from pipeline.types import Body, Camera, Container, Float64, Medium, Path, Scene, Vector

JUG, BOWL = "pitcher", "bowl"
EARTHENWARE = 2300.0
"""Density of jug and bowl [kg/m^3]; they are held, and no motion depends on it."""
STILL = (0.0, 0.0, 0.0, 1.0)
"""No rotation."""
UP = np.array([0.0, 0.0, 1.0])
POSES = 41
"""Of the jug's path."""
BESIDE = 0.02
"""Room between the jug and the bowl, seen from above, at the start [m]."""
ASTRAY = 0.35
"""Largest angle by which the jug pours aside from the length of the tray [rad]."""
PASSING = 0.06
"""Least height of the jug's lip over the bowl [m]."""


@dataclass
class Pour(WithToy, Scenario):
    """A jug of drawn size, glaze and filling is brought over a toy of drawn kind, size, density and colour, and tipped.

    The toy stands in a bowl of drawn size. The jug turns about its lip, which moves until it is where the stream falls
    into the bowl. Also drawn: from where, how high, how far and how fast, tray and ground, camera, light.
    """

    asset: str = ""
    """What stands below: a mesh of ours, a model of pybullet_data or a file (see _assets.py); empty: one of `toys`."""
    toys: list[str] = field(default_factory=lambda: ["ball", "block", "cylinder", "cone", "boat", "duck_vhacd"])
    """Simple solids (see _toys.py) and assets that are drawn from if no asset is named."""
    jug: list[float] = field(default_factory=lambda: [0.31, 0.33], metadata={"quick": [0.62, 0.66]})
    """Longest edge of the jug with its handle [m], from .. to; its walls are a ninth of that, and media leak through
    walls that are thinner than four particles: coarse ones need twice the jug, and all else with it."""
    fill: list[float] = field(default_factory=lambda: [0.7, 0.8])
    """Share of the jug's inner height that is filled, from .. to."""
    bowl: list[float] = field(default_factory=lambda: [0.44, 0.48], metadata={"quick": [0.88, 0.96]})
    """Diameter of the bowl [m], from .. to."""
    size: list[float] = field(default_factory=lambda: [0.1, 0.12], metadata={"quick": [0.2, 0.24]})
    """Extent of the toy [m], from .. to: of an asset its longest edge."""
    density: list[float] = field(default_factory=lambda: [250.0, 3000.0])
    """Density of the toy [kg/m^3], from .. to, drawn evenly on a logarithmic scale."""
    hold: list[float] = field(default_factory=lambda: [0.015, 0.03], metadata={"quick": [0.03, 0.06]})
    """Height of the upright jug's foot over the tray's floor [m], from .. to; its lip stays at one height."""
    reach: list[float] = field(default_factory=lambda: [0.05, 0.09], metadata={"quick": [0.1, 0.18]})
    """Distance of the lip, where it is led to, from above the middle of the bowl [m], from .. to."""
    tilt: list[float] = field(default_factory=lambda: [1.1, 1.35])
    """Angle to which the jug is tipped [rad], from .. to; the slope on which its filling would rest is added."""
    tipping: list[float] = field(default_factory=lambda: [0.7, 1.0], metadata={"quick": [0.9, 1.0]})
    """Time of tipping it [s], from .. to; then it is held. A coarse jug is twice as large: as quickly, it would throw
    what is in it."""
    room: float = field(default=0.05, metadata={"quick": 0.1})
    """Width of the tray beside everything, wherever it goes [m]."""
    wall_height: float = field(default=0.06, metadata={"quick": 0.12})
    """Height of the tray's walls above its inner floor [m]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans("pour", self, "jug", "fill", "bowl", "size", "density", "hold", "reach", "tilt", "tipping")
        if not (min(self.room, self.wall_height) > 0 and (self.asset or self.toys)):
            got = f"{self.room}, {self.wall_height} and {self.toys}"
            raise ValueError(f"scenario pour: expected lengths > 0 and some toys or an asset, got {got}")
        if not (self.fill[1] < 0.85 and self.tilt[1] < 1.6):
            got = f"{self.fill} and {self.tilt}"
            raise ValueError(f"scenario pour: expected fill < 0.85, or it spills, and tilt < 1.6 rad, got {got}")
        if not 3.5 * self.size[1] < self.bowl[0]:
            raise ValueError(
                f"scenario pour: a bowl must be three and a half toys wide, got {self.bowl} and {self.size}"
            )
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Water, sand, coffee and oil in turn."""
        return ("water", "sand", "coffee", "oil")

    def fingerprint(self) -> str:
        """Of the assets' triangles."""
        return fingerprint([JUG, BOWL, *self.choice])

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for what does not pour, and where the jug would run into what it pours over.
        """
        bowl, floor = self._bowl(generator(seed, 10))
        toy = standing(generator(seed, 2), self.choice, self.size, self.density)
        toy = shifted(toy, floor * UP)
        jug, inside = self._jug(generator(seed, 8), bowl, _slope(material))
        seen = np.vstack([corners(bowl), *on_its_way(jug)])
        low, high = seen[:, :2].min(axis=0) - self.room, seen[:, :2].max(axis=0) + self.room
        length, width = (float(edge) for edge in high - low)
        shift = -np.append((low + high) / 2, 0.0)
        bodies = tuple(shifted(body, shift) for body in (toy, bowl, jug))
        inside = inside._replace(floor=vector(inside.floor + shift))
        medium = self._filling(generator(seed, 0), inside, material)
        container = Container((length, width, self.wall_height), surface=drawn_look(seed).tray)
        camera = _camera(generator(seed, 3), seen + shift, container, size, num_frames)
        captions = _captions(generator(seed, 7), bodies, medium)
        return staged(self, clip_id, seed, "high", bodies, medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, particles, and velocities (of the jug: of its path) that differ by less than a fifth of a
        pixel per frame."""
        return redrawn(scene, draw)

    def _bowl(self, rng: np.random.Generator) -> tuple[Body, float]:
        """The bowl, which stands over (0, 0) and is held, and the height of its floor inside [m]."""
        from pipeline.scenarios import _assets

        solid = _assets.solid(BOWL, between(rng, self.bowl))
        inside, middle = hollow((rotation(solid.upright) @ solid.mesh.vertices.T).T)
        word, surface = glazed(rng)
        bowl = held(rng, f"{word} bowl", solid, EARTHENWARE, vector(-middle), solid.upright, surface)
        return bowl, inside.floor

    def _jug(self, rng: np.random.Generator, bowl: Body, slope: float) -> tuple[Body, _Inside]:
        """The jug, led, and its hollow. It is brought along the tray over the bowl, and turns about its lip.

        Its filling would rest on a `slope` [rad].
        """
        from pipeline.scenarios import _assets

        solid = _assets.solid(JUG, between(rng, self.jug))
        heading = float(rng.choice([0.0, np.pi]) + rng.uniform(-ASTRAY, ASTRAY))
        ahead, across = np.array([np.cos(heading), np.sin(heading), 0.0]), (-np.sin(heading), np.cos(heading), 0.0)
        upright = turned(solid.upright, (0.0, 0.0, heading + np.pi))  # its spout is opposite to its handle, at -x
        points = (rotation(upright) @ solid.mesh.vertices.T).T
        height = between(rng, self.hold) + np.ptp(points[:, 2])
        start, end = self._way(rng, bowl, height)
        lip = (points @ ahead).max() * ahead + points[:, 2].max() * UP  # from the centre of mass
        share = np.linspace(0.0, 1.0, POSES)
        gone = share**2 * (3 - 2 * share)
        turns = np.outer((between(rng, self.tilt) + slope) * gone, across)
        lips = np.outer((start - end) * gone - start, ahead) + height * UP
        places = lips - [rotation(turned(STILL, vector(turn))) @ lip for turn in turns]
        poses = [turned(upright, vector(turn)) for turn in turns]
        path = Path(between(rng, self.tipping) * share, places, np.array(poses))
        word, surface = glazed(rng)
        jug = solid.body(
            f"{word} jug",
            EARTHENWARE,
            vector(places[0]),
            poses[0],
            path=path,
            friction=float(rng.uniform(0.2, 0.4)),
            restitution=float(rng.uniform(0.1, 0.3)),
            surface=surface,
        )
        return jug, _inside(jug, heading)

    def _way(self, rng: np.random.Generator, bowl: Body, height: float) -> tuple[float, float]:
        """How far before (0, 0) the lip is at the start and at the end [m]. Raises ValueError if it is too low."""
        top = float(corners(bowl)[:, 2].max())
        if height < top + PASSING:
            got = f"{height:.2f} m over a bowl {top:.2f} m high"
            raise ValueError(f"scenario pour: the lip must pass {PASSING} m over it, got {got}; raise scenario.hold")
        return float(np.hypot(*corners(bowl)[:, :2].T).max()) + BESIDE, between(rng, self.reach)

    def _filling(self, rng: np.random.Generator, inside: _Inside, material: Material) -> Medium:
        (x, y, z), r = inside.floor, inside.radius
        top = z + between(rng, self.fill) * inside.height
        medium = material.fill(((x - r, y - r, z), (x + r, y + r, top)))
        assert medium  # else it had no slope
        return replace(medium, form="cylinder")


def _slope(material: Material) -> float:
    """The slope on which a medium rests [rad], 0 for liquids. Raises ValueError for what rests on any."""
    medium = material.fill(((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    if medium is None or medium.cohesion > 0:
        word = medium.word if medium else "none"
        raise ValueError(f"scenario pour: expected a liquid or dry grains, got {word}; try material=water")
    return medium.friction_angle


class _Inside(NamedTuple):
    """The round hollow of the jug as it stands at t = 0."""

    floor: Vector
    """Middle of its floor [m]."""
    radius: float
    """[m]"""
    height: float
    """Of its brim over its floor [m]."""


def _inside(jug: Body, heading: float) -> _Inside:
    """The hollow, from the lower half of the jug: its rim is bent to a spout."""
    ahead = rotation(turned(STILL, (0.0, 0.0, heading + np.pi)))
    points = (corners(jug) - jug.position) @ ahead
    low, high = points[:, 2].min(), points[:, 2].max()
    found, middle = hollow(points[points[:, 2] < (low + high) / 2])
    floor = jug.position + ahead @ middle + found.floor * UP
    return _Inside(vector(floor), found.radius, float(high - low) - found.floor)


def _camera(
    rng: np.random.Generator, seen: Float64, container: Container, size: tuple[int, int], num_frames: int
) -> Camera:
    """From the front and above, so that the stream is seen from the side: the tray, and the jug wherever it goes."""
    from pipeline.scenarios._framing import box_corners, frame

    azimuth = -np.pi / 2 + rng.uniform(-0.5, 0.5)
    return frame(np.vstack([box_corners(container), seen]), azimuth, float(rng.uniform(0.4, 0.65)), size, num_frames)


def _captions(rng: np.random.Generator, bodies: Sequence[Body], medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    (name, bowl, jug), word = (body.name for body in bodies), medium.word
    phrases = (
        f"A {jug} pours {word} over a {name} in a {bowl}.",
        f"Somebody tips a {jug} full of {word} above a {bowl} in which a {name} stands.",
        f"Seen from the side: {word} runs out of a {jug} into a {bowl} with a {name} in it.",
        f"A {name} stands in a {bowl}, and a {jug} of {word} is emptied over it.",
    )
    return tuple(phrases[index] for index in rng.permutation(len(phrases)))
