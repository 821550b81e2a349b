"""Two small ships swim in a cup of coffee that is tipped to one side and set back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios._chance import between, check_spans, rotation, turned, vector
from pipeline.scenarios._looks import COLOURS, GLAZES, patterned
from pipeline.scenarios._redraw import redrawn
from pipeline.scenarios._staging import drawn_look, staged
from pipeline.scenarios._toys import on_its_way
from pipeline.scenarios._vessels import Inside, hollow
from pipeline.types import Body, Camera, Container, Float64, Medium, Path, Scene, Surface

CUP = "mug"
EARTHENWARE = 2300.0
"""Density [kg/m^3]."""
POSES = 13
"""Of the cup's path."""
GAP = 0.008
"""Room between the ships, and between them and the cup [m]."""
TRIES = 500


@dataclass
class ShipsInCoffee(Scenario):
    """Two ships of drawn size, density, colour, place, heading and drift, in a cup of drawn size, glaze and filling.

    Also drawn: where to, how far and how fast the cup is tipped, tray and ground, camera, light.
    """

    asset: str = ""
    """What swims: a mesh of ours, a model of pybullet_data or a file (see _assets.py); empty: boats."""
    cup: list[float] = field(default_factory=lambda: [0.49, 0.53], metadata={"quick": [0.98, 1.06]})
    """Longest edge of the cup with its handle [m], from .. to; it is as wide inside as 0.64 of that. Coarse particles
    need twice the cup, or the coffee leaks through its walls."""
    fill: list[float] = field(default_factory=lambda: [0.5, 0.65])
    """Share of the cup's inner height that is filled, from .. to."""
    size: list[float] = field(default_factory=lambda: [0.13, 0.15], metadata={"quick": [0.26, 0.30]})
    """Longest edge of a ship [m], from .. to."""
    density: list[float] = field(default_factory=lambda: [350.0, 650.0])
    """Density of a ship [kg/m^3], from .. to; below that of the liquid."""
    drift: list[float] = field(default_factory=lambda: [0.02, 0.15])
    """Speed of a ship at the start [m/s], from .. to."""
    tilt: list[float] = field(default_factory=lambda: [0.08, 0.2])
    """Largest angle by which the cup is tipped [rad], from .. to."""
    tipping: list[float] = field(default_factory=lambda: [0.7, 1.2])
    """Time of tipping the cup and setting it back [s], from .. to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans("ships_in_coffee", self, "cup", "fill", "size", "density", "drift", "tilt", "tipping")
        if not (self.fill[1] < 0.8 and self.tilt[1] < 0.35):
            got = f"{self.fill} and {self.tilt}"
            raise ValueError(f"scenario ships_in_coffee: expected fill < 0.8 and tilt < 0.35 rad, got {got}: it spills")
        if self.cup[0] < 3 * self.size[1]:
            got = f"{self.cup} and {self.size}"
            raise ValueError(f"scenario ships_in_coffee: cup must be at least three ships long, got {got}")
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Coffee and water in turn."""
        return ("coffee", "water")

    def fingerprint(self) -> str:
        """Of the assets' triangles."""
        from pipeline.scenarios import _assets

        return " ".join(_assets.fingerprint(asset) for asset in (CUP, self._asset))

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for a material that nothing swims in, and for ships that do not find room.
        """
        cup, inside = self._cup(generator(seed, 8))
        level = inside.floor + between(generator(seed, 0), self.fill) * (inside.brim - inside.floor)
        r = inside.radius
        medium = material.fill(((-r, -r, inside.floor), (r, r, level)))
        if medium is None or medium.kind != "liquid" or not self.density[1] < medium.density:
            word = medium.word if medium else "none"
            raise ValueError(
                f"scenario ships_in_coffee: expected a liquid denser than the ships' {self.density[1]:g} kg/m^3, got "
                f"{word}; try material=coffee"
            )
        medium = replace(medium, form="cylinder")
        edge = 1.5 * max(cup.size)
        tray = Container((edge, edge, 0.015), surface=drawn_look(seed).tray)
        ships = self._ships(generator(seed, 2), medium, inside)
        grade = "high"
        camera = _camera(generator(seed, 3), cup, size, num_frames)
        captions = _captions(generator(seed, 7), ships, cup, medium)
        return staged(self, clip_id, seed, grade, (*ships, cup), medium, tray, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, the liquid's particles, and velocities (of the cup: of its path) that differ by less than a
        fifth of a pixel per frame."""
        return redrawn(scene, draw)

    @property
    def _asset(self) -> str:
        return self.asset or "boat"

    def _cup(self, rng: np.random.Generator) -> tuple[Body, Inside]:
        """The cup, led: it is tipped over the edge of its foot, in any direction, and set back."""
        from pipeline.scenarios import _assets

        solid = _assets.solid(CUP, between(rng, self.cup))
        glaze = str(rng.choice(list(GLAZES)))
        orientation = turned(solid.upright, (0.0, 0.0, float(rng.uniform(-np.pi, np.pi))))
        inside, middle = hollow((rotation(solid.upright) @ solid.mesh.vertices.T).T)
        towards, largest = rng.uniform(-np.pi, np.pi), between(rng, self.tilt)
        time = np.linspace(0.0, between(rng, self.tipping), POSES)
        angles = largest * np.sin(np.linspace(0.0, np.pi, POSES))
        direction = np.array([np.cos(towards), np.sin(towards), 0.0])
        axis = np.array([-direction[1], direction[0], 0.0])
        # The centre of mass is beside the axis of the cup, towards its handle.
        start = -np.array(vector(rotation(orientation) @ rotation(solid.upright).T @ middle))
        pivot = inside.foot * direction
        turns = [turned((0.0, 0.0, 0.0, 1.0), vector(angle * axis)) for angle in angles]
        poses = [turned(orientation, vector(angle * axis)) for angle in angles]
        places = [pivot + rotation(turn) @ (start - pivot) for turn in turns]
        path = Path(time, np.array(places), np.array(poses))
        body = solid.body(
            f"{glaze} cup",
            EARTHENWARE,
            vector(path.position[0]),
            poses[0],
            path=path,
            restitution=float(rng.uniform(0.1, 0.3)),
            surface=Surface("speckle", *GLAZES[glaze], scale=0.02, gloss=0.06, seed=int(rng.integers(2**31))),
        )
        return body, inside

    def _ships(self, rng: np.random.Generator, medium: Medium, inside: Inside) -> tuple[Body, Body]:
        """Two ships of different colours that swim as deep as they weigh and do not touch."""
        colours = [str(colour) for colour in rng.choice(list(COLOURS), 2, replace=False)]
        drawn = [self._ship(rng, colour, medium) for colour in colours]
        for _ in range(TRIES):
            angle, heading = rng.uniform(-np.pi, np.pi), rng.uniform(-np.pi, np.pi)
            aside = rng.uniform(0.25, 0.5) * inside.radius * np.array([np.cos(angle), np.sin(angle)])
            one, other = (
                _placed(ship, sign * aside, heading + rng.normal(0, 0.5))
                for ship, sign in zip(drawn, (1, -1), strict=True)
            )
            if _apart(one, other, inside):
                return one, other
        raise ValueError(
            f"scenario ships_in_coffee: found no room for two {self._asset}s of {max(drawn[0].size):.3g} m in a cup of "
            f"{2 * inside.radius:.3g} m; make scenario.size smaller"
        )

    def _ship(self, rng: np.random.Generator, colour: str, medium: Medium) -> Body:
        from pipeline.scenarios import _assets
        from pipeline.scenarios._floating import waterline

        solid = _assets.solid(self._asset, between(rng, self.size))
        density, surface = between(rng, self.density), patterned(rng, colour)
        points = (rotation(solid.upright) @ solid.mesh.vertices.T).T
        height = medium.region[1][2] - waterline(points, solid.mesh, solid.volume, density / medium.density)
        way, speed = rng.uniform(-np.pi, np.pi), between(rng, self.drift)
        return solid.body(
            f"{colour} {_assets.noun(self._asset)}",
            density,
            (0.0, 0.0, height),
            solid.upright,
            velocity=(float(speed * np.cos(way)), float(speed * np.sin(way)), 0.0),
            angular_velocity=(0.0, 0.0, float(rng.uniform(-0.6, 0.6))),
            friction=float(rng.uniform(0.2, 0.4)),
            restitution=float(rng.uniform(0.2, 0.5)),
            surface=surface,
        )


