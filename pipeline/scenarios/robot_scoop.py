"""A robot's arm drives a scoop through a tub of sand, or stirs a tub of liquid with a rod."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios._chance import between, check_spans
from pipeline.scenarios._looks import COLOURS, patterned
from pipeline.scenarios._redraw import paced, redrawn
from pipeline.scenarios._staging import drawn_look, staged
from pipeline.scenarios._toys import CLEARANCE
from pipeline.types import Body, Camera, Colour, Container, Medium, Scene, Surface

if TYPE_CHECKING:
    from pipeline.scenarios._robot import Tool, Way

PAINTS: dict[str, tuple[Colour, Colour]] = {
    "orange": ((0.80, 0.24, 0.03), (0.66, 0.19, 0.03)),
    "grey": ((0.42, 0.43, 0.45), (0.33, 0.34, 0.36)),
    "white": ((0.78, 0.78, 0.76), (0.66, 0.66, 0.65)),
}
"""Word -> the two colours of a robot's speckles, linear RGB."""
STIRRED = 4.0
"""How long a rod stirs [s], longer than clips are; then it stops."""
START = 0.12
"""Time that it takes to come up to speed [s]."""
SIDES, ROUND = (0.0, np.pi / 2, np.pi), 0.3
"""Where robots stand: right, behind or left of the tub, and as much around it [rad]."""
TRIES = 8
CLEAR = 0.012
"""Room between a tool and the floor or wall of the tub, and over the medium before it goes in [m]."""


