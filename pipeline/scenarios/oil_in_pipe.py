"""Oil, water or honey runs out of a basin down a bent pipe without its upper half, past an obstacle, into a tray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios import _shapes as shapes
from pipeline.scenarios._chance import Quaternion, between, check_spans, rotation, turned, vector
from pipeline.scenarios._gutter import CLEARANCE, Gutter
from pipeline.scenarios._looks import COLOURS, glazed, patterned
from pipeline.scenarios._redraw import redrawn
from pipeline.scenarios._staging import drawn_look, held, staged
from pipeline.scenarios._toys import corners
from pipeline.types import Body, Camera, Container, Float64, Medium, Scene, Surface

CLAY = 2300.0
"""Density of pipe and obstacle [kg/m^3]; they are held, and no motion depends on it."""
STILL = (0.0, 0.0, 0.0, 1.0)
BALL = 2.0
"""Size of a ball [width of the obstacle]."""
TOP = 0.7
"""How far other obstacles rise above the pipe's walls [their width]."""
ASIDE = 0.2
"""How far an obstacle is from the pipe's middle line at most [bore]."""
RIM, SIDE = 0.25, 0.5
"""Height of the brim above the filling [its height], and of the pipe's walls above its lower half [bore]."""
MARGIN = 0.03
"""Room between what is over the tray and its walls [m]."""
OBSTACLES = ("post", "ball", "pillar")


class _Site(NamedTuple):
    """Where the pipe is."""

    turn: Quaternion
    """(x, y, z, w)"""
    origin: Float64
    """Of the middle of the basin's floor [m], shape (3,)."""

    def world(self, point: Float64) -> Float64:
        """A point [m] of the pipe's own axes, shape (3,), in the world."""
        return np.asarray(rotation(self.turn) @ point + self.origin)


