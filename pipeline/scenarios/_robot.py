"""A robot that leads a tool along a way: the tool's parts and the arm's links, all joined."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from pipeline.scenarios import _shapes as shapes
from pipeline.scenarios._arm import arm, carried, last_link, reaching
from pipeline.scenarios._chance import vector
from pipeline.types import Body, Float64, Path, Surface, Vector

ROBOT = "kuka_iiwa/model.urdf"
"""The KUKA LBR iiwa of pybullet_data, 1.3 m high when stretched."""
FLANGE = 0.045
"""From the frame of its last link to the face that a tool is screwed to [m]."""
FOOT = 0.19
"""Radius of its foot with the plug [m]."""
REST = (0.0, 0.9, 0.0, -1.3, 0.0, 0.94, 0.0)
"""Joints' angles [rad] from which the search begins: elbow up, flange down, ahead."""
STEEL = 7800.0
"""Density of the tools [kg/m^3]; they are led, and no motion depends on it."""
STEP = 1 / 48
"""Between two poses of a way [s]."""
LEAN = 0.6
"""Angle between a scoop's handle and the axis of its bowl [rad]: level, it leans towards the robot."""


class Way(NamedTuple):
    """Where a tool is led."""

    time: Float64
    """[s], (K,), from 0 on."""
    position: Float64
    """Of the tool's origin [m], (K, 3)."""
    turn: Float64
    """Matrices from the tool's axes to the world's, (K, 3, 3)."""


class Part(NamedTuple):
    """One body of a tool."""

    name: str
    solid: shapes.Solid
    middle: Float64
    """Where its centre of mass is in the tool's axes [m]."""
    turn: Float64
    """Matrix from its axes to the tool's, (3, 3)."""


class Tool(NamedTuple):
    """What is screwed to the flange, in axes of its own."""

    parts: tuple[Part, ...]
    flange: Float64
    """Middle of the face that it is screwed to [m]."""
    handle: Float64
    """Unit vector towards the flange."""


class Site(NamedTuple):
    """Where a robot stands."""

    base: Vector
    """[m]"""
    heading: float
    """Where it faces [rad]."""
    scale: float
    """Its size / that of the real one."""


class Looks(NamedTuple):
    """What tool and arm look and feel like."""

    friction: float
    arm: Surface
    colour: str
    """Word for that of the tool."""
    tool: Surface


def scoop(inner: float, wall: float, thick: float, handle: float) -> Tool:
    """Half a hollow ball of diameter `inner` inside and a `thick` `handle` [m]: the ball's middle is at the origin, it
    opens along z and goes ahead along x."""
    bowl, stick = shapes.bowl(inner, wall), shapes.cylinder(thick, handle)
    upward = np.array([-np.sin(LEAN), 0.0, np.cos(LEAN)])
    root = np.array([-(inner + wall) / 2, 0.0, -wall / 2])
    lean = Rotation.from_rotvec([0.0, -LEAN, 0.0]).as_matrix()
    parts = (
        Part("scoop", bowl, np.array([0.0, 0.0, -float(bowl.mesh.vertices[:, 2].max())]), np.eye(3)),
        Part("handle", stick, root + handle / 2 * upward, lean),
    )
    return Tool(parts, root + handle * upward, upward)


def rod(thick: float, length: float) -> Tool:
    """A rod along z from the origin on [m]."""
    up = np.array([0.0, 0.0, 1.0])
    return Tool((Part("rod", shapes.cylinder(thick, length), length / 2 * up, np.eye(3)),), length * up, up)


def straight(time: Float64, stops: Float64, direction: float) -> Way:
    """Through stops (m, 3) = ahead [m], height [m], tilt ahead [rad] at these times [s], in a direction [rad].

    Smooth and without overshooting: monotone cubics (Fritsch & Carlson, SIAM J. Numer. Anal. 17, 238, 1980).
    """
    moments = np.linspace(0.0, time[-1], int(np.ceil(time[-1] / STEP)) + 1)
    along, height, lean = PchipInterpolator(time, stops)(moments).T
    position = np.column_stack([along * np.cos(direction), along * np.sin(direction), height])
    turns = Rotation.from_rotvec([0.0, 0.0, direction]) * Rotation.from_rotvec(np.outer(lean, [0.0, 1.0, 0.0]))
    return Way(moments, position, turns.as_matrix())


def around(angle: Float64, radius: float, height: float, direction: float) -> Way:
    """Upright, in a circle about the z axis [m], at one angle [rad] after another; x points in a direction [rad]."""
    position = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(len(angle), height)])
    turn = Rotation.from_rotvec([0.0, 0.0, direction]).as_matrix()
    return Way(STEP * np.arange(len(angle), dtype=float), position, np.repeat(turn[None], len(angle), axis=0))


def led(tool: Tool, way: Way, site: Site, looks: Looks) -> list[Body]:
    """The tool's parts, named after their colour, then the robot's links from the flange to the foot.

    The joints' angles follow from the way by inverse kinematics. Raises ValueError for a way that the
    arm does not reach.
    """
    place = site._asdict()
    mount = _mount(tool, way.turn[0], place)
    face = tool.flange + FLANGE * site.scale * tool.handle
    turns = Rotation.from_matrix(way.turn @ mount).as_quat()
    joints = reaching(ROBOT, way.position + way.turn @ face, turns, np.array(REST), **place)
    last = Path(way.time, *last_link(ROBOT, joints, **place))
    parts = []
    for part in tool.parts:
        turn = Rotation.from_matrix(mount.T @ part.turn).as_quat()
        path = carried(last, mount.T @ (part.middle - face), turn)
        x, y, z, w = (float(number) for number in path.orientation[0])
        more = {"path": path, "friction": looks.friction, "surface": looks.tool}
        name = f"{looks.colour} {part.name}"
        parts.append(part.solid.body(name, STEEL, vector(path.position[0]), (x, y, z, w), **more))
    links = arm(ROBOT, way.time, joints, friction=looks.friction, surface=looks.arm, **place)
    named = [replace(link, name=f"robot link {number}") for number, link in enumerate(links)]
    return [*parts, *named[::-1]]


def _mount(tool: Tool, turn: Float64, place: dict[str, Any]) -> Float64:
    """How the flange is turned about the tool's handle, as a matrix from its axes to the tool's: so that the robot need
    not twist its arm when the tool is `turn`ed, (3, 3)."""
    _, rest = last_link(ROBOT, np.array([REST]), **place)
    down = -tool.handle
    ahead = turn.T @ Rotation.from_quat(rest[0]).as_matrix()[:, 0]
    ahead -= (ahead @ down) * down
    ahead /= np.linalg.norm(ahead)
    return np.column_stack([ahead, np.cross(down, ahead), down])
