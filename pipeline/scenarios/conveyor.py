"""Several bodies come down into sand, water or coffee one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios._chance import between, check_spans, orientation, vector
from pipeline.scenarios._looks import COLOURS, patterned, weight
from pipeline.scenarios._redraw import redrawn
from pipeline.scenarios._staging import GRAVITY, drawn_look, staged
from pipeline.scenarios._toys import fingerprint, toy
from pipeline.types import Body, Camera, Container, Float64, Medium, Scene

FLIGHT = 9
"""Moments of a body's flight that must be in the picture."""


@dataclass
class Conveyor(Scenario):
    """Two to four bodies of drawn shapes, sizes, densities, poses and spins reach the surface at drawn intervals.

    All are in the picture from the first frame on, the later the higher; those that come late are on their way up
    first, as if tossed. Also drawn: where each comes down, filling, tray and ground, camera, light. Grades: middle for
    two bodies, high for more.
    """

    asset: str = ""
    """What falls: a mesh of ours, a model of pybullet_data or a file (see _assets.py); empty: some of `toys`."""
    toys: list[str] = field(default_factory=lambda: ["ball", "block", "cylinder", "capsule", "cone", "octahedron"])
    """Simple solids (see _toys.py) and assets that are drawn from if no asset is named."""
    bodies: list[int] = field(default_factory=lambda: [2, 4])
    """How many, from .. to, at most as there are colours."""
    tray: float = 0.38
    """Inner length and width of the tray [m]."""
    wall_height: float = 0.16
    """Height of the tray's walls above its inner floor [m]."""
    depth: list[float] = field(default_factory=lambda: [0.08, 0.095])
    """Depth of the medium [m], from .. to."""
    size: list[float] = field(default_factory=lambda: [0.075, 0.095])
    """Extent of a body [m], from .. to: of an asset its longest edge; capsules and octahedra are a quarter longer."""
    density: list[float] = field(default_factory=lambda: [200.0, 6000.0])
    """Density of a body [kg/m^3], from .. to, drawn evenly on a logarithmic scale."""
    first: list[float] = field(default_factory=lambda: [0.14, 0.2])
    """Time until the first touches down [s], from .. to."""
    interval: list[float] = field(default_factory=lambda: [0.1, 0.16])
    """Time from one to the next [s], from .. to."""
    spread: float = 0.085
    """Distance from the middle of the tray at which they come down [m], evenly around it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans("conveyor", self, "bodies", "depth", "size", "density", "first", "interval")
        if not self.depth[1] < self.wall_height:
            raise ValueError(
                f"scenario conveyor: depth must stay below wall_height={self.wall_height}, got {self.depth}"
            )
        if not (self.bodies[0] >= 2 and self.bodies[1] <= len(COLOURS) and (self.asset or self.toys)):
            got = f"{self.bodies} and {self.toys}"
            raise ValueError(f"scenario conveyor: expected 2 to {len(COLOURS)} bodies and some toys, got {got}")
        needed = 2 * (self.spread + self.size[1])
        if not self.tray > needed:
            raise ValueError(f"scenario conveyor: bodies need a tray > {needed:.2f} m, got {self.tray}")
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Sand, water and coffee in turn."""
        return ("sand", "water", "coffee")

    def fingerprint(self) -> str:
        """Of the assets' triangles."""
        return fingerprint(self._toys)

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for the bare floor.
        """
        half, depth = self.tray / 2, between(generator(seed, 0), self.depth)
        medium = material.fill(((-half, -half, 0.0), (half, half, depth)))
        if medium is None:
            raise ValueError("scenario conveyor: expected a material to fall into, got none; try material=sand")
        bodies = self._bodies(generator(seed, 2), depth)
        container = Container((self.tray, self.tray, self.wall_height), surface=drawn_look(seed).tray)
        grade = "middle" if len(bodies) == 2 else "high"
        camera = _camera(generator(seed, 3), bodies, container, size, num_frames)
        captions = _captions(generator(seed, 7), bodies, medium)
        return staged(self, clip_id, seed, grade, bodies, medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, particles, and velocities that differ by less than a fifth of a pixel per frame."""
        return redrawn(scene, draw)

    @property
    def _toys(self) -> list[str]:
        return [self.asset] if self.asset else self.toys

    def _bodies(self, rng: np.random.Generator, surface_height: float) -> tuple[Body, ...]:
        """In the order in which they come down; over each other, and each over a spot of its own."""
        count = int(rng.integers(self.bodies[0], self.bodies[1] + 1))
        colours = rng.choice(list(COLOURS), count, replace=False)
        when = between(rng, self.first) + np.append(
            0.0, np.cumsum(rng.uniform(self.interval[0], self.interval[1], count - 1))
        )
        around = rng.uniform(-np.pi, np.pi) + 2 * np.pi * np.arange(count) / count + rng.uniform(-0.2, 0.2, count)
        bodies: list[Body] = []
        low = surface_height + GRAVITY * when[0] ** 2 / 2
        for colour, arrival, angle in zip(colours, when, around, strict=True):
            spot = self.spread * np.array([np.cos(angle), np.sin(angle)])
            body = self._body(rng, str(colour), float(arrival), spot, low, surface_height)
            low = body.position[2] + 0.5 * max(body.size)
            bodies.append(body)
        return tuple(bodies)

    def _body(
        self, rng: np.random.Generator, colour: str, arrival: float, spot: Float64, low: float, surface_height: float
    ) -> Body:
        """A body that is above `low` [m] at t = 0 and touches the surface over `spot` [m] at `arrival` [s].

        (A turning body's lowest point moves: it touches down about then.)
        """
        noun, solid = toy(rng, between(rng, self.size), str(rng.choice(self._toys)))
        density = float(np.exp(between(rng, np.log(self.density).tolist())))
        turn = orientation(rng)
        under = solid.bottom(turn)
        velocity = np.append(rng.uniform(-0.05, 0.05, 2), (surface_height - low) / arrival + GRAVITY * arrival / 2)
        start = np.append(spot - velocity[:2] * arrival, low - under)
        return solid.body(
            f"{weight(density)} {colour} {noun}",
            density,
            vector(start),
            turn,
            velocity=vector(velocity),
            angular_velocity=vector(rng.uniform(-3, 3, 3)),
            friction=float(rng.uniform(0.4, 0.7)),
            restitution=float(rng.uniform(0.1, 0.3)),
            surface=patterned(rng, colour),
        )