@dataclass
class OilInPipe(Scenario):
    """A basin and a bent, half open pipe of drawn sizes, slope and bend, an obstacle of drawn kind, size and place.

    What fills the basin is let go at t = 0. Also drawn: heading, filling, colours, tray and ground, camera, light.
    """

    basin: list[float] = field(default_factory=lambda: [0.11, 0.125], metadata={"quick": [0.22, 0.25]})
    """Inner radius of the basin [m], from .. to. Coarse particles need twice of all, or it leaks through the walls."""
    fill: list[float] = field(default_factory=lambda: [0.11, 0.14], metadata={"quick": [0.22, 0.28]})
    """Height of what is in it [m], from .. to."""
    bore: list[float] = field(default_factory=lambda: [0.055, 0.065], metadata={"quick": [0.11, 0.13]})
    """Inner radius of the pipe [m], from .. to."""
    wall: float = field(default=0.036, metadata={"quick": 0.072})
    """Thickness of basin and pipe [m]; liquid leaks through walls that are thinner than four particles."""
    slope: list[float] = field(default_factory=lambda: [0.2, 0.35])
    """Fall of the pipe / its length seen from above, from .. to."""
    length: list[float] = field(default_factory=lambda: [0.09, 0.14], metadata={"quick": [0.18, 0.28]})
    """Of the pipe before its bend, and again after it [m], from .. to."""
    bend: list[float] = field(default_factory=lambda: [0.5, 1.3])
    """Angle of the bend, to the left or to the right [rad], from .. to."""
    radius: list[float] = field(default_factory=lambda: [0.14, 0.18], metadata={"quick": [0.28, 0.36]})
    """Of the bend [m], of the pipe's middle line, from .. to."""
    obstacle: list[float] = field(default_factory=lambda: [0.038, 0.046], metadata={"quick": [0.076, 0.092]})
    """Width of the obstacle [m], from .. to; a ball is twice as wide."""
    obstacles: list[str] = field(default_factory=lambda: list(OBSTACLES))
    """Which of post (round), pillar (square) and ball are drawn from."""
    place: list[float] = field(default_factory=lambda: [0.3, 0.75])
    """Where the obstacle is in the pipe's course [its length], from .. to."""
    room: float = field(default=0.08, metadata={"quick": 0.16})
    """Length of the tray beyond where the jet out of the pipe comes down [m]."""
    wall_height: float = field(default=0.05, metadata={"quick": 0.1})
    """Height of the tray's walls above its inner floor [m]."""
    drop: list[float] = field(default_factory=lambda: [0.012, 0.03], metadata={"quick": [0.024, 0.06]})
    """Height of the pipe's open end above the tray's floor [m], from .. to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        spans = ("basin", "fill", "bore", "slope", "length", "bend", "radius", "obstacle", "place", "drop")
        check_spans("oil_in_pipe", self, *spans)
        if not (self.wall > 0 and self.obstacles and set(self.obstacles) <= set(OBSTACLES)):
            expected = f"wall > 0 and obstacles out of {', '.join(OBSTACLES)}"
            raise ValueError(f"scenario oil_in_pipe: expected {expected}, got {self.wall} and {self.obstacles}")
        if not (self.place[1] < 1 and self.bend[1] < 2 and self.slope[1] < 1):
            got = f"{self.place}, {self.bend} and {self.slope}"
            raise ValueError(f"scenario oil_in_pipe: expected place < 1, bend < 2 rad and slope < 1, got {got}")
        around = self.bore[1] + self.wall
        if not (around < self.basin[0] and around < self.radius[0]):
            got = f"{self.basin} and {self.radius}"
            raise ValueError(f"scenario oil_in_pipe: the pipe needs a basin and a bend > {around:.3f} m, got {got}")
        if not self.obstacle[1] < self.bore[0]:
            got = f"{self.obstacle} and {self.bore}"
            raise ValueError(f"scenario oil_in_pipe: an obstacle must leave room beside it, got {got}")

    @property
    def materials(self) -> Sequence[str]:
        """Oil, water and honey in turn."""
        return ("oil", "water", "honey")

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for what is not liquid.
        """
        gutter = self._gutter(generator(seed, 8))
        pipe, site, container = self._pipe(generator(seed, 10), gutter, drawn_look(seed).tray)
        obstacle = self._obstacle(generator(seed, 2), gutter, site, pipe.name)
        (x, y, z), r = site.origin, gutter.basin
        medium = material.fill(((x - r, y - r, z), (x + r, y + r, z + gutter.level)))
        if medium is None or medium.kind != "liquid":
            word = medium.word if medium else "none"
            raise ValueError(f"scenario oil_in_pipe: expected a liquid, got {word}; try material=oil")
        medium = replace(medium, form="cylinder")
        camera = _camera(generator(seed, 3), (pipe, obstacle), container, size, num_frames)
        captions = _captions(generator(seed, 7), obstacle, pipe, medium)
        return staged(self, clip_id, seed, "high", (obstacle, pipe), medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, and the liquid's particles."""
        return redrawn(scene, draw)

    def _gutter(self, rng: np.random.Generator) -> Gutter:
        bore, level = between(rng, self.bore), between(rng, self.fill)
        return Gutter(
            basin=between(rng, self.basin),
            bore=bore,
            wall=self.wall,
            level=level,
            rim=RIM * level,
            side=SIDE * bore,
            slope=between(rng, self.slope),
            before=between(rng, self.length),
            turn=float(rng.choice([-1.0, 1.0])) * between(rng, self.bend),
            radius=between(rng, self.radius),
            after=between(rng, self.length),
            drop=between(rng, self.drop),
        )

    def _pipe(self, rng: np.random.Generator, gutter: Gutter, look: Surface) -> tuple[Body, _Site, Container]:
        """The pipe, held over the middle of a tray that is long enough for what shoots out of it."""
        ahead = 0.0 if gutter.turn < 0 else np.pi  # so that it bends towards the camera
        turn = turned(STILL, (0.0, 0.0, ahead + float(rng.uniform(-0.3, 0.3))))
        solid, middle = gutter.solid()
        lands = gutter.end + gutter.jet + self.room
        points = np.vstack(
            [solid.mesh.vertices + middle, gutter.point(lands, gutter.bore), gutter.point(lands, -gutter.bore)]
        )
        seen = points @ rotation(turn).T
        low, high = seen.min(axis=0), seen.max(axis=0)
        site = _Site(turn, np.append(-(low + high)[:2] / 2, gutter.height))
        length, width, _ = high - low + 2 * MARGIN
        glaze, surface = glazed(rng)
        pipe = held(rng, f"{glaze} pipe", solid, CLAY, vector(site.world(np.array(middle))), turn, surface)
        return pipe, site, Container((float(length), float(width), self.wall_height), surface=look)

    def _obstacle(self, rng: np.random.Generator, gutter: Gutter, site: _Site, pipe: str) -> Body:
        """In the pipe's course: a post or pillar that stands on the tray and goes through the pipe's floor, or a ball
        half sunk into it. (Liquid in a crevice narrower than a cell would be shot through the floor.)"""
        kind, width = str(rng.choice(self.obstacles)), between(rng, self.obstacle)
        way = gutter.basin + between(rng, self.place) * (gutter.end - gutter.basin)
        floor = gutter.point(way, ASIDE * gutter.bore * float(rng.uniform(-1, 1)))
        high = gutter.height + float(floor[2]) + gutter.bore + gutter.side + TOP * width - CLEARANCE
        solids = {
            "post": lambda: shapes.cylinder(width, high),
            "ball": lambda: shapes.sphere(BALL * width),
            "pillar": lambda: shapes.box((width, width, high)),
        }
        solid, turn = solids[kind](), turned(STILL, (0.0, 0.0, float(rng.uniform(-np.pi, np.pi))))
        up = 0.0 if kind == "ball" else CLEARANCE - gutter.height - floor[2] - solid.bottom(turn)
        colour = str(rng.choice([colour for colour in COLOURS if colour not in pipe]))
        place = vector(site.world(floor + np.array([0.0, 0.0, up])))
        return held(rng, f"{colour} {kind}", solid, CLAY, place, turn, patterned(rng, colour))


def _camera(
    rng: np.random.Generator, bodies: Sequence[Body], container: Container, size: tuple[int, int], num_frames: int
) -> Camera:
    """From the front and well above, into the pipe: pipe, obstacle and tray."""
    from pipeline.scenarios._framing import box_corners, frame

    azimuth = -np.pi / 2 + rng.uniform(-0.4, 0.4)
    points = np.vstack([box_corners(container), *(corners(body) for body in bodies)])
    return frame(points, azimuth, float(rng.uniform(0.7, 0.95)), size, num_frames)


def _captions(rng: np.random.Generator, obstacle: Body, pipe: Body, medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    word, course, thing = medium.word, f"bent {pipe.name}", f"a {obstacle.name}"
    phrases = (
        f"a basin of {word} empties into a {course}, in which stands {thing}.",
        f"along a {course} that is open above runs {word}, past {thing}.",
        f"somebody lets {word} out of a basin; it flows along a {course} towards {thing}.",
        f"seen from above: {word} pours through a half open, {course} with {thing} in its way.",
        f"down a {course} comes {word}; {thing} stands in its course, and below is a tray.",
    )
    return tuple(phrases[i][0].upper() + phrases[i][1:] for i in rng.permutation(len(phrases)))
