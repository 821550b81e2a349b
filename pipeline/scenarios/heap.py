"""A round column of sand or gravel collapses beside a toy: it stands free, or a tube around it is lifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios import _shapes as shapes
from pipeline.scenarios._chance import between, check_spans
from pipeline.scenarios._looks import COLOURS, painted
from pipeline.scenarios._redraw import redrawn
from pipeline.scenarios._staging import drawn_look, staged
from pipeline.scenarios._toys import WithToy, corners, fingerprint, standing
from pipeline.types import Body, Camera, Container, Medium, Path, Scene

PIPEWORK = 1500.0
"""Density of the tube [kg/m^3]; it is led, and no motion depends on it."""
BESIDE = 0.015
"""Least room between tube and toy [m]."""
RIM = 0.03
"""Height of the tube above what stands in it [m]."""
AROUND = 2.4
"""Half the length of the floor that is in the picture [radii of the column]."""
SEEN = (-0.9 * np.pi, -0.1 * np.pi)
"""Where the toy may stand, seen from the column [rad]: before it, as the camera looks."""


@dataclass
class Heap(WithToy, Scenario):
    """A column of drawn radius and height, free or in a tube that is lifted at a drawn speed, beside a drawn toy.

    Also drawn: the toy's size, density, heading, colour and distance (into the free column, too), tray and ground,
    camera, light. Grades: middle if the column stands free, high out of a tube.
    """

    asset: str = ""
    """What stands there: a mesh of ours, a model of pybullet_data or a file (see _assets.py); empty: one of `toys`."""
    toys: list[str] = field(default_factory=lambda: ["ball", "block", "cylinder", "cone", "boat", "duck_vhacd"])
    """Simple solids (see _toys.py) and assets that are drawn from if no asset is named."""
    tray: float = 0.70
    """Inner length and width of the tray [m]."""
    wall_height: float = 0.05
    """Height of the tray's walls above its inner floor [m]."""
    radius: list[float] = field(default_factory=lambda: [0.085, 0.105])
    """Radius of the column [m], from .. to."""
    aspect: list[float] = field(default_factory=lambda: [1.8, 2.6])
    """Height of the column / its radius, from .. to."""
    size: list[float] = field(default_factory=lambda: [0.10, 0.12])
    """Extent of the toy [m], from .. to: of an asset its longest edge."""
    density: list[float] = field(default_factory=lambda: [200.0, 4000.0])
    """Density of the toy [kg/m^3], from .. to, drawn evenly on a logarithmic scale."""
    into: float = 0.03
    """How far into a free column the toy may reach [m]."""
    away: float = 0.03
    """How far from the column (from its tube) it may be [m]."""
    tube: float = 0.5
    """Share of the scenes in which the column stands in a tube; one that holds together always does, if any: free, it
    would stand there, and nothing would happen."""
    wall: float = 0.034
    """Thickness of the tube [m]; sand leaks through walls that are thinner than four particles."""
    lift: list[float] = field(default_factory=lambda: [0.7, 0.9])
    """How far the tube is lifted [column heights], from .. to; then it is held."""
    speed: list[float] = field(default_factory=lambda: [0.25, 0.5])
    """Of the tube [m/s], from .. to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans("heap", self, "radius", "aspect", "size", "density", "lift", "speed")
        positive = min(self.tray, self.wall_height, self.wall) > 0 and min(self.into, self.away) >= 0
        if not (positive and 0 <= self.tube <= 1 and (self.asset or self.toys)):
            raise ValueError(
                "scenario heap: expected lengths > 0, tube in 0..1 and some toys or an asset, got "
                f"{self.tray}, {self.wall_height}, {self.wall}, {self.into}, {self.away}, {self.tube} and {self.toys}"
            )
        needed = 2 * (self.radius[1] + self.wall + BESIDE + self.away + 1.3 * self.size[1])
        if self.tray < needed:
            raise ValueError(f"scenario heap: tray must hold column, tube and toy, {needed:.2f} m, got {self.tray}")
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Dry sand, wet sand and gravel in turn."""
        return ("sand", "wet_sand", "gravel")

    def fingerprint(self) -> str:
        """Of the assets' triangles."""
        return fingerprint(self.choice)

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for what does not stand as a column.
        """
        medium = self._column(generator(seed, 0), material)
        tube = self._tube(generator(seed, 8), medium)
        toy = self._toy(generator(seed, 2), medium.region[1][0], tube)
        container = Container((self.tray, self.tray, self.wall_height), surface=drawn_look(seed).tray)
        bodies = (toy, tube) if tube else (toy,)
        grade = "high" if tube else "middle"
        camera = _camera(generator(seed, 3), bodies, medium, size, num_frames)
        captions = _captions(generator(seed, 7), toy, tube, medium)
        return staged(self, clip_id, seed, grade, bodies, medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, grains, and velocities (of the tube: of its path) that differ by less than a fifth of a
        pixel per frame."""
        return redrawn(scene, draw)

    def _column(self, rng: np.random.Generator, material: Material) -> Medium:
        r = between(rng, self.radius)
        medium = material.fill(((-r, -r, 0.0), (r, r, r * between(rng, self.aspect))))
        if medium is None or medium.kind != "grains":
            word = medium.word if medium else "none"
            raise ValueError(f"scenario heap: expected grains that stand as a column, got {word}; try material=sand")
        return replace(medium, form="cylinder")

    def _tube(self, rng: np.random.Generator, medium: Medium) -> Body | None:
        """The tube, led straight up from the first frame on; None if the column stands free."""
        free = rng.uniform() >= self.tube
        if free and (not medium.cohesion or not self.tube):
            return None
        r, high = medium.region[1][0], medium.region[1][2]
        solid = shapes.tube(2 * r, high + RIM, self.wall)
        height, speed = high * between(rng, self.lift), between(rng, self.speed)
        start = np.array([0.0, 0.0, (high + RIM) / 2])
        still = np.array([0.0, 0.0, 0.0, 1.0])
        path = Path(np.array([0.0, height / speed]), start + np.outer([0, height], [0, 0, 1]), np.array([still, still]))
        word, surface = painted(rng, str(rng.choice(list(COLOURS))))
        return solid.body(
            f"{word} tube",
            PIPEWORK,
            (0.0, 0.0, (high + RIM) / 2),
            path=path,
            orientation=(0.0, 0.0, 0.0, 1.0),
            friction=float(rng.uniform(0.3, 0.5)),
            restitution=float(rng.uniform(0.1, 0.3)),
            surface=surface,
        )

    def _toy(self, rng: np.random.Generator, radius: float, tube: Body | None) -> Body:
        """Upright on the floor, its nearest point some way from the column, or a little inside a free one."""
        toy = standing(rng, self.choice, self.size, self.density)
        angle = rng.uniform(*SEEN)
        towards = np.array([np.cos(angle), np.sin(angle)])
        nearest = float((corners(toy)[:, :2] @ towards).min())
        gap = self.wall + rng.uniform(BESIDE, BESIDE + self.away) if tube else rng.uniform(-self.into, self.away)
        x, y = towards * (radius + gap - nearest)
        return replace(toy, position=(float(x), float(y), toy.position[2]))