@dataclass
class RobotScoop(Scenario):
    """A robot at a tub: grains are scooped, liquids stirred, along a drawn way, at a drawn pace.

    The arm is the KUKA LBR iiwa, drawn at three fifths to two thirds of its size: the tub is small, because the number
    of particles is limited, and the tools are as thick as the walls that a medium does not leak through. Also drawn:
    where the robot stands, filling, size of the tool, colours, tub and ground, camera, light. Nothing pushes the arm
    off its way; its joints follow by inverse kinematics.
    """

    tub: float = 0.34
    """Inner length and width of the tub [m]."""
    wall_height: float = 0.15
    """Height of the tub's walls above its inner floor [m]."""
    depth: list[float] = field(default_factory=lambda: [0.105, 0.115])
    """Depth of the medium [m], from .. to."""
    scale: list[float] = field(default_factory=lambda: [0.6, 0.66])
    """Size of the robot / that of the real one, from .. to. Below 0.6 its flange is thinner than two grid cells."""
    room: list[float] = field(default_factory=lambda: [0.045, 0.065])
    """Between the robot's foot and the tub [m], from .. to."""
    bowl: list[float] = field(default_factory=lambda: [0.1, 0.108])
    """Inner diameter of the scoop [m], from .. to."""
    wall: float = 0.034
    """Thickness of the scoop [m]; a medium leaks through what is thinner than four particles."""
    rod: list[float] = field(default_factory=lambda: [0.036, 0.046])
    """Diameter of the rod that stirs, and of the scoop's handle [m], from .. to."""
    handle: list[float] = field(default_factory=lambda: [0.13, 0.15])
    """Length of the scoop's handle [m], from .. to; the rod reaches as high above the medium."""
    aside: list[float] = field(default_factory=lambda: [0.01, 0.5])
    """Angle between the scoop's way and the direction away from the robot [rad], from .. to, to either side."""
    tilt: list[float] = field(default_factory=lambda: [0.85, 1.05])
    """Angle by which the scoop's opening is turned ahead when it goes in [rad], from .. to."""
    plunge: list[float] = field(default_factory=lambda: [0.22, 0.3])
    """Time in which the scoop goes down [s], from .. to."""
    push: list[float] = field(default_factory=lambda: [0.4, 0.5])
    """Time in which it goes through and is turned level [s], from .. to."""
    rise: list[float] = field(default_factory=lambda: [0.35, 0.45])
    """Time in which it comes up [s], from .. to."""
    lift: list[float] = field(default_factory=lambda: [0.09, 0.12])
    """Height of its lowest point over the surface at the end [m], from .. to."""
    circle: list[float] = field(default_factory=lambda: [0.06, 0.09])
    """Radius of the circle in which the rod stirs [m], from .. to."""
    period: list[float] = field(default_factory=lambda: [0.7, 1.1])
    """Time of one turn [s], from .. to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        spans = ("depth", "scale", "room", "bowl", "rod", "handle", "aside", "tilt", "plunge", "push", "rise", "lift")
        check_spans("robot_scoop", self, *spans, "circle", "period")
        if not (self.wall > 0 and self.depth[1] < self.wall_height):
            got = f"{self.wall}, {self.depth} and {self.wall_height}"
            raise ValueError(f"scenario robot_scoop: expected wall > 0 and a depth below wall_height, got {got}")
        if not (self.tilt[1] < 1.4 and self.aside[1] < 1.2):
            raise ValueError(
                f"scenario robot_scoop: expected tilt < 1.4 and aside < 1.2 rad, got {self.tilt} and {self.aside}"
            )
        widest = self.bowl[1] / 2 + self.wall
        if not 2 * (widest + CLEAR) < self.tub - 0.1:
            least = 2 * (widest + CLEAR) + 0.1
            raise ValueError(f"scenario robot_scoop: the scoop's way needs a tub > {least:.3f} m, got {self.tub}")
        if not self.circle[1] + self.rod[1] / 2 + CLEAR < self.tub / 2:
            least = 2 * (self.circle[1] + self.rod[1] / 2 + CLEAR)
            raise ValueError(f"scenario robot_scoop: the rod's circle needs a tub > {least:.3f} m, got {self.tub}")

    @property
    def materials(self) -> Sequence[str]:
        """Sand, water, wet sand and coffee in turn."""
        return ("sand", "water", "wet_sand", "coffee")

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others.

        Raises ValueError for the bare floor, and for a way that the arm does not reach.
        """
        half, depth = self.tub / 2, between(generator(seed, 0), self.depth)
        medium = material.fill(((-half, -half, 0.0), (half, half, depth)))
        if medium is None:
            raise ValueError("scenario robot_scoop: expected a material to work in, got none; try material=sand")
        container = Container((self.tub, self.tub, self.wall_height), surface=drawn_look(seed).tray)
        placing = generator(seed, 8)
        behind = float(placing.choice(SIDES) + placing.uniform(-ROUND, ROUND))
        act = self._stirred if medium.kind == "liquid" else self._scooped
        tool, way = act(generator(seed, 2), depth, behind + np.pi)
        bodies = self._bodies(generator(seed, 10), tool, way, behind, container.wall)
        camera = _camera(generator(seed, 3), bodies, container, size, num_frames)
        captions = _captions(generator(seed, 7), bodies[0], medium)
        return staged(self, clip_id, seed, "high", bodies, medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, the medium's particles, and the pace of the arm as a whole: its links stay joined, and its tool's
        velocity differs by less than a fifth of a pixel per frame."""
        again = redrawn(scene, draw, led=paced)
        tools = [drawn.bodies[0].path for drawn in (scene, again)]
        assert tools[0]
        assert tools[1]
        slower = float(tools[1].time[-1] / tools[0].time[-1])
        bodies = [
            replace(after, path=replace(before.path, time=slower * before.path.time)) if before.path else after
            for before, after in zip(scene.bodies, again.bodies, strict=True)
        ]
        return replace(again, bodies=tuple(bodies))

    def _scooped(self, rng: np.random.Generator, depth: float, ahead: float) -> tuple[Tool, Way]:
        """A scoop, and its way down into the bed, through, and up; `ahead` is the direction away from the robot."""
        from pipeline.scenarios import _robot as robot

        inner, handle = between(rng, self.bowl), between(rng, self.handle)
        reach = inner / 2 + self.wall
        lowest, far, over = reach + CLEAR, self.tub / 2 - reach - CLEAR, depth + reach
        tilt, direction = between(rng, self.tilt), ahead + float(rng.choice([-1.0, 1.0])) * between(rng, self.aside)
        spans = [between(rng, span) for span in (self.plunge, self.push, self.rise)]
        stops = [
            (-far, over + CLEAR, tilt),
            (-0.8 * far, max(lowest, depth - float(rng.uniform(0.0, CLEAR))), tilt),
            (0.5 * far, max(lowest, depth), 0.3 * tilt),
            (0.35 * far, over + between(rng, self.lift), 0.0),
        ]
        way = robot.straight(np.append(0.0, np.cumsum(spans)), np.array(stops), direction)
        return robot.scoop(inner, self.wall, between(rng, self.rod), handle), way

    def _stirred(self, rng: np.random.Generator, depth: float, ahead: float) -> tuple[Tool, Way]:
        """An upright rod that goes round and round from rest on, for as long as clips are."""
        from pipeline.scenarios import _robot as robot

        tool = robot.rod(between(rng, self.rod), depth + between(rng, self.handle))
        radius, rate = between(rng, self.circle), 2 * np.pi / between(rng, self.period)
        time = np.arange(round(STIRRED / robot.STEP) + 1) * robot.STEP
        turned = rate * (time - START * (1 - np.exp(-time / START)))
        angle = rng.uniform(-np.pi, np.pi) + float(rng.choice([-1.0, 1.0])) * turned
        return tool, robot.around(angle, radius, float(rng.uniform(1.0, 2.0)) * CLEAR, ahead)

    def _bodies(self, rng: np.random.Generator, tool: Tool, way: Way, behind: float, wall: float) -> list[Body]:
        """The tool's parts and the robot, which stands close to the tub; `behind` is the direction there."""
        from pipeline.scenarios import _robot as robot

        paint, colour = str(rng.choice(list(PAINTS))), str(rng.choice(list(COLOURS)))
        coat = Surface("speckle", *PAINTS[paint], scale=0.03, gloss=0.06, seed=int(rng.integers(2**31)))
        looks = robot.Looks(float(rng.uniform(0.3, 0.5)), coat, colour, patterned(rng, colour))
        edge = (self.tub / 2 + wall) / max(abs(np.cos(behind)), abs(np.sin(behind)))
        tries = 0
        while True:  # about one drawn place in a hundred asks too much of a joint
            scale, tries = between(rng, self.scale), tries + 1
            away = edge + robot.FOOT * scale + between(rng, self.room)
            base = (float(away * np.cos(behind)), float(away * np.sin(behind)), CLEARANCE - wall)
            try:
                return robot.led(tool, way, robot.Site(base, behind + np.pi, scale), looks)
            except ValueError:
                if tries == TRIES:
                    raise


def _camera(
    rng: np.random.Generator, bodies: Sequence[Body], container: Container, size: tuple[int, int], num_frames: int
) -> Camera:
    """From the front and above: the tub, and the robot wherever it goes."""
    from scipy.spatial.transform import Rotation

    from pipeline.scenarios._framing import box_corners, frame

    points = [box_corners(container)]
    for body in bodies:
        assert body.path
        turns = Rotation.from_quat(body.path.orientation).as_matrix()
        points.append((body.mesh.vertices @ turns.transpose(0, 2, 1) + body.path.position[:, None]).reshape(-1, 3))
    azimuth = -np.pi / 2 + rng.uniform(-0.4, 0.4)
    return frame(np.vstack(points), azimuth, float(rng.uniform(0.45, 0.7)), size, num_frames)


def _captions(rng: np.random.Generator, tool: Body, medium: Medium) -> tuple[str, ...]:
    """Phrasings of what happens, in any order, none of which tells how it ends."""
    name, word = tool.name, medium.word
    scooped = (
        f"A robot arm drives a {name} through a tub of {word} and lifts it.",
        f"With a {name}, a robot digs into a box of {word}.",
        f"Seen from above at an angle: a robot's arm plunges a {name} into {word}, pushes it ahead and raises it.",
        f"A {name} at the end of a robot arm goes down into {word} and comes up again.",
    )
    stirred = (
        f"A robot arm stirs a tub of {word} with a {name}.",
        f"A {name} at the end of a robot arm goes round and round in {word}.",
        f"Seen from above at an angle: a robot moves a {name} in circles through a box of {word}.",
        f"With a {name}, a robot begins to stir {word}.",
    )
    phrases = stirred if medium.kind == "liquid" else scooped
    return tuple(phrases[index] for index in rng.permutation(len(phrases)))
