"""Several bodies ride on a belt and fall off its end into sand, water or coffee one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios import _shapes as shapes
from pipeline.scenarios._chance import between, check_spans
from pipeline.scenarios._looks import COLOURS
from pipeline.scenarios._redraw import redrawn
from pipeline.scenarios._staging import drawn_look, held, staged
from pipeline.scenarios._toys import WithToy, corners, fingerprint, shifted, standing
from pipeline.types import Body, Camera, Container, Medium, Scene, Surface

RUBBER = 1100.0
"""Density of the belt [kg/m^3]; it is held, and no motion depends on it."""
SLIP = 1e-5
"""Friction of the belt, which stands still while what lies on it goes on as if it ran."""
BELT = Surface("speckle", (0.035, 0.035, 0.04), (0.09, 0.09, 0.095), scale=0.012, gloss=0.03)
"""Black rubber."""
EDGE = 0.012
"""Room between a wall and the belt, and between its ends and the bodies [m]."""
THROW = 0.19
"""Room for the bodies to fall into, between the belt's end and the wall before it [m]."""


@dataclass
class Conveyor(WithToy, Scenario):
    """Two or three bodies of drawn shapes, sizes, densities and headings ride on a belt and fall off its end.

    They stand one behind the other and go at one speed. Also drawn: the gaps between them, height and speed of the
    belt, filling, tray and ground, camera, light. Grades: middle for two bodies, high for more.
    """

    asset: str = ""
    """What falls: a mesh of ours, a model of pybullet_data or a file (see _assets.py); empty: some of `toys`."""
    toys: list[str] = field(default_factory=lambda: ["ball", "block", "cylinder", "cone"])
    """Simple solids (see _toys.py) and assets that are drawn from if no asset is named."""
    bodies: list[int] = field(default_factory=lambda: [2, 3])
    """How many, from .. to, at most as there are colours."""
    tray: float = 0.32
    """Inner width of the tray [m]; it is as long as the belt and the room before it."""
    wall_height: float = 0.14
    """Height of the tray's walls above its inner floor [m]."""
    depth: list[float] = field(default_factory=lambda: [0.07, 0.085])
    """Depth of the medium [m], from .. to."""
    size: list[float] = field(default_factory=lambda: [0.07, 0.085])
    """Extent of a body [m], from .. to: of an asset its longest edge."""
    density: list[float] = field(default_factory=lambda: [200.0, 6000.0])
    """Density of a body [kg/m^3], from .. to, drawn evenly on a logarithmic scale."""
    gap: list[float] = field(default_factory=lambda: [0.01, 0.03])
    """Between one body and the next [m], from .. to."""
    height: list[float] = field(default_factory=lambda: [0.15, 0.2])
    """Of the belt above the medium [m], from .. to."""
    speed: list[float] = field(default_factory=lambda: [0.35, 0.5])
    """Of what rides on the belt [m/s], from .. to."""
    belt: list[float] = field(default_factory=lambda: [0.15, 0.036])
    """Width and thickness of the belt [m]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        spans = ("bodies", "depth", "size", "density", "gap", "height", "speed")
        check_spans("conveyor", self, *spans)
        if not self.depth[1] < self.wall_height:
            raise ValueError(
                f"scenario conveyor: depth must stay below wall_height={self.wall_height}, got {self.depth}"
            )
        if not (self.bodies[0] >= 2 and self.bodies[1] <= len(COLOURS) and (self.asset or self.toys)):
            got = f"{self.bodies} and {self.toys}"
            raise ValueError(f"scenario conveyor: expected 2 to {len(COLOURS)} bodies and some toys, got {got}")
        if not (len(self.belt) == 2 and 0 < self.belt[1] < self.belt[0] < self.tray > 2 * self.size[1]):
            got = f"{self.belt}, {self.tray} and {self.size}"
            raise ValueError(f"scenario conveyor: expected a belt and two bodies to fit into the tray, got {got}")
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Sand, water and coffee in turn."""
        return ("sand", "water", "coffee")

    def fingerprint(self) -> str:
        """Of the assets' triangles."""
        return fingerprint(self.choice)

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for the bare floor.
        """
        depth = between(generator(seed, 0), self.depth)
        toys, belt = self._loaded(seed, depth)
        length, width = EDGE + belt.size[0] + THROW, self.tray
        medium = material.fill(((-length / 2, -width / 2, 0.0), (length / 2, width / 2, depth)))
        if medium is None:
            raise ValueError("scenario conveyor: expected a material to fall into, got none; try material=sand")
        container = Container((length, width, self.wall_height), surface=drawn_look(seed).tray)
        grade = "middle" if len(toys) == 2 else "high"
        camera = _camera(generator(seed, 3), (*toys, belt), container, size, num_frames)
        captions = _captions(generator(seed, 7), toys, medium)
        return staged(self, clip_id, seed, grade, (*toys, belt), medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, particles, and velocities that differ by less than a fifth of a pixel per frame."""
        return redrawn(scene, draw)

    def _loaded(self, seed: int, surface_height: float) -> tuple[tuple[Body, ...], Body]:
        """The bodies, in the order in which they come down, and the belt that they stand on."""
        toys, way = self._drawn(generator(seed, 2)), generator(seed, 8)
        top = surface_height + between(way, self.height) + self.belt[1]
        speed, gaps = between(way, self.speed), [EDGE, *(between(way, self.gap) for _ in toys[1:])]
        long = sum(float(np.ptp(corners(toy)[:, 0])) for toy in toys) + sum(gaps) + EDGE
        placed, back = [], -(long + THROW - EDGE) / 2
        x = back
        for toy, gap in zip(reversed(toys), gaps, strict=True):
            points, x = corners(toy), x + gap
            place = np.array([x - points[:, 0].min(), float(way.uniform(-0.015, 0.015)), top])
            placed.append(replace(shifted(toy, place), velocity=(speed, 0.0, 0.0)))
            x += float(np.ptp(points[:, 0]))
        solid = shapes.box((long, self.belt[0], self.belt[1]))
        middle = (back + long / 2, 0.0, top - self.belt[1] / 2)
        belt = replace(held(way, "black belt", solid, RUBBER, middle, solid.upright, BELT), friction=SLIP)
        return tuple(reversed(placed)), belt

    def _drawn(self, rng: np.random.Generator) -> list[Body]:
        """The bodies, each upright over (0, 0), no two of one colour."""
        count = int(rng.integers(self.bodies[0], self.bodies[1] + 1))
        toys: list[Body] = []
        while len(toys) < count:
            toy = standing(rng, self.choice, self.size, self.density)
            if toy.name.split()[1] not in [other.name.split()[1] for other in toys]:
                toys.append(toy)
        return toys


def _camera(
    rng: np.random.Generator, bodies: Sequence[Body], container: Container, size: tuple[int, int], num_frames: int
) -> Camera:
    """From the front, the side of the belt's end, and above: the tray, the belt, and what stands on it."""
    from pipeline.scenarios._framing import box_corners, frame

    azimuth = -np.pi / 2 + rng.uniform(0.3, 0.8)
    points = np.vstack([box_corners(container), *(corners(body) for body in bodies)])
    return frame(points, azimuth, float(rng.uniform(0.45, 0.65)), size, num_frames)


def _captions(rng: np.random.Generator, bodies: Sequence[Body], medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    *others, last = (f"a {body.name}" for body in bodies)
    all_of_them, word = f"{', '.join(others)} and {last}", medium.word
    then = ", then ".join([*others, last])
    phrases = (
        f"{all_of_them} ride on a belt and fall into a tray of {word} one after another.",
        f"a conveyor belt drops {then} into a box filled with {word}.",
        f"seen from above at an angle: {all_of_them} come off the end of a belt, in turn, into {word}.",
        f"off a belt and into a tray of {word} falls {then}.",
    )
    return tuple(phrases[i][0].upper() + phrases[i][1:] for i in rng.permutation(len(phrases)))
