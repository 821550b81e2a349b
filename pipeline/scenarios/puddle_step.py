"""A boot steps into a puddle and out again, or a wheel or a ball rolls through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios._chance import Quaternion, between, check_spans, rotation, turned, vector
from pipeline.scenarios._looks import COLOURS, STREETS, patterned
from pipeline.scenarios._redraw import paced, redrawn
from pipeline.scenarios._staging import staged
from pipeline.scenarios._toys import CLEARANCE, SIMPLE, corners, fingerprint, on_its_way, shifted, toy
from pipeline.types import Body, Camera, Container, Float64, Medium, Path, Scene

if TYPE_CHECKING:
    from pipeline.scenarios._shapes import Solid

ROUND = 0.03
"""How much nearer than its farthest point a wheel's outline may come to its axle [radii]."""
DIRECTIONS = 96
"""In which a wheel's outline is looked at: more than it has lugs."""
UP = np.array([0.0, 0.0, 1.0])
POSES = 33
"""Of each stroke of a path."""
ASTRAY = 0.3
"""Largest angle by which a wheel rolls aside from the length of its puddle [rad]."""
LOWEST_RIM = 0.02
"""Least height of the tray's walls over the puddle [m]."""


@dataclass
class PuddleStep(Scenario):
    """A boot, a wheel or a ball of drawn size, colour, heading and motion, in a puddle of drawn depth and width.

    A boot comes down toe up, rests, and leaves heel first. A wheel is driven through from rest to rest and does not
    slip. A ball is let go a little above the puddle, rolling, and left to itself. Also drawn: kerb and ground, camera,
    light. Grades: middle for what is left to itself, high for what is led.
    """

    asset: str = ""
    """What comes: a mesh of ours, a model of pybullet_data or a file (see _assets.py); empty: one of `comers`."""
    comers: list[str] = field(default_factory=lambda: ["boot", "wheel", "boot", "wheel", "ball"])
    """Assets, and simple solids (see _toys.py), that are drawn from if no asset is named. What is round about its
    y axis rolls: a solid by itself, an asset driven. All else steps."""
    size: list[float] = field(default_factory=lambda: [0.22, 0.26])
    """Extent of what comes [m], from .. to: of an asset its longest edge."""
    depth: list[float] = field(default_factory=lambda: [0.048, 0.064], metadata={"quick": [0.07, 0.09]})
    """Depth of the puddle [m], from .. to."""
    room: list[float] = field(default_factory=lambda: [0.07, 0.11])
    """Width of the puddle beside what comes, wherever that is on its way [m], from .. to."""
    rim: float = 0.03
    """Height of the kerb around the puddle over its surface [m]."""
    lift: list[float] = field(default_factory=lambda: [0.06, 0.11])
    """Height over the puddle from which the boot comes, and to which it is taken [m], from .. to."""
    stride: list[float] = field(default_factory=lambda: [0.03, 0.12])
    """How far it goes level on its way down, and as far on its way up [m], from .. to."""
    pitch: list[float] = field(default_factory=lambda: [0.1, 0.35])
    """Angle by which its toe is up at the start, or its heel at the end [rad], from .. to."""
    stepping: list[float] = field(default_factory=lambda: [0.7, 1.2])
    """Its vertical speed on the way down, and at the end of that up [m/s], from .. to."""
    rest: list[float] = field(default_factory=lambda: [0.12, 0.3])
    """Time for which it stands [s], from .. to."""
    way: list[float] = field(default_factory=lambda: [0.27, 0.35])
    """Distance for which a wheel or a ball has room [m], from .. to; a wheel stops there."""
    rolling: list[float] = field(default_factory=lambda: [0.6, 1.1])
    """Speed at which it rolls [m/s], of a wheel halfway, from .. to."""
    hop: list[float] = field(default_factory=lambda: [0.03, 0.05])
    """Height over the puddle at which a ball is let go [m], from .. to."""
    density: list[float] = field(default_factory=lambda: [500.0, 2000.0])
    """Density of what comes [kg/m^3], from .. to, drawn evenly on a logarithmic scale; only a ball's matters."""

    def __post_init__(self) -> None:
        super().__post_init__()
        spans = ("size", "depth", "room", "lift", "stride", "pitch", "stepping", "rest", "way", "rolling", "hop")
        check_spans("puddle_step", self, *spans, "density")
        if not (self.asset or self.comers):
            raise ValueError("scenario puddle_step: expected some comers or an asset, got none")
        if not (self.rim >= LOWEST_RIM and self.depth[1] < 0.5 * self.size[0] and self.pitch[1] < 0.6):
            expected = f"rim >= {LOWEST_RIM} m, a depth below half a size and pitch < 0.6 rad"
            got = f"{self.rim}, {self.depth}, {self.size} and {self.pitch}"
            raise ValueError(f"scenario puddle_step: expected {expected}, got {got}")
        if self.lift[0] <= self.size[1] * np.sin(self.pitch[1]) / 2:
            got = f"{self.lift} and {self.pitch}"
            raise ValueError(f"scenario puddle_step: expected a lift in which a foot so pitched has room, got {got}")
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Water, mud and coffee in turn."""
        return ("water", "mud", "coffee")

    def fingerprint(self) -> str:
        """Of the assets' triangles."""
        return fingerprint(self._comers)

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for what is no puddle.
        """
        depth = between(generator(seed, 0), self.depth)
        body, way = self._comer(generator(seed, 2), depth)
        room = between(generator(seed, 8), self.room)
        low, high = way[:, :2].min(axis=0) - room, way[:, :2].max(axis=0) + room
        length, width = (float(edge) for edge in high - low)
        body, way = shifted(body, shift := -np.append((low + high) / 2, 0.0)), way + shift
        medium = material.fill(((-length / 2, -width / 2, 0.0), (length / 2, width / 2, depth)))
        if medium is None or medium.kind != "liquid":
            word = medium.word if medium else "none"
            raise ValueError(f"scenario puddle_step: expected a liquid, got {word}; try material=water")
        street = STREETS[int(generator(seed, 1).integers(len(STREETS)))]
        container = Container((length, width, depth + self.rim), surface=street.tray)
        grade = "high" if body.path else "middle"
        camera = _camera(generator(seed, 3), way, container, size, num_frames)
        captions = _captions(generator(seed, 7), body, medium)
        scene = staged(self, clip_id, seed, grade, (body,), medium, container, camera, captions, fps)
        return replace(scene, ground=street.ground)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, the liquid's particles, and a velocity (of what is led: a pace, so that it neither leaves
        the floor nor slips) that differs by less than a fifth of a pixel per frame."""
        return redrawn(scene, draw, led=paced)

    @property
    def _comers(self) -> list[str]:
        return [self.asset] if self.asset else self.comers

    def _comer(self, rng: np.random.Generator, depth: float) -> tuple[Body, Float64]:
        """What comes, and where its corners are on its way (P, 3) [m]."""
        kind = str(rng.choice(self._comers))
        noun, solid = toy(rng, between(rng, self.size), kind)
        colour = str(rng.choice(list(COLOURS)))
        density = float(np.exp(between(rng, np.log(self.density).tolist())))
        radius = rolling_radius(solid)
        if radius is None:
            move = self._step(rng, solid, depth)
        elif kind in SIMPLE:
            move = self._let_go(rng, solid, radius, depth)
        else:
            move = self._driven(rng, solid, radius)
        body = solid.body(
            f"{colour} {noun}",
            density,
            **move,
            friction=float(rng.uniform(0.5, 0.8)),
            restitution=float(rng.uniform(0.1, 0.3)),
            surface=patterned(rng, colour),
        )
        return body, self._way(body)

    def _step(self, rng: np.random.Generator, solid: Solid, depth: float) -> dict[str, Any]:
        """Down with its toe up, a rest on the floor, and up with its heel first; level where it rests."""
        lift, stride, rest = (between(rng, span) for span in (self.lift, self.stride, self.rest))
        down, up = (depth + lift) / between(rng, self.stepping), (depth + lift) / between(rng, self.stepping)
        share = np.linspace(0.0, 1.0, POSES)
        gone = np.concatenate([1 - share, share**2])  # how far it is from where it rests; it leaves from rest
        sign = np.repeat([-1.0, 1.0], POSES)
        pitch = gone * np.repeat([-between(rng, self.pitch), between(rng, self.pitch)], POSES)
        time = np.concatenate([down * share, down + rest + 2 * up * share])
        heading = float(rng.uniform(-np.pi, np.pi))
        ahead, across = _axes(heading)
        level = turned(solid.upright, (0.0, 0.0, heading))
        turns = [turned(level, vector(angle * across)) for angle in pitch]
        height = CLEARANCE + gone * (depth + lift) - [solid.bottom(turn) for turn in turns]
        return _led(time, np.outer(sign * gone * stride, ahead) + np.outer(height, UP), turns)

    def _driven(self, rng: np.random.Generator, solid: Solid, radius: float) -> dict[str, Any]:
        """Rolls along the floor from rest to rest, fastest halfway."""
        way, speed = between(rng, self.way), between(rng, self.rolling)
        share = np.linspace(0.0, 1.0, POSES)
        gone = way * share**2 * (3 - 2 * share)
        heading = _along(rng)
        ahead, across = _axes(heading)
        start = turned(turned(solid.upright, (0.0, 0.0, heading)), vector(rng.uniform(-np.pi, np.pi) * across))
        turns = [turned(start, vector(distance / radius * across)) for distance in gone]
        return _led(1.5 * way / speed * share, np.outer(gone, ahead) + (radius + CLEARANCE) * UP, turns)

    def _let_go(self, rng: np.random.Generator, solid: Solid, radius: float, depth: float) -> dict[str, Any]:
        """Above the puddle, turning as if it rolled along at its speed."""
        speed, heading = between(rng, self.rolling), _along(rng)
        ahead, across = _axes(heading)
        return {
            "position": (0.0, 0.0, depth + between(rng, self.hop) + radius),
            "orientation": turned(solid.upright, (0.0, 0.0, heading)),
            "velocity": vector(speed * ahead),
            "angular_velocity": vector(speed / radius * across),
        }

    def _way(self, body: Body) -> Float64:
        """The body's corners wherever it is led; of a free one where it is and where it would roll to."""
        here = corners(body)
        if body.path is None:
            ahead = np.array(body.velocity) / np.linalg.norm(body.velocity)
            return np.vstack([here, here + self.way[1] * ahead])
        return np.vstack(on_its_way(body))


