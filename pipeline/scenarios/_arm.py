"""A robot arm as bodies that are led: each link follows the joints, whatever pushes against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path as File
from typing import Any, NamedTuple

import numpy as np
import pybullet
import trimesh
from scipy.spatial.transform import Rotation

from pipeline.scenarios._chance import Quaternion
from pipeline.types import Body, Float64, Mesh, Path, Surface, Vector

BASE = -1
"""PyBullet's number of the link that stands still."""
LIGHT = 1000.0
"""Density of what is bolted down and has no mass in PyBullet [kg/m^3]; no motion depends on it."""

ROUNDS, ITERATIONS = 20, 100
"""Of the search for the joints' angles; some 3 rounds are needed."""
MISS = 1e-4
"""Largest distance from a pose that counts as reached [m]."""


def arm(
    urdf: str,
    time: Float64,
    joints: Float64,
    base: Vector = (0.0, 0.0, 0.0),
    links: Sequence[str] = (),
    friction: float = 0.5,
    surface: Surface | None = None,
    scale: float = 1.0,
    heading: float = 0.0,
) -> tuple[Body, ...]:
    """The links of an arm whose joints go evenly from one set of angles to the next.

    `urdf` is a file, or one that pybullet_data holds, e.g. 'kuka_iiwa/model.urdf'; `time` [s] is (K,) from 0 on,
    `joints` are the angles [rad] (or shifts [m]) of the movable joints, (K, J), in the file's order; `base` [m] is
    where the arm is mounted, turned by `heading` [rad]; `links` chooses some by name, all that can touch something
    without; `scale` makes all lengths larger. Each link is the convex hull of its collision shapes, as in PyBullet.
    Give times dense enough that links move straight in between.

    Raises FileNotFoundError, and ValueError for another number of joints or an unknown link.
    """
    with _loaded(urdf, base, scale, heading) as robot:
        if joints.shape != (len(time), len(robot.movable)):
            expected = f"joints of shape (K, J) = ({len(time)}, {len(robot.movable)})"
            raise ValueError(f"Arm {urdf}: expected {expected}, got {joints.shape}")
        hulls = {name: hull for name, link in robot.links.items() if (hull := _hull(robot, link))}
        chosen = list(links) or list(hulls)
        unknown = sorted(set(chosen) - set(hulls))
        if unknown:
            raise ValueError(f"Arm {urdf}: expected links out of {', '.join(hulls)}, got {', '.join(unknown)}")
        poses = [_poses(robot, [robot.links[name] for name in chosen], angles) for angles in joints]
        masses = [pybullet.getDynamicsInfo(robot.body, robot.links[name], robot.client)[0] for name in chosen]
    paths = [
        Path(np.asarray(time, float), *(np.array([pose[index][part] for pose in poses]) for part in (0, 1)))
        for index in range(len(chosen))
    ]
    looks = {"friction": friction, "surface": surface or Surface()}
    return tuple(
        _body(name, hulls[name], mass, path, looks) for name, mass, path in zip(chosen, masses, paths, strict=True)
    )


def reaching(
    urdf: str,
    position: Float64,
    orientation: Float64,
    rest: Float64,
    base: Vector = (0.0, 0.0, 0.0),
    scale: float = 1.0,
    heading: float = 0.0,
) -> Float64:
    """Angles [rad] of the movable joints, (K, J), that bring the last link's frame to poses one after another.

    `position` [m] is (K, 3), `orientation` are quaternions (x, y, z, w), (K, 4); the search begins at the angles `rest`
    (J,), then at those of the pose before. Raises ValueError for a pose that the arm does not reach within its limits.
    """
    found = []
    with _loaded(urdf, base, scale, heading) as robot:
        angles = np.asarray(rest, float)
        limits = np.array([pybullet.getJointInfo(robot.body, joint, robot.client)[8:10] for joint in robot.movable])
        for index, (where, turn) in enumerate(zip(position, orientation, strict=True)):
            angles, miss = _bent(robot, angles, where, turn)
            within = (limits[:, 0] <= angles) & (angles <= limits[:, 1])
            if miss > MISS or not within.all():
                why = f"it is off by {1000 * miss:.1f} mm" if within.all() else "a joint is turned beyond its limit"
                raise ValueError(f"Arm {urdf}: expected poses within its reach, got number {index} where {why}")
            found.append(angles)
    return np.array(found)


