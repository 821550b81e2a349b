"""Sand or gravel runs out of a hopper that hangs over a tray, onto a toy."""

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
from pipeline.scenarios._staging import drawn_look, held, staged
from pipeline.scenarios._toys import WithToy, corners, fingerprint, standing
from pipeline.types import Body, Camera, Container, Medium, Scene

EARTHENWARE = 2300.0
"""Density of the hopper [kg/m^3]; it is held, and no motion depends on it."""
RIM = 0.03
"""Height of the hopper above what is in it [m]."""


@dataclass
class Hourglass(WithToy, Scenario):
    """A hopper of drawn width, hole, height and filling runs out onto a toy of drawn kind, size, density and place.

    Also drawn: colours, tray and ground, camera, light. The sand is let go at t = 0, just above the hole.
    """

    asset: str = ""
    """What stands below: a mesh of ours, a model of pybullet_data or a file (see _assets.py); empty: one of `toys`."""
    toys: list[str] = field(default_factory=lambda: ["ball", "block", "cylinder", "cone", "boat", "duck_vhacd"])
    """Simple solids (see _toys.py) and assets that are drawn from if no asset is named."""
    tray: float = 0.44
    """Inner length and width of the tray [m]."""
    wall_height: float = 0.06
    """Height of the tray's walls above its inner floor [m]."""
    hole: list[float] = field(default_factory=lambda: [0.075, 0.095])
    """Diameter of the hole [m], from .. to; sand does not run through one that is narrower than eight particles."""
    width: list[float] = field(default_factory=lambda: [0.2, 0.23])
    """Inner diameter of the hopper [m], from .. to."""
    fill: list[float] = field(default_factory=lambda: [0.12, 0.16])
    """Height of what is in it over the hole [m], from .. to."""
    wall: float = 0.034
    """Thickness of the hopper [m]; sand leaks through walls that are thinner than four particles."""
    drop: list[float] = field(default_factory=lambda: [0.24, 0.3])
    """Height of the hole above the tray's floor [m], from .. to."""
    size: list[float] = field(default_factory=lambda: [0.1, 0.13])
    """Extent of the toy [m], from .. to: of an asset its longest edge."""
    density: list[float] = field(default_factory=lambda: [200.0, 4000.0])
    """Density of the toy [kg/m^3], from .. to, drawn evenly on a logarithmic scale."""
    aside: float = 0.06
    """Largest distance of the toy from under the middle of the hole [m]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans("hourglass", self, "hole", "width", "fill", "drop", "size", "density")
        if not (min(self.tray, self.wall_height, self.wall) > 0 and self.aside >= 0 and (self.asset or self.toys)):
            raise ValueError(
                "scenario hourglass: expected lengths > 0 and some toys or an asset, got "
                f"{self.tray}, {self.wall_height}, {self.wall}, {self.aside} and {self.toys}"
            )
        if not (self.hole[1] < self.width[0] and (self.width[1] - self.hole[0]) / 2 < self.fill[0]):
            got = f"{self.hole}, {self.width} and {self.fill}"
            raise ValueError(f"scenario hourglass: expected hole < width, and fill above the funnel, got {got}")
        needed = max(self.width[1] + 2 * self.wall, 2 * self.aside + 1.5 * self.size[1])
        if not (needed < self.tray and 1.5 * self.size[1] < self.drop[0]):
            got = f"{self.tray} and {self.drop}"
            expected = f"a tray > {needed:.2f} m and a drop > {1.5 * self.size[1]:.2f} m"
            raise ValueError(f"scenario hourglass: hopper and toy need {expected}, got {got}")
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Sand and gravel in turn; damp sand would arch over the hole."""
        return ("sand", "gravel")

    def fingerprint(self) -> str:
        """Of the assets' triangles."""
        return fingerprint(self.choice)

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for what does not run like sand.
        """
        hopper, medium = self._hopper(generator(seed, 8), material)
        toy = self._toy(generator(seed, 2))
        container = Container((self.tray, self.tray, self.wall_height), surface=drawn_look(seed).tray)
        grade = "high"
        camera = _camera(generator(seed, 3), hopper, container, size, num_frames)
        captions = _captions(generator(seed, 7), toy, hopper, medium)
        return staged(self, clip_id, seed, grade, (toy, hopper), medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, grains, and a velocity that differs by less than a fifth of a pixel per frame."""
        return redrawn(scene, draw)

    def _hopper(self, rng: np.random.Generator, material: Material) -> tuple[Body, Medium]:
        """The hopper, held in the air, and what is in it.

        The filling is a cylinder that the funnel cuts off; it begins where its edge is in the middle of the wall.
        """
        hole, width, fill, drop = (between(rng, span) for span in (self.hole, self.width, self.fill, self.drop))
        solid = shapes.hopper(hole, width, fill + RIM, self.wall)
        low, r = drop + max((width - hole - self.wall) / 2, 0.0), width / 2
        medium = material.fill(((-r, -r, low), (r, r, drop + fill)))
        if medium is None or medium.kind != "grains" or medium.cohesion > 0:
            word = medium.word if medium else "none"
            raise ValueError(f"scenario hourglass: expected dry grains, got {word}; try material=sand")
        word, surface = painted(rng, str(rng.choice(list(COLOURS))))
        still = (0.0, 0.0, 0.0, 1.0)
        place = (0.0, 0.0, drop - solid.bottom(still))
        funnel = held(rng, f"{word} funnel", solid, EARTHENWARE, place, still, surface)
        return funnel, replace(medium, form="cylinder")

    def _toy(self, rng: np.random.Generator) -> Body:
        toy = standing(rng, self.choice, self.size, self.density)
        angle, aside = rng.uniform(-np.pi, np.pi), rng.uniform(0, self.aside)
        return replace(toy, position=(float(aside * np.cos(angle)), float(aside * np.sin(angle)), toy.position[2]))


def _camera(
    rng: np.random.Generator, hopper: Body, container: Container, size: tuple[int, int], num_frames: int
) -> Camera:
    """From the front and a little above, so that the stream is seen under the hopper: tray and hopper."""
    from pipeline.scenarios._framing import box_corners, frame

    azimuth = -np.pi / 2 + rng.uniform(-0.6, 0.6)
    points = np.vstack([box_corners(container), corners(hopper)])
    return frame(points, azimuth, float(rng.uniform(0.25, 0.45)), size, num_frames)


def _captions(rng: np.random.Generator, toy: Body, hopper: Body, medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    name, word, vessel = toy.name, medium.word, hopper.name
    phrases = (
        f"A {vessel} lets {word} run out onto a {name}.",
        f"As in an hourglass, {word} trickles out of a {vessel} above a {name}.",
        f"Somebody opens a {vessel} full of {word}, under which stands a {name}.",
        f"A stream of {word} pours from the hole of a {vessel} towards a {name} in a tray.",
        f"Seen from the front: above a {name} hangs a {vessel}, out of which comes {word}.",
    )
    return tuple(phrases[index] for index in rng.permutation(len(phrases)))