def rolling_radius(solid: Solid) -> float | None:
    """Radius [m] of a solid that is round about its level y axis, through the centre of mass; None for any other."""
    points = (rotation(solid.upright) @ solid.mesh.vertices.T).T
    angles = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    outline = (points[:, [0, 2]] @ np.array([np.cos(angles), np.sin(angles)])).max(axis=0)
    radius = float(np.hypot(*points[:, [0, 2]].T).max())
    return radius if outline.min() > (1 - ROUND) * radius else None


def _along(rng: np.random.Generator) -> float:
    """A heading along the length of the puddle, either way and a little aside [rad]."""
    return float(rng.choice([0.0, np.pi]) + rng.uniform(-ASTRAY, ASTRAY))


def _axes(heading: float) -> tuple[Float64, Float64]:
    """Ahead, and the axis across about which what rolls ahead turns."""
    x, y = np.cos(heading), np.sin(heading)
    return np.array([x, y, 0.0]), np.array([-y, x, 0.0])


def _led(time: Float64, position: Float64, turns: Sequence[Quaternion]) -> dict[str, Any]:
    """Where a body begins that is led through these poses, and its path."""
    path = Path(time, position, np.array(turns))
    return {"position": vector(position[0]), "orientation": turns[0], "path": path}


def _camera(
    rng: np.random.Generator, way: Float64, container: Container, size: tuple[int, int], num_frames: int
) -> Camera:
    """From above at an angle: the puddle, and whatever comes wherever it goes."""
    from pipeline.scenarios._framing import box_corners, frame

    azimuth, elevation = -np.pi / 2 + rng.uniform(-0.8, 0.8), float(rng.uniform(0.6, 0.9))
    return frame(np.vstack([box_corners(container), way]), azimuth, elevation, size, num_frames)


def _captions(rng: np.random.Generator, body: Body, medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    name, word = body.name, medium.word
    stepped = (
        f"A {name} steps into a puddle of {word}.",
        f"Somebody puts a {name} down in a shallow pool of {word} and lifts it again.",
        f"Seen from above at an angle: a {name} comes down in a puddle of {word}.",
        f"One step of a {name} into {word} that covers the ground.",
    )
    rolled = (
        f"A {name} rolls through a puddle of {word}.",
        f"Across a shallow pool of {word} goes a {name}.",
        f"Seen from above at an angle: a {name} turns its way through {word}.",
        f"There is {word} on the ground, and a {name} is rolling into it.",
    )
    goes = body.path is None or _turns(body.path)
    phrases = rolled if goes else stepped
    return tuple(phrases[index] for index in rng.permutation(len(phrases)))


def _turns(path: Path) -> bool:
    """Whether what is led along it stays at one height."""
    return bool(np.ptp(path.position[:, 2]) < CLEARANCE)