def last_link(
    urdf: str, joints: Float64, base: Vector = (0.0, 0.0, 0.0), scale: float = 1.0, heading: float = 0.0
) -> tuple[Float64, Float64]:
    """Where the last link's frame is with the joints at angles (K, J): positions [m], (K, 3), quaternions, (K, 4)."""
    with _loaded(urdf, base, scale, heading) as robot:
        poses = [_frame(robot, angles) for angles in joints]
    return np.array([pose[0] for pose in poses]), np.array([pose[1] for pose in poses])


class _Robot(NamedTuple):
    """An arm in a PyBullet world of its own."""

    client: int
    body: int
    movable: list[int]
    """Joints that move."""
    links: dict[str, int]
    """PyBullet's numbers by name."""


@contextmanager
def _loaded(urdf: str, base: Vector, scale: float, heading: float) -> Iterator[_Robot]:
    """The arm in a world that is closed at the end. Raises FileNotFoundError."""
    import pybullet_data

    known = File(pybullet_data.getDataPath()) / urdf
    file = known if known.is_file() else File(urdf)
    if not file.is_file():
        raise FileNotFoundError(f"Arm {urdf}: expected a URDF file, or one in pybullet_data, found none")
    client = pybullet.connect(pybullet.DIRECT)
    try:
        turn = pybullet.getQuaternionFromEuler((0.0, 0.0, heading))
        setting: dict[str, Any] = {"useFixedBase": True, "globalScaling": scale, "physicsClientId": client}
        body = pybullet.loadURDF(str(file), basePosition=base, baseOrientation=turn, **setting)
        infos = [pybullet.getJointInfo(body, joint, client) for joint in range(pybullet.getNumJoints(body, client))]
        movable = [info[0] for info in infos if info[2] != pybullet.JOINT_FIXED]
        links = {pybullet.getBodyInfo(body, client)[0].decode(): BASE}
        yield _Robot(client, body, movable, links | {info[12].decode(): info[0] for info in infos})
    finally:
        pybullet.disconnect(client)


def _set(robot: _Robot, angles: Float64) -> None:
    for joint, angle in zip(robot.movable, angles, strict=True):
        pybullet.resetJointState(robot.body, joint, float(angle), physicsClientId=robot.client)


def _bent(robot: _Robot, angles: Float64, where: Float64, turn: Float64) -> tuple[Float64, float]:
    """Angles, from these on, with the last link's frame at a pose, and by how much it misses that: metres, and metres
    at an arm's length for the angle. PyBullet's damped least squares."""
    last = max(robot.links.values())
    setting: dict[str, Any] = {"maxNumIterations": ITERATIONS, "residualThreshold": 1e-9}
    miss = np.inf
    for _ in range(ROUNDS):
        _set(robot, angles)
        goal = (where.tolist(), turn.tolist())
        angles = np.asarray(
            pybullet.calculateInverseKinematics(robot.body, last, *goal, physicsClientId=robot.client, **setting)
        )
        at, turned = _frame(robot, angles)
        miss = float(np.linalg.norm(at - where)) + 2 * math.sqrt(max(1 - float(turned @ turn) ** 2, 0.0))
        if miss < MISS / 10:
            break
    return angles, miss


def _frame(robot: _Robot, angles: Float64) -> tuple[Float64, Float64]:
    """Position [m] and quaternion of the last link's frame, which its joint turns."""
    _set(robot, angles)
    last = max(robot.links.values())
    state = pybullet.getLinkState(robot.body, last, computeForwardKinematics=1, physicsClientId=robot.client)
    turn = np.asarray(state[5])
    return np.asarray(state[4]), turn / np.linalg.norm(turn)