def _camera(
    rng: np.random.Generator, bodies: Sequence[Body], container: Container, size: tuple[int, int], num_frames: int
) -> Camera:
    """From the front and above: the tray, and each body up to the top of its flight."""
    from pipeline.scenarios._framing import box_corners, frame

    flights = []
    for body in bodies:
        rise = max(body.velocity[2], 0.0) / GRAVITY
        time = np.linspace(0.0, rise, FLIGHT)[:, None]
        path = np.array(body.position) + np.array(body.velocity) * time - GRAVITY * time**2 / 2 * [0, 0, 1]
        reach = float(np.linalg.norm(body.mesh.vertices, axis=1).max())
        flights += [path + shift for shift in reach * np.vstack([np.eye(3), -np.eye(3)])]
    azimuth = -np.pi / 2 + rng.uniform(-0.5, 0.5)
    points = np.vstack([box_corners(container), *flights])
    return frame(points, azimuth, float(rng.uniform(0.5, 0.75)), size, num_frames)


def _captions(rng: np.random.Generator, bodies: Sequence[Body], medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    *others, last = (f"a {body.name}" for body in bodies)
    all_of_them, word = f"{', '.join(others)} and {last}", medium.word
    then = ", then ".join([*others, last])
    phrases = (
        f"{all_of_them} fall into a tray of {word} one after another.",
        f"somebody drops {then} into a box filled with {word}.",
        f"seen from above at an angle: {all_of_them} come down in turn into {word}.",
        f"into a tray of {word} falls {then}.",
    )
    return tuple(phrases[i][0].upper() + phrases[i][1:] for i in rng.permutation(len(phrases)))