def _placed(ship: Body, spot: Float64, heading: float) -> Body:
    return replace(
        ship,
        position=(float(spot[0]), float(spot[1]), ship.position[2]),
        orientation=turned(ship.orientation, (0.0, 0.0, float(heading))),
    )


def _apart(one: Body, other: Body, inside: Inside) -> bool:
    """Whether a straight line between the ships, seen from above, parts them, and the cup holds both."""
    flat = [((rotation(ship.orientation) @ ship.mesh.vertices.T).T + ship.position)[:, :2] for ship in (one, other)]
    if max(float(np.hypot(*points.T).max()) for points in flat) > inside.radius - GAP:
        return False
    angles = np.linspace(0, np.pi, 36, endpoint=False)
    across = np.array([np.cos(angles), np.sin(angles)])
    left, right = (points @ across for points in flat)
    gaps = np.maximum(left.min(axis=0) - right.max(axis=0), right.min(axis=0) - left.max(axis=0))
    return bool(gaps.max() > GAP)


def _camera(rng: np.random.Generator, cup: Body, size: tuple[int, int], num_frames: int) -> Camera:
    """From above, into the cup, wherever it is tipped."""
    from pipeline.scenarios._framing import frame

    seen = np.vstack(on_its_way(cup))
    return frame(seen, float(rng.uniform(-np.pi, np.pi)), float(rng.uniform(0.8, 1.05)), size, num_frames)


def _captions(rng: np.random.Generator, ships: tuple[Body, Body], cup: Body, medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    one, other = (ship.name for ship in ships)
    word, vessel = medium.word, f"a {cup.name}"
    phrases = (
        f"A {one} and a {other} swim in {vessel} of {word} that is tipped to one side.",
        f"Somebody tips {vessel} filled with {word}, in which a {one} and a {other} float.",
        f"Two toys, a {one} and a {other}, drift in {word} while the {cup.name} is tilted and set back.",
        f"Looking down into {vessel}: the {word} sloshes, and with it a {one} and a {other}.",
        f"{vessel[0].upper()}{vessel[1:]} of {word} is rocked once; a {one} and a {other} float on it.",
    )
    return tuple(phrases[index] for index in rng.permutation(len(phrases)))