def _poses(robot: _Robot, links: Sequence[int], angles: Float64) -> list[tuple[Float64, Float64]]:
    """Position [m] and quaternion of each link's centre of mass, with the joints at these angles."""
    _set(robot, angles)
    found = []
    for link in links:
        if link == BASE:
            position, turn = pybullet.getBasePositionAndOrientation(robot.body, robot.client)
        else:
            state = pybullet.getLinkState(robot.body, link, computeForwardKinematics=1, physicsClientId=robot.client)
            position, turn = state[:2]
        quaternion = np.asarray(turn)
        found.append((np.asarray(position), quaternion / np.linalg.norm(quaternion)))
    return found


def _hull(robot: _Robot, link: int) -> trimesh.Trimesh | None:
    """Convex hull of the collision shapes, in the frame of the centre of mass; None for a link without any."""
    parts = [shape_surface(shape) for shape in pybullet.getCollisionShapeData(robot.body, link, robot.client)]
    return trimesh.util.concatenate(parts).convex_hull if parts else None


def shape_surface(shape: Any) -> trimesh.Trimesh:
    """The surface of one of PyBullet's collision or visual shapes, in the frame of its link's centre of mass."""
    _, _, kind, size, file, position, turn = shape
    if kind == pybullet.GEOM_MESH:
        part = trimesh.load(file.decode(), force="mesh")
        part.apply_scale(size)
    elif kind == pybullet.GEOM_BOX:
        part = trimesh.creation.box(size)
    elif kind == pybullet.GEOM_SPHERE:
        part = trimesh.creation.icosphere(radius=size[0])
    elif kind == pybullet.GEOM_CYLINDER:
        part = trimesh.creation.cylinder(size[1], size[0])
    else:
        raise ValueError(f"expected collision shapes out of mesh, box, sphere, cylinder, got PyBullet's number {kind}")
    x, y, z, w = turn
    part.apply_transform(trimesh.transformations.quaternion_matrix([w, x, y, z]))
    part.apply_translation(position)
    return part


def _body(name: str, hull: trimesh.Trimesh, mass: float, path: Path, looks: dict[str, Any]) -> Body:
    """A link with its centre of mass where that of its hull is: the file's masses need not fit its shapes."""
    middle = np.asarray(hull.center_mass)
    path = _still_or(carried(path, middle))
    (x, y, z), (a, b, c, d), (length, width, height) = path.position[0], path.orientation[0], hull.extents
    mass = mass or LIGHT * float(hull.volume)
    moments = np.diag(hull.moment_inertia) * mass / hull.volume
    return Body(
        name=name,
        shape="mesh",
        size=(float(length), float(width), float(height)),
        mesh=Mesh(np.asarray(hull.vertices, np.float64) - middle, np.asarray(hull.faces, np.int32)),
        density=mass / float(hull.volume),
        mass=mass,
        inertia=(float(moments[0]), float(moments[1]), float(moments[2])),
        position=(float(x), float(y), float(z)),
        orientation=(float(a), float(b), float(c), float(d)),
        path=path,
        **looks,
    )


def carried(path: Path, offset: Float64, turn: Quaternion = (0.0, 0.0, 0.0, 1.0)) -> Path:
    """The path of what is fixed to a body on a path: `offset` [m], (3,), from it and `turn`ed, in the body's frame."""
    turns = Rotation.from_quat(path.orientation)
    return Path(path.time, path.position + turns.apply(offset), (turns * Rotation.from_quat(turn)).as_quat())


def _still_or(path: Path) -> Path:
    """A path that leads nowhere as a single pose, another as it is."""
    moved = max(np.ptp(path.position, axis=0).max(), np.ptp(path.orientation, axis=0).max())
    return path if moved > 1e-9 else Path(path.time[:1], path.position[:1], path.orientation[:1])