def _camera(
    rng: np.random.Generator,
    bodies: Sequence[Body],
    medium: Medium,
    size: tuple[int, int],
    num_frames: int,
) -> Camera:
    """From the front and above: the column and the floor around it, the toy, and where the tube goes."""
    from pipeline.scenarios._framing import frame

    seen = [corners(body) + (0 if body.path is None else body.path.position[-1] - body.position) for body in bodies]
    top = np.array(medium.region[1])
    floor = np.array([[x, y, 0.0] for x in (-1, 1) for y in (-1, 1)]) * AROUND * top
    points = np.vstack([floor, top * (1, 1, 1), top * (-1, -1, 1), *seen])
    azimuth = -np.pi / 2 + rng.uniform(-0.4, 0.4)
    return frame(points, azimuth, float(rng.uniform(0.45, 0.7)), size, num_frames)


def _captions(rng: np.random.Generator, toy: Body, tube: Body | None, medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    name, word = toy.name, medium.word
    free = (
        f"A round column of {word} is let go beside a {name}.",
        f"A tower of {word} without any support stands next to a {name}.",
        f"Seen from above at an angle: a column of {word} is left to itself, a {name} at its foot.",
        f"On a tray, a tall pile of {word} is released right by a {name}.",
    )
    lifted = (
        f"A {tube.name if tube else ''} full of {word} is lifted beside a {name}.",
        f"Somebody pulls up a tube filled with {word}, next to which stands a {name}.",
        f"Seen from above at an angle: the {word} is left behind as its tube goes up, a {name} beside it.",
        f"A tube that holds a column of {word} is raised; a {name} stands by.",
    )
    phrases = lifted if tube else free
    return tuple(phrases[index] for index in rng.permutation(len(phrases)))
